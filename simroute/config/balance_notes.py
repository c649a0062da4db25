"""Keys of `balance` that change nothing as they stand, or compare nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from simroute.gauges.measure import TIMED

AVERAGES = {
    "memory": ("fading", "peak"),
    "samples": ("last", "quantile"),
}
"""Key of measure -> averages that look at it."""
IDLE = "is not looked at with"
RULES = {
    "weights": ("chance", "turns", "hash"),
    "exponent": ("chance",),
    "slack": ("best",),
    "bound": ("hash",),
}
"""Key -> rules that look at it."""


def balance_conflicts(layer: Any) -> Iterator[str]:
    """A line for each, with what would give it a meaning."""
    usual, measure = type(layer)(), layer.measure
    for key, rules in RULES.items():
        if getattr(layer, key) != getattr(usual, key) and layer.pick not in rules:
            wanted = " or ".join(f"pick: {rule}" for rule in rules)
            yield f"{key}: {IDLE} pick: {layer.pick}; leave it out, or write {wanted}"
    if layer.key != usual.key and layer.pick != "hash" and not layer.sticky:
        yield "key: nothing is kept together; leave it out, or give sticky, or pick: hash"
    if layer.pick in ("best", "two") and measure.of == "nothing":
        yield f"measure.of: pick: {layer.pick} compares nothing, so any is as good; say what"
    if layer.pick in ("turns", "hash") and measure.of != "nothing":
        yield f"measure.of: {IDLE} pick: {layer.pick}; leave it out"
    if layer.tries == 1 and layer.statuses != usual.statuses:
        yield "statuses: nobody else is asked after a failure; leave it out, or give tries"
    for bound in ("require", "prefer"):
        if "nothing" in getattr(layer, bound):
            yield f"{bound}.nothing: nobody differs in it; name a price, a time or a count"
        for metric, most in getattr(layer, bound).items():
            if isinstance(most, dict) and metric not in TIMED:
                yield (
                    f"{bound}.{metric}: only times have quantiles ({', '.join(TIMED)}); give one "
                    f"number"
                )
            elif most == {}:
                yield f"{bound}.{metric}: bounds nothing; give a number, or such as {{p50: 2}}"
    plain = {
        metric
        for bounds in (layer.require, layer.prefer)
        for metric, most in bounds.items()
        if not isinstance(most, dict)
    }
    yield from _measured(measure, type(measure)(), plain)


def _measured(measure: Any, usual: Any, bounds: set[str]) -> Iterator[str]:
    timed = measure.of in TIMED
    for key in ("average", "memory", "samples", "unknown", "failures", "timed_out"):
        if getattr(measure, key) == getattr(usual, key):
            continue
        averages = AVERAGES.get(key, (measure.average,))
        if not timed:
            yield (
                f"measure.{key}: is of times, and {measure.of} is none; leave it out, or write "
                f"of: latency"
            )
        elif measure.average not in averages:
            wanted = " or ".join(f"average: {each}" for each in averages)
            yield (
                f"measure.{key}: {IDLE} average: {measure.average}; leave it out, or write {wanted}"
            )
    asked = bounds & set(TIMED) or (timed and measure.average == "quantile")
    if measure.quantile != usual.quantile and not asked:
        yield "measure.quantile: no quantile is asked for; leave it out, or average: quantile"
