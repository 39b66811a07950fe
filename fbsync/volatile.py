"""What moves in a page's fields although nobody changed the page.

That is the counters, and the addresses of picture and cover, which are signed anew at each read
(Meta, "Page", "Profile Picture Source" and "Cover Photo"). It is left out where two readings are
compared, so it makes no version: what is stored are the values as they came with the newest one.
"""

from collections.abc import Collection, Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit

_COUNTERS = frozenset(
    (
        *("checkins", "fan_count", "followers_count", "new_like_count", "overall_star_rating"),
        *("rating_count", "talking_about_count", "were_here_count"),
    )
)
# An image: its address, and what names the same image whatever the address.
_IMAGES = {"picture": ("url", ("cache_key",)), "cover": ("source", ("cover_id", "id"))}
_VOLATILE = _COUNTERS | _IMAGES.keys()
# Of an address: until when it holds and by which signature, and which machine is to answer.
_SIGNATURE = frozenset(("oh", "oe", "ext", "hash", "ccb", "edm", "stp"))
_SERVING = "_nc_"
_MANY_HOSTS = ".fbcdn.net"


def without_volatile(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields without what is volatile in them."""
    left = dict(fields)
    for name in fields.keys() & _VOLATILE:
        if name in _IMAGES:
            left[name] = _image(fields[name], *_IMAGES[name])
        else:
            del left[name]
    return left


def _image(image: object, address: str, names: Collection[str]) -> object:
    if not isinstance(image, Mapping):
        return image
    if isinstance(image.get("data"), Mapping):  # an edge's answer, as that of `picture`
        return {**image, "data": _image(image["data"], address, names)}
    if any(image.get(name) for name in names):
        return {key: value for key, value in image.items() if key != address}
    return {key: _unsigned(value) if key == address else value for key, value in image.items()}


def _unsigned(address: object) -> object:
    """What names the image in an address: its path, and what else is no signature."""
    if not isinstance(address, str):
        return address
    try:
        parts = urlsplit(address)
        host = "" if (parts.hostname or "").endswith(_MANY_HOSTS) else parts.netloc
    except ValueError:
        return address
    query = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if name not in _SIGNATURE and not name.startswith(_SERVING)
    ]
    return parts._replace(netloc=host, query=urlencode(query)).geturl()
