"""Meta's signed_request as plain functions on text: who asks the app for something, and when.

    base64url(signature) "." base64url(payload)

The signature is an HMAC-SHA256 of the encoded payload under the app secret (Meta, "Data deletion
callback"); the payload's fields are those of Meta's "Signed requests". No I/O.
"""

import hashlib
import hmac
import json
import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from datetime import UTC, datetime

from fbsync.errors import BadSignature, UnreadableDelivery

MAX_CHARACTERS = 8192
_ENCODED = re.compile(r"[A-Za-z0-9_-]*={0,2}")
_USER_ID = re.compile(r"[!-~]{1,64}")


@dataclass(frozen=True)
class SignedRequest:
    """What a person asks for through Meta. `user_id` is the id of the person for this app alone.

    `expires` is the end of the person's token where Meta names one (Meta, "Signed requests"); it
    is no end of the request itself.
    """

    user_id: str
    issued_at: datetime
    expires: datetime | None = None


def read_signed_request(text: str, app_secret: str, received_at: datetime) -> SignedRequest:
    """The request, if Meta signed it with our app secret. `received_at` is now.

    Raises BadSignature where it did not, and UnreadableDelivery where the text has another shape.
    """
    signature, dot, payload = text.partition(".")
    if not dot or not payload or len(text) > MAX_CHARACTERS:
        raise UnreadableDelivery("The signed_request is not a signature, a dot and a payload.")
    expected = hmac.new(app_secret.encode(), payload.encode(errors="replace"), hashlib.sha256)
    if not hmac.compare_digest(_decoded(signature) or b"", expected.digest()):
        raise BadSignature("The signed_request's signature does not fit: another app's secret.")
    fields = _read_payload(payload)
    if str(fields.get("algorithm", "")).upper() != "HMAC-SHA256":
        raise BadSignature("The signed_request names another algorithm than HMAC-SHA256.")
    # Only seen in samples: where it is absent or of another shape, the request counts from now.
    issued_at = _moment(fields.get("issued_at")) or received_at
    user_id = fields.get("user_id")
    if isinstance(user_id, int) and not isinstance(user_id, bool):
        user_id = str(user_id)
    if not isinstance(user_id, str) or not _USER_ID.fullmatch(user_id):
        raise UnreadableDelivery("The signed_request names no user_id.")
    return SignedRequest(user_id, issued_at, _moment(fields.get("expires")))


def _read_payload(payload: str) -> dict[str, object]:
    try:
        fields = json.loads(_decoded(payload) or b"")
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise UnreadableDelivery("The signed_request's payload is no JSON object.")
    return fields


def _decoded(text: str) -> bytes | None:
    """The bytes behind base64url, which Meta writes without padding; None where it is none."""
    if not _ENCODED.fullmatch(text):
        return None
    text = text.rstrip("=")
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None


def _moment(value: object) -> datetime | None:
    """Unix seconds; 0, which stands for never, and everything else are None."""
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
