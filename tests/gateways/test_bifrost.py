"""What Bifrost's HTTP client does by itself."""

import asyncio

import pytest

from simroute.core import Call, Outcome
from simroute.gateways.bifrost.reconnect import Reconnect
from simroute.testing import check_policy


class Silent:
    """A world that keeps what it is told."""

    def __init__(self):
        self.events = []

    def emit(self, event, call, **detail):
        self.events.append(event)


def sent(outcomes, once=False, **parameters):
    """How often a provider is asked that answers so, and what comes of it."""
    left, world = list(outcomes), Silent()

    async def send(call):
        return left.pop(0)

    ended = asyncio.run(Reconnect(**parameters)(Call(None, "a", once=once), send, world))
    return len(outcomes) - len(left), ended.status, world.events


RESET, WELL = Outcome(503, "a", "reset"), Outcome(200, "a")


def test_keeps_the_rules_of_a_layer():
    """With default and with extreme parameters."""
    assert check_policy(Reconnect()) == []
    assert check_policy(Reconnect(times=0)) == []


@pytest.mark.parametrize(
    ("outcomes", "settings", "expected"),
    [
        ([RESET, WELL], {}, (2, 200, ["retried"])),
        ([RESET, RESET, WELL], {}, (2, 503, ["retried"])),
        ([RESET, RESET, WELL], {"times": 2}, (3, 200, ["retried"] * 2)),
        ([RESET, WELL], {"times": 0}, (1, 503, [])),
        ([Outcome(503, "a", "refused"), WELL], {}, (1, 503, [])),
        ([Outcome(500, "a", "error"), WELL], {}, (1, 500, [])),
        ([RESET, WELL], {"once": True}, (1, 503, [])),
    ],
)
def test_a_connection_that_ended_is_made_again_at_once(outcomes, settings, expected):
    """And nothing else is sent again, nor a call that may be sent once only."""
    assert sent(outcomes, **settings) == expected
