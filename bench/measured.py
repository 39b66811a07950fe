"""A command, measured by the kernel: `python -m bench.measured RESULT COMMAND...`.

This process stays small on purpose. On Linux, the peak that wait4 tells of a process begins with
what its parent held when it started it, so who measures must hold less than what is measured.
"""

import json
import os
import subprocess  # noqa: S404 - starts what it is told to
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Measured:
    """One run of a command: seconds by the clock and of the processor, peak memory, its stdout."""

    seconds: float
    processor_seconds: float
    peak_mib: float
    out: str


def measure(command: Sequence[str], environ: Mapping[str, str], given: str = "") -> Measured:
    """Run it to its end; `given` is its standard input. Raises RuntimeError where it fails."""
    with TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        ended = subprocess.run(  # noqa: S603 - see the import
            [sys.executable, "-m", "bench.measured", str(result), *command],
            env=_as_installed(environ) | {"PYTHONPATH": str(ROOT)},
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            raise RuntimeError(f"{' '.join(command)} failed: {ended.stderr.strip()}")
        return Measured(**json.loads(result.read_text()), out=ended.stdout)


def _as_installed(environ: Mapping[str, str]) -> dict[str, str]:
    """With compiled modules kept for the next run, as a package's are."""
    return {name: text for name, text in environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def main() -> None:
    """Run the command with our own streams, write what it took, and end as it did."""
    _, result, *command = sys.argv
    begun = time.perf_counter()
    process = subprocess.Popen(command)  # noqa: S603 - see the import
    _, status, used = os.wait4(process.pid, 0)
    taken = {
        "seconds": time.perf_counter() - begun,
        "processor_seconds": used.ru_utime + used.ru_stime,
        "peak_mib": used.ru_maxrss / 1024,
    }
    Path(result).write_text(json.dumps(taken))
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
