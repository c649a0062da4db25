"""Rates of clients by window, of logs that hold no requests (ServeGen)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from simroute.traces import records
from simroute.traces.formats import servegen
from simroute.traces.raw_text import TraceError
from simroute.units import duration, percent

REASONS = {
    "no readable window": "t_s IS NULL OR rate_rps IS NULL OR client IS NULL",
    "negative rate": "rate_rps < 0 OR t_s < 0 OR cv < 0",
}


@dataclass
class RateWindows:
    """DuckDB's table `windows`: category, model, client, t_s, rate_rps, cv, pattern, p1, p2.

    count: of windows. skipped: reason -> rows.
    """

    connection: Any
    count: int = 0
    skipped: dict[str, int] = field(default_factory=dict)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return list(self.connection.execute(query).fetchall())


def read_windows(paths: list[Path], progress: Callable[[int], None] | None = None) -> RateWindows:
    """Read all windows of several files. Raises TraceError."""
    from simroute.traces.table import open_database

    windows = RateWindows(open_database(sum(path.stat().st_size for path in paths)))
    run = windows.connection.execute
    typed = ", ".join(
        f'num("{name}") AS "{name}"' for name in ("t_s", "rate_rps", "cv", "p1", "p2")
    )
    reason = " ".join(
        ["CASE", *(f"WHEN {test} THEN '{name}'" for name, test in REASONS.items()), "END"]
    )
    select = (
        f"SELECT *, {reason} AS reason FROM (SELECT word(category) AS category, word(model) "
        f"AS model, word(client) AS client, {typed},"
    )
    none = ", ".join(f'NULL::VARCHAR AS "{name}"' for name in servegen.FIELDS)
    run(f"CREATE TABLE windows AS {select} word(pattern) AS pattern FROM (SELECT {none})) LIMIT 0")
    for path in paths:
        for part in records.read_chunks(path, servegen.FIELDS, records.unwrap_data):
            chunk = {
                name: np.array(part.columns.get(name) or [None] * len(part.lines), object)
                for name in servegen.FIELDS
            }
            texts = ", ".join(f'CAST("{name}" AS VARCHAR) AS "{name}"' for name in chunk)
            run(
                f"INSERT INTO windows {select} word(pattern) AS pattern FROM (SELECT {texts} "
                f"FROM chunk))"
            )
            if part.broken:
                windows.skipped["broken line"] = windows.skipped.get("broken line", 0) + len(
                    part.broken
                )
            windows.count += len(part.lines)
            if progress is not None:
                progress(windows.count)
    windows.skipped |= dict(
        windows.rows(
            "SELECT reason, count(*) FROM windows WHERE reason IS NOT NULL GROUP BY 1 ORDER BY 2 "
            "DESC"
        )
    )
    run("DELETE FROM windows WHERE reason IS NOT NULL; ALTER TABLE windows DROP COLUMN reason")
    windows.count = windows.rows("SELECT count(*) FROM windows")[0][0]
    if not windows.count:
        raise TraceError(f"{paths[0]}: no rows; expected windows with client, t_s and rate_rps")
    return windows


def window_lines(windows: RateWindows) -> Iterator[tuple[str, str]]:
    """The windows described, in lines of words: all together, then by model."""
    size = servegen.WINDOW_S
    first, last, expected = windows.rows(
        f"SELECT min(t_s), max(t_s) + {size}, sum(rate_rps) * {size} FROM windows"
    )[0]
    yield "windows", f"{windows.count:,} of {size} s; no requests are in it"
    yield "span", f"{duration(last - first)}, on a clock of its own"
    yield "expected requests", f"{expected:,.0f}, {expected / (last - first):,.4g} a second"
    for model in summarize_models(windows):
        cv = f"variation of inter-arrival times {model['cv_p50']:.2f} (p90 {model['cv_p90']:.2f})"
        top = f"ten largest {percent(model['top_ten'])}"
        text = (
            f"{model['clients']:,} clients, {model['expected_requests']:,.0f} requests, "
            f"{top}, {cv}, gamma in {percent(model['gamma'])} of windows"
        )
        yield f"{model['category']} {model['model']}", text
    for reason, count in windows.skipped.items():
        yield "skipped", f"{count:,}: {reason}"


def summarize_models(windows: RateWindows) -> list[dict[str, Any]]:
    """For each category and model: clients, expected requests, the share of the ten largest clients
    in them, quantiles of the windows' cv, share of gamma windows."""
    clients = (
        f"SELECT category, model, client, sum(rate_rps) * {servegen.WINDOW_S} AS n, row_number() "
        f"OVER (PARTITION BY category, model ORDER BY n DESC)"
        " AS place FROM windows GROUP BY 1, 2, 3"
    )
    sums = (
        "SELECT category, model, count(*) AS clients, sum(n) AS expected_requests, sum(n) FILTER "
        "(place <= 10) / sum(n) AS top_ten"
        f" FROM ({clients}) GROUP BY 1, 2"
    )
    shapes = (
        "SELECT category, model, quantile_cont(cv, 0.5) AS cv_p50, quantile_cont(cv, 0.9) AS "
        "cv_p90,"
        " count(*) FILTER (pattern = 'Gamma') / count(*) AS gamma FROM windows GROUP BY 1, 2"
    )
    names = (
        "category",
        "model",
        "clients",
        "expected_requests",
        "top_ten",
        "cv_p50",
        "cv_p90",
        "gamma",
    )
    together = (
        f"FROM ({sums}) JOIN ({shapes}) USING (category, model) ORDER BY expected_requests DESC"
    )
    return [
        dict(zip(names, row, strict=True))
        for row in windows.rows(f"SELECT {', '.join(names)} {together}")
    ]


def summarize(windows: RateWindows) -> dict[str, Any]:
    """The flat figures of `trace inspect --json`; `requests` is None, since there are none."""
    models = summarize_models(windows)
    first, last = windows.rows(f"SELECT min(t_s), max(t_s) + {servegen.WINDOW_S} FROM windows")[0]
    return {
        "format": "servegen",
        "requests": None,
        "skipped": windows.skipped,
        "first_arrival_utc": None,
        "last_arrival_utc": None,
        "span_s": last - first,
        "windows": windows.count,
        "expected_requests": sum(model["expected_requests"] for model in models),
        "clients": sum(model["clients"] for model in models),
        "models": len(models),
    }
