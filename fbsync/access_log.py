"""The access log of the program that we are a part of, without the secret in Meta's handshake.

Meta sends FACEBOOK_VERIFY_TOKEN in the query ("Webhooks", verification requests), and uvicorn logs
queries.
"""

import logging
import re

_TOKEN = re.compile(r"(hub(?:\.|%2e)verify_token=)[^&\s]*", re.IGNORECASE)


class _WithoutVerifyToken(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """See logging.Filter. uvicorn's arguments are the client, the method, the path and more."""
        if isinstance(record.args, tuple):
            record.args = tuple(
                _TOKEN.sub(r"\1***", value) if isinstance(value, str) else value
                for value in record.args
            )
        return True


_FILTER = _WithoutVerifyToken()


def hide_verify_token() -> None:
    """For uvicorn's access log, however often it is called; a configuration of it leaves this."""
    logging.getLogger("uvicorn.access").addFilter(_FILTER)
