"""What does nothing as it stands is told, with what to write instead."""

import pytest

from simroute.config.advice import setting_notes
from simroute.config.layer_notes import spare_notes
from simroute.gateways.litellm.router import LiteLLM
from simroute.gauges.backoff import Backoff
from simroute.gauges.line import Order
from simroute.policies.breaker import Breaker
from simroute.policies.budget import Budget
from simroute.policies.cache import Cache
from simroute.policies.cascade import Cascade
from simroute.policies.concurrency import Concurrency
from simroute.policies.fallback import Fallback
from simroute.policies.fan_out import FanOut
from simroute.policies.health import Health
from simroute.policies.limit import Limit
from simroute.policies.pace import Pace
from simroute.policies.permit import Permit
from simroute.policies.queue import Queue
from simroute.policies.retry import Retry
from simroute.policies.shadow import Shadow
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
        ({"b": Budget(sums={"u1": 3.0})}, "b.sums: are by account"),
        ({"b": Budget(period="day", window=60.0)}, "b.window: is that of period: rolling"),
        ({"q": Queue(statuses=())}, "q.statuses: none is named"),
        ({"t": StaticAnswer(statuses=())}, "t.statuses: none is named"),
        ({"c": Cache(threshold=0.9)}, "c.threshold: an exact cache compares nothing"),
        ({"c": Cache(scale="gptcache")}, "c.scale: is that of threshold"),
        ({"c": Cache(failures_ttl=5.0, failures=())}, "c.failures: none is named"),
        ({"p": Permit()}, "p.only: names nobody"),
        ({"s": Shadow(share=0.0)}, "s.share: 0, so nobody else is asked"),
        ({"l": Limit(line=Order(weights={"a": 2.0}))}, "l.line.weights: nobody takes turns"),
        ({"l": Limit(line=Order(classes={"a": 2}))}, "l.line.classes: of whom"),
        ({"l": Limit(wait=0.0, line=Order(fair="user"))}, "l.line: nobody waits"),
        ({"p": Pace(statuses=())}, "p.statuses: no failure is named"),
        ({"c": Concurrency(least=4)}, "c.least: is not looked at with rule: fixed"),
        ({"c": Concurrency(rule="vegas", decrease=0.5)}, "c.decrease: is not looked at with rule"),
        ({"c": Concurrency(rule="aimd", least=9, most=5)}, "c.least: is more than most: 5"),
        ({"c": Concurrency(rule="aimd", decrease=2.0)}, "c.decrease: 2 lessens nothing"),
        ({"l": LiteLLM(lowest_latency_buffer=0.3)}, "l.lowest_latency_buffer: is not looked at"),
        ({"l": LiteLLM(disable_cooldowns=True, cooldown_time=9.0)}, "l.cooldown_time: nothing"),
        ({"l": LiteLLM(fallbacks={"x": ("main",)})}, "l.fallbacks.x: there is no such group"),
        (
            {"l": LiteLLM(groups={"g": ("a",)}, routing_strategy="least-busy")},
            "l.routing_strategy: least-busy never chooses, since each group has one deployment",
        ),
        (
            {"l": LiteLLM(model_group_retry_policy={"x": {"TimeoutErrorRetries": 1}})},
            "l.model_group_retry_policy.x: there is no such group",
        ),
    ],
)
def test_a_setting_that_does_nothing_is_told(layers, start):
    """One note, which begins with layer and key."""
    (note,) = spare_notes(layers)
    assert note.startswith(start)


@pytest.mark.parametrize(
    ("layers", "start"),
    [
        ({"b": Breaker(statuses=())}, "b.statuses: with none of them"),
        ({"b": Breaker(statuses=(200, 500))}, "b.statuses: 200 is a success"),
        ({"b": Breaker(spare_alone=True)}, "b.spare_alone: a provider is never alone"),
        ({"b": Breaker(consecutive=True, window=99.0)}, "b.window: is a time, and consecutive"),
        ({"b": Breaker(rate=0.5, trial_calls=4, successes=3)}, "b.successes: trial_calls are"),
        ({"f": FanOut(targets=("first",))}, "f.targets: one is asked"),
        ({"c": Cascade(max_escalated=0.0)}, "c.max_escalated: 0 gives every answer of the first"),
        ({"c": Cascade(steps=("a", "b", "a"))}, "c.steps: a stands there twice"),
        (
            {"r": Retry(retry_after=False, max_retry_after=5.0), "t": Timeout(30.0)},
            "r.max_retry_after: is not looked at",
        ),
        ({"r": Retry(attempts=1), "t": Timeout(30.0)}, "r.attempts: 1 is the first send alone"),
        ({"r": Retry(statuses=()), "t": Timeout(30.0)}, "r.statuses: no failure is named"),
        (
            {"r": Retry(backoff=Backoff(initial=9.0, max=3.0)), "t": Timeout(30.0)},
            "r.backoff.max: is shorter than initial: 9s",
        ),
    ],
)
def test_a_layer_that_never_acts_is_told(layers, start):
    """Of layers whose notes stand elsewhere: the same."""
    (note,) = setting_notes(layers, {}, None)
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
