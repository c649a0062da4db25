"""Logs of known scenarios: what is fitted is what they were made from, within the stated intervals,
for every family.

Where several intervals are counted, so many of them hold as 95 % ones do with a chance of 99.9 %.
"""

import math
from typing import Any

import numpy as np
import pytest

from made_logs import arrivals, held, log
from simroute.fitting import arrivals as arriving
from simroute.fitting.errors import fit_errors
from simroute.fitting.latency import fit_latency
from simroute.fitting.lengths import fit_lengths, rank_correlation
from simroute.fitting.limits import fit_limit
from simroute.fitting.outages import find_outages
from simroute.fitting.repeats import fit_repeats
from simroute.fitting.sessions import fit_sessions
from simroute.models import spec
from simroute.models.limits import RateLimit
from simroute.models.weather import Weather
from simroute.statistics.estimate import Estimate


def enough(found: list[bool]) -> bool:
    """Whether as many 95 % intervals hold as do with a chance of 99.9 %."""
    n, fewest = len(found), 0
    while sum(math.comb(n, k) * 0.95**k * 0.05 ** (n - k) for k in range(fewest + 1)) < 0.001:
        fewest += 1
    return sum(found) >= fewest


@pytest.mark.parametrize("cv", [0.5, 1.0, 3.0])
def test_gamma_gaps_come_back(cv: float) -> None:
    """The coefficient of variation is within its interval in as many of 20 logs as 95 % are."""
    load = spec.Workload(rate=2.0, burstiness=spec.Burstiness(cv=cv))
    found = [
        arriving.fit_gamma(np.maximum(2.0 * np.diff(arrivals(load, 500.0, k)), 1e-12))
        .parameters["cv"]
        .contains(cv)
        for k in range(20)
    ]
    assert enough(found)


def test_busy_spells_come_back() -> None:
    """Peak, share and length of busy spells, in six logs of half an hour."""
    truth = {"peak": 6.0, "busy_share": 0.15, "spell": 15.0}
    load = spec.Workload(rate=2.0, burstiness=spec.Burstiness(**truth))
    found: list[bool] = []
    for k in range(6):
        gap = np.diff(arrivals(load, 1800.0, k))
        found += held(arriving.fit_modulated(gap, gap / gap.mean()).parameters, truth)
    assert enough(found)


@pytest.mark.parametrize(
    ("bursts", "name"),
    [
        (spec.Burstiness(), "Poisson"),
        (spec.Burstiness(cv=2.5), "gamma gaps"),
        (spec.Burstiness(peak=6.0, spell=15.0), "busy and quiet spells"),
    ],
)
def test_the_family_that_a_log_was_made_by_is_chosen(bursts: spec.Burstiness, name: str) -> None:
    """And the rate's interval holds what it was, bursts and all."""
    found = arriving.fit_arrivals(
        arrivals(spec.Workload(rate=2.0, burstiness=bursts), 2400.0), 2400.0
    )
    assert found.best.name == name
    assert found.rate.contains(2.0)


def test_a_profile_comes_back() -> None:
    """Three weeks with a night and a week-end: each hour's weight within 4 standard deviations of
    its count, none where there is no profile."""
    hours, days = np.r_[np.full(8, 0.2), np.full(16, 1.4)], np.array([1.2] * 5 + [0.5] * 2)
    load = spec.Workload(
        rate=0.01,
        profile=spec.Profile(hours=tuple(hours.tolist()), days=tuple(days.tolist()), starts=10.0),
    )
    found = arriving.fit_arrivals(arrivals(load, 21 * 86_400.0), 21 * 86_400.0, 10.0)
    truth = hours / hours.mean()
    error = np.sqrt(truth / (0.01 * 3600 * 21))
    assert (np.abs(np.array(found.hours) - truth) < 4 * error).all()
    assert np.array(found.days) == pytest.approx(days / days.mean(), abs=4 * math.sqrt(7 / 18_000))
    assert found.starts == 10.0
    flat = arriving.fit_arrivals(arrivals(spec.Workload(rate=0.05), 86_400.0), 86_400.0)
    assert (flat.hours, flat.days) == ((), ())


LATENCIES = {
    "lognormal": (
        spec.Latency(0.6, 0.26, 0.0142, 0.5, 0.2),
        ("base", "per_1k_input", "per_output_token", "sigma", "token_sigma"),
    ),
    "shifted": (
        spec.Latency(0.3, 0.26, 0.0142, 0.5, 0.2, floor=0.4),
        ("base", "per_1k_input", "per_output_token", "sigma", "floor"),
    ),
    "mixture": (
        spec.Latency(0.3, 0.26, 0.0142, 0.3, 0.2, slow=spec.Slow(0.1, 4.0, 0.6)),
        ("base", "per_1k_input", "per_output_token", "sigma"),
    ),
}


@pytest.mark.parametrize("family", LATENCIES)
@pytest.mark.parametrize("streamed", [True, False])
def test_latencies_of_every_family_come_back(family: str, streamed: bool) -> None:
    """Seen as first token and tokens after it, or only as a whole (one spread for all of it): the
    family, and its numbers, in three logs."""
    made, keys = LATENCIES[family]
    if not streamed:
        slow = spec.Slow(
            made.slow.share, made.slow.factor, made.slow.sigma, made.slow.factor, made.slow.sigma
        )
        made = spec.Latency(
            made.base,
            made.per_1k_input,
            made.per_output_token,
            made.sigma,
            made.sigma,
            floor=made.floor,
            correlation=1.0,
            slow=slow,
        )
    found: list[bool] = []
    for k in range(3):
        got = fit_latency(log(800.0, 2.0, k, latency=made, streamed=streamed))
        assert got is not None
        (bics,) = got.families.values()
        assert min(bics, key=lambda name: bics[name] + 10 * (name != "lognormal")) == family
        found += held(got.keys, {key: getattr(made, key) for key in keys})
        if family == "mixture":
            found += held(
                got.slow, {key: getattr(made.slow, key) for key in ("share", "factor", "sigma")}
            )
    assert enough(found)


def test_too_few_answers_tell_no_times() -> None:
    """Twenty are fewer than thirty."""
    assert fit_latency(log(10.0)) is None


def test_lengths_come_back_as_a_table() -> None:
    """A table of ten entries, made into 8,000 texts and a table again: any share of texts is as
    near as the stated band, rounded ones within .02."""
    truth = spec.Lengths(
        quantiles={"p0": 5, "p20": 90, "p21": 400, "p60": 420, "p99": 4000, "p100": 9000}
    )
    load = spec.Workload(rate=4.0, tasks={"t": spec.Task(input_tokens=truth)})
    first = np.concatenate([block.input_tokens for block in _blocks(load, 2000.0)])
    found = fit_lengths(first)
    again = spec.Workload(
        rate=4.0, tasks={"t": spec.Task(input_tokens=spec.Lengths(quantiles=found.quantiles))}
    )
    second = np.concatenate([block.input_tokens for block in _blocks(again, 2000.0)])
    points = np.union1d(first, second)
    one, two = (
        np.searchsorted(np.sort(tokens), points, "right") / len(tokens)
        for tokens in (first, second)
    )
    assert np.abs(one - two).max() < found.distance + 2 * found.within
    assert found.distance < 0.02


def test_a_correlation_of_lengths_comes_back() -> None:
    """In as many of 20 logs as 95 % are."""
    load = spec.Workload(rate=4.0, tasks={"t": spec.Task(correlation=-0.4)})
    runs = [list(_blocks(load, 200.0, k)) for k in range(20)]
    found = [
        rank_correlation(
            *(
                np.concatenate([getattr(b, n) for b in run])
                for n in ("input_tokens", "output_tokens")
            )
        ).contains(-0.4)
        for run in runs
    ]
    assert enough(found)


def _blocks(load: spec.Workload, horizon: float, replication: int = 0) -> Any:
    return Weather(
        spec.Scenario(deployments={}, horizon=horizon, workload=load), 1, replication
    ).blocks()


def test_errors_by_a_coin_come_back_as_a_coin() -> None:
    """Exact shares, no spells, in ten logs."""
    found: list[bool] = []
    for k in range(10):
        got = fit_errors(log(500.0, 4.0, k, errors={500: 0.03, 503: 0.01}), limited=False)
        assert got.clustered == {}
        found += [
            got.shares[status].contains(share) for status, share in ((500, 0.03), (503, 0.01))
        ]
    assert enough(found)


def test_errors_in_spells_come_back_as_spells() -> None:
    """Share of time, length and depth of bad spells, and the coin beside them, in four logs."""
    truth = {"share": 0.05, "spell": 12.0, "error_share": 0.8}
    found: list[bool] = []
    for k in range(4):
        calls = log(
            2500.0, 3.0, k, errors={500: 0.01}, clustered=spec.Clustered(status=500, **truth)
        )
        got = fit_errors(calls, limited=False)
        found += [*held(got.clustered, truth), got.shares[500].contains(0.01)]
    assert enough(found)


def test_an_outage_is_found_where_it_was() -> None:
    """Start, end and share of errors are within their intervals, its slow-down within 10 %, in four
    logs."""
    outage = {
        "o": spec.Outage(
            deployment="a", start=900.0, end=1700.0, error_share=0.3, status=529, slow_down=2.0
        )
    }
    found: list[bool] = []
    for k in range(4):
        (got,) = find_outages(log(3600.0, 2.0, k, outage, errors={500: 0.005}), 3600.0)
        found += [
            got.start.contains(900.0),
            got.end.contains(1700.0),
            got.error_share.contains(1 - 0.7 * 0.995),
        ]
        assert got.status == 529
        assert got.slow_down == pytest.approx(2.0, rel=0.1)
    assert enough(found)


def test_fair_logs_have_no_outage() -> None:
    """At a false alarm in a hundred, three or more in thirty logs have a chance of .3 %; errors
    that cluster within a minute are no outage."""
    alarms = sum(
        bool(find_outages(log(1800.0, 1.0, k, errors={500: 0.03}), 1800.0)) for k in range(30)
    )
    assert alarms <= 2
    brief = {"errors": {500: 0.002}, "clustered": spec.Clustered(0.05, 3.0, 0.9)}
    assert sum(bool(find_outages(log(1800.0, 1.0, k, **brief), 1800.0)) for k in range(5)) <= 1


def test_two_outages_are_two() -> None:
    """Of which the fair time between them is none."""
    two = {
        name: spec.Outage(deployment="a", start=start, end=start + 400, error_share=0.5)
        for name, start in (("o", 600.0), ("p", 2000.0))
    }
    first, second = find_outages(log(3600.0, 2.0, 0, two), 3600.0)
    assert (first.start.contains(600.0), second.start.contains(2000.0)) == (True, True)


@pytest.mark.parametrize(("axis", "value"), [("rpm", 60.0), ("tpm", 100_000.0)])
def test_a_limit_comes_back_from_its_refusals(axis: str, value: float) -> None:
    """Requests or tokens a minute: the axis, and the value within its bounds and 2 %."""
    calls = log(1800.0, 1.3)
    bucket = RateLimit(spec.Limits(**{axis: value}))
    sizes = zip(
        calls.t.tolist(), calls.input_tokens.tolist(), calls.output_tokens.tolist(), strict=True
    )
    calls.status = np.array(
        [200 if bucket.take(t, asked, given, 4096) is None else 429 for t, asked, given in sizes]
    )
    found = fit_limit(calls)
    assert found is not None
    assert found.axis == axis
    assert found.value.contains(value)
    assert found.value.value == pytest.approx(value, rel=0.02)


@pytest.mark.parametrize(("window", "rate"), [(10.0, 1.9), (1.0, 1.2)])
def test_a_window_shorter_than_a_minute_comes_back(window: float, rate: float) -> None:
    """120 a minute counted over 10 s or 1 s, fewer than 2 calls a second: a minute's bucket would
    admit them, so the window is found, and the rate within 2 %."""
    calls = log(3600.0, rate)
    bucket = RateLimit(spec.Limits(rpm=120.0, window=window))
    calls.status = np.array(
        [200 if bucket.take(t, 1, 1, 1) is None else 429 for t in calls.t.tolist()]
    )
    found = fit_limit(calls)
    assert found is not None
    assert (found.axis, found.window) == ("rpm", window)
    assert found.value.value == pytest.approx(120.0, rel=0.02)


def test_refusals_that_no_bucket_explains_are_errors() -> None:
    """5 % of calls at random."""
    calls = log(1800.0, 2.0, errors={429: 0.05})
    assert fit_limit(calls) is None
    assert fit_errors(calls, limited=False).shares[429].contains(0.05)


def test_repeats_come_back() -> None:
    """Share, size of the catalogue and Zipf exponent, in four logs."""
    truth = {"share": 0.3, "questions": 800.0, "exponent": 1.0}
    load = spec.Workload(rate=4.0, repeats=spec.Repeats(0.3, 800, 1.0))
    found: list[bool] = []
    for k in range(4):
        questions = np.concatenate([block.question for block in _blocks(load, 2500.0, k)])
        got = fit_repeats(np.unique(questions, return_counts=True)[1])
        assert got is not None
        each = {"share": got.share, "questions": got.questions, "exponent": got.exponent}
        found += held(
            {key: value for key, value in each.items() if isinstance(value, Estimate)}, truth
        )
    assert enough(found)


def test_sessions_are_told_by_their_turns_and_pauses() -> None:
    """Three turns on average, and pauses whose logarithms are normal: in as many of 20 logs as 95 %
    are."""
    found: list[bool] = []
    for seed in range(20):
        source = np.random.Generator(np.random.Philox(key=seed))
        turns = source.geometric(1 / 3, 200)
        first = np.concatenate([[n, *[0] * (n - 1)] for n in turns.tolist()])
        since = np.where(first > 0, np.nan, 56 * np.exp(1.5 * source.standard_normal(len(first))))
        got = fit_sessions(np.stack([first, since]))
        assert got is not None
        assert got.median is not None
        assert got.sigma is not None
        found += [got.turns.contains(3.0), got.median.contains(56.0), got.sigma.contains(1.5)]
    assert enough(found)
