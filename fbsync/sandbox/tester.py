"""All endpoints under /_sandbox, in the order of the manual."""

from starlette.routing import Route

from fbsync.sandbox.control import Control
from fbsync.sandbox.deliveries import Deliveries
from fbsync.sandbox.person_callbacks import PersonCallbacks
from fbsync.sandbox.world import World


def tester_routes(
    world: World, deliveries: Deliveries, person_callbacks: PersonCallbacks
) -> list[Route]:
    """The endpoints of the tester, of the pages' owner and of the person."""
    return [*Control(world, deliveries).routes(), *person_callbacks.routes()]
