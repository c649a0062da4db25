"""The schedules of the documentation against the incidents that they are fitted to."""

import csv
import math
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simroute.config import schema, yaml_reader
from simroute.config.yaml_reader import Document
from simroute.models import spec
from simroute.models.outage_draws import draw_outages
from simroute.models.random import Streams

PAGE = Path(__file__).parents[2] / "docs" / "scenario.md"
COMPANIES = ("anthropic", "openai")
WEEK_MIN = 10_080.0
"""Longer rows are left out: one of Anthropic has 27,036 minutes, which would be most of any sum."""


@pytest.fixture(scope="module")
def observed() -> dict[str, spec.Outage]:
    """The schedules of the page."""
    text = PAGE.read_text()
    block = text[text.index("```yaml\noutages:\n  anthropic-now") + 8 :]
    data = yaml_reader.parse(block[: block.index("```")].encode(), "page").data["outages"]
    return {
        name.split("-")[0]: schema.build(spec.Outage, keys, Document("page", {}))
        for name, keys in data.items()
    }


def incidents(shared: Path, company: str) -> list[dict[str, str]]:
    """Those with a start, but for 2025, of which the file has nearly none."""
    with (shared / "data" / "incidents.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["provider"] == company]
    return [row for row in rows if row["start_utc"] and row["start_utc"][:4] != "2025"]


def moment(row: dict[str, str]) -> float:
    return datetime.fromisoformat(row["start_utc"].replace("Z", "+00:00")).timestamp()


def played(outage: spec.Outage, weeks: int = 2000) -> Any:
    """Start and duration (s) of each outage of many weeks."""
    horizon = weeks * 604_800.0
    company = str(outage.provider)
    fleet = {"a": spec.Deployment(company, "m", price=spec.PriceList(1, 1))}
    made = spec.Scenario(fleet, outages={"o": outage}, horizon=horizon)
    windows = draw_outages(made, Streams(1, 0), horizon)
    return np.array([w.start for w in windows]), np.array([w.end - w.start for w in windows])


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Kolmogorov and Smirnov's, of two samples."""
    every = np.sort(np.concatenate([one, other]))
    shares = [np.searchsorted(np.sort(each), every, "right") / len(each) for each in (one, other)]
    return float(np.abs(shares[0] - shares[1]).max())


@pytest.mark.parametrize("company", COMPANIES)
def test_durations_are_as_long_as_those_observed(
    shared: Path, observed: dict[str, spec.Outage], company: str
) -> None:
    """Fitted to the years to 2025, held against all but 2025: the distance of the distributions is
    at most .10, medians and 90th percentiles differ by a factor of at most 1.5."""
    seen = np.array([float(row["duration_min"] or 0) for row in incidents(shared, company)])
    seen = seen[(seen > 0) & (seen < WEEK_MIN)]
    lasts = played(observed[company])[1] / 60
    assert distance(seen, lasts) <= 0.10
    for share in (0.5, 0.9):
        ratio = np.quantile(lasts, share) / np.quantile(seen, share)
        assert 1 / 1.5 < ratio < 1.5


@pytest.mark.parametrize("company", COMPANIES)
def test_outages_begin_as_often_as_those_of_2026(
    shared: Path, observed: dict[str, spec.Outage], company: str
) -> None:
    """Of the times between starts the mean differs from 2026's by less than two of its standard
    errors, and the distance of the distributions is below Kolmogorov's bound of 5 %."""
    rows = [row for row in incidents(shared, company) if row["start_utc"].startswith("2026")]
    seen = np.diff(np.sort([moment(row) for row in rows])) / 3600
    gaps = np.diff(played(observed[company])[0]) / 3600
    assert gaps.mean() == pytest.approx(
        seen.mean(), abs=2 * seen.std(ddof=1) / math.sqrt(len(seen))
    )
    assert distance(seen, gaps) < 1.36 / math.sqrt(len(seen))


@pytest.mark.parametrize("company", COMPANIES)
def test_outages_begin_at_the_hours_and_days_of_those_observed(
    shared: Path, observed: dict[str, spec.Outage], company: str
) -> None:
    """The share from 06 to 18 h Pacific differs by at most .1, a weekend day's over a weekday's by
    at most .15."""

    def shares(hours: np.ndarray) -> tuple[float, float]:
        day = (hours // 24) % 7
        weekend, weekday = np.mean(day >= 5) / 2, np.mean(day < 5) / 5
        return float(np.mean((hours % 24 >= 6) & (hours % 24 < 18))), float(weekend / weekday)

    monday = 4 * 24  # 1970 began on a Thursday
    seen = np.array([moment(row) for row in incidents(shared, company)]) / 3600
    drawn = played(observed[company])[0] / 3600
    found, real = shares(drawn - 8), shares(seen - monday - 8)
    assert found[0] == pytest.approx(real[0], abs=0.10)
    assert found[1] == pytest.approx(real[1], abs=0.15)
