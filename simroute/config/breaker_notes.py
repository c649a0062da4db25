"""Parameters of a breaker that change nothing beside the others, or keep it from opening at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from simroute.config.shared_fate import resolve_each
from simroute.core.only import only_of
from simroute.models import spec
from simroute.models.faults import affected_deployments
from simroute.text import clean

Held = dict[str, spec.Deployment]
"""The deployments that a breaker holds for."""
IDLE = (
    ("slow_rate", "slow_after", "counts slow calls, and none is slow without slow_after"),
    ("retry_after_extra", "retry_after", "lengthens what is asked for; give retry_after: true"),
    ("after_half_open", "half_open_limit", "is of a limit; give half_open_limit"),
)
"""Parameter -> the one without which it changes nothing."""
OF_TRIALS = (
    "probes",
    "successes",
    "trials_in_all",
    "trial_calls",
    "trial_failures",
    "half_open_limit",
    "probe_limit",
)


def idle_breaker_notes(layer: Any, scenario: spec.Scenario | None) -> Iterator[str]:
    """Of the layer itself and, where there is one, of the deployments of a scenario."""
    for key, needed, text in IDLE:
        if _changed(layer, key) and not getattr(layer, needed):
            yield f"{key}: {text}"
    if not (layer.statuses or layer.at_once):
        yield "statuses: with none of them nothing is a failure; name some"
    if 200 in (*layer.statuses, *layer.at_once):
        yield "statuses: 200 is a success in any case; leave it out"
    if layer.spare_alone and layer.scope == "provider":
        yield "spare_alone: a provider is never alone; write scope: deployment, or leave it out"
    if layer.trial_calls is not None and _changed(layer, "successes"):
        yield "successes: trial_calls are judged together, by rate; leave one of them out"
    yield from _of_windows(layer)
    yield from _of_recovery(layer)
    if scenario is not None:
        only, known = only_of(layer), scenario.deployments
        held = {name: known[name] for name in resolve_each(only, scenario)} if only else known
        yield from _of_deployments(layer, held, scenario)
        yield from _of_outages(layer, held, scenario)


def _changed(layer: Any, key: str) -> bool:
    return bool(getattr(layer, key) != getattr(type(layer), key))


def _of_windows(layer: Any) -> Iterator[str]:
    counts = "consecutive" if layer.consecutive else "count_window"
    if layer.consecutive or layer.count_window is not None:
        for key in ("window_kind", "buckets"):
            lapses = key == "window_kind" and layer.window_kind == "tumbling" and layer.consecutive
            if _changed(layer, key) and not lapses:
                yield f"{key}: is of a time, and {counts} looks at none; leave one of them out"
    elif layer.buckets is not None and layer.window_kind != "sliding":
        yield f"buckets: cuts a sliding window; leave it out, or window_kind: {layer.window_kind}"
    if _changed(layer, "window") and (layer.consecutive or layer.count_window is not None):
        yield f"window: is a time, and {counts} looks at none; leave one of them out"
    if layer.judged_every is not None and layer.judged != type(layer).judged:
        yield "judged: is not looked at beside judged_every; leave one of them out"


def _of_recovery(layer: Any) -> Iterator[str]:
    if layer.recovery != "trials":
        for key in OF_TRIALS:
            if _changed(layer, key):
                yield f"{key}: is of trials, and recovery: {layer.recovery} makes none"
    if layer.recovery == "window" and _changed(layer, "cooldown") and not layer.at_once:
        yield "cooldown: is not looked at where the window closes it; write window"
    if layer.recovery == "window" and layer.consecutive:
        yield (
            "recovery: window never closes it, since failures in a row are not forgotten; write "
            "time or trials"
        )
    grows = layer.cooldown_factor != 1.0 or layer.cooldown_step > 0
    for key in ("max_cooldown", "forgiven_after"):
        if _changed(layer, key) and not grows:
            yield f"{key}: is of a cooldown that grows; give cooldown_factor or cooldown_step"
    if layer.max_cooldown is not None and layer.max_cooldown < layer.cooldown:
        yield (
            f"max_cooldown: is shorter than cooldown: {layer.cooldown:g}s, so each lasts "
            f"{layer.max_cooldown:g}s; write more"
        )
    if layer.recovery == "time" and grows and layer.forgiven_after is None:
        yield (
            "cooldown_factor, cooldown_step: closing forgives all growth, and recovery: time "
            "closes after each cooldown; give forgiven_after"
        )


def _of_deployments(layer: Any, held: Held, scenario: spec.Scenario) -> Iterator[str]:
    """Caps that let none open."""
    if not held or layer.scope == "task":
        return
    known = {each.provider for each in held.values()}
    many = len(known) if layer.scope == "provider" else len(held)
    if layer.max_open * many < 1 - 1e-9:
        yield (
            f"max_open: {layer.max_open:g} of {many} is less than one, so it never opens; write "
            f"at least {1 / many:.2g}"
        )
    elif many <= layer.min_closed:
        yield f"min_closed: there are {many}, so it never opens; write less than that"
    models = Counter(each.model for each in scenario.deployments.values())
    alone = all(models[each.model] == 1 for each in held.values())
    if layer.spare_alone and layer.scope != "provider" and alone:
        yield (
            "spare_alone: each deployment is the only one of its model, so it never opens; leave "
            "it out, or give a model two deployments"
        )


def _of_outages(layer: Any, held: Held, scenario: spec.Scenario) -> Iterator[str]:
    """Statuses from 500 on with which an outage of those that it is for answers, and which are no
    failure here."""
    counted = {*layer.statuses, *layer.at_once}
    for name, outage in scenario.outages.items():
        status = outage.status if outage.error_share > 0 else None
        missed = isinstance(status, int) and status >= 500 and status not in counted
        if missed and affected_deployments(outage, held, also=True):
            yield (
                f"statuses: outage {clean(name, 40)} answers {status}, which is none of them, so "
                f"that does not open it; add it, if it is to count"
            )
