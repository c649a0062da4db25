"""Logs made by known laws, in our own columns, for tests of replays."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

START = 1_756_684_800
"""2025-09-01 00:00 UTC."""
LISTED = {
    "gpt-4o": ("openai", 2.5, 10.0),
    "claude-sonnet-4-0": ("anthropic", 3.0, 15.0),
    "gpt-4o-mini": ("openai", 0.15, 0.6),
}
"""model -> provider, and USD per million tokens as its company publishes them for that day."""

Row = dict[str, Any]


def calls(
    number: int,
    *,
    models: dict[str, float] | None = None,
    rate: float = 1.0,
    fails: Callable[[str, float], float] = lambda model, t: 0.0,
    seconds: float = 2.0,
    seed: int = 1,
    **same: Any,
) -> Iterator[Row]:
    """Poisson arrivals, billed as listed. models: with weights; fails(model, t): share that fails;
    latency: exponential, `seconds` on average."""
    chance, at, wanted = (
        random.Random(seed),
        0.0,
        models or {"gpt-4o": 1.0, "claude-sonnet-4-0": 1.0},
    )
    for place in range(number):
        at += chance.expovariate(rate)
        model = chance.choices(list(wanted), list(wanted.values()))[0]
        provider, input_price, output_price = LISTED[model]
        asked, given = chance.randint(100, 900), chance.randint(50, 400)
        bad, latency = chance.random() < fails(model, at), chance.expovariate(1 / seconds)
        yield {
            "arrival_ns": round((START + at) * 1e9),
            "input_tokens": 0 if bad else asked,
            "output_tokens": 0 if bad else given,
            "provider": provider,
            "model": model,
            "failed": str(bad).lower(),
            "status": 503 if bad else 200,
            "latency_s": 0.2 if bad else latency,
            "cost_usd": 0 if bad else (asked * input_price + given * output_price) / 1e6,
            "user": f"u{place % 7}",
            "session": f"s{place // 3}",
        } | same


def written(path: Path, rows: Iterator[Row] | list[Row]) -> Path:
    """The log as a CSV file."""
    listed = list(rows)
    names = list(dict.fromkeys(name for row in listed for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(listed)
    return path
