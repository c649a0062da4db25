"""Metrics: figures counted by hand from a few rows, and what must not change them."""

from typing import Any

import numpy as np
import pytest

from simroute.ledger import CACHED, OUTCOMES, Chunk
from simroute.metrics import METRICS, Context, Figures, Fold, Histogram

NAN = float("nan")
NO_WINDOWS: list[tuple[float, float, tuple[int, ...]]] = []


def context(
    windows: list[tuple[float, float, tuple[int, ...]]] = NO_WINDOWS, ttft: float | None = None
) -> Context:
    """Two targets of two providers; the second takes four calls at once. An answer within 10 s
    keeps the promise."""
    names = {"target": ["a", "b"], "task": ["chat", "code"], "user": ["ann"], "feature": ["help"]}
    return Context(3600.0, 10.0, ttft, 0.95, windows, names, ["p", "q"], ["m", "n"], [None, 4])


def requests(outcomes: str, **columns: Any) -> Chunk:
    """Requests by the first letters of their outcomes (o, f, r, t), a second apart, each with one
    attempt of 1 s unless told otherwise."""
    count = len(outcomes)
    letters = [word[0] for word in OUTCOMES]
    zero, arrival = np.zeros(count, np.int64), np.arange(count, dtype=float)
    made: dict[str, Any] = dict.fromkeys(
        (
            "request_id",
            "replica",
            "task",
            "user",
            "feature",
            "session",
            "input_tokens",
            "output_tokens",
        ),
        zero,
    )
    made |= dict.fromkeys(("error", "target", "cost_nano", "wasted_nano", "cached"), zero)
    made |= dict.fromkeys(
        ("false_hit", "streamed", "forbidden"), zero.astype(bool)
    ) | dict.fromkeys(("ttft_s", "failover_s"), np.full(count, NAN))
    made |= {
        "outcome": np.array([letters.index(letter) for letter in outcomes], np.int8),
        "attempts": zero + 1,
        "quality": np.ones(count),
    }
    made |= {"arrival_s": arrival, "latency_s": np.ones(count)} | {
        name: np.asarray(values) for name, values in columns.items()
    }
    return made | {"end_s": made["arrival_s"] + made["latency_s"]}


def attempts(starts: list[float], **columns: Any) -> Chunk:
    """Attempts at target a, one for each request, answered 200 unless told otherwise."""
    count = len(starts)
    zero = np.zeros(count, np.int64)
    made: dict[str, Any] = dict.fromkeys(
        (
            "replica",
            "target",
            "error",
            "input_tokens",
            "output_tokens",
            "cached_tokens",
            "cost_nano",
        ),
        zero,
    )
    made |= {
        "request_id": np.arange(count),
        "attempt": zero + 1,
        "target_attempt": zero + 1,
        "status": zero + 200,
    }
    made |= {
        "start_s": np.array(starts),
        "end_s": np.array(starts) + 1,
        "retry_after_s": np.full(count, NAN),
    }
    return (
        made
        | {"abandoned": zero.astype(bool), "probe": zero.astype(bool)}
        | {name: np.asarray(values) for name, values in columns.items()}
    )


def folded(
    *chunks: tuple[str, Chunk], among: Context | None = None, events: tuple[str, ...] = ()
) -> Figures:
    """The figures of these chunks."""
    fold = Fold(among or context())
    for table, chunk in chunks:
        fold(table, chunk)
    return fold.finish(list(events), [0.0, 7200.0])


def figures(outcomes: str, among: Context | None = None, **columns: Any) -> dict[str, float | None]:
    """The metrics of these requests."""
    return folded(("requests", requests(outcomes, **columns)), among=among).metrics


def test_every_outcome_is_counted_where_it_belongs() -> None:
    """Of ok, ok, failed, rejected and truncated, two fifths succeeded, one was rejected, one
    truncated."""
    found = figures("oofrt")
    assert (found["requests"], found["success_rate"], found["rejected"], found["truncated"]) == (
        5,
        0.4,
        1,
        1,
    )


def test_callers_who_leave_and_ask_again_are_counted() -> None:
    """Of five requests two are askings again, and two of the others' callers left: two successes
    resolve two of three wants."""
    found = figures("oaoaa", presses=np.array([0, 0, 1, 1, 0], np.int32))
    assert found["success_rate"] == 2 / 5
    assert found["abandoned_share"] == 3 / 5
    assert found["asked_again_share"] == 2 / 5
    assert found["resolved_share"] == 2 / 3


def test_there_is_a_figure_for_every_metric() -> None:
    """A run tells all metrics of the table and no others."""
    assert set(folded().metrics) == set(METRICS)


def test_what_is_undefined_is_none_and_never_nan() -> None:
    """Without any request there are no shares and no quantiles."""
    found = folded().metrics
    undefined = (
        "success_rate",
        "availability",
        "slo_attainment",
        "latency_p95_s",
        "ttft_p95_s",
        "quality_mean",
        "attempts_per_request",
    )
    assert all(found[name] is None for name in undefined)
    assert not any(value != value for value in found.values() if value is not None)


def test_the_promise_is_kept_by_successes_in_time() -> None:
    """Of three successes after 1, 10 and 11 s and a failure, the first two kept a promise of 10
    s."""
    assert figures("ooof", latency_s=[1, 10, 11, 1])["slo_attainment"] == 0.5


def test_a_promised_first_token_counts_for_streamed_requests_only() -> None:
    """A late first token breaks the promise; a request without one is judged by its end."""
    assert figures("ooo", context(ttft=2.0), ttft_s=[1.0, 3.0, NAN])[
        "slo_attainment"
    ] == pytest.approx(2 / 3)


def test_a_minute_is_available_from_the_stated_share_on() -> None:
    """19 of 20 is exactly 0.95: available; 18 of 20 is not; a minute without arrivals does not
    count."""
    arrival = np.repeat([0.0, 60.0, 180.0], 20) + np.tile(np.arange(20.0), 3)
    assert figures("o" * 19 + "f" + "o" * 18 + "ff" + "o" * 20, arrival_s=arrival)[
        "availability"
    ] == pytest.approx(2 / 3)


def test_failures_have_no_latency() -> None:
    """The 95th percentile of successes after 1 s is 1 s, however long failures took."""
    assert figures("ooff", latency_s=[1, 1, 500, 500])["latency_p95_s"] == pytest.approx(
        1, rel=1e-3
    )


def test_money_is_exact_beyond_the_whole_numbers_of_a_float() -> None:
    """2^53 + 1 nano-dollars in one request and one in another are 2^53 + 2, not 2^53."""
    found = folded(
        (
            "requests",
            requests(
                "oo", cost_nano=np.array([2**53 + 1, 1]), wasted_nano=np.array([0, 2_000_000_000])
            ),
        )
    ).metrics
    assert found["cost_usd"] == (2**53 + 2) / 1e9
    assert found["wasted_usd"] == 2.0


def test_cost_by_a_thousand_requests_counts_all_arrivals() -> None:
    """Two dollars for four requests, failed ones included, are 500 for a thousand."""
    assert figures("ooff", cost_nano=[500_000_000] * 4)["cost_per_1k_requests_usd"] == 500.0


def test_a_ping_is_billed_but_is_no_send() -> None:
    """An attempt without a request adds to the cost, not to the attempts of requests."""
    pinged = attempts([0.0, 1.0], request_id=[0, -1], cost_nano=[0, 1_000_000_000])
    found = folded(("requests", requests("o")), ("attempts", pinged)).metrics
    assert (found["cost_usd"], found["attempts_per_request"]) == (1.0, 1.0)


def test_amplification_leaves_out_requests_that_needed_no_upstream() -> None:
    """Three sends for four requests of which one came from a cache and one was refused: 3/4 an
    arrival, 3/2 a request upstream."""
    served = requests("ooro", attempts=[0, 2, 0, 1], cached=[CACHED["exact"], 0, 0, 0])
    found = folded(("requests", served), ("attempts", attempts([0.0, 1.0, 2.0]))).metrics
    assert (found["attempts_per_request"], found["load_amplification"]) == (0.75, 1.5)


def test_a_false_hit_is_a_hit_and_a_wrong_answer() -> None:
    """Of four requests two hit, one of them falsely."""
    found = figures(
        "oooo",
        cached=[CACHED["exact"], CACHED["semantic"], 0, 0],
        false_hit=[False, True, False, False],
        quality=[1, 0, 1, 1],
    )
    assert (found["cache_hit_rate"], found["cache_false_hit_rate"], found["quality_mean"]) == (
        0.5,
        0.25,
        0.75,
    )


def test_failures_have_no_quality() -> None:
    """Quality is a mean over the answers given."""
    assert figures("of", quality=[1.0, NAN])["quality_mean"] == 1.0


def test_seconds_on_a_failing_target_are_distinct() -> None:
    """Two ordinary calls in one second count once; a probe, another target, and the time outside
    the outage do not count."""
    sent = attempts(
        [99.9, 100.0, 100.9, 103.0, 104.0, 105.0, 110.0],
        target=[0, 0, 0, 0, 1, 0, 0],
        probe=np.arange(7) == 5,
    )
    assert (
        folded(("attempts", sent), among=context([(100.0, 110.0, (0,))])).metrics[
            "time_on_failing_target_s"
        ]
        == 2
    )


def test_outages_add_up() -> None:
    """A second within two outages of the target counts for both."""
    both = context([(0.0, 10.0, (0,)), (5.0, 15.0, (0, 1))])
    assert (
        folded(("attempts", attempts([7.0])), among=both).metrics["time_on_failing_target_s"] == 2
    )


def test_limited_calls_probes_and_openings_are_counted() -> None:
    """Counts of 429, of probes, and of the event `opened`."""
    sent = attempts([0.0, 1.0, 2.0], status=[429, 429, 200], probe=np.array([False, False, True]))
    told: Chunk = {"event": np.array([0, 1, 1], np.int32)}
    found = folded(("attempts", sent), ("events", told), events=("retried", "opened")).metrics
    assert (found["rate_limited"], found["half_open_probes"], found["breaker_opened"]) == (2, 1, 2)


def test_failing_over_is_timed_where_it_happened() -> None:
    """Requests that succeeded where first tried do not count."""
    assert figures("ooo", failover_s=[NAN, 4.0, NAN])["failover_p95_s"] == pytest.approx(
        4, rel=1e-3
    )


def test_forbidden_answers_are_a_share_of_all_requests() -> None:
    """One of four."""
    assert figures("oooo", forbidden=[True, False, False, False])["forbidden_share"] == 0.25


def test_spending_splits_by_target_provider_and_task() -> None:
    """The parts add up to the whole."""
    sent = attempts(
        [0.0, 1.0, 2.0], target=[0, 1, 1], cost_nano=[1_000_000_000, 2_000_000_000, 3_000_000_000]
    )
    asked = requests("oof", task=[0, 1, 1], cost_nano=[1_000_000_000, 2_000_000_000, 3_000_000_000])
    by = folded(("requests", asked), ("attempts", sent)).by
    assert {name: row["cost_usd"] for name, row in by["target"].items()} == {"a": 1.0, "b": 5.0}
    assert (by["provider"]["q"]["attempts"], by["model"]["n"]["cost_usd"]) == (2, 5.0)
    assert (
        by["task"]["code"]["requests"],
        by["task"]["code"]["success_rate"],
        by["task"]["code"]["cost_usd"],
    ) == (2, 0.5, 5.0)


def test_utilisation_is_told_where_there_is_a_limit() -> None:
    """7,200 busy seconds of four slots in an hour are half; a target without a limit has none."""
    by = folded().by["target"]
    assert by["b"]["utilisation"] == 0.5
    assert "utilisation" not in by["a"]


def test_the_counts_behind_a_share_are_told() -> None:
    """They are what the exact binomial bound is made of."""
    pooled = folded(("requests", requests("oofo"))).pooled
    assert (pooled["success_rate"], pooled["forbidden_share"]) == ((3, 4), (0, 4))


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_chunks_do_not_matter(size: int) -> None:
    """The figures have the same bits whatever the sizes of the chunks."""
    draw = np.random.Generator(np.random.Philox(1))
    arrival, latency = np.sort(draw.random(1000)) * 3600, draw.lognormal(0, 1, 1000)
    letters = "".join(draw.choice(list("ooofrt"), 1000))
    whole = requests(
        letters,
        arrival_s=arrival,
        latency_s=latency,
        cost_nano=draw.integers(0, 10**9, 1000),
        quality=draw.integers(0, 2, 1000) * 1.0,
    )
    parts = [
        ("requests", {name: column[i : i + size] for name, column in whole.items()})
        for i in range(0, 1000, size)
    ]
    assert folded(*parts) == folded(("requests", whole))


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("sigma", [0.1, 1.0, 3.0])
def test_quantiles_are_within_a_thousandth(share: float, sigma: float) -> None:
    """Relative error at most 0.1 % against the exact inverse of the empirical distribution, from
    0.1 ms to 1e6 s."""
    values = np.random.Generator(np.random.Philox(2)).lognormal(1, sigma, 20_001).clip(1e-4, 1e6)
    histogram = Histogram()
    histogram.add(values)
    assert histogram.quantile(share) == pytest.approx(
        np.quantile(values, share, method="inverted_cdf"), rel=1e-3
    )


def test_the_quantile_of_one_value_is_that_value() -> None:
    """Any quantile of a single answer after 3 s is 3 s, within 0.1 %; of none there is none."""
    histogram = Histogram()
    assert histogram.quantile(0.95) is None
    histogram.add(np.array([3.0]))
    assert histogram.quantile(0.5) == histogram.quantile(0.99) == pytest.approx(3, rel=1e-3)


@pytest.mark.parametrize("sigma", [0.1, 1.0, 3.0])
def test_the_mean_is_within_a_thousandth(sigma: float) -> None:
    """Relative error at most 0.1 % against the sum of the values; of no value there is none."""
    histogram = Histogram()
    assert histogram.mean() is None
    values = np.random.Generator(np.random.Philox(3)).lognormal(1, sigma, 20_001).clip(1e-4, 1e6)
    histogram.add(values)
    assert histogram.mean() == pytest.approx(values.sum() / len(values), rel=1e-3)
