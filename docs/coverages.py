"""How often intervals hold what they should: writes the table of docs/statistics.md, between its
markers. `python docs/coverages.py`.

Each case draws studies whose truth is known by theory; each method's 95 % interval is made for each
study, and it is counted how often the truth lies in it. Seeds are fixed, so every figure can be
made again; tests/statistics/test_coverage.py does so for one cell, and for all when told to.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from generated import table
from random_outages import OUTAGES, outage_rows
from scipy.special import betaln, ndtr, ndtri, roots_legendre, stdtrit

from simroute.statistics.intervals import FEW_EVENTS, LEVEL, clopper_pearson

PAGE = Path(__file__).parent / "statistics.md"
MANY = (10, 20, 100)
"""Replications."""
TRIALS = 20_000
RESAMPLED = 2_000
"""Trials of the bootstrap, which costs 499 times as much."""
RESAMPLES = 499
REQUESTS, PLACE = 200, 190
"""Requests of a replication whose p95 is taken: the 190th of 200."""
Quantile = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Case:
    """`draw(chance, trials, n)` gives one row of n replications for each trial; `requests`: of a
    replication, where it is a share of successes."""

    name: str
    draw: Callable[[np.random.Generator, int, int], np.ndarray]
    truth: float
    requests: int = 0


def lognormal(median: float, sigma: float) -> Quantile:
    """Quantiles of a lognormal."""
    return lambda u: median * np.exp(sigma * ndtri(u))


def mixture(share: float, median: float, sigma: float) -> Quantile:
    """Of a lognormal around 1, of which a share lies around `median` instead: read off the
    distribution function, which is known."""
    logs = np.linspace(-6.0, 8.0, 20_001)
    below = (1 - share) * ndtr(logs / sigma) + share * ndtr((logs - np.log(median)) / sigma)
    return lambda u: np.exp(np.interp(u, below, logs))


@cache
def _legendre() -> tuple[np.ndarray, np.ndarray]:
    """4,000 nodes and weights, by SciPy's banded solver: NumPy's takes a dense matrix and a minute
    for it."""
    nodes, weights = roots_legendre(4000)
    return nodes, weights


def expected(quantile: Quantile) -> float:
    """Mean of the 190th of 200: the integral of the quantile function over the Beta(190, 11) law of
    its level, by Gauss and Legendre."""
    nodes, weights = _legendre()
    u = (nodes + 1) / 2
    density = np.exp(
        (PLACE - 1) * np.log(u)
        + (REQUESTS - PLACE) * np.log1p(-u)
        - betaln(PLACE, REQUESTS - PLACE + 1)
    )
    return float((weights / 2 * density * quantile(u)).sum())


def p95(
    name: str,
    first: Quantile,
    second: Quantile,
    truth: float | None = None,
    requests: int = REQUESTS,
) -> Case:
    """Differences of two policies' p95: the level of the k-th of n is drawn from its own law,
    Beta(k, n - k + 1)."""
    place = round(0.95 * requests)

    def draw(chance: np.random.Generator, trials: int, n: int) -> np.ndarray:
        a, b = (
            quantile(chance.beta(place, requests - place + 1, (trials, n)))
            for quantile in (first, second)
        )
        return b - a

    return Case(name, draw, expected(second) - expected(first) if truth is None else truth)


def rare(failures: float, requests: int = 10_000) -> Case:
    """Success rates where so many requests of a replication fail on average."""
    share = 1 - failures / requests
    return Case(
        f"success rate, {failures:g} failures a replication",
        lambda chance, trials, n: chance.binomial(requests, share, (trials, n)) / requests,
        share,
        requests,
    )


BODY, SLOW = lognormal(1.0, 0.8), lognormal(1.5, 0.8)
TRUE_P95 = float(0.5 * np.exp(0.8 * ndtri(0.95)))
CASES = (
    Case("mean, normal", lambda chance, trials, n: chance.normal(3.0, 2.0, (trials, n)), 3.0),
    Case(
        "mean, lognormal (sd of log 0.5)",
        lambda chance, trials, n: chance.lognormal(0.0, 0.5, (trials, n)),
        float(np.exp(0.125)),
    ),
    Case(
        "mean, lognormal (sd of log 1)",
        lambda chance, trials, n: chance.lognormal(0.0, 1.0, (trials, n)),
        float(np.exp(0.5)),
    ),
    p95("p95 difference, lognormal", BODY, SLOW),
    p95("p95 difference, lognormal, 3,600 requests, true quantiles", BODY, SLOW, TRUE_P95, 3600),
    p95("p95 difference, 6 % ten times as slow", lognormal(1.0, 0.5), mixture(0.06, 10.0, 0.5)),
    p95("p95 difference, 4 % ten times as slow", lognormal(1.0, 0.5), mixture(0.04, 10.0, 0.5)),
    rare(0.02),
    rare(0.1),
    rare(0.4),
    rare(2.0),
)
METHODS = ("t", "bootstrap-t", "wider of both")
Bounds = tuple[np.ndarray, np.ndarray]


def student(values: np.ndarray, requests: int = 0) -> Bounds:
    """What simroute reports, for many studies at once: t, and for shares of few events no narrower
    than exact binomial bounds."""
    n = values.shape[1]
    mean, half = (
        values.mean(axis=1),
        stdtrit(n - 1, 0.975) * values.std(axis=1, ddof=1) / np.sqrt(n),
    )
    low, high = mean - half, mean + half
    if requests:
        trials = n * requests
        hits = np.rint(mean * trials).astype(np.int64)
        few = np.minimum(hits, trials - hits) < FEW_EVENTS
        exact = clopper_pearson(hits[few], trials, (1 - LEVEL) / 2)
        low[few], high[few] = np.minimum(low[few], exact[0]), np.maximum(high[few], exact[1])
    return low, high


def bootstrap_t(values: np.ndarray, chance: np.random.Generator) -> Bounds:
    """Efron's studentised bootstrap (1981): quantiles of (resampled mean - mean) / its standard
    error, instead of Student's."""
    n = values.shape[1]
    found = []
    for part in np.array_split(values, max(1, len(values) * n * RESAMPLES // 2_000_000)):
        drawn = np.take_along_axis(
            part[:, None, :], chance.integers(0, n, (len(part), 1, RESAMPLES * n)), 2
        ).reshape(len(part), RESAMPLES, n)
        mean, error = part.mean(axis=1), part.std(axis=1, ddof=1) / np.sqrt(n)
        spread = np.maximum(drawn.std(axis=2, ddof=1) / np.sqrt(n), 1e-12)
        low, high = np.quantile(
            (drawn.mean(axis=2) - mean[:, None]) / spread, [0.025, 0.975], axis=1
        )
        found.append((mean - high * error, mean - low * error))
    return np.concatenate([low for low, _ in found]), np.concatenate([high for _, high in found])


def held(bounds: Bounds, truth: float) -> float:
    """The share of studies whose interval holds the truth."""
    return float(((bounds[0] <= truth) & (truth <= bounds[1])).mean())


def cell(case: Case, replications: int, method: str = "t") -> float:
    """One figure of the table. Its seed is its place in it."""
    chance = np.random.Generator(np.random.Philox(key=[CASES.index(case), replications]))
    values = case.draw(chance, TRIALS, replications)
    if method == "t":
        return held(student(values, case.requests), case.truth)
    values = values[:RESAMPLED]
    (low, high), other = bootstrap_t(values, chance), student(values)
    return held(
        (low, high)
        if method == "bootstrap-t"
        else (np.minimum(low, other[0]), np.maximum(high, other[1])),
        case.truth,
    )


def rows() -> list[tuple[str, ...]]:
    """The table: a case a row; shares of few events have no bootstrap, since resampling nothing but
    successes gives no width."""
    return [
        (
            case.name,
            *(
                f"{100 * cell(case, n, method):.1f}" if method == "t" or not case.requests else ""
                for method in METHODS
                for n in MANY
            ),
        )
        for case in CASES
    ]


def written(text: str, name: str, lines: str) -> str:
    """The page with what stands between the markers of that name renewed."""
    begin, end = f"<!-- {name}: made by docs/coverages.py -->", f"<!-- {name}: end -->"
    pattern = re.compile(f"(?<={re.escape(begin)}\n).*?(?={re.escape(end)})", re.S)
    if not pattern.search(text):
        raise ValueError(f"the page has no markers {begin} … {end}")
    return pattern.sub(lambda _: f"\n{lines}\n\n", text)


def main() -> None:
    """Make the figures and write them."""
    head = ("nominal 95 %; replications", *(f"{method} {n}" for method in METHODS for n in MANY))
    text = written(PAGE.read_text(encoding="utf-8"), "coverage", table(head, rows()))
    head = (
        "random outages; replications",
        *(f"{what} {n}" for what in ("held", "false yes", "shown missed") for n in OUTAGES),
    )
    PAGE.write_text(written(text, "outages", table(head, outage_rows())), encoding="utf-8")


if __name__ == "__main__":
    main()
