"""Whose change pays most is named where the log tells it, and only there."""

from pathlib import Path

import pytest

from simroute.config.from_trace import TraceSource, load_replay
from simroute.report import RunDocuments
from simroute.report.figures import savings
from simroute.studies.comparison.study import Study
from simroute.studies.replay.savings import _shift
from simroute.studies.run import run_study
from tests.logs import Row, calls, written

PRICES = {"gpt-4o": (2.5, 10.0), "claude-sonnet-4-0": (3.0, 15.0)}


def played(path: Path, rows: list[Row], replications: int = 3) -> Study:
    """The log's own routing, and failover."""
    source = TraceSource(str(written(path / "log.csv", rows)), [], {})
    return run_study(load_replay(source, None, ["recorded", "failover"], [], 1, replications))


def with_features(rows: list[Row], small: int) -> list[Row]:
    """Every third call is of `mail`, whose prompts and answers are `small` tokens; the others are
    of `search`, as they are."""
    for place, row in enumerate(rows):
        row["feature"] = "search" if place % 3 else "mail"
        if row["feature"] == "mail":
            row |= {"input_tokens": small, "output_tokens": small}
            prices = PRICES[row["model"]]
            row["cost_usd"] = small * sum(prices) / 1e6
    return rows


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return played(tmp_path_factory.mktemp("log"), with_features(list(calls(3000)), 20))


def test_the_work_whose_shift_saves_most_is_named_with_its_assumptions(study: Study) -> None:
    """Claude's calls of search at gpt-4o's price, by hand from the list; for a month, 30 days over
    the log's span; nobody knows their quality."""
    rows = with_features(list(calls(3000)), 20)
    mine = [
        row for row in rows if row["model"] == "claude-sonnet-4-0" and row["feature"] == "search"
    ]
    saves = sum(0.5 * row["input_tokens"] + 5 * row["output_tokens"] for row in mine) / 1e6
    text = study.replay["pays_most"]["shift"]
    assert f"search from claude-sonnet-4-0 to gpt-4o ({len(mine):,} requests) saves most" in text
    assert f"${saves:.2f} of the log" in text
    assert "do not tell it" not in text
    assert "is an assumption" in text
    assert text in study.verdict_lines()
    assert savings.shifts(RunDocuments(study.summary, study.page_evidence)).caption.startswith(text)


def row(work: str, saves: float, requests: int, **more: object) -> dict[str, object]:
    """A shift of `work`."""
    return {
        "work": work,
        "from": "a",
        "to": "b",
        "requests": requests,
        "saves_usd": saves,
        "quality_from": None,
        "quality_to": None,
    } | more


def test_work_that_few_requests_do_not_tell_apart_is_named_together() -> None:
    """1.00 and 0.90 USD: of 100 requests each the difference is within 1.96 standard deviations,
    0.37 USD; of 10,000 it is not, 0.037 USD."""
    few = _shift([row("one", 1.0, 100), row("other", 0.9, 100)], 3600.0)
    many = _shift([row("one", 1.0, 10_000), row("other", 0.9, 10_000)], 3600.0)
    assert few is not None
    assert "do not tell it from other from a to b" in few
    assert many is not None
    assert "other" not in many
    assert "about $720.00 a month" not in many
    assert "about $720 a month" in many


def test_alternatives_of_the_same_work_are_no_rivals() -> None:
    """Only the best target of a kind of work counts; its stated quality is told."""
    shifts = [
        row("one", 1.0, 9, quality_from=0.9, quality_to=0.8),
        row("one", 0.99, 9, to="c"),
    ]
    text = _shift(shifts, 0.0)
    assert text is not None
    assert " to c" not in text
    assert "a month" not in text
    assert "from 90.00 % to 80.00 %" in text
    assert _shift([], 1.0) is None


def test_the_name_whose_bill_a_policy_changes_most_is_told_by_its_interval(study: Study) -> None:
    """Failover sends Claude's half to gpt-4o: its bill falls most, by the paired difference of the
    replications."""
    text = study.replay["pays_most"]["policies"]["failover"]
    runs = study.runs
    change = [
        (after.by["model"]["claude-sonnet-4-0"]["cost_usd"] or 0.0)
        - (before.by["model"]["claude-sonnet-4-0"]["cost_usd"] or 0.0)
        for before, after in zip(runs["recorded"], runs["failover"], strict=True)
    ]
    assert f"model claude-sonnet-4-0 -${-sum(change) / len(change):.2f}" in text
    assert "feature search" in text


def test_one_replication_names_nobody(tmp_path: Path) -> None:
    """It has no interval."""
    study = played(tmp_path, with_features(list(calls(600)), 20), replications=1)
    assert study.replay["pays_most"]["policies"] == {}
