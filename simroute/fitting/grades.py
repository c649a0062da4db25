"""How far a scenario is trusted for something: good, fair or bad, and the sentence that says for
what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from simroute.text import joined

Grade = Literal["good", "fair", "bad"]


def trust_sentence(subject: str, grades: Mapping[str, Grade]) -> str:
    """What `subject` can be trusted for, with care for, and not for. `grades`: by what it says
    something about."""
    by_grade = {
        grade: joined([name for name, each in grades.items() if each == grade])
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
