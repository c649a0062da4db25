"""What happens in a replication whatever the policy: outages, crowds, changes of price and quality,
restarts of the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from simroute.models import spec
from simroute.models.faults import resolve_time
from simroute.models.outage_depth import depth_of, is_plain
from simroute.models.quality import known_accuracies
from simroute.units import duration, percent

if TYPE_CHECKING:
    from simroute.studies.comparison.comparison import Comparison


MOST_STEPS = 12
"""Changes of a deployment's price that are marked over time. Prices that change by the hour have
more, and are told in the table alone."""
MOST_PARTS, SLICES = 150, 240
"""Parts of outages, each as deep all the time, that a picture shows one by one; of more, the mean
depth in so many slices of the run."""
MOST_MARKS = 60
"""Restarts, or flushes, that are marked over time."""
LEVELS = 16
"""Steps of depth that a mean is rounded to."""
FAILURES = {
    "refused": "{share} of connections are refused",
    "unreachable": "{share} of connections are never made",
    "reset": "{share} of connections break",
    "hang": "{share} of calls are never answered",
    "invalid_body": "{share} of answers are what nobody can read",
    "content_filter": "{share} of answers are withheld by a content filter",
    "context_length": "{share} of calls are refused as too long",
    "quota": "{share} of calls are refused because the quota is used up",
}
"""How calls fail in an outage whose status is one of these kinds."""


def weather_events(study: Comparison, weather: Any) -> list[dict[str, Any]]:
    """Outages and all else that happens in one replication's weather, by start."""
    scenario = study.configuration.scenario
    events = [*_outage_events(scenario.outages, weather)]
    for name, model in weather.deployments.items():
        prices = _prices(model, weather.horizon)
        if len(prices) <= MOST_STEPS:
            events += [
                _event("price", f"{name} price", when, when, [name], _price_change(old, new))
                for (_, old), (when, new) in pairwise(prices)
            ]
    events += [*_quality_events(scenario), *_crowds(scenario), *_gateway_events(scenario)]
    return sorted(events, key=lambda event: event["start_s"])


def _event(
    kind: str, name: str, start: float, end: float, targets: list[str], what: str
) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": name,
        "start_s": start,
        "end_s": end,
        "targets": targets,
        "what": what,
    }


def _outage_events(outages: dict[str, spec.Outage], weather: Any) -> Iterator[dict[str, Any]]:
    numbers, parts = dict.fromkeys(outages, 0), dict[str, list[Any]]()
    for part in weather.spells:
        parts.setdefault(part.name.rpartition(".")[0], []).append(part)
    for window in weather.windows:
        name, outage = window.name, outages[window.name]
        number, numbers[name] = numbers[name], numbers[name] + 1
        deep, varies = outage, outage.depth.full or outage.depth.spread
        if varies:
            deep = depth_of(name, outage, weather.streams, number)
        what = ", ".join(_outage_words(deep, outage if varies else None))
        targets = list(window.targets)
        event = _event("outage", name, window.start, window.end, targets, what)
        if is_plain(outage) or not (outage.ramp or outage.flapping.bad):
            yield event
            continue
        yield event | {"parts": _levels(parts.get(f"{name}\0{number}", []), deep, weather)}


def _outage_words(outage: spec.Outage, mean: spec.Outage | None) -> Iterator[str]:
    """How bad an outage is; `mean`: what such ones are on average, where they differ."""
    share = percent_of(outage.error_share) if mean is None else f"{100 * outage.error_share:.3g} %"
    if outage.error_share or not (outage.slow_down > 1 or outage.hang_share or outage.stall_share):
        text = FAILURES.get(str(outage.status), f"{{share}} of calls fail with {outage.status}")
        usual = ""
        if mean is not None:
            usual = f" ({percent_of(mean.error_share)} on average"
            full = percent_of(mean.depth.full)
            usual += f", all in {full} of such outages)" if mean.depth.full else ")"
        yield text.format(share=share) + usual
    if outage.slow_down > 1:
        yield f"answers take {outage.slow_down:.3g} times as long"
    if outage.hang_share:
        whose = "the others" if outage.error_share else "calls"
        yield f"{percent_of(outage.hang_share)} of {whose} hang"
    if outage.stall_share:
        yield f"{percent_of(outage.stall_share)} of streamed answers stop in the middle"
    if outage.ramp:
        yield f"growing for {duration(outage.ramp)} and fading for as long"
    if outage.flapping.bad and outage.flapping.fair:
        bad, fair = duration(outage.flapping.bad), duration(outage.flapping.fair)
        yield f"in bad spells of {bad} with fair ones of {fair} between, on average"


def percent_of(share: float) -> str:
    """A share as a scenario's author would write it: 60 %, 2.8 %."""
    return f"{share * 100:.4g} %"


def _levels(parts: list[Any], outage: spec.Outage, weather: Any) -> list[list[float]]:
    """[start (s), end (s), depth as a share of this outage's] of the parts in which it is bad."""
    levels = [
        [part.start, part.end, _level(weather.outages[part.name], outage)]
        for part in parts
        if part.start < part.end
    ]
    if len(weather.spells) <= MOST_PARTS:
        return levels
    width = weather.horizon / SLICES
    depth = [0.0] * SLICES
    for start, end, level in levels:
        for place in range(int(start / width), min(SLICES, int(end / width) + 1)):
            overlap = min(end, (place + 1) * width) - max(start, place * width)
            depth[place] += level * max(0.0, overlap) / width
    merged: list[list[float]] = []
    for place, mean in enumerate(round(each * LEVELS) / LEVELS for each in depth):
        if merged and merged[-1][1:] == [place * width, mean]:
            merged[-1][1] = (place + 1) * width
        elif mean:
            merged.append([place * width, (place + 1) * width, mean])
    return merged


def _level(part: spec.Outage, whole: spec.Outage) -> float:
    """How much of the whole's depth a part has, by whichever of its keys says it."""
    for key in ("error_share", "hang_share", "stall_share"):
        if most := getattr(whole, key):
            return float(getattr(part, key) / most)
    return (part.slow_down - 1) / (whole.slow_down - 1) if whole.slow_down > 1 else 1.0


def _price_change(old: Any, new: Any) -> str:
    return (
        f"from ${old.input:g} in / ${old.output:g} out to ${new.input:g} / ${new.output:g} per "
        f"million tokens"
    )


def _prices(model: Any, horizon: float) -> list[tuple[float, Any]]:
    """(second from which it holds, price), in order."""
    prices, when = [], 0.0
    while when < horizon:
        price, until = model.price_at(when)
        prices.append((when, price))
        when = until
    return prices


def _quality_events(scenario: spec.Scenario) -> Iterator[dict[str, Any]]:
    """Changes of the quality of models."""
    horizon, tasks = scenario.horizon, scenario.workload.tasks
    for name, deployment in scenario.deployments.items():
        now = known_accuracies(deployment.quality, tasks)
        for step in sorted(
            deployment.quality_steps.values(), key=lambda each: resolve_time(each.at, horizon)
        ):
            start, new = resolve_time(step.at, horizon), known_accuracies(step.quality, tasks)
            parts = [
                f"{task} {percent(now.get(task, now.get('')))} to {percent(share)}".strip()
                for task, share in new.items()
            ]
            words = f"right answers: {', '.join(parts)}"
            words += f", over {duration(step.over)}" if step.over else ""
            now = {**({} if "" in new else now), **new}
            if start < horizon:
                yield _event("quality", f"{name} quality", start, start + step.over, [name], words)


def _crowds(scenario: spec.Scenario) -> Iterator[dict[str, Any]]:
    """Spikes of the rate."""
    for name, spike in scenario.workload.spikes.items():
        start, end = (resolve_time(each, scenario.horizon) for each in (spike.start, spike.end))
        words = f"{spike.factor:g} times as many requests"
        yield _event("crowd", name, start, end, ["the traffic"], words)


def _gateway_events(scenario: spec.Scenario) -> Iterator[dict[str, Any]]:
    """Restarts and flushes, each as one event that comes again (`at_s`)."""
    gateway, horizon = scenario.gateway, scenario.horizon
    states = 1 if gateway.shared else gateway.replicas
    whose = [f"each of {gateway.replicas} replicas" if gateway.replicas > 1 else "the gateway"]
    every = gateway.restart_every
    if every is not None and (times := _repeated(every / states, horizon)):
        words = f"again every {duration(every)}"
        words += ", one replica after another" if states > 1 else ""
        words += ": all is forgotten but what budgets have spent"
        event = _event("restart", "gateway restarts", times[0], times[-1], whose, words)
        yield event | {"at_s": _marked(times)}
    every = gateway.flush_every
    if every is not None and (times := _repeated(every, horizon)):
        words = f"again every {duration(every)}: caches are emptied"
        event = _event("flush", "caches flushed", times[0], times[-1], whose, words)
        yield event | {"at_s": _marked(times)}


def _marked(times: list[float]) -> list[float]:
    """Of what comes more often, the table alone tells."""
    return times if len(times) <= MOST_MARKS else []


def _repeated(every: float, horizon: float) -> list[float]:
    """When something comes that comes so often, before the horizon."""
    return [
        every * count for count in range(1, 1 + int(horizon / every)) if every * count < horizon
    ]
