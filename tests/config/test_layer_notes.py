"""What does nothing as it stands is told, with what to write instead."""

import pytest

from simroute.config.layer_notes import spare_notes
from simroute.policies.budget import Budget
from simroute.policies.cache import Cache
from simroute.policies.fallback import Fallback
from simroute.policies.health import Health
from simroute.policies.queue import Queue
from simroute.policies.retry import Retry
from simroute.policies.shed import Shed
from simroute.policies.static_answer import StaticAnswer
from simroute.policies.timeout import Timeout


@pytest.mark.parametrize(
    ("layers", "start"),
    [
        ({"f": Fallback(most=0)}, "f.most: 0 asks nobody else"),
        ({"f": Fallback(ranking=(500,))}, "f.ranking: is looked at with error: ranked"),
        ({"f": Fallback(any_failure=True, statuses=(500,))}, "f.statuses: are not looked at"),
        ({"h": Health(active=False)}, "h.active: with neither pings nor passive"),
        ({"h": Health(every=5.0)}, "h.limit: a ping may take"),
        ({"h": Health(), "fallback": Fallback()}, "h.every: fallback stands inside"),
        ({"b": Budget(period="rolling", ahead="pace")}, "b.ahead: pace looks to the end"),
        ({"b": Budget(head_start=0.5)}, "b.head_start: is that of ahead: pace"),
        ({"b": Budget(memory=5.0)}, "b.memory: is that of ahead: forecast"),
        ({"b": Budget(shift_at=0.5, shift_back=0.6)}, "b.shift_back: is above shift_at"),
        ({"b": Budget(by="target"), "retry": Retry()}, "b.by: retry inside sends to others"),
        ({"c": Cache(together=True)}, "c.error: and together belong to match: verified"),
        ({"c": Cache(match="verified", error=0.0)}, "c.error: 0 gives no answer"),
        ({"c": Cache(failures=(400,))}, "c.failures: are remembered for failures_ttl"),
        ({"timeout": Timeout(30.0), "q": Queue()}, "q.deadline: 10 min is more than the timeout"),
        ({"s": Shed()}, "s.in_flight: names no work"),
        ({"fallback": Fallback(), "t": StaticAnswer()}, "t.text: is a success for fallback"),
    ],
)
def test_a_setting_that_does_nothing_is_told(layers, start):
    """One note, which begins with layer and key."""
    (note,) = spare_notes(layers)
    assert note.startswith(start)


def test_what_works_is_not_told():
    """Each of them as its documentation has it."""
    layers = {
        "static_answer": StaticAnswer(),
        "cache": Cache(match="verified", error=0.05, together=True, stale=60.0),
        "queue": Queue(),
        "shed": Shed(in_flight={"chat": 5}),
        "fallback": Fallback(error="ranked", ranking=(500,), any_failure=True, most=2),
        "health": Health(),
        "budget": Budget(by="target", ahead="pace", head_start=0.2, shift_back=0.5),
        "timeout": Timeout(30.0),
    }
    assert list(spare_notes(layers)) == []
