"""How soon an outage is noticed: by hand, by a closed form, and by a plain search through all
windows."""

from typing import Any

import numpy as np
import pytest

from simroute.config.configuration import Configuration
from simroute.experiment.run import replicate
from simroute.metrics import Context, Fold
from simroute.metrics.outages import Outages
from simroute.models import spec
from simroute.policies.breaker import Breaker
from simroute.policies.budget import Budget
from simroute.policies.timeout import Timeout

Windows = list[tuple[float, float, tuple[int, ...]]]
NAMES = ["opened", "closed", "shifted", "retried"]


def noticed(
    windows: Windows,
    *events: tuple[float, str, int, int],
    replicas: int = 1,
    detail: str = "",
    providers: str = "pq",
) -> tuple[float | None, float | None]:
    """(detection_s, undetected) of events (time, name, target, replica), in one chunk or many."""
    names: dict[str, list[str]] = {"target": ["a", "b"], "task": ["chat"]}
    context = Context(
        3600.0,
        10.0,
        None,
        0.95,
        windows,
        names,
        list(providers),
        ["m", "n"],
        [None, None],
        replicas=replicas,
    )
    results = set()
    for size in (1, len(events)):
        fold = Fold(context)
        for first in range(0, len(events), size):
            when, words, targets, copies = zip(*events[first : first + size], strict=True)
            columns = {
                "t_s": when,
                "event": [NAMES.index(word) for word in words],
                "target": targets,
                "replica": copies,
                "detail": [detail] * len(when),
            }
            fold("events", {name: np.array(column) for name, column in columns.items()})
        found = fold.finish(NAMES, [0.0, 0.0]).metrics
        results.add((found["detection_s"], found["undetected"]))
    (result,) = results
    return result


def test_the_first_opening_within_an_outage_of_its_target_counts() -> None:
    """At 103 s, 3 s after the start: not the opening before, that of another target, a retry, a
    budget's shift of no target, or a later one."""
    events = [
        (99.0, "opened", 0, 0),
        (101.0, "opened", 1, 0),
        (101.5, "retried", 0, 0),
        (102.0, "shifted", -1, 0),
        (103.0, "opened", 0, 0),
    ]
    assert noticed([(100.0, 110.0, (0,))], *events, (104.0, "opened", 0, 0)) == (3.0, 0.0)


def test_the_start_belongs_to_an_outage_and_the_end_does_not() -> None:
    """An opening at 100 s takes no time; one at 110 s is none."""
    assert noticed([(100.0, 110.0, (0,))], (100.0, "opened", 0, 0)) == (0.0, 0.0)
    assert noticed([(100.0, 110.0, (0,))], (110.0, "opened", 0, 0)) == (None, 1.0)


def test_it_is_a_mean_over_outages_and_replicas_and_who_noticed_nothing_is_told_beside_it() -> None:
    """Of two outages and two replicas, three noticed, after 2, 4 and 9 s; an opening within both
    outages counts for both."""
    windows: Windows = [(100.0, 200.0, (0,)), (105.0, 120.0, (0, 1))]
    events = [(102.0, "opened", 0, 0), (104.0, "opened", 0, 1), (114.0, "shifted", 1, 1)]
    assert noticed(windows, *events, replicas=2) == (5.0, 1.0)
    assert noticed(windows, (109.0, "opened", 0, 0)) == (6.5, 0.0)


def test_the_first_notice_counts_whichever_target_of_the_outage_it_is_about() -> None:
    """b's at 105 s, before a's at 109 s."""
    events = [(105.0, "opened", 1, 0), (109.0, "opened", 0, 0)]
    assert noticed([(100.0, 200.0, (0, 1))], *events) == (5.0, 0.0)


def test_one_state_for_all_replicas_notices_once() -> None:
    """Whoever met the failure, the state is everybody's."""
    assert noticed([(100.0, 200.0, (0,))], (105.0, "opened", 0, 7), replicas=1) == (5.0, 0.0)


def test_a_breaker_of_a_provider_is_about_all_that_it_guards() -> None:
    """Target b's failure opened the breaker of their provider p, which spares a as well; b's own
    breaker does not, even if it is called p."""
    outage: Windows = [(100.0, 200.0, (0,))]
    assert noticed(
        outage, (105.0, "opened", 1, 0), detail="breaker=p status=503", providers="pp"
    ) == (5.0, 0.0)
    assert noticed(
        outage, (105.0, "opened", 1, 0), detail="breaker=b status=503", providers="pp"
    ) == (None, 1.0)
    assert noticed(
        outage, (105.0, "opened", 1, 0), detail="breaker=b status=503", providers="bb"
    ) == (None, 1.0)


def test_without_an_outage_there_is_nothing_to_notice() -> None:
    """No figure, and nothing that was missed."""
    assert noticed([], (105.0, "opened", 0, 0)) == (None, 0.0)


def steady(
    layers: dict[str, Any], replicas: int = 1, shared: bool = False, share: float = 1.0
) -> tuple[Any, Any]:
    """Metrics, and all rows of attempts, of 10 calls a second at one target that is down from 100 s
    to 160 s, and answers errors in 0.25 s."""
    latency = spec.Latency(
        base=0.1, per_1k_input=0.0, per_output_token=0.0, sigma=0.0, token_sigma=0.0, error=0.25
    )
    target = {"a": spec.Deployment("c", "m", price=spec.PriceList(1, 1), latency=latency)}
    outage = spec.Outage(deployment="a", start=100.0, end=160.0, error_share=share)
    gateway = spec.Gateway(replicas=replicas, shared=shared, overhead=0.0)
    made = spec.Scenario(
        target,
        horizon=300.0,
        workload=spec.Workload(rate=10.0),
        outages={"down": outage},
        gateway=gateway,
    )
    chunks: list[Any] = []

    def rows(_):
        return lambda table, chunk: chunks.append(chunk) if table == "attempts" else None

    found = replicate(
        Configuration("run", "test", made, {"policy": layers}), "policy", 0, rows
    ).metrics
    return found, {
        name: np.concatenate([chunk[name] for chunk in chunks])
        for name in ("start_s", "end_s", "replica")
    }


@pytest.mark.parametrize(("replicas", "shared"), [(1, False), (5, False), (5, True)])
def test_three_failures_are_noticed_at_the_end_of_the_third(replicas: int, shared: bool) -> None:
    """Every call of the outage fails after 0.25 s, so each replica opens when the third of its
    calls since 100 s has come back."""
    found, sent = steady({"breaker": Breaker(failures=3, window=60.0)}, replicas, shared)
    whose = np.zeros(len(sent["replica"])) if shared else sent["replica"]
    failed = sent["start_s"] >= 100.0
    third = [
        np.sort(sent["end_s"][failed & (whose == each)])[2] - 100.0
        for each in range(1 if shared else replicas)
    ]
    assert found["detection_s"] == pytest.approx(float(np.mean(third)), abs=1e-9)
    assert found["undetected"] == 0


def test_a_policy_that_notices_nothing_has_no_figure() -> None:
    """No breaker, or one that wants more failures than there are, and a budget that shifts for
    reasons of its own."""
    for layers in (
        {"timeout": Timeout(30.0)},
        {"breaker": Breaker(failures=10_000)},
        {"budget": Budget(usd=0.001)},
    ):
        found, _ = steady(layers)
        assert (found["detection_s"], found["undetected"]) == (None, 1.0)


def test_windows_are_found_by_bisection_as_by_a_search_through_all() -> None:
    """Two thousand rows among outages that overlap, touch, are empty or hold over several targets;
    starts and ends themselves included."""
    draw = np.random.default_rng(3)
    starts = np.round(draw.uniform(0, 1000, 300), 1)
    ends = starts + np.round(draw.exponential(4.0, 300), 1)
    targets = [tuple(np.flatnonzero(draw.random(4) < 0.4).tolist()) for _ in starts]
    windows = list(zip(starts.tolist(), ends.tolist(), targets, strict=True))
    when = np.concatenate([draw.uniform(-5, 1100, 1400), starts, ends])
    target = draw.integers(-1, 5, len(when))
    rows, places = Outages(windows).match(target, when)
    wanted = {
        (row, place)
        for row, (code, t) in enumerate(zip(target.tolist(), when.tolist(), strict=True))
        for place, (start, end, under) in enumerate(windows)
        if code in under and start <= t < end
    }
    assert len(rows) == len(wanted) > 500
    assert set(zip(rows.tolist(), places.tolist(), strict=True)) == wanted
