"""Parameters that are known to disappoint in the traffic of a scenario: what happens then, and what
to write instead."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from simroute.config.only_notes import meet
from simroute.config.shared_fate import fallback_chains, resolve_each
from simroute.core.only import only_of
from simroute.models import spec
from simroute.models.similarity import Similarity
from simroute.models.surcharges import tiered
from simroute.units import duration, seconds

MOST_SENDS = 10
"""Of one request: more are a load of their own on what is failing."""
SDK_SENDS = 3
"""The openai and anthropic SDKs try twice again by themselves (max_retries 2)."""
ROOM = 3.0
"""A timeout of so many medians ends few answers that would have come."""
LEAST_COSINE = 0.7
"""Below it questions of other meaning count as the same (GPTCache's 0.8 is a cosine of 0.6)."""
KEPT = 10_000
"""Questions in a cache of which false answers are told."""
LEAST_CHOSEN = 0.82
"""Cosine below which a number is told of that is more likely copied from GPTCache (0.8) than chosen
for its false answers: fewer than 1 % are wrong from 0.83 on in the packaged `semantic_cache`."""


def pitfall_notes(layers: dict[str, Any], scenario: spec.Scenario) -> Iterator[str]:
    """`layer.key: what happens; what to write`, for each that is found."""
    chains = fallback_chains(layers, scenario)
    yield from _many_sends(layers, chains, scenario)
    order = list(layers)
    asked = [name for chain in chains.values() for name in chain] or [*scenario.deployments][:1]
    for place, (key, layer) in enumerate(layers.items()):
        if layer.kind == "timeout":
            own = resolve_each(only_of(layer), scenario)
            for name, limit in _limits(layer):
                concerned = [each for each in asked if each in own or not only_of(layer)]
                yield from _short_timeout(f"{key}.{name}", name, limit, concerned, scenario)
        elif layer.kind == "breaker":
            inside = [layers[name] for name in order[place + 1 :]]
            yield from _short_cooldown(key, layer, [each for each in inside if meet(each, layer)])
        elif layer.kind == "cache":
            yield from _other_scale(key, layer)


# -- timeouts --------------------------------------------------------------------------------------


class _Median(NamedTuple):
    """Of a deployment's answers to a task, in seconds."""

    seconds: float
    deployment: str
    task: str


def _limits(layer: Any) -> list[tuple[str, float]]:
    names = ("first_token", "unstreamed", "total")
    return [(name, limit) for name in names if (limit := getattr(layer, name)) is not None]


def _short_timeout(
    key: str, name: str, limit: float, asked: list[str], scenario: spec.Scenario
) -> Iterator[str]:
    """A limit that more than half of the answers to a task do not keep."""
    late = [each for each in _medians(asked, name, scenario) if each.seconds > limit]
    if not late:
        return
    worst = max(late)
    what = "first token" if name == "first_token" else "answer"
    others = "" if len(late) == 1 else f" (and {len(late) - 1} more such)"
    yield (
        f"{key}: {duration(limit)} is less than the median {what} of {worst.deployment} to "
        f"{worst.task} takes ({seconds(worst.seconds)}){others}: most of its calls are given up, "
        f"and paid for; write at least {_round_up(ROOM * worst.seconds):g}s"
    )


def _medians(asked: list[str], name: str, scenario: spec.Scenario) -> Iterator[_Median]:
    """Of each deployment that is asked and each task, as far as the limit `name` applies."""
    load = scenario.workload
    if load.trace is not None:
        return
    for task, work in load.tasks.items():
        streamed = load.streamed if work.streamed is None else work.streamed
        if not streamed if name == "first_token" else name == "unstreamed" and streamed == 1:
            continue
        for deployment in asked:
            latency = tiered(scenario.deployments[deployment]).latency
            took = latency.floor + latency.base
            took += latency.per_1k_input * _median(work.input_tokens) / 1000
            if name != "first_token":
                took += latency.per_output_token * _median(work.output_tokens)
            yield _Median(took, deployment, task)


def _median(lengths: spec.Lengths) -> float:
    return min(lengths.quantiles.get("p50", lengths.median), lengths.max)


def _round_up(value: float) -> float:
    """To two digits."""
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / step - 1e-9) * step:.3g}")


# -- sends -----------------------------------------------------------------------------------------


def _many_sends(
    layers: dict[str, Any], chains: dict[str, list[str]], scenario: spec.Scenario
) -> Iterator[str]:
    """Layers that together send one request more than ten times when all fail."""
    factors = {
        key: len(chains[key])
        if layer.kind == "fallback"
        else layer.attempts
        if layer.kind in ("retry", "hedge") and not getattr(layer, "budget", None)
        else 1
        for key, layer in layers.items()
    }
    several = {key: factor for key, factor in factors.items() if factor > 1}
    retries = [key for key in several if layers[key].kind == "retry"]
    held = {key: resolve_each(only_of(layer), scenario) for key, layer in layers.items()}
    first = next(iter(scenario.deployments))

    def sends(order: list[str], target: str | None) -> int:
        """Of a call that is aimed there in front of these layers."""
        if not order:
            return 1
        key, *inside = order
        if only_of(layers[key]) and (target or first) not in held[key]:
            return sends(inside, target)
        if layers[key].kind != "fallback":
            return factors[key] * sends(inside, target)
        chain = chains[key] if target is None else [target, *chains[key]]
        return sum(sends(inside, each) for each in dict.fromkeys(chain))

    total = sends(list(layers), None)
    if total <= MOST_SENDS or not retries:
        return
    key = max(retries, key=several.__getitem__)
    times = " x " if total == math.prod(several.values()) else ", "
    made = times.join(f"{name} {factor}" for name, factor in several.items())
    yield (
        f"{key}.attempts: one request may become {total} sends where all fail ({made}), and "
        f"{total * SDK_SENDS} from callers whose SDK tries twice again by itself: retries become "
        f"the load; write fewer, or {key}.budget"
    )


# -- breakers and caches ---------------------------------------------------------------------------


def _short_cooldown(key: str, layer: Any, inside: list[Any]) -> Iterator[str]:
    """A cooldown that is over before the trial of a hanging target could have failed."""
    limits = [limit for each in inside if each.kind == "timeout" for _, limit in _limits(each)]
    hangs_open_it = layer.recovery != "window" and 408 in (*layer.statuses, *layer.at_once)
    if limits and hangs_open_it and layer.cooldown < min(limits):
        least = min(limits)
        yield (
            f"{key}.cooldown: {duration(layer.cooldown)} is less than a hanging call takes to be "
            f"given up ({duration(least)}), so while a target hangs a call waits for it nearly all "
            f"the time; write at least {least:g}s, or a shorter timeout"
        )


def _other_scale(key: str, layer: Any) -> Iterator[str]:
    """A threshold that was meant in another scale, or as a distance."""
    if layer.match != "semantic":
        return
    cosine = layer.threshold if layer.scale == "cosine" else 2 * layer.threshold - 1
    false, usual = Similarity().false_share, 0.95
    meant = (
        f"{key}.threshold: {layer.threshold:g} (scale: {layer.scale}) is a cosine of {cosine:.2g}"
    )
    if layer.threshold <= 0.3:
        yield (
            f"{key}.threshold: {layer.threshold:g} looks like a distance, and is a similarity, at "
            f"which nearly all questions are the same; write {1 - layer.threshold:g}"
        )
    elif layer.scale == "cosine" and cosine < LEAST_CHOSEN:
        yield (
            f"{meant}, at which {100 * false(KEPT, cosine):.2g} % of new questions get another "
            f"one's answer when {KEPT:,} are kept ({100 * false(KEPT, usual):.2g} % at {usual:g}); "
            f"write {usual:g}, or scale: gptcache if it is GPTCache's number, and compare "
            f"cache_false_hit_rate"
        )
    elif cosine < LEAST_COSINE:
        yield (
            f"{meant}, at which questions of another meaning get each other's answers; "
            f"write 0.975, a cosine of {usual:g}, and compare cache_false_hit_rate"
        )
