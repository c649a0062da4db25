"""How often forecasts of public logs held: renews the tables of forecast.md, between its marks.

    python docs/forecasts.py

The logs are in ../shared/data, beside the checkout; none of them is part of it.
"""

from __future__ import annotations

import re
from pathlib import Path

from simroute.config.lineups import read_scenario
from simroute.fitting.forecast import ForecastPlan, forecast
from simroute.fitting.forecast_result import Forecast
from simroute.traces import read
from simroute.units import duration

ROOT = Path(__file__).parent
DATA = ROOT.parent.parent / "shared" / "data"
LOGS = ("azure2023_conv.csv", "mooncake_conversation.jsonl", "ragpulse.jsonl")
TRAIN, RUNS = 0.7, 200
UNITS = {
    "rate": "requests/s",
    "input_tokens": "input tokens/s",
    "output_tokens": "output tokens/s",
    "cost": "USD an hour",
}


def forecasts() -> dict[str, Forecast]:
    """Of each log, at the prices of the demo's first deployment."""
    given = read_scenario("demo").data["deployments"]
    return {
        name: forecast(read([DATA / name]), name, ForecastPlan(TRAIN, RUNS), given) for name in LOGS
    }


def shown(found: Forecast) -> str:
    """A table of figures, and the command."""
    rows = [
        "| figure | predicted | 95 % | came | held | windows that held |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, (low, middle, high, came) in found.overall.items():
        if came is not None:
            held, many = found.coverage[name]
            inside = "yes" if low <= came <= high else "**no**"
            rows.append(
                f"| {UNITS[name]} | {middle:.4g} | {low:.4g} to {high:.4g} | {came:.4g} | "
                f"{inside} | {held} of {many} |"
            )
    length = found.windows[0].end - found.windows[0].start
    told = (
        f"{found.trained:,} requests of {duration(found.split)} fitted, {found.held_out:,} "
        f"held out, in windows of {duration(length)}."
    )
    return f"{told}\n\n" + "\n".join(rows)


def renewed(text: str, found: dict[str, Forecast]) -> str:
    """The page with its tables made again."""
    for name, each in found.items():
        command = (
            f"```sh\nsimroute forecast ../shared/data/{name} --train {TRAIN} "
            f"--replications {RUNS} --deployments demo\n```"
        )
        made = f"<!-- {name} -->\n{shown(each)}\n\n{command}\n<!-- /{name} -->"
        text = re.sub(
            rf"<!-- {re.escape(name)} -->.*?<!-- /{re.escape(name)} -->",
            lambda _, new=made: new,
            text,
            flags=re.DOTALL,
        )
    return text


if __name__ == "__main__":
    page = ROOT / "forecast.md"
    page.write_text(renewed(page.read_text(encoding="utf-8"), forecasts()), encoding="utf-8")
