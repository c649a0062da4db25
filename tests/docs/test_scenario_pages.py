"""The pages of the packaged scenarios say what is in the files and in the figures."""

import json
import re
from pathlib import Path

import pytest
import yaml
from findings import FOLDER, PAGES, broken, claims, command, hashes, measured, written
from generated import pages
from studied import STUDIES

ROOT = Path(__file__).parent.parent.parent
PACKAGED = sorted(path.stem for path in (ROOT / "scenarios").glob("*.yaml"))
NAMES = sorted(PAGES)


def page(name):
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def record(name):
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def test_every_packaged_scenario_has_a_page():
    """Or a study, or both; it is listed in the overview, a page reached from the menu."""
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    overview = pages()["scenarios/index.md"]
    assert sorted({*PAGES, *STUDIES}) == PACKAGED
    assert sorted(path.stem for path in FOLDER.glob("*.md")) == NAMES
    assert [
        name
        for name in NAMES
        if f"scenarios/{name}.md" not in menu or f"({name}.md)" not in overview
    ] == []
    assert [name for name in STUDIES if f"(../studies/{name}.md)" not in overview] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_page_asks_the_question_of_its_scenario(name):
    """Word for word, under the title."""
    about = yaml.safe_load((ROOT / "scenarios" / f"{name}.yaml").read_text(encoding="utf-8"))[
        "about"
    ]
    assert page(name).startswith(f"# {name}\n\n**{' '.join(about.split())}**\n")


@pytest.mark.parametrize("name", NAMES)
def test_figures_were_measured_with_the_files_as_they_are(name):
    """A changed scenario or policy makes its page stale: `make docs-findings`."""
    assert record(name)["files"] == hashes(name)


@pytest.mark.parametrize("name", NAMES)
def test_set_up_and_tables_are_those_of_the_record(name):
    """Nobody has edited what is generated; the command on the page is the one that was measured."""
    assert written(page(name), name, record(name)) == page(name)
    assert f"```sh\n{command(name)}\n```" in page(name)


@pytest.mark.parametrize("name", NAMES)
def test_the_finding_is_true_of_the_figures(name):
    """Three to six sentences, and whatever they rest on holds."""
    finding = re.search(r"## Finding\n\n(.*?)\n\n<!-- holds", page(name), re.S)
    assert finding is not None
    assert 3 <= len(re.findall(r"[.](?=\s+[A-Z`]|$)", " ".join(finding[1].split()))) <= 6
    assert len(list(claims(page(name)))) >= 5
    assert broken(page(name), record(name)) == []


def test_a_claim_that_does_not_hold_is_found():
    """Each sign, on a figure of failover that is 0.5."""
    made = {
        "figures": {"failover": {"quality_mean": {"mean": 0.5, "low": 0.4, "high": 0.6}}},
        "differences": {},
    }
    text = "".join(
        f"<!-- holds: failover.quality_mean{claim} -->"
        for claim in (" > 0.5", " < 0.5", " = 0.51", " = 0.5", ".low > 0.45", ".high > 0.5")
    )
    assert [line.split(" (")[0] for line in broken(text, made)] == [
        "failover.quality_mean > 0.5",
        "failover.quality_mean < 0.5",
        "failover.quality_mean = 0.51",
        "failover.quality_mean.low > 0.45",
    ]


@pytest.mark.slow
def test_the_demo_gives_its_figures_again():
    """All twenty replications; equal to the record in as many digits as it keeps but the last two,
    where processors may differ."""
    now, then = measured("demo"), record("demo")
    assert now["kept"] == then["kept"]
    for policy, figures in then["figures"].items():
        for metric, found in figures.items():
            assert list(now["figures"][policy][metric].values()) == pytest.approx(
                list(found.values()), rel=1e-5
            ), (policy, metric)
