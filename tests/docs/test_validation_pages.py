"""The pages that hold predictions against what was published, or came, say what comes out."""

import re
from pathlib import Path

import forecasts
import pytest
import validation
from referees import REFEREES

NUMBER = re.compile(r"(?<![\w.])[0-9][0-9,]*\.?[0-9]*(?:e[+-]?[0-9]+)?")
DOCS = Path(__file__).parent.parent.parent / "docs"


def figures(text: str) -> list[float]:
    return [float(found.replace(",", "")) for found in NUMBER.findall(text)]


def alike(made: str, shown: str) -> None:
    """The same words, and figures that differ by less than 5 % (an optimum is found to three digits
    on another machine)."""
    assert NUMBER.sub("#", made) == NUMBER.sub("#", shown)
    assert figures(made) == pytest.approx(figures(shown), rel=0.05)


@pytest.mark.parametrize("name", ["prompt_cache", "availability"])
def test_what_is_counted_stands_on_the_page_as_it_is(shared: Path, name: str) -> None:
    """Sections without an optimum in them, to the digit; their first figure is within half a unit
    of the published one's last digit."""
    table = validation.SECTIONS[name][3]()
    assert table in (DOCS / "validation.md").read_text(encoding="utf-8")
    rows = [line.split("|")[-3:-1] for line in table.splitlines()[2:]]
    for ours, published in rows:
        digits = len(published.strip(" %").partition(".")[2])
        assert round(float(ours.strip(" %")), digits) == float(published.strip(" %"))


@pytest.mark.slow
def test_the_page_of_predictions_is_what_its_script_writes(shared: Path) -> None:
    """All sections."""
    alike(validation.page(), (DOCS / "validation.md").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_the_page_of_forecasts_is_what_its_script_writes(shared: Path) -> None:
    """All tables."""
    text = (DOCS / "forecast.md").read_text(encoding="utf-8")
    alike(forecasts.renewed(text, forecasts.forecasts()), text)


def test_each_referee_stands_on_the_page_and_has_a_test_that_is_there() -> None:
    """A test that is named is a function of the file that is named; who has none says so."""
    assert validation.outside() in (DOCS / "validation.md").read_text(encoding="utf-8")
    for who, what, test in REFEREES:
        assert (what == "not yet") == (not test), who
        if test:
            path, _, name = test.partition("::")
            assert f"def {name}(" in (DOCS.parent / path).read_text(encoding="utf-8"), who
