"""Why requests failed or came late, and which sends failed and were repaired: counts by cause,
target and task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from simroute.ledger import Chunk
from simroute.metrics.pending_rows import PendingRows, places_among
from simroute.metrics.tallies import OK, Context

FAILED, LATE, REPAIRED = "cause", "late", "repaired"
"""Failed requests by what ended them; successful requests that kept neither `slo.latency` nor
`slo.ttft`; sends that failed within requests that succeeded."""
LATE_WORDS = ("late: complete answer", "late: first token")
TIMED_OUT = "timed out here"
"""How causes begin that are limits of time of the policy's own (`Outcome.cause`)."""
SEND = ("request_id", "attempt", "target", "cause")
NO_TARGET = "(none)"
"""Stands for the target of a request that nobody was asked for."""

CauseCounts = dict[str, list[tuple[str, str, str, int]]]
"""Kind (`FAILED` …) -> cause, target, task and number, in this order; only what happened."""
Tables = dict[tuple[str, str], np.ndarray]
"""(kind, cause) -> numbers by target (row; the first: none) and task (column)."""


class Causes:
    """A fold over requests and their sends. Rows without a `cause`, as those of logs, count
    nothing."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._shape = len(context.providers) + 1, len(context.names["task"])
        self._sends = PendingRows()  # those that failed, of requests that have not closed
        # (kind; cause, its target, the target of the last failed send and task, as one number)
        self._counts: Counter[tuple[str, int]] = Counter()
        self.tables: Tables | None = None  # once made, or merged from parts

    def add(self, table: str, chunk: Chunk) -> None:
        if "cause" not in chunk:
            return
        if table == "attempts":
            failed = (chunk["cause"] > 0) & (chunk["request_id"] >= 0)
            if failed.any():
                self._sends.add({name: chunk[name][failed] for name in SEND})
        elif table == "requests":
            self._requests(chunk)

    def _requests(self, chunk: Chunk) -> None:
        task, target, cause = chunk["task"], chunk["target"], chunk["cause"]
        ok = chunk["outcome"] == OK
        last = np.full(len(task), -1)
        sends = self._sends.take(chunk["request_id"])
        if sends is not None:
            order = np.argsort(sends["attempt"], kind="stable")
            place, asked, why = (sends[name][order] for name in ("request_id", "target", "cause"))
            place = places_among(chunk["request_id"], place)
            last[place] = asked  # of several, the last one stays
            mended = ok[place]
            self._count(REPAIRED, *(row[mended] for row in (why, asked, asked, task[place])))
        failed = np.flatnonzero(~ok)
        self._count(FAILED, *(column[failed] for column in (cause, target, last, task)))
        begins_late, late = self._late(chunk, ok)
        for word, which in enumerate((late & ~begins_late, begins_late)):
            rows = np.flatnonzero(which)
            code = np.full(len(rows), word)
            self._count(LATE, code, *(column[rows] for column in (target, target, task)))

    def _late(self, chunk: Chunk, ok: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which successful requests have their first token too late; which have anything so."""
        latency, ttft = self._context.limits(chunk["task"])
        begins_late = ok & (chunk["ttft_s"] > (np.inf if ttft is None else ttft))
        return begins_late, begins_late | ok & ~(chunk["latency_s"] <= latency)

    def _count(
        self, kind: str, code: np.ndarray, target: np.ndarray, last: np.ndarray, task: np.ndarray
    ) -> None:
        if not len(code):
            return
        targets, tasks = self._shape
        # as one number: those are sorted faster than rows
        keys = code.astype(np.int64) * (targets * targets * tasks)
        keys += ((target + 1) * targets + last + 1) * tasks + task
        found, counts = np.unique(keys, return_counts=True)
        for key, count in zip(found.tolist(), counts.tolist(), strict=True):
            self._counts[kind, key] += count

    def to_tables(self, words: Sequence[str]) -> Tables:
        """The counts by kind and cause. words: causes by code."""
        if self.tables is None:
            self.tables = {}
            targets, tasks = self._shape
            for (kind, key), count in self._counts.items():
                rest, task = divmod(key, tasks)
                rest, last = divmod(rest, targets)
                code, target = divmod(rest, targets)
                cause = LATE_WORDS[code] if kind == LATE else words[code]
                # a limit of time does not know who was asked last
                row = last if target == 0 and cause.startswith(TIMED_OUT) else target
                table = self.tables.setdefault((kind, cause), np.zeros(self._shape, np.int64))
                table[row, task] += count
        return self.tables

    def finish(self, words: Sequence[str]) -> CauseCounts:
        """The counts in words. words: causes by code."""
        targets = [NO_TARGET, *self._context.names["target"]]
        tasks = self._context.names["task"]
        result: CauseCounts = {FAILED: [], LATE: [], REPAIRED: []}
        for (kind, cause), table in sorted(self.to_tables(words).items()):
            for target, task in zip(*np.nonzero(table), strict=True):
                count = int(table[target, task])
                result[kind].append((cause, targets[target], tasks[task], count))
        return result
