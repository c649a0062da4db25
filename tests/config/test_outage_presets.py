"""Outages that happened, by their names: as deep and as long as was published."""

from pathlib import Path
from typing import Any

import pytest

from simroute.config import yaml_reader
from simroute.config.configuration import Configuration
from simroute.config.laid_outages import outage_words
from simroute.config.loading import load
from simroute.errors import InputError
from simroute.experiment.run import replicate
from simroute.models import spec
from simroute.models.weather import Weather

PAGE = Path(__file__).parents[2] / "docs/scenario.md"
BARE = """
horizon: 10h
workload: {rate: 1}
deployments:
  a: {provider: openai, model: m, price: {input: 1, output: 1}}
  b: {provider: google, domain: us-east4, model: m, price: {input: 1, output: 1}}
outages: {x: {%s}}
"""
PUBLISHED = {
    "openai_2023_11_08": (94, 0.95),
    "openai_2024_11_25": (105, 0.13),
    "openai_2024_12_04": (90, 0.45),
    "vertex_2026_02_03": (60, 0.1792),
}
"""Minutes, and share of calls that got no answer: the first share (near total) and the last length
are assumptions."""


@pytest.fixture
def loaded(tmp_path: Path) -> Any:
    def load_with(keys: str) -> Configuration:
        file = tmp_path / "s.yaml"
        file.write_text(BARE % keys, encoding="utf-8")
        return load("run", str(file), ["direct"])

    return load_with


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_preset_is_as_deep_and_as_long_as_was_published(loaded: Any, name: str) -> None:
    """Played, the share of calls that meet it and fail is within four standard deviations; before
    and after it none does."""
    made = loaded(f"preset: {name}, start: 2h")
    (note,) = [line for line in made.notes if name in line]
    assert "outages.x" in note
    minutes, share = PUBLISHED[name]
    weather = Weather(made.scenario, 1, 0)
    target = "b" if name.startswith("vertex") else "a"
    within = weather.deployments[target].conditions(2 * 3600.0)[0]
    (window,) = weather.windows
    assert (window.start, window.end) == (7200.0, 7200.0 + 60 * minutes)
    assert within.failure_share == pytest.approx(share)
    assert weather.deployments[target].conditions(7199.0)[0].failure_share == 0
    n = 60 * minutes
    made.scenario.deployments.pop("b" if target == "a" else "a")
    failed = 1 - replicate(made, "direct", 0).metrics["success_rate"]
    sigma = (n * share * (2 - share)) ** 0.5  # Poisson arrivals, and a coin for each
    assert failed * 36_000 == pytest.approx(n * share, abs=4 * sigma + 36)


def test_keys_that_are_written_hold(loaded: Any) -> None:
    """Another provider, another depth, another end; at random it lasts as long each time."""
    keys = "preset: openai_2024_12_04, provider: google, start: 10%, end: 20%, hang_share: 1"
    assert loaded(keys).scenario.outages["x"] == spec.Outage(
        provider="google", start="10%", end="20%", hang_share=1.0, error_share=0.0
    )
    drawn = loaded("preset: openai_2023_11_08, mean_between: 100h").scenario.outages["x"]
    assert (drawn.repair, drawn.repair_law, drawn.end) == (94 * 60, "fixed", None)


def test_a_preset_on_the_command_line() -> None:
    """PRESET@START, over a packaged scenario; with a range it is looked up as a name, and is
    none."""
    words = outage_words(["openai_2024_12_04@20m"], "demo")
    found = load("compare", "demo", ["direct"], words).scenario.outages["openai_2024_12_04"]
    assert (found.provider, found.hang_share, found.error_share) == ("openai", 0.45, 0.0)
    assert float(found.end or 0) - float(found.start or 0) == 5400.0
    with pytest.raises(InputError, match="no provider, deployment or domain"):
        outage_words(["openai_2024_12_04@20m..30m"], "demo")


def test_an_unknown_preset_is_told_in_one_line(loaded: Any) -> None:
    """With those that are known."""
    with pytest.raises(InputError) as found:
        loaded("preset: openai_2024, start: 1h")
    assert "openai_2024_12_04" in found.value.lines[0]


def test_the_page_names_all_of_them() -> None:
    """Its block is read as it stands, with the minutes that are told beside each."""
    text = PAGE.read_text(encoding="utf-8")
    block = text[text.index("```yaml\noutages:\n  near_total") + 8 :]
    block = block[: block.index("```")]
    data = yaml_reader.parse(block.encode(), "page").data["outages"]
    assert [one["preset"] for one in data.values()] == list(PUBLISHED)
    for minutes, _ in list(PUBLISHED.values())[:3]:
        assert f"{minutes} min" in block
