"""The story of one replication: what its breakers did, and its most remarkable requests."""

from __future__ import annotations

from typing import Any

import numpy as np

from simroute.ledger import CACHED, OUTCOMES, Chunk, Names
from simroute.text import pairs

TRANSITIONS = ("opened", "half_opened", "closed")
OTHERS = ("shifted", "exhausted", "renewed", "restarted", "removed", "restored", "returned")
"""What budgets, health checks and lasting switches do, and replicas that forget."""
TURN = "t_s", "event", "replica", "layer", "target", "detail"
"""What is kept of each of these."""
MOST_TRANSITIONS = 4000
BEST = 4
"""Requests kept for each score."""
FAILURE, ATTEMPT = 1e12, 1e6
"""What a failure, and each send, weighs against a second of latency in the example of a slice."""


class FirstRun:
    """The story of one replication: transitions of breakers and budgets, the few requests that rank
    highest by some score, and the most remarkable one of each slice of time."""

    def __init__(self, event_names: Names) -> None:
        self._event_names = event_names
        self._turns: list[Chunk] = []
        self._between: list[Chunk] = []  # of those that belong to no request
        self._best: dict[str, list[tuple[float, int, Any]]] = {
            "slowest": [],
            "dearest": [],
            "most attempts": [],
            "false hit": [],
        }
        self._examples: dict[int, tuple[float, Any]] = {}

    def add(self, chunk: Chunk, slices: np.ndarray, sent: list[Chunk], events: list[Chunk]) -> None:
        """Keeps those of these requests that rank above the ones kept so far. `slices`: of each the
        slice of time in which it arrived; `sent`, `events`: chunks in which all rows of theirs
        are."""
        self._keep_examples(chunk, slices, sent, events)
        scores = {
            "slowest": chunk["latency_s"],
            "dearest": chunk["cost_nano"],
            "most attempts": np.where(chunk["attempts"] > 1, chunk["attempts"], 0),
            "false hit": chunk["false_hit"],
        }
        for why, score in scores.items():
            best = self._best[why]
            hopeful = score >= best[-1][0] if len(best) == BEST else score > 0
            for i in _greatest(score, np.flatnonzero(hopeful)):
                value, number = float(score[i]), int(chunk["request_id"][i])
                if len(best) < BEST or (-value, number) < (-best[-1][0], best[-1][1]):
                    rows = (_rows([chunk], number), _rows(sent, number), _rows(events, number))
                    best.append((value, number, rows))
                    best.sort(key=lambda entry: (-entry[0], entry[1]))
                    del best[BEST:]

    def keep_turns(self, events: Chunk, between: bool = False) -> None:
        """Keeps those of these events that the story tells by themselves; an outage has many others
        for each of them. between: they belong to no request."""
        told = np.array([word in (*TRANSITIONS, *OTHERS) for word in self._event_names.words])
        rows = np.flatnonzero(told[events["event"]])
        if len(rows):
            kept = self._between if between else self._turns
            kept.append({name: events[name][rows] for name in TURN})

    def _keep_examples(
        self, chunk: Chunk, slices: np.ndarray, sent: list[Chunk], events: list[Chunk]
    ) -> None:
        """Of each slice the request that failed, else that was sent most often, else the
        slowest."""
        score = (
            FAILURE * (chunk["outcome"] != OUTCOMES.index("ok"))
            + ATTEMPT * chunk["attempts"].astype(float)
            + np.nan_to_num(chunk["latency_s"])
        )
        for place in np.unique(slices).tolist():
            mine = np.flatnonzero(slices == place)
            best = int(mine[np.argmax(score[mine])])
            value, number = float(score[best]), int(chunk["request_id"][best])
            if place not in self._examples or value > self._examples[place][0]:
                rows = (_rows([chunk], number), _rows(sent, number), _rows(events, number))
                self._examples[place] = value, rows

    def to_plain(self, names: dict[str, list[str]]) -> dict[str, Any]:
        """Returns the story as JSON data, codes replaced by `names`."""
        examples = [
            {"slice": place, "score": value, **_exemplar(rows, names)}
            for place, (value, rows) in sorted(self._examples.items())
        ]
        return {
            "turns": self._transitions(names),
            "strange": self._exemplars(names),
            "examples": examples,
        }

    def _transitions(self, names: dict[str, list[str]]) -> list[list[Any]]:
        """Returns [t_s, event, replica, layer, key] of each transition of a breaker (its key, such
        as a provider) or a budget, and of restarts of replicas, in order of time."""
        transitions = []
        for chunk in (*self._turns, *self._between):
            rows = zip(*(chunk[name].tolist() for name in TURN), strict=True)
            for t, event, replica, layer, target, detail in rows:
                word = names["event"][event]
                key = pairs(detail).get("breaker") or _word(names["target"], target)
                transitions.append([t, word, replica, names["layer"][layer], key])
        return sorted(transitions, key=lambda row: row[0])[:MOST_TRANSITIONS]

    def _exemplars(self, names: dict[str, list[str]]) -> list[dict[str, Any]]:
        exemplars: dict[int, dict[str, Any]] = {}
        for why, best in self._best.items():
            for place, (_, number, rows) in enumerate(best):
                if number not in exemplars:
                    exemplars[number] = _exemplar(rows, names) | {"why": []}
                exemplars[number]["why"].append([place, why])
        return sorted(exemplars.values(), key=lambda exemplar: min(exemplar["why"]))


CODED = {"task", "user", "feature", "team", "error", "cause", "target", "event", "layer"}


def _exemplar(rows: Any, names: dict[str, list[str]]) -> dict[str, Any]:
    """A request with its attempts and events."""
    request, sent, events = rows
    return {
        **_to_words(request, names)[0],
        "attempts": _to_words(sent, names),
        "events": _to_words(events, names),
    }


def _to_words(rows: list[dict[str, Any]], names: dict[str, list[str]]) -> list[dict[str, Any]]:
    result = []
    for row in rows:
        words: dict[str, Any] = {
            name: _word(names[name], value) if name in CODED else value
            for name, value in row.items()
        }
        if "outcome" in words:
            words |= {
                "outcome": OUTCOMES[words["outcome"]],
                "cached": list(CACHED)[words["cached"]],
            }
        result.append({name: None if value != value else value for name, value in words.items()})
    return result


def _word(words: list[str], code: int) -> str | None:
    return words[code] if code >= 0 else None


def _greatest(score: np.ndarray, places: np.ndarray) -> list[int]:
    """Of these places, the `BEST` with the greatest scores, the greatest first."""
    order = np.argsort(-score[places].astype(float), kind="stable")
    return places[order[:BEST]].tolist()  # type: ignore[no-any-return]


def _rows(chunks: list[Chunk], number: int) -> list[dict[str, Any]]:
    """Returns the rows of one request as dicts of plain values."""
    return [
        {name: column.item(i) for name, column in chunk.items()}
        for chunk in chunks
        for i in np.flatnonzero(chunk["request_id"] == number).tolist()
    ]
