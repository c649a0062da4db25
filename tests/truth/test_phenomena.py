"""Effects that such systems are known to show, in packaged scenarios: each with the criteria of
its source, and of phenomena.json where that has it."""

import heapq
import math
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from simroute.config.loading import load
from simroute.experiment.run import replicate
from simroute.gauges.backoff import Backoff

ROOT = Path(__file__).parents[2]


class Played(NamedTuple):
    """Figures and rows of one replication."""

    metrics: dict[str, Any]
    requests: dict[str, np.ndarray]
    attempts: dict[str, np.ndarray]


def played(scenario: str, policy: str, *overrides: str, seed: int = 1) -> Played:
    """Plays a packaged scenario of phenomena."""
    path = ROOT / "scenarios" / "phenomena" / f"{scenario}.yaml"
    own = ROOT / "policies" / "phenomena" / f"{policy}.yaml"
    stance = str(own) if own.is_file() else policy
    made = load("run", str(path), [stance], list(overrides), seed=seed)
    assert made.notes == []
    chunks: dict[str, list[Any]] = {"requests": [], "attempts": []}

    def sink(_: Any) -> Any:
        return lambda table, chunk: chunks.get(table, []).append(chunk)

    metrics = replicate(made, policy, 0, sink).metrics
    names = {
        "requests": ("arrival_s", "outcome", "latency_s"),
        "attempts": ("start_s", "attempt", "status", "end_s", "target"),
    }
    rows = [
        {name: np.concatenate([chunk[name] for chunk in chunks[table]]) for name in columns}
        for table, columns in names.items()
    ]
    return Played(metrics, *rows)


def fails(share: float) -> str:
    return f"scenario.deployments.backend.errors.503={share}"


@pytest.mark.parametrize("f", [0.01, 0.2, 0.5, 1.0])
def test_p1_three_retries_send_the_geometric_sum(f: float) -> None:
    """(1 - f^4) / (1 - f) sends, and 1 - f^4 of success, within 4 sd; exactly four when all
    fail."""
    found = played("retry_amplification", "three_retries", fails(f)).metrics
    n = found["requests"]
    chance = np.array([(1 - f), f * (1 - f), f**2 * (1 - f), f**3])
    sends = np.arange(1, 5)
    mean = float(chance @ sends)
    sd = math.sqrt(float(chance @ sends**2) - mean**2)
    assert found["attempts_per_request"] == pytest.approx(mean, abs=4 * sd / math.sqrt(n) + 1e-12)
    share = 1 - f**4
    assert found["success_rate"] == pytest.approx(
        share, abs=4 * math.sqrt(share * (1 - share) / n) + 1e-12
    )


def test_p1_a_bucket_filled_by_successes_leaves_no_retries_where_all_fails() -> None:
    """Limited by its budget the load is 1 + .1 (1 - f) / (1 - .1 (1 - f)); each of ten callers has
    five retries at first, .0025 of 20,000 calls. Filled by calls it is 1.1 whatever fails."""
    for f in (0.5, 0.9, 1.0):
        by_success = played("retry_amplification", "retries_by_success", fails(f)).metrics
        r = 0.1 * (1 - f) / (1 - 0.1 * (1 - f))
        assert by_success["attempts_per_request"] == pytest.approx(1.0025 + r, abs=0.005)
        by_call = played("retry_amplification", "retries_by_call", fails(f)).metrics
        assert by_call["attempts_per_request"] == pytest.approx(1.1025, abs=0.005)


def test_p1_a_bucket_costs_nothing_where_little_fails() -> None:
    """At 1 %: within .2 % of three retries, 99.99 % succeed."""
    few = fails(0.01)
    bucket = played("retry_amplification", "retries_by_success", few).metrics
    free = played("retry_amplification", "three_retries", few).metrics
    load_of = "attempts_per_request"
    assert bucket[load_of] == pytest.approx(free[load_of], rel=0.002)
    assert bucket["success_rate"] >= 0.9999


@pytest.mark.parametrize("f", [0.2, 0.5, 0.9, 1.0])
def test_p1_retries_stop_where_more_than_a_tenth_fails(f: float) -> None:
    """A breaker on retries: load between 1 and 1.01."""
    found = played("retry_amplification", "retries_if_few_fail", fails(f)).metrics
    assert 1.0 <= found["attempts_per_request"] <= 1.01


@pytest.mark.parametrize(
    ("policy", "success", "load"),
    [
        ("three_retries", 0.9906, 1.4125),
        ("retries_by_call", 0.7801, 1.113),
        ("retries_if_few_fail", 0.704, 1.0),
    ],
)
def test_p1_brookers_own_figures_come_out(policy: str, success: float, load: float) -> None:
    """His simulator at 30 % failures: success and load within 1.5 %. Short runs are in his figures:
    four independent tries succeed in .9919 and are 1.417 sends."""
    found = played("retry_amplification", policy, fails(0.3)).metrics
    assert found["success_rate"] == pytest.approx(success, rel=0.015)
    assert found["attempts_per_request"] == pytest.approx(load, rel=0.015)


@pytest.mark.parametrize("k", [2.0, 1.5, 1.1])
def test_p4_what_is_sent_is_k_times_what_is_accepted(k: float) -> None:
    """18/s of 60/s, twenty gateways, the second half of twenty minutes: within 2 % and 1 %."""
    found = played("client_throttling", "throttled", f"policy.throttle.k={k}").attempts
    late = found["start_s"] >= 600
    accepted = (found["status"][late] == 200).sum()
    assert accepted / 600 == pytest.approx(18.0, rel=0.01)
    assert late.sum() / accepted == pytest.approx(k, rel=0.02)


def test_p4_in_a_total_outage_about_one_request_a_window_goes_through() -> None:
    """One gateway, 10/s, window 120 s: R / (R + 1) of one, within 4 sd of a Poisson count."""
    out = [
        fails(1.0),
        "scenario.gateway.replicas=1",
        "scenario.workload.rate=10",
        "scenario.horizon=2h",
    ]
    found = played("client_throttling", "throttled", *out).attempts
    windows = (7200 - 600) / 120
    sent = (found["start_s"] >= 600).sum()
    assert sent == pytest.approx(windows * 1200 / 1201, abs=4 * math.sqrt(windows))


def test_p4_below_capacity_nothing_is_refused_here() -> None:
    """12/s of the 18/s that are accepted."""
    found = played("client_throttling", "throttled", "scenario.workload.rate=12").metrics
    assert found["rejected"] == 0
    assert found["success_rate"] == 1.0


def bins(policy: str, *overrides: str) -> np.ndarray:
    """Retries in each tenth of a second."""
    found = played("retry_wave", policy, *overrides)
    assert found.metrics["requests"] == pytest.approx(1000, abs=130)
    again = found.attempts["start_s"][found.attempts["attempt"] > 1]
    return np.bincount(np.floor(again * 10 + 1e-6).astype(int))


def test_p6_without_jitter_a_wave_of_retries_comes_back_as_one() -> None:
    """Six retries of a thousand calls: six tenths of a second have all of them."""
    waves = bins("retries_in_step")
    crowd = played("retry_wave", "retries_in_step").metrics["requests"]
    assert (waves > 0).sum() == 6
    assert (waves[waves > 0] == crowd).all()


def test_p6_full_jitter_spreads_it() -> None:
    """At most 200 in any tenth of a second, over more than 300 of them."""
    waves = bins("retries_with_jitter")
    assert waves.max() < 200
    assert (waves > 0).sum() > 300


def contend(jitter: str | None, seed: int) -> tuple[int, float]:
    """(writes, seconds) until 100 writers have changed one row, each of which reads its version
    first and fails if that has changed: no back-off for None, else our formulas."""
    draw = np.random.default_rng(seed)
    backoff = Backoff(0.005, 2.0, 2.0, jitter or "none")  # type: ignore[arg-type]
    numbers = count()

    def later(now: float) -> float:
        return now + abs(draw.normal(0.010, 0.002))

    # (when, number, step, version read, failures, pause before)
    queue: list[Any] = [(later(0.0), next(numbers), "read", 0, 0, 0.0) for _ in range(100)]
    heapq.heapify(queue)
    version = calls = 0
    now = 0.0
    while queue:
        now, _, step, read, failed, pause = heapq.heappop(queue)
        if step == "read":
            # the version travels back, and the write forth
            queue_up = (later(later(now)), next(numbers), "write", version, failed, pause)
        else:
            calls += 1
            if read == version:
                version += 1
                continue
            failed += 1
            if jitter is not None:
                pause = backoff.delay(failed + 1, draw.random(), pause)
            queue_up = (later(later(now) + pause), next(numbers), "read", 0, failed, pause)
        heapq.heappush(queue, queue_up)
    return calls, now


def test_p6_under_contention_jitter_saves_calls_and_time() -> None:
    """100 writers of one row, 30 seeds: calls full < equal < exponential without jitter < no
    back-off, and full less than half of the third; it is done sooner than without jitter."""
    kinds = {None: "no back-off", "none": "exponential", "equal": "equal", "full": "full"}
    calls, time = {}, {}
    for kind, name in kinds.items():
        runs = np.array([contend(kind, seed) for seed in range(30)])
        calls[name], time[name] = runs.mean(axis=0).tolist()
    assert calls["full"] < calls["equal"] < calls["exponential"] < calls["no back-off"]
    assert calls["full"] < calls["exponential"] / 2
    assert time["full"] < time["exponential"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_crowd_of_five_seconds_ends_a_provider_whose_callers_ask_again_at_once(seed: int) -> None:
    """Brooker's collapse: no success from 40 s on, though the crowd has gone at 25 s; with back-off
    and jitter all succeed again by 60 s, and without retries there is nothing to recover from."""
    found = played("metastable_failure", "impatient", seed=seed).requests
    ok = found["outcome"] == 0
    assert ok[found["arrival_s"] < 20].all()
    assert not ok[found["arrival_s"] > 40].any()
    found = played("metastable_failure", "patient", seed=seed).requests
    assert (found["outcome"] == 0)[found["arrival_s"] > 60].mean() > 0.999
    found = played("metastable_failure", "direct", seed=seed).requests
    assert (found["outcome"] == 0).all()


def test_two_copies_at_once_halve_the_wait_where_there_is_room() -> None:
    """.5/s at eight slots: an exponential of mean .5 s instead of 1 s, within 4 sd of some 300
    calls."""
    alone, both = (
        played("hedging_backfires", policy, "scenario.workload.rate=0.5").requests["latency_s"]
        for policy in ("direct", "hedged_at_once")
    )
    assert alone.mean() == pytest.approx(1.0, abs=4 / math.sqrt(len(alone)))
    assert both.mean() == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(len(both)))


def test_two_copies_at_once_are_too_much_where_there_is_none() -> None:
    """5/s: 10 copies a second come and 8 go, so after 600 s 1,200 are in the line and the last wait
    for 150 s; a copy of the latest twentieth alone is no harm."""
    direct = played("hedging_backfires", "direct")
    both = played("hedging_backfires", "hedged_at_once").requests
    last = both["latency_s"][both["arrival_s"] > 580]
    assert last.mean() == pytest.approx((2 * 590) / 8, rel=0.2)
    late = played("hedging_backfires", "hedged_if_late")
    assert late.metrics["attempts_per_request"] < 1.05 + 1e-9
    assert late.metrics["slo_attainment"] >= direct.metrics["slo_attainment"] - 0.005


@pytest.mark.parametrize(
    ("policy", "rate", "least", "most"),
    [
        ("shards", None, 0.89, 0.91),
        ("shards_one_breaker", 0.5, 0.89, 0.91),
        ("shards_one_breaker", 0.1, 0.0, 0.5),
        ("shards_own_breakers", 0.5, 0.89, 0.91),
    ],
)
def test_p7_a_breaker_wider_than_the_failure_makes_it_total(
    policy: str, rate: float | None, least: float, most: float
) -> None:
    """One shard of ten down: .9 succeed without a breaker, with one for all that opens at half, and
    with one each, which sheds the dead shard; less than half with one for all that opens at a
    tenth. 40,000 calls, whose sd is .0015."""
    words = [] if rate is None else [f"policy.breaker.rate={rate}"]
    found = played("breaker_scope", policy, *words)
    assert least < found.metrics["success_rate"] < most
    dead = (found.attempts["target"] == 0).mean()
    if policy == "shards_own_breakers":
        # twenty calls at first, then a trial every 100 s or so
        assert (found.attempts["target"] == 0).sum() <= 20 + 4000 / 100
    elif most > 0.5:
        assert dead == pytest.approx(0.1, abs=0.006)


def test_p7_a_provider_of_coins_is_half_up_without_a_breaker() -> None:
    """Half of all calls fail, each by itself: five in a row open it for 30 s, so that .0482 succeed
    (closed form C01: .9036 refused), and without a breaker .5."""
    coins = [f"scenario.deployments.shard-{i}.errors.503=0.5" for i in range(10)]
    assert played("breaker_scope", "shards", *coins).metrics["success_rate"] == pytest.approx(
        0.5, abs=4 * math.sqrt(0.25 / 40_000)
    )
    opens = ["failures=5", "consecutive=true", "cooldown=30s", "rate=null", "count_window=null"]
    words = [f"policy.breaker.{word}" for word in opens]
    found = played("breaker_scope", "shards_one_breaker", *coins, *words).metrics
    p, n, rest, lam = 0.5, 5, 30.0, 10.0
    calls = (1 - p**n) / ((1 - p) * p**n)
    cycle = calls / lam + (rest + 1 / lam) / (1 - p)
    refused = rest / (1 - p) / cycle
    # some 60 cycles: rests of 60 s (sd 42), 6.2 s until it opens (sd 6.2)
    sd = math.hypot((1 - refused) * 42, refused * 6.2) / cycle / math.sqrt(4000 / cycle)
    assert found["rejected"] / found["requests"] == pytest.approx(refused, abs=4 * sd)
    assert found["success_rate"] == pytest.approx((1 - refused) * (1 - p), abs=4 * sd * (1 - p))


def missed(seed: int, until: np.ndarray) -> np.ndarray:
    """Calls that reach a provider without a limit within so long after the cache was emptied."""
    no_limit = "scenario.deployments.backend.limits.rpm=60000"
    sent = played("cold_cache", "remembered", no_limit, seed=seed).attempts["start_s"]
    assert not ((sent > 590) & (sent < 600)).any()
    return np.searchsorted(np.sort(sent), 600.0 + until) - np.searchsorted(np.sort(sent), 600.0)


def test_a_cold_cache_sends_what_its_questions_say() -> None:
    """Misses within 1, 10 and 60 s: for each question, asked r times a second and answered in d,
    r d + 1 - exp(-r (t - d)); within 4 sd of a Poisson count, six seeds."""
    weights = 1 / np.arange(1, 201)
    rates, late, until = 20 * weights / weights.sum(), 0.1, np.array([1.0, 10.0, 60.0])
    expected = [(rates * late + 1 - np.exp(-rates * (t - late))).sum() for t in until]
    found = np.array([missed(seed, until) for seed in range(1, 7)])
    for mean, wanted in zip(found.mean(axis=0), expected, strict=True):
        assert mean == pytest.approx(wanted, abs=4 * math.sqrt(wanted / len(found)))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_cold_cache_fails_where_a_warm_one_asks_nobody(seed: int) -> None:
    """5/s are granted: the ten minutes before end with all answered; within 2 s of its loss some 40
    calls come of which 10 may pass; two minutes later all are answered again."""
    found = played("cold_cache", "remembered", seed=seed).requests
    ok, at = found["outcome"] == 0, found["arrival_s"]
    assert ok[(at > 480) & (at < 600)].mean() > 0.999
    assert ok[(at > 600) & (at < 602)].mean() < 0.8
    assert ok[at > 720].mean() > 0.999


def survivor(rate: float, *overrides: str, seed: int) -> tuple[Played, float, float]:
    """Figures, how many calls are at the survivor when the outage ends (90 s), and for how long
    after that more than two are."""
    found = played(
        "survivor_headroom",
        "shared_by_halves",
        f"scenario.workload.rate={rate}",
        *overrides,
        seed=seed,
    )
    mine = found.attempts["target"] == 1
    begins, ends = (np.sort(found.attempts[name][mine]) for name in ("start_s", "end_s"))
    grid = np.arange(90.0, 150.0, 0.02)
    there = np.searchsorted(begins, grid, "right") - np.searchsorted(ends, grid, "right")
    return found, float(there[0]), 0.02 * int((there <= 2).argmax())


@pytest.mark.parametrize(
    "seeds", [range(1, 7), pytest.param(range(1, 21), marks=pytest.mark.slow)], ids=["few", "20"]
)
def test_p8_above_half_of_its_capacity_a_survivor_keeps_a_backlog(seeds: range) -> None:
    """At .6: 1,200 calls wait at the end, within 10 %, and are gone 30 s later, within 4 s."""
    found = [survivor(120, seed=seed)[1:] for seed in seeds]
    backlog, recovery = np.mean(found, axis=0)
    assert backlog == pytest.approx(1200, rel=0.10)
    assert recovery == pytest.approx(30, abs=4)


def test_p8_below_half_of_it_nobody_notices() -> None:
    """At .45: as few wait as at a server that is 90 % busy, for less than 2 s, by the mean of six
    seeds."""
    found = [survivor(90, seed=seed)[1:] for seed in range(1, 7)]
    backlog, recovery = np.mean(found, axis=0)
    assert backlog < 40
    assert recovery < 2


def test_p8_a_bounded_queue_pays_with_what_it_refuses() -> None:
    """At .6 with a hundred places: back after less than 4 s, and a sixth of the outage's 7,200
    requests are lost, within 4 sd of a difference of Poisson counts."""
    bound = [f"scenario.deployments.{name}.limits.queue=100" for name in ("one", "other")]
    found = [survivor(120, *bound, seed=seed) for seed in range(1, 7)]
    assert np.mean([recovery for _, _, recovery in found]) < 4
    lost = [float((one.requests["outcome"] > 0).sum()) for one, _, _ in found]
    sd = math.sqrt(60 * (120 + 100) / len(found))
    assert np.mean(lost) == pytest.approx(1200 - 100, abs=4 * sd)
