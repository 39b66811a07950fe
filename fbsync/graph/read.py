"""One item of a batch: what is asked for, and with which token; signed by its proof."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlencode

from fbsync.graph.budget import APP_LIMIT


@dataclass(frozen=True)
class Read:
    """A GET of one node or edge, such as "me/accounts", with the token that may read it.

    `limit` names whose limit the call counts against, as in graph.usage. `method` may also be
    DELETE, which does no more the second time than the first.
    """

    path: str
    token: str = field(repr=False)
    params: Mapping[str, str] = field(default_factory=dict)
    limit: str = APP_LIMIT
    method: Literal["GET", "DELETE"] = "GET"

    def relative_url(self, app_secret: str) -> str:
        """As the batch's body holds it, with the token and its proof."""
        secret = {
            "access_token": self.token,
            "appsecret_proof": appsecret_proof(self.token, app_secret),
        }
        return f"{self.path}?{urlencode({**self.params, **secret})}"


def appsecret_proof(token: str, app_secret: str) -> str:
    """Meta, "Secure requests": the hex HMAC-SHA256 of the token under the app secret."""
    return hmac.new(app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
