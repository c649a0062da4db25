"""What a run's traffic never reaches: rates of a file that have ended, requests that never come."""

from __future__ import annotations

import math
from collections.abc import Iterator

from simroute.config.inputs import open_clients, open_trace
from simroute.models import spec
from simroute.models.expected_traffic import ExpectedTraffic
from simroute.models.pauses import mean_pause
from simroute.units import duration

ABOUT_AN_ANSWER_S = 3.0
"""For which a caller in a closed loop waits, where only a guess is wanted."""
SIGMAS = 4
"""An outage behind the n-th request is told to be out of reach where so many standard deviations of
a Poisson count do not lead there."""


def expected_requests(scenario: spec.Scenario) -> float:
    """Requests of a replication, about."""
    load = scenario.workload
    if (trace := open_trace(load)) is not None:
        return load.trace_loop * trace.requests
    if (clients := open_clients(load)) is not None:
        return clients.expected(load.client_options, scenario.horizon)
    if load.callers.count:  # a guess: the time of answers is the policy's
        loop_s = mean_pause(load.callers.think) + ABOUT_AN_ANSWER_S
        return load.callers.count * scenario.horizon / loop_s
    return ExpectedTraffic(load, load.rate, scenario.horizon).requests(0.0, scenario.horizon)


def reach_notes(scenario: spec.Scenario) -> Iterator[str]:
    """A line for each, with what would be reached."""
    load, options = scenario.workload, scenario.workload.client_options
    if (clients := open_clients(load)) is not None:
        ends = clients.end
        if options.start >= ends:
            yield (
                f"workload.client_options.start: {duration(options.start)} is behind the file, "
                f"whose rates end after {duration(ends)}: nobody asks; give less"
            )
        elif options.start + scenario.horizon > ends + clients.size:
            rest = duration(ends - options.start)
            yield (
                f"workload.clients: the file's rates end {rest} after t = 0, and nobody asks from "
                f"then on; give horizon: {math.floor(ends - options.start)}s"
            )
    counted = {
        name: outage.after_requests
        for name, outage in scenario.outages.items()
        if outage.after_requests is not None
    }
    if not counted or load.callers.count:
        return
    expected = expected_requests(scenario)
    for name, number in counted.items():
        if number > expected + SIGMAS * math.sqrt(expected):
            yield (
                f"outages.{name}.after_requests: only about {expected:,.0f} requests come in "
                f"{duration(scenario.horizon)}, so it never begins; give fewer than {number:,}"
            )
