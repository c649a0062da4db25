"""What a log's calls would cost elsewhere: each at its own date, hour and length of prompt, summed
by work, deployment of the log and deployment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from simroute.models import spec
from simroute.models.billing import Tariff
from simroute.models.calendar import workload_calendar
from simroute.models.prices import resolve_prices
from simroute.models.questions import BLOCK
from simroute.traces.playback.columns import NOBODY, PlaybackColumns

PART = 16 * BLOCK
"""Requests that are looked at at a time."""


class Bill(NamedTuple):
    """USD: `whole` for all calls; `saved`: what they would cost more without the provider's cache
    (less, where writing to it cost more than it saved); `could`: less if it had held all input."""

    whole: float
    saved: float
    could: float


def rebill(
    scenario: spec.Scenario, trace: PlaybackColumns
) -> dict[tuple[str, str], dict[str, Bill]]:
    """(kind of work, target of the log) -> deployment -> bill, of calls that were answered,
    whatever part of the log is replayed.

    Changes of price that belong to the run (`price_steps`) are left out. Work is the task, else the
    feature, as the recording names them.
    """
    workload = replace(
        scenario.workload, trace_from=0.0, trace_to=None, trace_loop=1, rate_scale=1.0
    )
    calendar = workload_calendar(workload, trace)
    tariffs = {
        name: Tariff(
            resolve_prices(
                replace(deployment, price_steps={}),
                trace.span,
                calendar,
                scenario.accounts.get(deployment.account or ""),
            )
        )
        for name, deployment in scenario.deployments.items()
    }
    tasks, features = (trace.names.get(kind) or [NOBODY] for kind in ("task", "feature"))
    works, target_count = [*tasks, *features], len(trace.targets)
    tokens = np.zeros((5, len(works) * target_count))  # calls and tokens
    sums = {
        name: np.zeros((len(Bill._fields), len(works) * target_count))
        for name, tariff in tariffs.items()
        if not tariff.is_flat
    }
    for group, arrival, input_tokens, output_tokens, cached, written in _calls(
        trace, np.array([name != NOBODY for name in tasks])
    ):
        _add(tokens, group, np.ones(len(group)), input_tokens, output_tokens, cached, written)
        none = np.zeros(len(group), np.int64)
        for name, row in sums.items():
            cache_uses = ((none, none), (cached, written), (input_tokens, none))
            full, whole, best = (
                tariffs[name].bill_many(arrival, input_tokens, output_tokens, *cache_use) / 1e9
                for cache_use in cache_uses
            )
            _add(row, group, whole, full - whole, full - best)
    sums |= {name: _linear(tariff, tokens) for name, tariff in tariffs.items() if tariff.is_flat}
    return {
        (works[index // target_count], trace.targets[index % target_count]): {
            name: Bill(*sums[name][:, index].tolist()) for name in tariffs
        }
        for index in np.flatnonzero(tokens[0]).tolist()
    }


def _add(sums: np.ndarray, group: np.ndarray, *columns: np.ndarray) -> None:
    for row, column in zip(sums, columns, strict=True):
        row += np.bincount(group, column, len(row))


def _linear(tariff: Tariff, tokens: np.ndarray) -> np.ndarray:
    """The rows of a `Bill` where one price holds for all: then sums of tokens are enough."""
    price, (_, input_tokens, output_tokens, cached, written) = tariff.at(0.0)[0].price, tokens / 1e6
    less = 0.0 if price.cached is None else price.input - price.cached
    more = 0.0 if price.written is None else price.written - price.input
    saved = less * cached - more * written
    return np.array(
        [
            price.input * input_tokens
            + price.output * output_tokens
            - saved
            + price.call * tokens[0],
            saved,
            less * input_tokens,
        ]
    )


def _calls(trace: PlaybackColumns, tasked: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Of answered calls: place of (work, target), arrival (s), input, output, cached and written
    tokens."""
    last = np.array([route[-1] for route in trace.routes] or [-1])
    for start in range(0, trace.requests, PART):
        part = trace.block(start, min(start + PART, trace.requests), outcomes=True)
        answered = np.flatnonzero((part["route"] >= 0) & (part["failed"] != 1))
        rows = {name: column[answered] for name, column in part.items()}
        work = np.where(tasked[rows["task"]], rows["task"], len(tasked) + rows["feature"])
        group = work * len(trace.targets) + last[rows["route"]]
        yield (
            group,
            rows["arrival"],
            rows["input_tokens"],
            rows["output_tokens"],
            rows["cached_tokens"],
            rows["written_tokens"],
        )
