"""Why Meta's handshake failed: what Meta said, what the listener saw, what answers there. No I/O.

Seen nothing: Meta did not reach this listener. Refused: its settings differ. Answered: something
between the two changed the answer.
"""

from collections.abc import Sequence

from fbsync.callback_check import CallbackAnswer
from fbsync.webhook import HandshakeResult

_ONE_TEXT = (
    "Set the same FACEBOOK_VERIFY_TOKEN in the listener's environment and in this one, and restart"
    " fbsync listen."
)


def explain(
    said: str, seen: Sequence[HandshakeResult], address: str, answer: CallbackAnswer
) -> str:
    """Three lines: Meta's words, what the listener saw, what to do.

    `said` is the Graph API's message. `seen` are the handshakes that reached our listener during
    the call; `answer` is what came when we asked the address ourselves.
    """
    first, advice = said.partition("\n")[0], answer.advice
    asked = f"Asked from here, {address}: {answer.found}."
    if "answered" in seen:
        happened = (
            "The listener answered it, so something between it and Meta changed or delayed it."
        )
        return f"{first}\n{happened}\n{asked} {advice or 'Look at what only Meta meets: proxies.'}"
    if "wrong token" in seen:
        return (
            f"{first}\nThe listener saw it and refused its token: another FACEBOOK_VERIFY_TOKEN"
            f" there.\n{_ONE_TEXT}"
        )
    if seen:
        happened = (
            f"The listener saw it and refused it ({seen[-1]}): its query was changed on the way."
        )
        return f"{first}\n{happened}\nLet the proxy pass the query on as it is. {asked}"
    happened = "The listener saw nothing, so Meta did not reach it."
    other = (
        "Another listener, with another database, may answer there; or Meta alone is kept out by"
        " a firewall."
    )
    return f"{first}\n{happened} {asked}\n{advice or other}"
