"""What the login dialog answered: the parameters that it adds to the redirect's address.

Meta, "Manually build a login flow".
"""

import hmac
from collections.abc import Mapping

from fbsync.errors import LoginFailed

_MAX_DESCRIPTION_CHARACTERS = 200


def is_ours(query: Mapping[str, str], state: str) -> bool:
    """Whether this answers the login with this state, which is compared in constant time."""
    return hmac.compare_digest(query.get("state", "").encode(errors="replace"), state.encode())


def read_answer(query: Mapping[str, str]) -> str | LoginFailed | None:
    """The login code, or why there is none; None where the dialog answers neither.

    `error`, `error_reason` and `error_description` count before a code.
    """
    if "error" in query or "error_code" in query:
        return _denial(query)
    return query.get("code") or None


def _denial(query: Mapping[str, str]) -> LoginFailed:
    if query.get("error_reason") == "user_denied" or query.get("error") == "access_denied":
        return LoginFailed(
            "The login was cancelled in Facebook's dialog, so nothing was changed.\n"
            "Run fbsync login again and choose Continue."
        )
    said = query.get("error_description") or query.get("error_message") or "no reason"
    return LoginFailed(
        f"Facebook's dialog ended with an error: {said[:_MAX_DESCRIPTION_CHARACTERS]}\n"
        "Check FACEBOOK_REDIRECT_URI and FACEBOOK_SCOPES against the app's dashboard."
    )
