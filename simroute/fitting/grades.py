"""How far a scenario is trusted for something: good, fair or bad, and the sentence that says for
what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from simroute.text import clean, joined

Grade = Literal["good", "fair", "bad"]


def worse(one: Grade, other: Grade) -> Grade:
    """The worse of two grades."""
    return max(one, other, key=("good", "fair", "bad").index)


def trust_sentence(subject: str, grades: Mapping[str, Grade]) -> str:
    """What `subject` can be trusted for, with care for, and not for. `grades`: by what it says
    something about."""
    by_grade = {
        grade: _listed([name for name, each in grades.items() if each == grade])
        for grade in ("good", "fair", "bad")
    }
    good, fair, bad = by_grade.values()
    if not good and not fair:
        return f"{subject} cannot be trusted for {bad}." if bad else ""
    parts = [
        f"for {good}" if good else "",
        f"with care for {fair}" if fair else "",
        f"not for {bad}" if bad else "",
    ]
    return f"{subject} can be trusted {', '.join(filter(None, parts))}."


MOST_NAMED = 6
"""Names of one grade in the sentence."""


def _listed(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    named = [clean(name, 60) for name in names]
    return joined([*named[:MOST_NAMED], f"{more} more"] if more > 0 else named)
