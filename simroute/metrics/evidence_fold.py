"""A fold that gathers evidence: what happened when, what the slow tail is made of, what was wasted,
and the strangest requests."""

from __future__ import annotations

from typing import Any

import numpy as np

from simroute.ledger import CACHED, OUTCOMES, Chunk
from simroute.metrics.evidence import Evidence
from simroute.metrics.figures import Fold
from simroute.metrics.tallies import Context
from simroute.text import pairs

BINS = 120
"""Slices of the horizon."""
CELLS, LOW, RATIO = 600, 0.01, float(np.log(1.02))
"""Latency in cells 2 % wide, from 10 ms to over 1,400 s."""
PARTS = ("answering", "retries", "failovers", "waiting")
WASTE = ("abandoned", "failed", "discarded")
TURNS = ("opened", "half_opened", "closed")
MOST_TURNS = 4000
KEPT = 4
OK = OUTCOMES.index("ok")


def cell_seconds(cells: np.ndarray) -> np.ndarray:
    """The middle of latency cells, s."""
    return np.asarray(LOW * np.exp((cells + 0.5) * RATIO))


class EvidenceFold:
    """A sink for the ledger beside the metrics. `story`: keep breaker states and strange requests
    of this replication as well."""

    def __init__(self, context: Context, story: bool) -> None:
        size, self._context = len(context.providers), context
        self._story = Story() if story else None
        self._near: dict[str, list[Chunk]] = {"attempts": [], "events": []}
        # origin: sends, answers and nano-USD, by whether the log tells how the send went
        ints = {"arrivals": BINS, "ok": BINS, "cached": BINS, "cost": BINS, "waste": len(WASTE)}
        self.counts = {name: np.zeros(shape, np.int64) for name, shape in ints.items()}
        self.counts |= {} if context.seen is None else {"origin": np.zeros((3, 2), np.int64)}
        self.counts |= {
            "sends": np.zeros((BINS, size), np.int64),
            "limited": np.zeros((BINS, size), np.int64),
        }
        self.counts |= {
            "over_time": np.zeros((BINS, CELLS), np.int32),
            "parts": np.zeros((len(PARTS), CELLS), np.int64),
        }

    def __call__(self, table: str, chunk: Chunk) -> None:
        if table == "requests":
            self._requests(chunk)
            return
        if table == "attempts":
            self._sends(chunk)
        elif self._story is None:
            return
        self._near[table].append(chunk)

    def finish(self, fold: Fold, names: dict[str, list[str]]) -> Evidence:
        """All of it; `names`: words by code of events, layers, errors and whatever the context
        names."""
        requests = fold.tables["requests"]
        counts = self.counts | {"latency": requests.latency.counts, "ttft": requests.ttft.counts}
        self._remember(self._taken("events", -1, 0))
        return Evidence(
            counts, {} if self._story is None else self._story.plain(names | self._context.names)
        )

    def _bin(self, when: np.ndarray) -> np.ndarray:
        return np.minimum((when * (BINS / self._context.horizon)).astype(np.int64), BINS - 1)

    def _sends(self, chunk: Chunk) -> None:
        places = self._bin(chunk["start_s"]), chunk["target"]
        np.add.at(self.counts["sends"], places, 1)
        np.add.at(self.counts["limited"], places, chunk["status"] == 429)
        if self._context.seen is not None:
            told = self._context.seen(chunk["target"], chunk["start_s"])
            good = ~chunk["abandoned"] & (chunk["status"] == 200)
            for column, mine in enumerate((told, ~told)):
                self.counts["origin"][:, column] += [
                    int(mine.sum()),
                    int((mine & good).sum()),
                    int(chunk["cost_nano"][mine].sum()),
                ]
        pings = chunk["request_id"] < 0
        np.add.at(self.counts["cost"], places[0][pings], chunk["cost_nano"][pings])

    def _requests(self, chunk: Chunk) -> None:
        counts, ok = self.counts, chunk["outcome"] == OK
        timed = ok & ~np.isnan(chunk["latency_s"])
        place, cell = self._bin(chunk["arrival_s"]), _cell(np.nan_to_num(chunk["latency_s"]))
        for name, part in (
            ("arrivals", slice(None)),
            ("ok", ok),
            ("cached", ok & (chunk["cached"] != CACHED["no"])),
        ):
            counts[name] += np.bincount(place[part], minlength=BINS)
        np.add.at(counts["cost"], place, chunk["cost_nano"])
        np.add.at(counts["over_time"], (place[timed], cell[timed]), 1)
        first, size = int(chunk["request_id"][0]), len(place)
        sent = self._taken("attempts", first, size)
        self._parts(chunk, sent, first, timed, cell)
        self._waste(chunk, sent, first)
        if self._story is not None:
            happened = self._taken("events", first, size)
            self._remember(happened)
            self._story.look(chunk, sent, happened)

    def _remember(self, events: Chunk | None) -> None:
        if self._story is not None and events is not None:
            self._story.events.append(events)

    def _taken(self, table: str, first: int, size: int) -> Chunk | None:
        """The rows of `size` requests from `first` on, which are kept no longer; with size 0, all
        that are left."""
        chunks = self._near[table]
        if not chunks:
            return None
        whole = (
            chunks[0]
            if len(chunks) == 1
            else {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
        )
        ids = whole["request_id"]
        mine = (ids >= first) & (ids < first + size) if size else np.ones(len(ids), bool)
        other = ~mine & (ids >= 0) if table == "attempts" else ~mine
        self._near[table] = (
            [{name: column[other] for name, column in whole.items()}] if other.any() else []
        )
        return {name: column[mine] for name, column in whole.items()}

    def _parts(
        self, chunk: Chunk, sent: Chunk | None, first: int, ok: np.ndarray, cell: np.ndarray
    ) -> None:
        """Where the time of each successful request went, added up by how long it took (µs)."""
        latency, spent = chunk["latency_s"], np.zeros((len(PARTS), len(ok)))
        if sent is not None:
            place = sent["request_id"] - first
            took = np.maximum(
                0.0, np.minimum(sent["left_s"], chunk["end_s"][place]) - sent["start_s"]
            )
            here = sent["target"] == chunk["target"][place]
            good = here & (sent["status"] == 200)
            for row, mask in enumerate((good, here & ~good, ~here)):
                spent[row] = np.bincount(place[mask], took[mask], minlength=len(ok))
        spent[3] = np.maximum(0.0, latency - spent[:3].sum(axis=0))
        for row in range(len(PARTS)):
            np.add.at(
                self.counts["parts"][row], cell[ok], np.rint(spent[row][ok] * 1e6).astype(np.int64)
            )

    def _waste(self, chunk: Chunk, sent: Chunk | None, first: int) -> None:
        """Nano-USD billed for nothing, by cause; what answered in time and was not used has been
        discarded (by a judge, a lost race)."""
        left = chunk["wasted_nano"].copy()
        if sent is None:
            return
        place, cost, given_up = sent["request_id"] - first, sent["cost_nano"], sent["abandoned"]
        for row, mask in enumerate((given_up, ~given_up & (sent["status"] != 200))):
            part = np.zeros_like(left)
            np.add.at(part, place[mask], cost[mask])
            part = np.minimum(part, left)
            left -= part
            self.counts["waste"][row] += int(part.sum())
        self.counts["waste"][2] += int(left.sum())


class Story:
    """What one replication looked like: every turn of a breaker, and the few requests that are
    worth a look."""

    def __init__(self) -> None:
        self.events: list[Chunk] = []
        self._best: dict[str, list[tuple[float, int, Any]]] = {
            "slowest": [],
            "dearest": [],
            "most attempts": [],
            "false hit": [],
        }

    def look(self, chunk: Chunk, sent: Chunk | None, happened: Chunk | None) -> None:
        """Keep those of these requests that beat the ones kept so far."""
        scores = {
            "slowest": chunk["latency_s"],
            "dearest": chunk["cost_nano"].astype(float),
            "most attempts": np.where(chunk["attempts"] > 1, chunk["attempts"], 0).astype(float),
            "false hit": chunk["false_hit"].astype(float),
        }
        for why, score in scores.items():
            best = self._best[why]
            for i in np.argsort(-score, kind="stable")[:KEPT].tolist():
                value, number = float(score[i]), int(chunk["request_id"][i])
                if value > 0 and (
                    len(best) < KEPT or (-value, number) < (-best[-1][0], best[-1][1])
                ):
                    best.append(
                        (
                            value,
                            number,
                            (_rows(chunk, number), _rows(sent, number), _rows(happened, number)),
                        )
                    )
                    best.sort(key=lambda kept: (-kept[0], kept[1]))
                    del best[KEPT:]

    def plain(self, names: dict[str, list[str]]) -> dict[str, Any]:
        """In words."""
        return {"turns": self._turns(names), "strange": self._strange(names)}

    def _turns(self, names: dict[str, list[str]]) -> list[list[Any]]:
        """[t_s, event, replica, layer, whose] of each turn of a breaker (its own key, such as a
        provider), and of a budget, in order of time."""
        found = []
        for chunk in self.events:
            rows = zip(
                *(
                    chunk[name].tolist()
                    for name in ("t_s", "event", "replica", "layer", "target", "detail")
                ),
                strict=True,
            )
            for t, event, replica, layer, target, detail in rows:
                word = names["event"][event]
                if word in (*TURNS, "shifted", "exhausted", "renewed"):
                    whose = pairs(detail).get("breaker") or _word(names["target"], target)
                    found.append([t, word, replica, names["layer"][layer], whose])
        return sorted(found, key=lambda turn: turn[0])[:MOST_TURNS]

    def _strange(self, names: dict[str, list[str]]) -> list[dict[str, Any]]:
        found: dict[int, dict[str, Any]] = {}
        for why, best in self._best.items():
            for place, (_, number, (request, sent, happened)) in enumerate(best):
                if number not in found:
                    found[number] = {
                        **_worded(request, names)[0],
                        "attempts": _worded(sent, names),
                        "events": _worded(happened, names),
                        "why": [],
                    }
                found[number]["why"].append([place, why])
        return sorted(found.values(), key=lambda kept: min(kept["why"]))


WORDED = {"task", "user", "feature", "team", "error", "target", "event", "layer"}


def _worded(rows: list[dict[str, Any]], names: dict[str, list[str]]) -> list[dict[str, Any]]:
    made = []
    for row in rows:
        words: dict[str, Any] = {
            name: _word(names[name], value) if name in WORDED else value
            for name, value in row.items()
        }
        if "outcome" in words:
            words |= {
                "outcome": OUTCOMES[words["outcome"]],
                "cached": list(CACHED)[words["cached"]],
            }
        made.append({name: None if value != value else value for name, value in words.items()})
    return made


def _word(words: list[str], code: int) -> str | None:
    return words[code] if code >= 0 else None


def _rows(chunk: Chunk | None, number: int) -> list[dict[str, Any]]:
    """One request's rows as plain values."""
    if chunk is None:
        return []
    places = np.flatnonzero(chunk["request_id"] == number).tolist()
    return [
        {
            name: column[i].item() if isinstance(column[i], np.generic) else column[i]
            for name, column in chunk.items()
        }
        for i in places
    ]


def _cell(seconds: np.ndarray) -> np.ndarray:
    cells = np.log(np.maximum(seconds, LOW) / LOW) / RATIO
    return np.asarray(np.minimum(cells.astype(np.int64), CELLS - 1))
