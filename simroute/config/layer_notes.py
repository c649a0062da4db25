"""Parameters of layers that do nothing beside the others as they stand, and layers that take each
other's work away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from simroute.text import duration

RESENDING = ("fallback", "retry", "cascade", "queue", "hedge")
"""Layers that may send a call again, or to others."""


def spare_notes(layers: Mapping[str, Any]) -> Iterator[str]:
    """Each with what to write instead."""
    every = list(layers.values())
    for place, (key, layer) in enumerate(layers.items()):
        look = LOOKS.get(layer.kind)
        if look is not None:
            inner = [each.kind for each in every[place + 1 :]]
            yield from (f"{key}.{text}" for text in look(layer, every[:place], inner))


def _fallback(layer: Any, outer: list[Any], inner: list[str]) -> Iterator[str]:
    if layer.most == 0:
        yield "most: 0 asks nobody else; write at least 1, or leave the layer out"
    if layer.error != "ranked" and layer.ranking != type(layer).ranking:
        yield "ranking: is looked at with error: ranked alone; write that, or leave it out"
    if layer.any_failure and layer.statuses != type(layer).statuses:
        yield "statuses: are not looked at beside any_failure; leave one of them out"


def _health(layer: Any, outer: list[Any], inner: list[str]) -> Iterator[str]:
    if not (layer.active or layer.passive):
        yield "active: with neither pings nor passive nothing is noticed; write one of them"
    if layer.active and layer.limit > layer.every:
        yield (
            f"limit: a ping may take {duration(layer.limit)}, so the next one does not come after "
            f"{duration(layer.every)}; write at most that"
        )
    for kind in [kind for kind in inner if kind in ("fallback", "queue", "cascade")][:1]:
        yield (
            f"every: {kind} stands inside, so what is pinged and counted is whom it asks in the "
            f"end; put {kind} outside"
        )


def _budget(layer: Any, outer: list[Any], inner: list[str]) -> Iterator[str]:
    if layer.ahead != "none" and layer.period == "rolling":
        yield f"ahead: {layer.ahead} looks to the end of a period, and a rolling one has none"
    if layer.ahead != "pace" and layer.head_start != type(layer).head_start:
        yield "head_start: is that of ahead: pace; write that, or leave it out"
    if layer.ahead != "forecast" and layer.memory != type(layer).memory:
        yield "memory: is that of ahead: forecast; write that, or leave it out"
    if layer.shift_back is not None and layer.shift_back > layer.shift_at:
        yield "shift_back: is above shift_at, and counts as that; write less"
    if layer.by in ("model", "target", "provider"):
        for kind in [kind for kind in inner if kind in RESENDING][:1]:
            yield (
                f"by: {kind} inside sends to others, or again, and only the last send is billed "
                f"to its {layer.by}; put the budget inside {kind}"
            )


def _cache(layer: Any, outer: list[Any], inner: list[str]) -> Iterator[str]:
    if layer.match != "verified" and (layer.error != type(layer).error or layer.together):
        yield "error: and together belong to match: verified; write that, or leave them out"
    if layer.match == "verified" and layer.error == 0:
        yield "error: 0 gives no answer that was made for other words; write match: exact"
    if not layer.failures_ttl and layer.failures != type(layer).failures:
        yield "failures: are remembered for failures_ttl, which is 0; write a duration"


def _queue(layer: Any, outer: list[Any], inner: list[str]) -> Iterator[str]:
    for limit in [each.total for each in outer if each.kind == "timeout"][:1]:
        if limit is not None and limit < layer.deadline:
            yield (
                f"deadline: {duration(layer.deadline)} is more than the timeout outside allows "
                f"({duration(limit)}); put timeout inside queue"
            )


def _shed(layer: Any, outer: list[Any], inner: list[str]) -> Iterator[str]:
    if not (layer.in_flight or layer.failing):
        yield "in_flight: names no work, nor does failing, so nothing is refused; name one"


def _static(layer: Any, outer: list[Any], inner: list[str]) -> Iterator[str]:
    for kind in [each.kind for each in outer if each.kind in RESENDING][:1]:
        yield (
            f"text: is a success for {kind} outside, which then never acts; put static_answer "
            f"outside {kind}"
        )


LOOKS: dict[str, Callable[[Any, list[Any], list[str]], Iterator[str]]] = {
    "fallback": _fallback,
    "health": _health,
    "budget": _budget,
    "cache": _cache,
    "queue": _queue,
    "shed": _shed,
    "static_answer": _static,
}
