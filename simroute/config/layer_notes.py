"""Parameters of layers that do nothing beside the others as they stand, and layers that take each
other's work away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from simroute.core.target import EVERYBODY
from simroute.units import duration

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
    if layer.window is not None and layer.period not in (None, "rolling"):
        yield f"window: is that of period: rolling, and a {layer.period} has its own; leave it out"
    if layer.by == "all" and layer.sums:
        yield "sums: are by account, and all share one; give by"
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
    if layer.match == "exact" and layer.threshold != type(layer).threshold:
        yield "threshold: an exact cache compares nothing; write match: semantic, or leave it out"
    if layer.match == "exact" and layer.scale != type(layer).scale:
        yield "scale: is that of threshold, and an exact cache has none; leave it out"
    if layer.failures_ttl and not layer.failures:
        yield "failures: none is named, so none is remembered; name some, or leave failures_ttl out"
    if not layer.failures_ttl and layer.failures != type(layer).failures:
        yield "failures: are remembered for failures_ttl, which is 0; write a duration"


def _queue(layer: Any, outer: list[Any], inner: list[str]) -> Iterator[str]:
    if not layer.statuses:
        yield "statuses: none is named, so only what layers inside refuse is held; name some"
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
    if not layer.statuses:
        yield "statuses: none is named, so only what layers inside refuse is replaced; name some"
    for kind in [each.kind for each in outer if each.kind in RESENDING][:1]:
        yield (
            f"text: is a success for {kind} outside, which then never acts; put static_answer "
            f"outside {kind}"
        )


def _permit(layer: Any, outer: list[Any], inner: list[str]) -> Iterator[str]:
    if not (layer.only or layer.forbid):
        yield "only: names nobody, nor does forbid, so it changes nothing; name one"


def _shadow(layer: Any, outer: list[Any], inner: list[str]) -> Iterator[str]:
    if layer.share == 0:
        yield "share: 0, so nobody else is asked; write more, or leave the layer out"


def _in_line(layer: Any, outer: list[Any], inner: list[str]) -> Iterator[str]:
    line = layer.line
    if line.weights and line.fair == "none":
        yield "line.weights: nobody takes turns; give fair"
    if line.classes and line.urgent == "none":
        yield "line.classes: of whom, nothing says; give urgent"
    if layer.wait == 0 and line != type(line)():
        yield "line: nobody waits with wait: 0; leave one of them out"


def _pace(layer: Any, outer: list[Any], inner: list[str]) -> Iterator[str]:
    if layer.statuses == () or layer.statuses == (200,):
        yield "statuses: no failure is named, so it never slows down; name some"
    yield from _in_line(layer, outer, inner)


OF_RULES = {"decrease": ("aimd",), "slow": ("aimd",), "tolerance": ("gradient",)}
"""Parameter of concurrency -> the rules that look at it."""


def _concurrency(layer: Any, outer: list[Any], inner: list[str]) -> Iterator[str]:
    learns = ("aimd", "vegas", "gradient")
    for key in ("least", "most", "decrease", "slow", "tolerance"):
        rules = OF_RULES.get(key, learns)
        if getattr(layer, key) != getattr(type(layer), key) and layer.rule not in rules:
            wanted = " or ".join(f"rule: {rule}" for rule in rules)
            yield f"{key}: is not looked at with rule: {layer.rule}; write {wanted}"
    if layer.rule != "fixed" and layer.least > layer.most:
        yield f"least: is more than most: {layer.most}; write at most that"
    if layer.rule == "aimd" and layer.decrease >= 1:
        yield f"decrease: {layer.decrease:g} lessens nothing after a drop; write less than 1"
    yield from _in_line(layer, outer, inner)


def _litellm(layer: Any, outer: list[Any], inner: list[str]) -> Iterator[str]:
    if layer.lowest_latency_buffer and layer.routing_strategy != "latency-based-routing":
        yield (
            f"lowest_latency_buffer: is not looked at with {layer.routing_strategy}; write "
            f"routing_strategy: latency-based-routing"
        )
    if layer.disable_cooldowns and layer.cooldown_time != type(layer).cooldown_time:
        yield "cooldown_time: nothing cools with disable_cooldowns; leave one of them out"
    groups = layer.groups or {"main": ()}
    alone = all(len(names) == 1 and EVERYBODY not in names for names in groups.values())
    if alone and layer.routing_strategy != type(layer).routing_strategy:
        yield (
            f"routing_strategy: {layer.routing_strategy} never chooses, since each group has one "
            f"deployment; write several in one, such as main: [first, other_company]"
        )
    named = {**groups, **layer.model_group_alias}
    for key in ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks"):
        for name in getattr(layer, key):
            if name not in named:
                yield f"{key}.{name}: there is no such group; groups has {', '.join(groups)}"
    for name in layer.model_group_retry_policy:
        if name not in groups:
            known = ", ".join(groups)
            yield f"model_group_retry_policy.{name}: there is no such group; groups has {known}"


LOOKS: dict[str, Callable[[Any, list[Any], list[str]], Iterator[str]]] = {
    "fallback": _fallback,
    "health": _health,
    "budget": _budget,
    "cache": _cache,
    "queue": _queue,
    "shed": _shed,
    "static_answer": _static,
    "permit": _permit,
    "shadow": _shadow,
    "limit": _in_line,
    "pace": _pace,
    "concurrency": _concurrency,
    "litellm": _litellm,
}
