"""Each of the ten questions is answered by its one command, as the page says."""

import re
from pathlib import Path

import pytest

from pages import commands, followed, hurried

PAGE = Path(__file__).parent.parent.parent / "docs" / "questions.md"
TEN = (
    "What if Anthropic is down for an hour?",
    "Which timeout?",
    "Is my fallback in the same company's cloud?",
    "What would model B cost?",
    "How long until my breaker notices with 4 replicas?",
    "Which cache threshold for 1 % wrong answers?",
    "Can I afford 20 % growth?",
    "Is my 429 storm my own retries?",
    "What did yesterday's outage cost?",
    "Which policy for batch work?",
)
LONG = {"Which cache threshold for 1 % wrong answers?", "Can I afford 20 % growth?"}
"""A search and four times a day: as they stand they take longest."""


def parts():
    """What stands before the first question, and question -> what stands under it."""
    before, *sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.M)
    return before, dict(section.split("\n", 1) for section in sections)


def alone(question, folder):
    """A page with this question only, and the folder that it begins with."""
    before, sections = parts()
    page = folder / "question.md"
    page.write_text(before + sections[question], encoding="utf-8")
    return page


def test_the_ten_commonest_questions_are_there():
    """In this order, and none besides."""
    assert tuple(parts()[1]) == TEN


@pytest.mark.parametrize(
    "question", [pytest.param(each, marks=[pytest.mark.slow] * (each in LONG)) for each in TEN]
)
def test_a_question_is_answered_as_the_page_says(question, tmp_path):
    """In a fresh folder, the command ends well and prints these figures."""
    assert followed(alone(question, tmp_path), tmp_path) == []


@pytest.mark.parametrize("question", sorted(LONG))
def test_a_long_answer_s_command_is_understood(question, tmp_path, monkeypatch):
    """With less weather and a shorter search."""
    monkeypatch.chdir(tmp_path)
    assert hurried(alone(question, tmp_path)) == []


@pytest.mark.parametrize("question", TEN)
def test_a_question_takes_one_command_and_no_file(question, tmp_path):
    """But for the one that makes up a log; nothing is edited or written by hand."""
    page = alone(question, tmp_path)
    text = page.read_text(encoding="utf-8")
    asked = commands(page)
    joined = "\n".join(asked).replace("\\\n", "").splitlines()
    assert joined[:2] == ["simroute init work", "cd work"]
    assert [line.split()[0] for line in joined] == [
        "simroute",
        "cd",
        *["simroute"] * len(joined[2:]),
    ]
    assert len([line for line in joined[2:] if "--out reports/yesterday" not in line]) == 1
    assert set(re.findall(r"^```(\w+)", text, re.M)) == {"sh", "text"}
