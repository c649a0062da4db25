"""Everything that a sample tells, fitted: arrivals, tasks, deployments, repeats and sessions."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count
from typing import NamedTuple

import numpy as np

from simroute.fitting.arrivals import ArrivalFit, fit_arrivals
from simroute.fitting.errors import ErrorFit, fit_errors
from simroute.fitting.latency import LatencyFit, fit_latency
from simroute.fitting.lengths import LengthFit, fit_lengths, rank_correlation
from simroute.fitting.limits import LimitFit, fit_limit
from simroute.fitting.outages import DetectedOutage, find_outages
from simroute.fitting.repeats import RepeatFit, fit_repeats
from simroute.fitting.sample import MAX_LENGTH, Calls, Sample
from simroute.fitting.sessions import SessionFit, fit_sessions
from simroute.statistics.estimate import Estimate

MAX_DEPLOYMENTS = 20
MIN_REQUESTS = 50
"""Requests from which on a task has lengths of its own."""
OTHER = "other"


class FittedDeployment(NamedTuple):
    """A deployment of the log: its name in the scenario, and what its calls tell."""

    name: str
    calls: Calls
    latency: LatencyFit | None
    errors: ErrorFit
    limit: LimitFit | None
    outages: list[DetectedOutage]


class FittedTask(NamedTuple):
    """Lengths of a kind of work; correlation: between its prompts and answers."""

    input_tokens: LengthFit
    output_tokens: LengthFit
    correlation: Estimate


class FittedParts(NamedTuple):
    """All that is fitted, before it is a scenario."""

    arrivals: ArrivalFit
    tasks: dict[str, FittedTask]
    deployments: list[FittedDeployment]
    repeats: RepeatFit | None
    sessions: SessionFit | None


def fit_parts(sample: Sample, progress: Callable[[str], None] | None = None) -> FittedParts:
    """Fit everything that a sample tells. progress: is called with the name of each part."""
    report = progress or (lambda text: None)
    report("arrivals")
    arrivals = fit_arrivals(sample.arrival, sample.span, sample.starts)
    report("lengths")
    tasks = {name: _fit_task(sample, mask) for name, mask in _task_masks(sample).items()}
    deployments: list[FittedDeployment] = []
    for (provider, model), calls in list(sample.calls.items())[:MAX_DEPLOYMENTS]:
        name = _deployment_name(provider, model, {item.name for item in deployments})
        report(name)
        deployments.append(_fit_deployment(name, calls, sample.span))
    return FittedParts(
        arrivals,
        tasks,
        deployments,
        fit_repeats(sample.repeats),
        fit_sessions(sample.sessions),
    )


def _task_masks(sample: Sample) -> dict[str, np.ndarray]:
    """Name -> mask of the answered requests; tasks with few requests together."""
    names = list(sample.shares["task"])
    if len(names) < 2:
        return {names[0] if names else "all": np.ones(len(sample.task), bool)}
    masks = {name: sample.task == code for code, name in enumerate(names)}
    large = {name: mask for name, mask in masks.items() if mask.sum() >= MIN_REQUESTS}
    small = ~np.any(np.stack([np.zeros(len(sample.task), bool), *large.values()]), axis=0)
    return large | ({OTHER if OTHER not in large else "(other)": small} if small.any() else {})


def _fit_task(sample: Sample, mask: np.ndarray) -> FittedTask:
    prompts, answers = sample.input_tokens[mask], sample.output_tokens[mask]
    return FittedTask(
        fit_lengths(prompts), fit_lengths(answers), rank_correlation(prompts, answers)
    )


def _deployment_name(provider: str, model: str, taken: set[str]) -> str:
    """A short name that is a key of YAML and not taken yet."""
    short = model.rsplit("/", 1)[-1]
    for text in (short, f"{provider}-{short}", f"{provider}-{model}"):
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", text)[:MAX_LENGTH].strip("-") or "model"
        if name not in taken:
            return name
    names = (f"{name[: MAX_LENGTH - 5]}-{number}" for number in count(2))
    return next(name for name in names if name not in taken)


def _fit_deployment(name: str, calls: Calls, span: float) -> FittedDeployment:
    """Outages first, then the rest from the calls outside of them."""
    outages = find_outages(calls, span)
    inside = np.zeros(len(calls.t), bool)
    error_times = [np.zeros(0)]
    for outage in outages:
        within = (calls.t >= outage.start.value) & (calls.t <= outage.end.value)
        failed = within & calls.failed & (calls.latency > 0)
        error_times.append(calls.latency[failed] / outage.slow_down)
        inside |= within
    fair = calls.where(~inside)
    limit = fit_limit(calls)
    latency = fit_latency(fair, np.concatenate(error_times))
    return FittedDeployment(
        name, calls, latency, fit_errors(fair, limit is not None), limit, outages
    )
