"""Callers who wait, give up and ask again: the same luck whatever the policy, against queueing
theory."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simroute.config.configuration import Configuration
from simroute.core import Policy
from simroute.experiment.run import build_world, replicate
from simroute.ledger import OUTCOMES
from simroute.metrics import Figures
from simroute.models import spec
from simroute.policies.fallback import Fallback
from simroute.policies.retry import Backoff, Retry
from simroute.policies.timeout import Timeout

PRICE = spec.PriceList(1.0, 2.0)
OK, FAILED, ABANDONED = (OUTCOMES.index(word) for word in ("ok", "failed", "abandoned"))
Rows = dict[str, dict[str, np.ndarray]]


def deployment(name: str = "c", **fields: Any) -> spec.Deployment:
    return spec.Deployment(name, f"m-{name}", price=PRICE, **fields)


def played(
    load: spec.Workload, layers: dict[str, Policy] | None = None, **scenario: Any
) -> tuple[Figures, Rows]:
    """Figures and rows (requests in order of their numbers) of one replication."""
    fields = {"deployments": {"a": deployment()}, "horizon": 1000.0} | scenario
    made = spec.Scenario(workload=load, gateway=spec.Gateway(overhead=0.0), **fields)
    chunks: dict[str, list[dict[str, np.ndarray]]] = {"requests": [], "attempts": [], "events": []}
    configuration = Configuration("run", "test", made, {"policy": dict(layers or {})})
    figures = replicate(
        configuration, "policy", 0, lambda world: lambda table, rows: chunks[table].append(rows)
    )
    rows = {
        table: {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        for table, parts in chunks.items()
        if parts
    }
    if "requests" in rows:
        order = np.argsort(rows["requests"]["request_id"], kind="stable")
        rows["requests"] = {name: column[order] for name, column in rows["requests"].items()}
    return figures, rows


def exponential_service(mean_tokens: float = 10_000.0) -> spec.Lengths:
    """Answers of exponential length, by its quantiles: chords of a thousand, the last by its
    mean."""
    shares = [k / 1000 for k in range(1000)] + [0.9999]
    table = {f"p{100 * u:.4g}": max(1.0, -math.log1p(-u) * mean_tokens) for u in shares}
    return spec.Lengths(max=1e9, quantiles=table | {"p100": (2.0 - math.log(0.0001)) * mean_tokens})


def queue(lam: float, slots: int, patience: spec.Pause, requests: int) -> Rows:
    """Streamed calls of exponential service of mean 1 s, whose first token comes when it begins:
    so callers wait while they stand in the line."""
    served = spec.Latency(
        base=0.0, per_1k_input=0.0, per_output_token=1e-4, sigma=0.0, token_sigma=0.0
    )
    load = spec.Workload(
        rate=lam,
        streamed=1.0,
        patience=patience,
        max_output_tokens=10**9,
        tasks={"chat": spec.Task(output_tokens=exponential_service())},
    )
    limits = spec.Limits(concurrency=slots, queue=100_000)
    return played(
        load,
        deployments={"a": deployment(latency=served, limits=limits)},
        horizon=requests / lam,
        abandoned="stops",
    )[1]


def near(form: dict[str, Any], name: str, value: float, n: int) -> None:
    """Within four standard deviations of a run of n."""
    check = form["check"][name]
    tolerance = check["tol_abs"] * math.sqrt(check["n"] / n)
    assert value == pytest.approx(form["expected"][name], abs=tolerance), name


@pytest.fixture
def oracle(shared: Any) -> Callable[[str], dict[str, Any]]:
    import json

    forms = json.loads((shared / "vectors/closed_forms.json").read_text())["oracles"]
    return lambda name: next(form for form in forms if form["id"] == name)


def test_q10_random_patience_is_erlang_a(oracle: Callable[[str], dict[str, Any]]) -> None:
    """Ten slots at full load, exponential patience of mean 2 s: who gives up, who waits, and how
    many stand in the line, within 4 sd of 60,000 calls."""
    form, n = oracle("Q10"), 60_000
    rows = queue(10.0, 10, spec.Pause(mean=2.0), n)["requests"]
    left = rows["outcome"] == ABANDONED
    waited = np.where(left, rows["latency_s"], rows["ttft_s"])
    near(form, "p_abandon", left.mean(), n)
    near(form, "p_wait", (waited > 1e-9).mean(), n)
    near(form, "Lq", 10.0 * waited.mean(), n)


def test_q13_fixed_patience_keeps_an_overloaded_queue_stable(
    oracle: Callable[[str], dict[str, Any]],
) -> None:
    """One slot at 150 % load, callers who wait 3 s: the share that leaves, and the wait of those
    who are served, within 4 sd of 60,000 calls."""
    form, n = oracle("Q13"), 60_000
    rows = queue(1.5, 1, spec.Pause(median=3.0), n)["requests"]
    left = rows["outcome"] == ABANDONED
    near(form, "p_timeout", left.mean(), n)
    near(form, "wait_served", rows["ttft_s"][~left].mean(), n)


def test_a_closed_loop_of_machine_repair() -> None:
    """Eight callers who think 10 s, one slot of exponential service of 1 s (M/M/1//N): the idle
    share of the slot is 1 / sum N!/(N-n)! (Z/S)^-n, and throughput the busy share."""
    served = spec.Latency(
        base=0.0, per_1k_input=0.0, per_output_token=1e-4, sigma=0.0, token_sigma=0.0
    )
    n, ratio, horizon = 8, 0.1, 40_000.0
    load = spec.Workload(
        callers=spec.Callers(n, spec.Pause(mean=10.0)),
        max_output_tokens=10**9,
        tasks={"chat": spec.Task(output_tokens=exponential_service())},
    )
    limits = spec.Limits(concurrency=1, queue=n)
    figures, _ = played(
        load, deployments={"a": deployment(latency=served, limits=limits)}, horizon=horizon
    )
    idle = 1 / sum(math.perm(n, k) * ratio**k for k in range(n + 1))
    # 24,000 calls; the count of a renewal-like process of dispersion below 1: 4 sd are 2.6 %
    assert figures.metrics["requests"] == pytest.approx(horizon * (1 - idle), rel=0.026)
    # Little: callers = throughput x (think + latency)
    throughput = (figures.metrics["requests"] or 0) / horizon
    latency = figures.metrics["latency_mean_s"] or 0.0
    assert throughput * (10.0 + latency) == pytest.approx(n, rel=0.02)


UNEVEN = {
    "a": deployment("one", errors={500: 0.2}, limits=spec.Limits(concurrency=6, queue=4)),
    "b": deployment("two", latency=spec.Latency(base=2.0)),
}
LAYERS: dict[str, Policy] = {
    "fallback": Fallback(("a", "b")),
    "retry": Retry(attempts=2, backoff=Backoff(0.5, 1.0, 1.0, "none")),
    "timeout": Timeout(5.0),
}


def test_a_callers_turn_keeps_its_draws_whatever_the_policy_did_before() -> None:
    """Two policies, 30 callers: what a caller's k-th request is, is the same, and how long its
    first send takes where neither waited for a slot; only moments and numbers of turns differ."""
    load = spec.Workload(
        callers=spec.Callers(30, spec.Pause(mean=5.0)),
        users={"ann": 1, "bob": 2},
        tasks={"chat": spec.Task(), "extract": spec.Task()},
        streamed=0.5,
    )
    free = {"a": deployment("one", errors={500: 0.2}), "b": UNEVEN["b"]}
    first, second = (played(load, layers, deployments=free)[1] for layers in ({}, LAYERS))
    one, other = first["requests"], second["requests"]
    assert len(one["request_id"]) != len(other["request_id"])
    _, mine, its = np.intersect1d(one["request_id"], other["request_id"], return_indices=True)
    assert len(mine) > 3000
    for name in ("task", "user", "input_tokens", "streamed", "session"):
        assert np.array_equal(one[name][mine], other[name][its]), name
    assert not np.array_equal(one["arrival_s"][mine], other["arrival_s"][its])
    users = {(s, u) for s, u in zip(one["session"].tolist(), one["user"].tolist(), strict=True)}
    assert len(users) == 30  # a caller is one user

    def first_sends(rows: Rows) -> dict[int, tuple[int, float]]:
        sent = rows["attempts"]
        wanted = (sent["target"] == 0) & (sent["target_attempt"] == 1) & (sent["abandoned"] == 0)
        took = np.round(sent["end_s"] - sent["start_s"], 6)
        columns = (column[wanted].tolist() for column in (sent["request_id"], sent["status"], took))
        return {number: (status, seconds) for number, status, seconds in zip(*columns, strict=True)}

    before, after = first_sends(first), first_sends(second)
    both = before.keys() & after.keys()
    assert len(both) > 2500
    assert all(before[number] == pytest.approx(after[number], abs=2e-6) for number in both)


def test_a_press_has_luck_of_its_own_and_asks_the_same() -> None:
    """All ask again up to 15 times what fails in half of all cases: after the n-th 2^-n are left
    (4 sd), and the same question comes with the same tokens."""
    load = spec.Workload(rate=5.0, again=spec.AskAgain(1.0, 15, spec.Pause(mean=2.0)))
    figures, rows = played(load, deployments={"a": deployment(errors={500: 0.5})}, horizon=4000.0)
    asked = rows["requests"]
    counts = np.bincount(asked["presses"])
    expected = counts[0] / 2.0 ** np.arange(len(counts))
    assert (abs(counts - expected) < 4 * np.sqrt(expected) + 4).all()
    source = np.searchsorted(asked["request_id"], asked["first_request_id"])
    assert np.array_equal(asked["input_tokens"], asked["input_tokens"][source])
    assert (asked["arrival_s"] >= asked["arrival_s"][source]).all()
    assert figures.metrics["resolved_share"] == pytest.approx(1.0, abs=0.002)
    assert figures.metrics["success_rate"] == pytest.approx(
        0.5, abs=4 * 0.5 / math.sqrt(counts.sum())
    )
    assert figures.metrics["asked_again_share"] == 1 - counts[0] / counts.sum()


def test_patience_ends_with_the_first_token_and_a_reply_of_that_instant_comes_first() -> None:
    """Answers take 1 s to begin and 9 s more. Streamed callers who wait 1 s see all begin; callers
    of whole answers who wait 9.99 s all leave, and are billed as the scenario says."""
    steady = spec.Latency(
        base=1.0, per_1k_input=0.0, per_output_token=1.0, sigma=0.0, token_sigma=0.0
    )
    kind = {"chat": spec.Task(output_tokens=spec.Lengths(9.0, 0.0))}
    target = {"a": deployment(latency=steady)}
    load = spec.Workload(rate=2.0, tasks=kind, streamed=1.0, patience=spec.Pause(median=1.0))
    figures, _ = played(load, deployments=target)
    assert figures.metrics["success_rate"] == 1.0
    for rule, tokens in (("runs_on", 9), ("stops", 8)):
        load = spec.Workload(rate=2.0, tasks=kind, patience=spec.Pause(median=9.99))
        figures, rows = played(load, deployments=target, abandoned=rule)
        assert figures.metrics["abandoned_share"] == 1.0
        assert figures.metrics["success_rate"] == 0.0
        assert set(rows["attempts"]["status"].tolist()) == {499}
        assert set(rows["attempts"]["output_tokens"].tolist()) == {tokens}
        assert rows["requests"]["latency_s"] == pytest.approx(9.99)
        assert figures.metrics["wasted_usd"] == figures.metrics["cost_usd"]


def test_patience_may_differ_by_task() -> None:
    """Nobody waits for an extraction, all for a chat."""
    kinds = {"chat": spec.Task(), "extract": spec.Task(patience=spec.Pause(median=0.0))}
    figures, rows = played(spec.Workload(rate=2.0, tasks=kinds))
    asked = rows["requests"]
    assert np.array_equal(asked["outcome"] == ABANDONED, asked["task"] == 1)
    assert figures.causes["cause"][0][0] == "the caller gave up"


@st.composite
def loads(draw: Any) -> spec.Workload:
    """Any callers, patience, and asking again."""
    pauses = st.one_of(
        st.builds(spec.Pause, median=st.floats(0, 30), sigma=st.floats(0, 3)),
        st.builds(spec.Pause, mean=st.floats(0.1, 30)),
    )
    callers = spec.Callers(draw(st.integers(0, 60)), draw(pauses), draw(st.booleans()))
    if callers.count and (callers.think.mean or callers.think.median or 0) < 1:
        callers = spec.Callers(callers.count, spec.Pause(mean=1.0), callers.staggered)
    again = spec.AskAgain(draw(st.floats(0, 1)), draw(st.integers(1, 4)), draw(pauses))
    return spec.Workload(
        rate=draw(st.floats(0, 20)),
        callers=callers,
        again=again,
        patience=draw(st.one_of(st.none(), pauses)),
        streamed=draw(st.floats(0, 1)),
    )


@settings(max_examples=25, deadline=None)
@given(loads(), st.booleans(), st.sampled_from(["stops", "runs_on"]))
def test_every_request_ends_once_and_follows_what_it_follows(
    load: spec.Workload, layered: bool, abandoned: str
) -> None:
    """Numbers are unique, sends belong to requests, figures add up, nobody asks after the horizon;
    in a closed loop no caller asks before the answer to the request before."""
    horizon = 60.0
    layers, rule = LAYERS if layered else {}, {"abandoned": abandoned}
    figures, rows = played(load, layers, deployments=UNEVEN, horizon=horizon, **rule)
    if not rows:
        assert figures.metrics["requests"] == 0
        return
    asked = rows["requests"]
    assert len(np.unique(asked["request_id"])) == len(asked["request_id"])
    assert figures.metrics["requests"] == len(asked["request_id"])
    assert (asked["arrival_s"] < horizon).all()
    assert (asked["end_s"] >= asked["arrival_s"]).all()
    if "attempts" in rows:
        assert np.isin(rows["attempts"]["request_id"], asked["request_id"]).all()
        assert int(asked["attempts"].sum()) == len(rows["attempts"]["request_id"])
        assert int(asked["cost_nano"].sum()) == int(rows["attempts"]["cost_nano"].sum())
    if load.callers.count:
        order = np.lexsort((asked["arrival_s"], asked["session"]))
        caller, begins, ends = (asked[name][order] for name in ("session", "arrival_s", "end_s"))
        same = caller[1:] == caller[:-1]
        assert (begins[1:] >= ends[:-1])[same].all()
    if load.again.share:
        pressed = asked["presses"] > 0
        first = np.searchsorted(asked["request_id"], asked["first_request_id"])
        assert (asked["outcome"][first[pressed]] != OK).all()


def test_the_same_seed_gives_the_same_rows() -> None:
    """Twice, bit by bit."""
    load = spec.Workload(
        callers=spec.Callers(20, spec.Pause(mean=3.0)),
        again=spec.AskAgain(0.5),
        patience=spec.Pause(median=4.0, sigma=1.0),
    )
    one, other = (played(load, LAYERS, deployments=UNEVEN)[1] for _ in range(2))
    for table, columns in one.items():
        for name, column in columns.items():
            assert np.array_equal(column, other[table][name], equal_nan=column.dtype.kind == "f")


def test_a_world_of_callers_is_freed_with_its_run() -> None:
    """No ring of references holds a world that is over."""
    import gc
    import weakref

    load = spec.Workload(callers=spec.Callers(5, spec.Pause(mean=1.0)), again=spec.AskAgain(0.5))
    made = spec.Scenario({"a": deployment(errors={500: 0.5})}, horizon=50.0, workload=load)
    world = build_world(Configuration("run", "test", made, {"policy": {}}), "policy", 0, [])
    gc.disable()
    try:
        world.run()
        world.close()
        seen = weakref.ref(world)
        del world
        assert seen() is None
    finally:
        gc.enable()
