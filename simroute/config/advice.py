"""Policies that can be written and would not do what they seem to: refused where a figure would be
wrong, else a note that says what to write."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import is_dataclass
from typing import Any

from simroute.config.balance_notes import balance_conflicts
from simroute.config.breaker_notes import idle_breaker_notes
from simroute.config.chooser_notes import chooser_notes
from simroute.config.fields import declared_fields
from simroute.config.inputs import open_trace
from simroute.config.layer_notes import RESENDING, spare_notes
from simroute.config.only_notes import meet
from simroute.config.quality_notes import quality_conflicts
from simroute.models import spec
from simroute.models.calendar import Calendar
from simroute.models.closed_loop import depends_on_answers
from simroute.models.prices import run_prices
from simroute.units import duration

NESTING = (
    (
        "breaker",
        "cache",
        "a cached answer is refused while the breaker is open; put cache outside breaker",
    ),
    (
        "cache",
        "permit",
        "a cached answer may be of whom permit forbids; put cache inside permit",
    ),
    ("retry", "cache", "every retry looks into the cache again; put cache outside retry"),
    ("retry", "fallback", "every retry walks the whole chain again; put retry inside fallback"),
    (
        "timeout",
        "fallback",
        "one deadline covers all targets, so a slow first one leaves no time for the next; put "
        "timeout inside fallback",
    ),
    (
        "breaker",
        "fallback",
        "the breaker sees only the chain's last error and guards no single target; put breaker "
        "inside fallback",
    ),
)


def own_mistakes(layers: dict[str, Any]) -> list[tuple[str, str]]:
    """(layer, what would be right) of parameters that contradict each other, as the layers
    themselves say: one that can has a method `mistakes`."""
    return [
        (key, text)
        for key, layer in layers.items()
        if hasattr(layer, "mistakes")
        for text in layer.mistakes()
    ]


def forbidden_nestings(layers: dict[str, Any]) -> list[tuple[str, str]]:
    """(layer, what would be right) of layers that cannot stand where they do."""
    problems = []
    cascades = {key: set(layer.tasks) for key, layer in layers.items() if layer.kind == "cascade"}
    for place, (key, tasks) in enumerate(cascades.items()):
        for outer, own in list(cascades.items())[:place]:
            if not (own and tasks) or own & tasks:
                text = (
                    f"stands inside the cascade {outer!r}, and the two together would leave out "
                    f"one of their targets: {MANY}"
                )
                problems.append((key, text))
                break
    return problems


MANY = "write one with `steps: [CHEAPEST, …, BEST]`, or give each `tasks` that the other has not"


def nesting_notes(layers: dict[str, Any]) -> list[str]:
    """Orders of layers that are known to disappoint. A deadline for all of a chain does not where
    each target has a limit of its own."""
    notes = [
        f"{inner} stands inside {outer}: {why}"
        for outer, inner, why in NESTING
        if _stands_inside(outer, inner, layers)
    ]
    order = list(layers.values())
    if any(
        layer.kind == "retry" and not _places("timeout", order[place:], layer)
        for place, layer in enumerate(order)
    ):
        notes.append(
            "retry has no timeout inside it: one hung call is never retried; add timeout after "
            "retry"
        )
    return [*notes, *chooser_notes(layers)]


def _places(kind: str, layers: list[Any], beside: Any) -> list[int]:
    """Of the layers of a kind that may hold for the same call as `beside`."""
    return [
        place for place, layer in enumerate(layers) if layer.kind == kind and meet(layer, beside)
    ]


def _stands_inside(outer: str, inner: str, layers: dict[str, Any]) -> bool:
    """Whether a layer of kind `inner` is the first that calls meet behind one of kind `outer`,
    unless they meet another timeout behind both."""
    order = list(layers.values())
    for place, layer in enumerate(order):
        if layer.kind != outer:
            continue
        first = _places(inner, order, layer)[:1]
        limited = outer == "timeout" and _places(outer, order[first[0] :], layer) if first else []
        if first and place < first[0] and not limited:
            return True
    return False


def setting_notes(
    layers: dict[str, Any], written: Any, scenario: spec.Scenario | None
) -> list[str]:
    """Values that cannot do what they are there for: of the layers themselves and, where there is
    one, in the traffic of a scenario.

    written: the policy as it was written, since only a number without a unit may be meant in
    milliseconds.
    """
    notes = [*millisecond_notes(layers, written), *spare_notes(layers)]
    kinds = [layer.kind for layer in layers.values()]
    for place, (key, layer) in enumerate(layers.items()):
        notes += [f"{key}.{text}" for text in quality_conflicts(layer)]
        if layer.kind == "breaker":
            notes += [f"{key}.{text}" for text in _breaker_conflicts(layer)]
            notes += [f"{key}.{text}" for text in idle_breaker_notes(layer, scenario)]
            if scenario is not None and "retry" not in kinds[:place]:
                notes += [f"{key}.{text}" for text in _short_window(layer, scenario)]
        elif layer.kind == "retry":
            notes += [f"{key}.{text}" for text in _retry_conflicts(layer)]
            if layer.idempotency_key and scenario is not None:
                notes += [f"{key}.{text}" for text in _unknown_key(scenario)]
        elif layer.kind == "hedge":
            notes += [f"{key}.{text}" for text in _hedge_conflicts(layer)]
        elif layer.kind == "balance":
            notes += [f"{key}.{text}" for text in balance_conflicts(layer)]
        elif layer.kind == "timeout":
            if layer.first_token is not None and layer.first_token >= layer.total:
                notes.append(
                    f"{key}.first_token: never acts, since total: {layer.total:g}s is over first; "
                    f"write less than that"
                )
            if layer.between_chunks is not None and layer.between_chunks >= layer.total:
                notes.append(
                    f"{key}.between_chunks: never acts, since total: {layer.total:g}s is over "
                    f"first; write less than that"
                )
        elif layer.kind == "budget" and (layer.at_limit, layer.reserve) == ("reject", "max"):
            notes += [
                f"{key}.reserve: {kind} inside may be billed for more sends than the one "
                f"that is reserved; put {key} innermost"
                for kind in [kind for kind in kinds[place + 1 :] if kind in RESENDING][:1]
            ]
    return notes


LONGEST = {
    **dict.fromkeys(("per_1k_input", "per_output_token"), 5.0),
    **dict.fromkeys(("base", "error", "floor", "initial"), 100.0),
    **dict.fromkeys(
        (
            "total",
            "first_token",
            "between_chunks",
            "unstreamed",
            "wait",
            "lookup",
            "max",
            "latency",
            "ttft",
            "overhead",
        ),
        1000.0,
    ),
    **dict.fromkeys(("ttl", "memory", "stale", "failures_ttl", "deadline"), 3e6),
    **dict.fromkeys(
        ("horizon", "mean_between", "repair", "spell", "trace_from", "trace_to", "budget.window"),
        math.inf,
    ),
}
"""Seconds from which on a duration is more likely meant in milliseconds, by its key, or by layer
(section) and key."""
LONGEST_OTHER = 10_000.0


def millisecond_notes(part: Any, written: Any, path: str = "") -> Iterator[str]:
    """Durations that were written as a number without a unit and are absurdly long as seconds.

    part: a dataclass, or a mapping of them; written: the same as it was written, at `path`.
    """
    if not isinstance(written, dict):
        return
    raw = {str(name): value for name, value in written.items()}
    if isinstance(part, dict):
        for name, inner in part.items():
            yield from millisecond_notes(inner, raw.get(str(name)), f"{path}{name}.")
    elif is_dataclass(part):
        owner = getattr(part, "kind", path.rstrip(".").rsplit(".", 1)[-1])
        for name, form, _ in declared_fields(type(part)):
            number = raw.get(name)
            longest = LONGEST.get(f"{owner}.{name}", LONGEST.get(name, LONGEST_OTHER))
            if form.unit == "s" and isinstance(number, (int, float)) and number >= longest:
                yield (
                    f"{path}{name}: {number} is {duration(number)}, since a number without a unit "
                    f"is in seconds; did you mean {number / 1000:g}s?"
                )
            yield from millisecond_notes(getattr(part, name), number, f"{path}{name}.")


def caller_notes(load: spec.Workload) -> list[str]:
    """What to know before policies are compared whose callers react to answers."""
    if not depends_on_answers(load):
        return []
    who = "workload.callers" if load.callers.count else "workload.again"
    return [
        f"{who}: how many requests there are depends on their answers, so policies differ in it; "
        f"compare shares and figures a request, not sums; no clairvoyant bound applies"
    ]


def prompt_cache_notes(scenario: spec.Scenario, calendar: Calendar) -> list[str]:
    """Caches of prompts that have nothing to keep, or save no money."""
    load = scenario.workload
    keeping = [name for name, each in scenario.deployments.items() if each.prompt_cache]
    shared = load.sessions.turns > 1 or any(task.system_prompt for task in load.tasks.values())
    notes = []
    if load.trace is not None:
        trace = open_trace(load)
        shared = trace is not None and trace.prompt_parts is not None
    if keeping and not shared and load.trace is not None:
        notes.append(
            f"deployments.{keeping[0]}.prompt_cache: the trace does not tell blocks of prompts, so "
            f"nothing is known to be sent again; without the key its own cached tokens hold"
        )
    elif keeping and not shared:
        notes.append(
            f"deployments.{keeping[0]}.prompt_cache: no two prompts of the workload begin alike; "
            f"give workload.sessions, or a task's system_prompt"
        )
    prices = {name: run_prices(scenario, name, calendar)[0][1] for name in keeping}
    notes += [
        f"deployments.{name}.prompt_cache: saves time and no money, since the price of cached "
        f"tokens is not known; give price.cached"
        for name in keeping
        if prices[name].cached is None
    ]
    return notes


def _breaker_conflicts(layer: Any) -> Iterator[str]:
    """Parameters of a breaker that contradict each other, whatever the traffic."""
    last, rate = layer.count_window, layer.rate
    if layer.consecutive:
        return
    if rate is None:
        if last is not None and last < layer.failures:
            few = f"the last {last} calls never hold failures: {layer.failures}"
            yield f"count_window: {few}, so it cannot open; write at least {layer.failures}"
        if layer.min_calls != type(layer).min_calls and layer.slow_after is None:
            yield (
                f"min_calls: counts only beside rate; failures: {layer.failures} open it, "
                f"however many calls there were"
            )
        return
    if layer.failures != type(layer).failures and not layer.either:
        yield "failures: is not looked at beside rate; leave one of them out"
    seen = layer.min_calls if last is None else min(layer.min_calls, last)
    if 0 < rate * seen < 1 - 1e-9:
        least, key = (
            math.ceil(1 / rate - 1e-9),
            "min_calls" if last is None or last > layer.min_calls else "count_window",
        )
        yield (
            f"{key}: one failure of {seen} calls is already more than rate: {rate:g}, so a "
            f"single one opens it; write at least {least}"
        )


def _retry_conflicts(layer: Any) -> Iterator[str]:
    """Parameters that another one replaces, or that wait for one that is not there."""
    if layer.attempts == 1:
        yield (
            "attempts: 1 is the first send alone, so nothing is retried; write at least 2, or "
            "leave the layer out"
        )
    elif not layer.statuses:
        yield "statuses: no failure is named, so nothing is retried; name some"
    if layer.backoff.max < layer.backoff.initial:
        yield (
            f"backoff.max: is shorter than initial: {layer.backoff.initial:g}s, so each pause is "
            f"cut to {layer.backoff.max:g}s; write more"
        )
    if not layer.pause_elsewhere and layer.where == "same":
        yield "pause_elsewhere: no retry goes elsewhere; write where: model, or leave it out"
    if not layer.retry_after and layer.max_retry_after != type(layer).max_retry_after:
        yield "max_retry_after: is not looked at beside retry_after: false; leave one of them out"
    if layer.takes > 0 and layer.deadline is None:
        yield "takes: is only looked at with a deadline; add deadline, or leave it out"
    budget = layer.budget
    if budget is None:
        return
    usual = type(budget)()
    if budget.rule != "costs" and (budget.cost, budget.costs) != (usual.cost, usual.costs):
        yield "budget.cost: is only looked at with rule: costs; write that, or leave it out"
    if budget.tokens is None and budget.rule == "deposits":
        return
    beside = "tokens" if budget.rule == "deposits" else f"rule: {budget.rule}"
    if budget.reserve != usual.reserve:
        yield f"budget.reserve: is not looked at beside {beside}; leave one of them out"
    if budget.ttl != usual.ttl and budget.failures is None:
        yield f"budget.ttl: is not looked at beside {beside}; leave it out, or give failures"


def _unknown_key(scenario: spec.Scenario) -> Iterator[str]:
    """An idempotency key that nobody knows."""
    if not any(each.idempotency_keys for each in scenario.deployments.values()):
        yield (
            "idempotency_key: no deployment knows such keys, so each try is billed; write "
            "idempotency_keys: true at those whose provider has them, or leave it out"
        )


def _hedge_conflicts(layer: Any) -> Iterator[str]:
    """Copies that can never be sent."""
    if layer.attempts == 1:
        yield "attempts: 1 is the first copy alone, so nothing is hedged; write at least 2"
    elif layer.max_extra == 0:
        yield "max_extra: 0 allows no further copy; write a share, or none"
    elif layer.targets and layer.attempts > 1 + len(layer.targets):
        most = 1 + len(layer.targets)
        yield f"attempts: no more than {most} copies have a target; write {most}, or more targets"


def _short_window(layer: Any, scenario: spec.Scenario) -> Iterator[str]:
    """A time window that, at the scenario's rate, holds enough calls to open the breaker in less
    than 1 % of cases (Chernoff's bound for a Poisson count)."""
    load = scenario.workload
    if (
        layer.consecutive
        or layer.count_window is not None
        or load.trace is not None
        or load.burstiness != spec.Burstiness()
    ):
        return
    replicas = 1 if scenario.gateway.shared else scenario.gateway.replicas
    peak = math.prod(
        max(part) * len(part) / sum(part)
        for part in (load.profile.hours, load.profile.days)
        if part and sum(part)
    )
    calls = load.rate * peak / replicas * layer.window
    key = "failures" if layer.rate is None else "min_calls"
    needed = getattr(layer, key)
    if 0 < calls < needed and needed * math.log(needed / calls) - needed + calls > math.log(100):
        where = "at the scenario's rate" + (
            f", spread over {replicas} replicas" if replicas > 1 else ""
        )
        other = "consecutive: true" if layer.rate is None else f"count_window: {needed}"
        yield (
            f"window: holds {calls:.2g} calls {where}, so {key}: {needed} hardly ever come "
            f"together; write a longer one, or {other}"
        )
