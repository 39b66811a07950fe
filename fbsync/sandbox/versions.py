"""Versions of the Graph API and which of them answers (Meta, "Platform versioning")."""

LIVE_VERSIONS = ("v21.0", "v22.0", "v23.0", "v24.0", "v25.0", "v26.0")
"""On 2026-11-23 (Meta, "Graph API changelog, versions"). Older ones fall forward to the first."""

NEWEST = LIVE_VERSIONS[-1]

_OLDEST_MAJOR = int(LIVE_VERSIONS[0][1:-2])


def answering_version(asked: str) -> str | None:
    """An expired version is answered as the oldest live one; an unknown one not at all."""
    if asked in LIVE_VERSIONS:
        return asked
    major = asked[1:].partition(".")[0]
    expired = len(major) < 3 and 1 <= int(major) < _OLDEST_MAJOR
    return LIVE_VERSIONS[0] if expired else None
