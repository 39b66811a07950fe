"""The error body of the Graph API, and the errors that more than one place answers."""

from dataclasses import dataclass
from uuid import uuid4


@dataclass
class GraphError(Exception):
    """An answer that is an error (Meta, "Handle errors"). `status` is the HTTP status."""

    message: str
    code: int
    status: int = 400
    kind: str = "OAuthException"
    subcode: int | None = None
    is_transient: bool | None = None

    def body(self) -> dict[str, dict[str, object]]:
        """The envelope, with a new fbtrace_id."""
        error: dict[str, object] = {"message": self.message, "type": self.kind, "code": self.code}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        if self.is_transient is not None:
            error["is_transient"] = self.is_transient
        return {"error": error | {"fbtrace_id": trace_id()}}


def trace_id() -> str:
    """A new id as Meta's logs have it."""
    return f"A{uuid4().hex[:22]}"


def no_token() -> GraphError:
    return GraphError(
        "An active access token must be used to query information about the current user.", 2500
    )


def unreadable_token() -> GraphError:
    return GraphError("Invalid OAuth access token - Cannot parse access token", 190)


def unknown_path(path: str) -> GraphError:
    return GraphError(f"Unknown path components: /{path}", 2500)


def unknown_object(name: str) -> GraphError:
    return GraphError(
        f"Unsupported get request. Object with ID '{name}' does not exist, cannot be loaded due to"
        " missing permissions, or does not support this operation. Please read the Graph API"
        " documentation at https://developers.facebook.com/docs/graph-api",
        100,
        kind="GraphMethodException",
        subcode=33,
    )


def unknown_field(name: str, node: str) -> GraphError:
    return GraphError(
        f"(#100) Tried accessing nonexisting field ({name}) on node type ({node})", 100
    )


def bad_parameter(text: str) -> GraphError:
    return GraphError(f"(#100) {text}", 100)


def app_token_needed() -> GraphError:
    return GraphError("(#15) This method must be called with an app access_token.", 15)


def app_limit_reached() -> GraphError:
    return GraphError("(#4) Application request limit reached", 4, is_transient=True)


def page_limit_reached() -> GraphError:
    return GraphError(
        "(#80001) There have been too many calls to this Page account. Wait a bit and try again."
        " For more info, please refer to"
        " https://developers.facebook.com/docs/graph-api/overview/rate-limiting.",
        80001,
    )


def service_down() -> GraphError:
    return GraphError(
        "An unexpected error has occurred. Please retry your request later.",
        2,
        status=500,
        is_transient=True,
    )


def unsupported(method: str) -> GraphError:
    return GraphError(f"Unsupported {method.lower()} request.", 100, kind="GraphMethodException")
