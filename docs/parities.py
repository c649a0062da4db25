"""Measures how far simulation and sockets agree, and writes both tables into docs/parity.md,
between its markers. `make docs-parity`, or `python docs/parities.py [SPEED]`; takes minutes.

Exit 1 where a figure is outside its margin; the page says so in the row.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent / "parity.md"
SCENARIOS = ("anthropic_outage", "rate_limit_storm", "flaky_provider")
POLICIES = ("circuit_breaker", "layered")
SPEED = "10"
HEADS = {
    "success_rate": "success, points",
    "latency_p50_s": "p50, s",
    "latency_p95_s": "p95, s",
    "ttft_p95_s": "first token p95, s",
    "attempts_per_request": "attempts a request",
    "breaker_opened": "breaker openings",
    "cost_usd": "cost, $",
}
"""Figure -> head of its column. Success is told in points of a hundred."""
ROW = "| {} | {} |"


def main() -> int:
    speed = (*sys.argv[1:], SPEED)[0]
    ways = {"still": ["--still"], "speed": ["--speed", speed]}
    agree = True
    for name, options in ways.items():
        runs = {scenario: measured(scenario, options) for scenario in SCENARIOS}
        agree = agree and all(line["agrees"] for run in runs.values() for line in lines_of(run))
        text = between(PAGE.read_text(encoding="utf-8"), name, "\n".join(table(runs)))
        text = re.sub(r"--speed \d+(\.\d+)?", f"--speed {speed}", text)
        PAGE.write_text(text, encoding="utf-8")
    return 0 if agree else 1


def measured(scenario: str, options: list[str]) -> dict[str, list[dict[str, Any]]]:
    """The figures of each policy, as the command tells them."""
    words = [f"scenario={scenario}", f"policy={','.join(POLICIES)}", *options, "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "simroute", "parity", *words], stdout=subprocess.PIPE, text=True
    )
    if done.returncode not in (0, 1):
        raise SystemExit(done.returncode)
    found: dict[str, list[dict[str, Any]]] = json.loads(done.stdout)["policies"]
    return found


def lines_of(run: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [line for lines in run.values() for line in lines]


def table(runs: dict[str, dict[str, list[dict[str, Any]]]]) -> list[str]:
    """A row for each run: the simulated figure, and by how much the other differs."""
    margins = {line["name"]: margin(line) for run in runs.values() for line in lines_of(run)}
    rows = [
        ROW.format("scenario, policy", " | ".join(HEADS.values())),
        ROW.format("---", " | ".join("---:" for _ in HEADS)),
        ROW.format("margin", " | ".join(margins.get(name, "") for name in HEADS)),
    ]
    for scenario, run in runs.items():
        for policy, lines in run.items():
            told = {line["name"]: cell(line) for line in lines}
            figures = " | ".join(told.get(name, "") for name in HEADS)
            rows.append(ROW.format(f"`{scenario}`, `{policy}`", figures))
    return rows


def margin(line: dict[str, Any]) -> str:
    if line["is_share"]:
        return f"{line['margin']:.0%}"
    return f"{100 * line['margin'] if line['name'] == 'success_rate' else line['margin']:g}"


def cell(line: dict[str, Any]) -> str:
    """`2.85 +0.04 (-0.01 … +0.1)`: simulated, difference, and its interval where there is one."""
    scale = 100.0 if line["name"] == "success_rate" else 1.0
    simulated, difference = scale * line["simulated"], scale * line["difference"]
    bounds = ""
    if line["low"] is not None and line["low"] < line["high"]:
        bounds = f" ({signed(scale * line['low'])} … {signed(scale * line['high'])})"
    outside = "" if line["agrees"] else " **outside**"
    return f"{simulated:.4g} {signed(difference)}{bounds}{outside}"


def signed(value: float) -> str:
    """Two digits; 0 for what is none."""
    return "0" if abs(value) < 1e-9 else f"{value:+.2g}"


def between(text: str, name: str, content: str) -> str:
    """The page with new content between its markers."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    head, rest = text.split(begin)
    return f"{head}{begin}\n\n{content}\n\n{end}{rest.split(end)[1]}"


if __name__ == "__main__":
    sys.exit(main())
