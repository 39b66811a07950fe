"""The app's level: which callback gets which fields (Meta, "App subscriptions").

A write brings Meta's handshake to our listener while it waits; a failed one is explained.
"""

import time

from fbsync.callback_check import ask_callback
from fbsync.database.added_fields import APP, AddedFields
from fbsync.database.handshakes import Handshakes
from fbsync.errors import GRAPH_FAILURES, CallbackRefused, FbsyncError
from fbsync.graph.subscriptions import GraphSubscriptions
from fbsync.subscribe.handshake_failure import explain
from fbsync.subscription_plan import (
    NO_FIELDS,
    AppPlan,
    AppSubscription,
    Level,
    Wish,
    delivered,
    not_there,
    plan_app,
)
from fbsync.webhook import HandshakeResult
from fbsync.wording import counted

LOOK_SECONDS = 2.0
"""How long a handshake that the listener saw may take to stand in the database."""


class AppLevel:
    """Reads, plans and writes. Methods raise DatabaseUnavailable."""

    def __init__(
        self, graph: GraphSubscriptions, added_fields: AddedFields, handshakes: Handshakes
    ) -> None:
        self._graph = graph
        self._added = added_fields
        self._handshakes = handshakes

    def plan(self, wish: Wish) -> AppPlan | FbsyncError:
        """What is there, compared with the wish."""
        found = self._read()
        if isinstance(found, FbsyncError):
            return found
        return plan_app(found, self._added.of_app(), wish)

    def apply(
        self, plan: AppPlan | FbsyncError, wish: Wish, verify_token: str
    ) -> tuple[Level, AppSubscription | None]:
        """Do it; what became of it, and the subscription as it is then."""
        if isinstance(plan, FbsyncError):
            return Level("failed", str(plan)), None
        on = plan.found.fields if plan.found else NO_FIELDS
        self._added.forget({APP: plan.fields.gone})
        if plan.blocked:
            return Level("failed", plan.obstacle, on), plan.found
        if not plan.differs:
            return Level("kept", _kept(plan, wish), on), plan.found
        failure = self._write(plan, wish, verify_token)
        found = self._read()
        if isinstance(found, FbsyncError):
            return Level("failed", failure or str(found)), None
        on = found.fields if found else NO_FIELDS
        self._added.note({APP: plan.fields.add & on})
        self._added.forget({APP: plan.fields.remove - on})
        return self._judge(plan, wish, found, failure), found

    def _read(self) -> AppSubscription | None | FbsyncError:
        try:
            return self._graph.of_app()
        except GRAPH_FAILURES as error:
            return error

    def _write(self, plan: AppPlan, wish: Wish, verify_token: str) -> str | None:
        """The reason why it failed, None where it did not."""
        before = self._handshakes.last()
        try:
            if plan.subscribes:
                self._graph.subscribe_app(wish.address, verify_token, plan.fields.after)
            if plan.fields.remove:
                self._graph.unsubscribe_app(plan.fields.remove)
        except CallbackRefused as error:
            seen = self._seen_since(before)
            answer = ask_callback(wish.address, verify_token)
            return explain(str(error), seen, wish.address, answer)
        except GRAPH_FAILURES as error:
            return str(error)
        return None

    def _seen_since(self, number: int) -> list[HandshakeResult]:
        end = time.monotonic() + LOOK_SECONDS
        while not (seen := self._handshakes.since(number)) and time.monotonic() < end:
            time.sleep(0.1)
        return [handshake.result for handshake in seen]

    @staticmethod
    def _judge(
        plan: AppPlan, wish: Wish, found: AppSubscription | None, failure: str | None
    ) -> Level:
        on = found.fields if found else NO_FIELDS
        differing = plan.fields.remove & on
        if plan.subscribes:
            differing |= plan.fields.after - delivered(found, wish.address)
        if differing:
            return Level("failed", failure or not_there(differing), on)
        if plan.fields.remove:
            return Level("removed", f"{counted(len(plan.fields.remove), 'field')} taken off", on)
        detail = f"{counted(len(plan.fields.after), 'field')} to {wish.address}"
        return Level("changed" if plan.found else "added", detail, on)


def _kept(plan: AppPlan, wish: Wish) -> str:
    if not wish.remove:
        return f"{counted(len(plan.fields.keep), 'field')} to {wish.address}"
    if plan.callback == "foreign":
        return "another callback is called, so its fields stay"
    if wish.some_pages:
        return "the app's fields stay, as other pages need them"
    return "nothing here that fbsync added"
