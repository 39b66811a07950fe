"""The tree of errors is the one that its docstring draws."""

import inspect

from fbsync import errors


def test_the_docstring_draws_every_error_under_its_parent() -> None:
    drawn: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        name = line.strip(" │├└─").partition(" ")[0]
        if not inspect.isclass(getattr(errors, name, None)):
            continue
        depth = len(line) - len(line.lstrip(" │├└─"))
        path = [item for item in path if item[0] < depth]
        drawn[name] = path[-1][1] if path else "Exception"
        path.append((depth, name))
    real = {
        name: found.__bases__[0].__name__
        for name, found in vars(errors).items()
        if inspect.isclass(found) and issubclass(found, errors.FbsyncError)
    }
    assert drawn == real
