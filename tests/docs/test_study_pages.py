"""The pages of docs/studies say what is in their records, and the records agree with what theory
says."""

import json
import re

import mmlu
import pytest
import yaml
from findings import ROOT, broken, claims, written
from studied import FOLDER, STUDIES, TABLE, commands, figures, hashes, measured

from simroute.config.loading import load
from simroute.core import Judge
from simroute.studies.sensitivity.ranges import parse_ranges
from simroute.studies.tuning import SearchRequest, plan_search
from simroute.traces import read_outcomes

PARTS = [(name, key) for name, asked in STUDIES.items() for key in asked.parts]
SECTIONS = ["Set-up", "Finding", "Figures", "What was assumed", "What would change the answer"]


def page(name):
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def record(name):
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def test_every_study_has_a_page_in_the_menu():
    """And is reached from the first page."""
    menu, first = (
        (ROOT / "mkdocs.yml").read_text(encoding="utf-8"),
        (ROOT / "docs" / "index.md").read_text(encoding="utf-8"),
    )
    assert (
        sorted(STUDIES)
        == sorted(path.stem for path in FOLDER.glob("*.md"))
        == sorted(path.stem for path in FOLDER.glob("*.json"))
    )
    assert [
        name
        for name in STUDIES
        if f"studies/{name}.md" not in menu or f"(studies/{name}.md)" not in first
    ] == []


@pytest.mark.parametrize("name", STUDIES)
def test_a_page_asks_the_question_of_its_scenario_and_answers_it(name):
    """Word for word, under the title; then set-up, finding, figures, what was assumed, and what
    would change the answer."""
    about = yaml.safe_load((ROOT / "scenarios" / f"{name}.yaml").read_text(encoding="utf-8"))[
        "about"
    ]
    assert page(name).startswith(f"# {name}\n\n**{' '.join(about.split())}**\n")
    assert re.findall(r"^## (.+)$", page(name), re.M) == SECTIONS


@pytest.mark.parametrize("name", STUDIES)
def test_figures_were_measured_with_the_files_as_they_are(name):
    """A changed scenario or policy makes its page stale: `make docs-findings`."""
    assert record(name)["files"] == hashes(name)


@pytest.mark.parametrize("name", STUDIES)
def test_set_up_and_tables_are_those_of_the_record(name):
    """Nobody has edited what is generated; the commands on the page are those that were
    measured."""
    assert written(page(name), name, record(name), figures) == page(name)
    assert all(command in page(name) for command in commands(name))


@pytest.mark.parametrize("name", STUDIES)
def test_the_finding_is_true_of_the_figures(name):
    """Whatever it rests on holds."""
    assert len(list(claims(page(name)))) >= 6
    assert broken(page(name), record(name)) == []


@pytest.mark.parametrize(("name", "key"), PARTS)
def test_the_commands_are_understood(name, key):
    """The words of each part name what there is, and its ranges are those of its table."""
    part = STUDIES[name].parts[key]
    words = [word for word in part.words if TABLE not in word]
    found = parse_ranges(
        list(part.vary), load("compare", part.scenario or name, list(part.policies), words)
    )
    assert [axis.key.split(".")[-1] for axis in found] == record(name)["rows"][key]["heads"]


@pytest.mark.parametrize("name", [name for name, asked in STUDIES.items() if asked.search])
def test_the_searches_are_understood(name):
    """What is searched is what was recommended."""
    search = STUDIES[name].search
    plan = plan_search(
        SearchRequest(
            [name], search.policy, dict(search.space), [search.objective], list(search.subject_to)
        )
    )
    assert [one.name for one in plan.space.parameters] == list(
        record(name)["search"]["recommended"]
    )


def test_the_counts_are_those_of_the_table(shared):
    """Both, weak only, strong only and neither right."""
    columns = read_outcomes(shared / "data" / "outcomes_mmlu_routellm.csv.gz").columns
    weak, strong = columns["mixtral-8x7b"] > 0, columns["gpt-4-1106"] > 0
    found = [
        (weak & strong).sum(),
        (weak & ~strong).sum(),
        (~weak & strong).sum(),
        (~weak & ~strong).sum(),
    ]
    assert found == [mmlu.BOTH, mmlu.WEAK_ONLY, mmlu.STRONG_ONLY, mmlu.NEITHER]


def test_the_closed_forms_give_the_published_points():
    """quality-model.md: cascades of T/F .9/.1 and .8/.2, random routing at 50 %, the oracle's
    ceiling."""
    for (right, wrong), escalation, accuracy in (
        ((0.9, 0.1), 0.355268, 0.835663),
        ((0.8, 0.2), 0.391451, 0.812595),
    ):
        judge = Judge(right, wrong)
        assert (mmlu.twice(judge), mmlu.accuracy(judge)) == pytest.approx(
            (escalation, accuracy), abs=1e-6
        )
    assert mmlu.random_share(0.74339) == pytest.approx(0.5, abs=1e-4)
    assert mmlu.oracle_share(0.85873050) == pytest.approx(0.177816, abs=1e-6)


@pytest.mark.parametrize("auroc", mmlu.AUROCS)
def test_a_threshold_reaches_the_goal_and_the_simulator_agrees(auroc):
    """Closed form to the last digit; on the table within four sd of five passes (.2 points each, as
    published), sends within .3 points."""
    passes = mmlu.threshold(auroc)
    judge = Judge(auroc=auroc, false_accept=passes)
    assert mmlu.accuracy(judge) == pytest.approx(mmlu.GOAL, abs=1e-9)
    assert mmlu.accuracy(Judge(auroc=auroc, false_accept=passes + 0.01)) < mmlu.GOAL
    found = record("cascade_mmlu")["figures"][f"judge@{auroc}"]
    assert found["quality_mean"]["mean"] == pytest.approx(mmlu.GOAL, abs=4 * 0.002 / 5**0.5)
    assert found["attempts_per_request"]["mean"] - 1 == pytest.approx(mmlu.twice(judge), abs=0.003)


@pytest.mark.slow
def test_a_study_gives_its_figures_again():
    """All of flaky_provider; equal to the record in as many digits as it keeps but the last two,
    where processors may differ."""
    now, then = measured("flaky_provider")["figures"], record("flaky_provider")["figures"]
    assert now.keys() == then.keys()
    for key, found in then.items():
        for metric, interval in found.items():
            assert list(now[key][metric].values()) == pytest.approx(
                list(interval.values()), rel=1e-5
            ), (key, metric)
