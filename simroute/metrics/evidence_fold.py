"""A fold that gathers evidence: counts over time, parts of latency, causes of waste, and the story
of the first run."""

from __future__ import annotations

import numpy as np

from simroute.ledger import Chunk, Names, from_cache
from simroute.metrics.counting import count_places
from simroute.metrics.evidence import Evidence
from simroute.metrics.figures import Fold
from simroute.metrics.first_run import FirstRun
from simroute.metrics.pending_rows import PendingRows, places_among
from simroute.metrics.tallies import OK, Context, in_time

BINS = 120
"""Number of slices of the horizon."""
CELLS, LOW, RATIO = 600, 0.01, float(np.log(1.02))
"""Number of latency cells, lower edge of the first (s), log of the width of each: 2 % wide, from
10 ms to over 1,400 s."""
PARTS = ("answering", "retries", "failovers", "waiting")
WASTE = ("abandoned", "failed", "discarded")
NEEDED = ("request_id", "target", "start_s", "left_s", "status", "cost_nano", "abandoned")
"""What counts the parts of a request's time and its waste, of each of its attempts."""


def cell_seconds(cells: np.ndarray) -> np.ndarray:
    """Returns the middle of each latency cell, in seconds."""
    return np.asarray(LOW * np.exp((cells + 0.5) * RATIO))


class EvidenceFold:
    """A sink of the ledger beside the metrics.

    story: keep transitions of breakers and exemplary requests of this replication as well: the
    words of its events, to which it may still add.
    """

    def __init__(self, context: Context, story: Names | None = None) -> None:
        size, self._context = len(context.providers), context
        self._first_run = None if story is None else FirstRun(story)
        self._attempts, self._events = PendingRows(), PendingRows()
        # origin: sends, answers, nano-USD (rows) by whether the log has enough calls (columns)
        ints = {
            "arrivals": BINS,
            "ok": BINS,
            "in_time": BINS,
            "cached": BINS,
            "cost": BINS,
            "waste": len(WASTE),
        }
        self.counts = {name: np.zeros(shape, np.int64) for name, shape in ints.items()}
        self.counts |= {} if context.is_observed is None else {"origin": np.zeros((3, 2), np.int64)}
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
            self._attempts.add(chunk)
        elif self._first_run is not None:
            self._events.add(chunk)
            alone = chunk["request_id"] < 0
            if alone.any():
                between = {name: column[alone] for name, column in chunk.items()}
                self._first_run.keep_turns(between, between=True)

    def finish(self, fold: Fold, names: dict[str, list[str]]) -> Evidence:
        """Returns the evidence. names: words by code of events, layers and errors; the context has
        the others."""
        requests = fold.tables["requests"]
        counts = self.counts | {"latency": requests.latency.counts, "ttft": requests.ttft.counts}
        return Evidence(
            counts,
            {}
            if self._first_run is None
            else self._first_run.to_plain(names | self._context.names),
        )

    def _bin(self, when: np.ndarray) -> np.ndarray:
        return np.minimum((when * (BINS / self._context.horizon)).astype(np.int64), BINS - 1)

    def _sends(self, chunk: Chunk) -> None:
        when, limited = self._bin(chunk["start_s"]), chunk["status"] == 429
        places = when * len(self._context.providers) + chunk["target"]
        count_places(self.counts["sends"], places)
        count_places(self.counts["limited"], places[limited])
        if self._context.is_observed is not None:
            observed = self._context.is_observed(chunk["target"], chunk["start_s"])
            good = ~chunk["abandoned"] & (chunk["status"] == 200)
            for column, mine in enumerate((observed, ~observed)):
                self.counts["origin"][:, column] += [
                    int(mine.sum()),
                    int((mine & good).sum()),
                    int(chunk["cost_nano"][mine].sum()),
                ]
        pings = chunk["request_id"] < 0
        np.add.at(self.counts["cost"], when[pings], chunk["cost_nano"][pings])

    def _requests(self, chunk: Chunk) -> None:
        counts, ok = self.counts, chunk["outcome"] == OK
        timed = ok & ~np.isnan(chunk["latency_s"])
        place, cell = self._bin(chunk["arrival_s"]), _cell(np.nan_to_num(chunk["latency_s"]))
        for name, part in (
            ("arrivals", slice(None)),
            ("ok", ok),
            ("in_time", in_time(chunk, self._context)),
            ("cached", ok & from_cache(chunk["cached"])),
        ):
            count_places(counts[name], place[part])
        np.add.at(counts["cost"], place, chunk["cost_nano"])
        count_places(counts["over_time"], (place * CELLS + cell)[timed])
        if self._first_run is not None:
            self._first_run.add(chunk, place, self._attempts.chunks, self._events.chunks)
            if (events := self._events.take(chunk["request_id"])) is not None:
                self._first_run.keep_turns(events)
        sent = self._attempts.take(chunk["request_id"], NEEDED)
        self._parts(chunk, sent, timed, cell)
        self._waste(chunk, sent)

    def _parts(self, chunk: Chunk, sent: Chunk | None, ok: np.ndarray, cell: np.ndarray) -> None:
        """Adds the time of each successful request (µs) to the cell of its latency, by what it was
        spent on."""
        latency, spent = chunk["latency_s"], np.zeros((len(PARTS), len(ok)))
        if sent is not None:
            place = places_among(chunk["request_id"], sent["request_id"])
            took = np.maximum(
                0.0, np.minimum(sent["left_s"], chunk["end_s"][place]) - sent["start_s"]
            )
            here = sent["target"] == chunk["target"][place]
            good = here & (sent["status"] == 200)
            for row, mask in enumerate((good, here & ~good, ~here)):
                if mask.any():
                    spent[row] = np.bincount(place[mask], took[mask], minlength=len(ok))
        spent[3] = np.maximum(0.0, latency - spent[:3].sum(axis=0))
        cell = cell[ok]
        for row in range(len(PARTS)):
            microseconds = np.rint(spent[row][ok] * 1e6).astype(np.int64)
            if microseconds.any():
                np.add.at(self.counts["parts"][row], cell, microseconds)

    def _waste(self, chunk: Chunk, sent: Chunk | None) -> None:
        """Adds the wasted nano-USD by cause. What answered in time and was not used counts as
        discarded (by a judge, a lost race)."""
        left = chunk["wasted_nano"].copy()
        if sent is None:
            return
        place = places_among(chunk["request_id"], sent["request_id"])
        cost, abandoned = sent["cost_nano"], sent["abandoned"]
        for row, mask in enumerate((abandoned, ~abandoned & (sent["status"] != 200))):
            part = np.zeros_like(left)
            np.add.at(part, place[mask], cost[mask])
            part = np.minimum(part, left)
            left -= part
            self.counts["waste"][row] += int(part.sum())
        self.counts["waste"][2] += int(left.sum())


def _cell(seconds: np.ndarray) -> np.ndarray:
    cells = np.log(np.maximum(seconds, LOW) / LOW) / RATIO
    return np.asarray(np.minimum(cells.astype(np.int64), CELLS - 1))
