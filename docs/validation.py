"""Predicted against published, for what is public: writes validation.md, or prints the sections
that are named.

    python docs/validation.py                     # the page
    python docs/validation.py prompt_cache        # one section, on the screen

The data are in ../shared/data, beside the checkout; none of them is part of it.
"""

from __future__ import annotations

import csv
import math
import sys
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import referees
from scipy.optimize import brentq

from simroute.fitting.arrivals import fit_arrivals
from simroute.fitting.latency import LatencyFit, fit_latency
from simroute.fitting.sample import Calls, read_sample
from simroute.models import spec
from simroute.models.outage_draws import draw_outages
from simroute.models.random import Streams
from simroute.traces import read
from simroute.traces.analysis.prefixes import shared_prefix_share

ROOT = Path(__file__).parent
DATA = ROOT.parent.parent / "shared" / "data"
TIMES = {
    "gpt-4o": (0.031, 0.458, 0.0101, 0.46),
    "gpt-3.5": (0.43, 0.004, 0.0071, 0.23),
    "claude-3-5": (0.33, 0.26, 0.0142, 0.10),
    "gemini-2.0": (0.21, 0.004, 0.0057, 0.10),
    "claude-4": (4.04, 0.27, 0.0103, 0.29),
    "gemini-2.5": (4.35, 1.54, 0.0279, 0.28),
}
"""Published fits: seconds, seconds per 1,000 input tokens, seconds per output token, sd of log."""
UNEVEN = {
    "azure2023_conv.csv": (1.4, 3.9, 16.0),
    "azure2023_code.csv": (13.0, 72.0, 164.0),
    "ragpulse.jsonl": (1.0, 1.1, 1.7),
}
"""Published indices of dispersion at 1, 10 and 60 s."""
AVAILABLE = {("openai", "api"): 99.82, ("anthropic", "api.anthropic.com"): 99.92}
"""Published availability in %, partial outages weighted .3, to August 2024."""
SPELLS = {"openai": (1.24, 81.2), "anthropic": (1.46, 72.6)}
"""Published durations of incidents: sd of log, and median in minutes."""
TRAIN, RUNS = 0.7, 400


def table(heads: list[str], rows: list[list[str]]) -> str:
    """In Markdown."""
    return "\n".join(
        ["| " + " | ".join(row) + " |" for row in (heads, ["---"] * len(heads), *rows)]
    )


def prompt_cache() -> str:
    """Hit rates of Mooncake's conversations."""
    trace = read([DATA / "mooncake_conversation.jsonl"])
    rows = []
    for words, lifetime, published in (
        ("for ever", None, 37),
        ("5 minutes after its last use", 300.0, 29),
    ):
        found = shared_prefix_share(trace, lifetime)
        assert found is not None
        rows.append([words, f"{100 * found:.1f} %", f"{published} %"])
    return table(["a beginning is remembered", "input tokens found", "published"], rows)


def times() -> str:
    """Latency of real calls, by model."""
    by: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    with (DATA / "latency_cloudincident2025.csv").open() as file:
        for row in csv.DictReader(file):
            model = next((name for name in TIMES if row["run"].startswith(name)), None)
            values = [float(row[key] or "nan") for key in ("in_tokens", "out_tokens", "e2e_s")]
            if model is not None and all(map(math.isfinite, values)) and values[2] > 0:
                by[model].append((values[0], values[1], values[2]))
    rows = []
    for model, (base, per_1k, per_token, sd) in TIMES.items():
        asked, given, seconds = np.array(by[model]).T
        blank = np.full(len(seconds), np.nan)
        found = fit_latency(
            Calls(
                np.arange(len(seconds), dtype=float),
                asked,
                given,
                seconds,
                blank,
                np.full(len(seconds), 200),
            )
        )
        assert found is not None
        here = float(np.median(asked)) / 1000, float(np.median(given))
        mean, apart = spread(found)
        mine = sum(
            found.keys[key].value * by
            for key, by in zip(
                ("base", "per_1k_input", "per_output_token"), (1.0, *here), strict=True
            )
        )
        published = base + per_1k * here[0] + per_token * here[1]
        (bics,) = found.families.values()
        sizes = f"{1000 * here[0]:,.0f} in, {here[1]:,.0f} out"
        likeliest = min(bics, key=lambda name: bics[name])
        figures = (
            f"{mine * math.exp(mean):.2f} s",
            f"{published:.2f} s",
            f"{apart:.2f}",
            f"{sd:.2f}",
            likeliest,
        )
        rows.append([model, f"{len(seconds):,}", sizes, *figures])
    return table(
        [
            "model",
            "calls",
            "median sizes",
            "fitted",
            "published",
            "sd of log, fitted",
            "published",
            "likeliest family",
        ],
        rows,
    )


def spread(found: LatencyFit) -> tuple[float, float]:
    """(mean, sd) of the log of what is multiplied with the linear part."""
    fast = found.keys["sigma"].value
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


def bursts() -> str:
    """Dispersion of logs, published, measured and as the fitted model has it."""
    rows = []
    for name, published in UNEVEN.items():
        seen = read_sample(read([DATA / name]))
        found = fit_arrivals(seen.arrival, seen.span, seen.starts)
        for words, values in (
            ("published", published),
            ("measured", found.observed),
            (f"fitted: {found.best.name}", found.simulated[found.best.name]),
        ):
            rows.append([name, words, *(f"{value:.3g}" for value in values if value is not None)])
    return table(["log", "", "at 1 s", "at 10 s", "at 60 s"], rows)


def availability() -> str:
    """Availability of two APIs from their status pages' minutes."""
    minutes: dict[tuple[str, str], list[tuple[str, float]]] = defaultdict(list)
    with (DATA / "outage_daily_atlarge.csv").open() as file:
        for row in csv.DictReader(file):
            if row["Date"] != "Date":
                lost = 0.3 * float(row["partial_outage_minutes"] or 0) + float(
                    row["major_outage_minutes"] or 0
                )
                minutes[row["provider"], row["Service"]].append((row["Date"], lost))
    rows = []
    for (provider, service), published in AVAILABLE.items():
        days = sorted(minutes[provider, service])
        found = 100 * (1 - sum(lost for _, lost in days) / (1440 * len(days)))
        rows.append(
            [
                f"{provider}, {service}",
                f"{days[0][0]} to {days[-1][0]}",
                f"{found:.2f} %",
                f"{published:.2f} %",
            ]
        )
    return table(["service", "days", "from the data", "published"], rows)


def incidents() -> str:
    """The first part of each provider's incidents as the outage keys of a scenario; the share of
    time under one in the rest."""
    rows = []
    for provider, (sd, middle) in SPELLS.items():
        told = _incidents(provider)
        spells = _merged(told)
        split = spells[0][0] + TRAIN * (spells[-1][1] - spells[0][0])
        past, rest = (
            [spell for spell in spells if spell[1] < split],
            [spell for spell in spells if spell[0] >= split],
        )
        lengths = np.array([end - start for start, end in told if end > start]) / 60
        log = np.log([end - start for start, end in past if end > start])
        fair = np.array([max(later[0] - earlier[1], 60.0) for earlier, later in pairwise(past)])
        shape, scale = _weibull(fair)
        horizon = spells[-1][1] - split
        outage = spec.Outage(
            provider=provider,
            mean_between=scale * math.gamma(1 + 1 / shape),
            shape=shape,
            repair=math.exp(log.mean()),
            repair_sigma=float(log.std()),
        )
        target = {"a": spec.Deployment(provider, "m", price=spec.PriceList(0, 0))}
        scene = spec.Scenario(target, horizon=horizon, outages={"o": outage})
        shares, counts = [], []
        for k in range(RUNS):
            held = draw_outages(scene, Streams(1, k), horizon)
            shares.append(sum(min(one.end, horizon) - one.start for one in held) / horizon)
            counts.append(len(held))
        low, high = np.quantile(shares, (0.025, 0.975))
        few, many = np.quantile(counts, (0.025, 0.975))
        came = sum(end - max(start, split) for start, end in rest) / horizon
        rows.append(
            [
                provider,
                f"{np.log(lengths).std():.2f} / {np.exp(np.log(lengths).mean()):.1f} min "
                f"({sd:.2f} / {middle:.1f} min)",
                f"{few:.0f} to {many:.0f}",
                f"{len(rest)}",
                f"{100 * low:.2f} to {100 * high:.2f} %",
                f"{100 * came:.2f} %",
            ]
        )
    heads = [
        "provider",
        "durations: sd of log / median (published)",
        "spells predicted",
        "came",
        "time under one, predicted",
        "came",
    ]
    return table(heads, rows)


def _incidents(provider: str) -> list[tuple[float, float]]:
    """(start, end) in seconds, to January 2025, where times are told to the minute."""
    found = []
    with (DATA / "incidents.csv").open() as file:
        for row in csv.DictReader(file):
            if row["provider"] == provider and row["time_precision"] == "minute" and row["end_utc"]:
                found.append(
                    tuple(
                        datetime.fromisoformat(row[key]).timestamp()
                        for key in ("start_utc", "end_utc")
                    )
                )
    return sorted((start, end) for start, end in found)


def _merged(told: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Without overlaps."""
    made = [told[0]]
    for start, end in told[1:]:
        if start <= made[-1][1]:
            made[-1] = made[-1][0], max(made[-1][1], end)
        else:
            made.append((start, end))
    return made


def _weibull(times: np.ndarray) -> tuple[float, float]:
    """(shape, scale) by maximum likelihood."""
    log = np.log(times)

    def slope(k: float) -> float:
        weights = (times / times.max()) ** k
        return float((weights * log).sum() / weights.sum() - 1 / k - log.mean())

    shape = float(brentq(slope, 0.05, 20))
    return shape, float((times**shape).mean() ** (1 / shape))


def outside() -> str:
    """Published figures and other programs, with the tests that hold us against them."""
    return table(["referee", "what comes out", "test"], referees.rows())


SECTIONS: dict[str, tuple[str, str, str, Callable[[], str]]] = {
    "prompt_cache": (
        "Prompt caches",
        "Mooncake's conversations, an hour: how much of the prompts had been sent before. "
        "`simroute fit` tells the same of any log\n"
        "that has prompts as blocks.",
        "simroute fit ../shared/data/mooncake_conversation.jsonl",
        prompt_cache,
    ),
    "times": (
        "Times of real calls",
        "Calls of 2025 by model, fitted as `simroute fit` does where only the whole time is "
        "known. The published line and ours stand\n"
        "at the median sizes; the spread is of both kinds of call together where a mixture is "
        "likeliest. Ours are means of the log,\n"
        "which long tails lift by up to a tenth.",
        "python docs/validation.py times",
        times,
    ),
    "bursts": (
        "Burstiness",
        "Variance over mean of counts in windows; 1 is a Poisson process. Fitted arrivals are "
        "too even where a log's rate drifts, most\n"
        "of all at a minute: the families know spells, no trends. `fit` says so in a sentence "
        "below its table.",
        "simroute fit ../shared/data/azure2023_conv.csv",
        bursts,
    ),
    "availability": (
        "Availability",
        "Minutes of the providers' status pages to August 2024, partial outages weighted .3.",
        "python docs/validation.py availability",
        availability,
    ),
    "incidents": (
        "Incidents to come",
        f"The keys `mean_between`, `shape`, `repair` and `repair_sigma` of an outage, fitted to "
        f"the first {100 * TRAIN:.0f} % of a provider's\n"
        f"time (all components, any severity, to January 2025), and {RUNS} runs of the rest: 95 "
        f"% of them, and what came. Overlapping\n"
        "incidents are one spell.\n\nDurations are as published. **The forecast fails**: both "
        "providers had incidents far more often in\n"
        "the last part than before, and a renewal process knows no trend. Take rates of outages "
        "from recent months, and hold a policy\n"
        "against several of them (`--vary`).",
        "python docs/validation.py incidents",
        incidents,
    ),
    "outside": (
        "Referees",
        "Papers, tables and programs of others, and which of their figures come out, by a test "
        "that fails if they do not. *Not yet*: not tried.",
        "python docs/validation.py outside",
        outside,
    ),
}


def page() -> str:
    """The whole page."""
    parts = [
        "# Predicted against published",
        "What simroute says about public data, beside what others have published of them or what "
        "came later. Made by\n"
        "`python docs/validation.py`; the data are not part of simroute: the commands look for "
        "them in `../shared/data`. How often\n"
        "forecasts of traffic hold: [Forecasts](forecast.md).",
    ]
    for title, about, command, found in SECTIONS.values():
        parts += [f"## {title}", about, found(), f"```sh\n{command}\n```"]
    return "\n\n".join(parts) + "\n"


def main(names: list[str]) -> None:
    """Write the page, or show sections."""
    if names:
        sys.stdout.write("\n\n".join(SECTIONS[name][3]() for name in names) + "\n")
    else:
        (ROOT / "validation.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
