"""What every study has in common at its end."""

from __future__ import annotations

import json
from abc import abstractmethod
from typing import Any, Protocol


class StudyResult(Protocol):
    """What came out of a study.

    `interrupted`: cut short by Ctrl-C; `unwritten`: names of files that could not be written, with
    a line for each reason in `problems`.
    """

    interrupted: bool
    unwritten: set[str]
    problems: list[str]

    @property
    @abstractmethod
    def summary(self) -> dict[str, Any]:
        """The JSON summary: no time of day, path or number of workers."""

    @property
    @abstractmethod
    def figures(self) -> dict[str, Any]:
        """plotly's figures by name."""

    @abstractmethod
    def lines(self) -> list[str]:
        """What the study says, in sentences."""

    @abstractmethod
    def report(self) -> str:
        """The page as HTML."""

    def to_json(self) -> str:
        """The summary as JSON text."""
        return json.dumps(self.summary, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
