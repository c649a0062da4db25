"""Fits of public logs against what was published of them (../shared/specs/providers.md)."""

import csv
import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtri
from validation import TIMES

from simroute.fitting.arrivals import dispersion
from simroute.fitting.latency import LatencyFit, fit_latency
from simroute.fitting.lengths import fit_lengths
from simroute.fitting.sample import Calls, Sample, read_sample
from simroute.fitting.sessions import fit_sessions
from simroute.traces import read


def spread(found: LatencyFit, sigma: str = "sigma") -> tuple[float, float]:
    """(mean, sd) of the log of what is multiplied with the linear part, both kinds of call
    together."""
    fast = found.keys[sigma].value
    if not found.slow:
        return 0.0, fast
    share, far, slow = (
        found.slow["share"].value,
        math.log(found.slow["factor"].value),
        found.slow["sigma"].value,
    )
    return share * far, math.sqrt(
        (1 - share) * fast**2 + share * slow**2 + share * (1 - share) * far**2
    )


def timed(
    seconds: np.ndarray, asked: np.ndarray, given: np.ndarray, ttft: np.ndarray | None = None
) -> Calls:
    blank = np.full(len(seconds), np.nan)
    return Calls(
        np.arange(len(seconds), dtype=float),
        asked,
        given,
        seconds,
        blank if ttft is None else ttft,
        np.full(len(seconds), 200),
    )


def columns(path: Path, *names: str) -> Iterator[tuple[dict[str, str], list[float]]]:
    with path.open() as file:
        for row in csv.DictReader(file):
            yield row, [float(row[name] or "nan") for name in names]


@pytest.mark.parametrize("model", TIMES)
def test_times_of_real_calls_are_as_published(shared: Path, model: str) -> None:
    """At the median sizes the time is within 10 % of the published line's, and its sd of log within
    .015."""
    base, per_1k, per_token, sd = TIMES[model]
    path = shared / "data/latency_cloudincident2025.csv"
    rows = np.array(
        [
            values
            for row, values in columns(path, "in_tokens", "out_tokens", "e2e_s")
            if row["run"].startswith(model)
        ]
    )
    asked, given, seconds = rows[np.isfinite(rows).all(axis=1) & (rows[:, 2] > 0)].T
    found = fit_latency(timed(seconds, asked, given))
    assert found is not None
    keys, (mean, apart) = found.keys, spread(found)
    here = np.median(asked) / 1000, np.median(given)
    mine = (
        keys["base"].value
        + keys["per_1k_input"].value * here[0]
        + keys["per_output_token"].value * here[1]
    ) * math.exp(mean)
    assert mine == pytest.approx(base + per_1k * here[0] + per_token * here[1], rel=0.10)
    assert apart == pytest.approx(sd, abs=0.015)


def log_spread(found: LatencyFit) -> float:
    """sd of the log of the time to first token that the fitted family has."""
    normal = ndtri((np.arange(4000) + 0.5) / 4000)
    fast = np.exp(found.keys["sigma"].value * normal)
    share = found.slow["share"].value if found.slow else 0.0
    slow = (
        found.slow["factor"].value * np.exp(found.slow["sigma"].value * normal)
        if found.slow
        else fast
    )
    size = found.keys["base"].value + found.keys["per_1k_input"].value * 0.55
    floor = found.keys["floor"].value if "floor" in found.keys else 0.0
    one, two = np.log(floor + size * fast), np.log(floor + size * slow)
    mean = (1 - share) * one.mean() + share * two.mean()
    return math.sqrt((1 - share) * ((one - mean) ** 2).mean() + share * ((two - mean) ** 2).mean())


@pytest.mark.parametrize(
    ("name", "group", "sd"),
    [
        ("latency_llmperf2023", ("provider", "size"), 0.24),
        ("latency_thefastest2024", ("model",), 0.50),
    ],
)
def test_first_tokens_spread_as_published(
    shared: Path, name: str, group: tuple[str, ...], sd: float
) -> None:
    """sd of log: .24 in one burst, .50 over weeks and regions (medians over groups): within .04; in
    a burst no plain lognormal is best."""
    found = defaultdict(list)
    for row, (ttft,) in columns(shared / f"data/{name}.csv", "ttft_s"):
        if ttft > 0 and not row.get("error_code") and not row.get("error"):
            found[tuple(row[key] for key in group)].append(ttft)
    every = [
        fit_latency(timed(2 * s, np.full(len(s), 550.0), np.full(len(s), 150.0), s))
        for s in map(np.array, found.values())
        if len(s) >= 50
    ]
    fitted = [each for each in every if each is not None]
    assert len(fitted) >= 5
    assert float(np.median([log_spread(each) for each in fitted])) == pytest.approx(sd, abs=0.04)
    bics = [bic for each in fitted if len(bic := each.families["time to first token"]) > 1]
    assert (
        name != "latency_llmperf2023"
        or sum(min(bic, key=lambda family: bic[family]) != "lognormal" for bic in bics)
        > 0.9 * len(bics)
        > 5
    )


@pytest.fixture(scope="module")
def samples(shared: Path) -> dict[str, Sample]:
    names = (
        "azure2023_code.csv",
        "azure2023_conv.csv",
        "mooncake_conversation.jsonl",
        "ragpulse.jsonl",
    )
    return {name.split(".")[0]: read_sample(read([shared / "data" / name])) for name in names}


SIZES = {
    "azure2023_code": ((1469, 5187, 7436), (13, 55, 251), (13, 72, 164)),
    "azure2023_conv": ((1020, 2734, 4142), (129, 424, 601), (1.4, 3.9, 16)),
    "mooncake_conversation": ((6909, 27367, 85400), (350, 597, 1118), None),
    "ragpulse": ((3139, 3958, 5438), (234, 563, 891), (1.0, 1.1, 1.7)),
}
"""Log -> p50, p90, p99 of input and of output tokens, and the index of dispersion at 1, 10 and 60
s."""


@pytest.mark.parametrize("name", SIZES)
def test_tables_of_lengths_have_the_published_quantiles(
    samples: dict[str, Sample], name: str
) -> None:
    """p50, p90 and p99 to two tokens (quantiles between two texts are defined in several ways);
    dispersions to the published digits."""
    seen, (asked, given, uneven) = samples[name], SIZES[name]
    for tokens, published in ((seen.input_tokens, asked), (seen.output_tokens, given)):
        table = fit_lengths(tokens).quantiles
        assert [table["p50"], table["p90"], table["p99"]] == pytest.approx(published, abs=2)
    if uneven is not None:
        assert [
            dispersion(seen.arrival, seen.span, scale) for scale in (1.0, 10.0, 60.0)
        ] == pytest.approx(uneven, rel=0.05)


def test_sessions_are_as_published(samples: dict[str, Sample]) -> None:
    """RAGPulse: 1.78 turns, pauses of 15 / 40 / 300 s at p10 / p50 / p90."""
    found = fit_sessions(samples["ragpulse"].sessions)
    assert found is not None
    assert found.turns.value == pytest.approx(1.78, abs=0.005)
    assert found.pauses == pytest.approx((15, 40, 300), rel=0.02)
