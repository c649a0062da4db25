"""Parameters of layers that route by quality which do nothing, or contradict each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def quality_conflicts(layer: Any) -> Iterator[str]:
    """One line for each, beginning with the key."""
    if layer.kind == "cascade":
        yield from _cascade_conflicts(layer)
    elif layer.kind == "bandit":
        if layer.judge.accepts(True) <= layer.judge.accepts(False):
            yield (
                "judge: accepts wrong answers as often as right ones, so nothing is learned; "
                "write a true_accept above false_accept"
            )
        if layer.judged == 0:
            yield "judged: 0, so nothing is learned; write a share of the answers"
    elif layer.kind == "fan_out":
        usual = type(layer)()
        if layer.targets and len(set(layer.targets)) == 1:
            yield "targets: one is asked, as without the layer; name at least two"
        if layer.take != "accepted" and layer.judge != usual.judge:
            yield f"judge: is not asked with take: {layer.take}; write take: accepted"
        if layer.take != "majority" and layer.common != usual.common:
            yield f"common: is not looked at with take: {layer.take}; write take: majority"
    elif layer.kind == "quality_bar" and layer.table:
        usual = type(layer)().evaluation
        if (layer.evaluation.every, layer.evaluation.usd) != (usual.every, usual.usd):
            yield "evaluation: nothing is evaluated beside a table; leave every and usd out"
    pace = getattr(layer, "pace", None)
    if pace is not None and pace.usd is None and not (pace.by_target or pace.by_model):
        yield "pace: has no sum, so it holds nothing back; give usd, by_model or by_target"


def _cascade_conflicts(layer: Any) -> Iterator[str]:
    """Keys of a cascade that another one replaces."""
    usual = type(layer)()
    if layer.steps and (layer.cheap, layer.strong) != (usual.cheap, usual.strong):
        yield "steps: stands for cheap and strong; leave these out"
    if len(layer.steps) == 1:
        yield "steps: one is no cascade, so nobody is asked twice; write at least two"
    if len(set(layer.steps)) < len(layer.steps):
        twice = next(name for name in layer.steps if layer.steps.count(name) > 1)
        yield f"steps: {twice} stands there twice, and is asked once; leave one out"
    if layer.max_escalated == 0:
        yield (
            "max_escalated: 0 gives every answer of the first step, accepted or not; write more, "
            "or a fallback, which asks others after failures alone"
        )
    most = max(1, len(layer.steps) - 1)
    if len(layer.judges) > most:
        yield f"judges: only {most} of the steps are judged; leave the others out"
    if layer.samples > 1 and (layer.judges or layer.judge != usual.judge):
        yield "samples: their agreement is the judge, so judge and judges are not looked at"
    if layer.samples == 1 and layer.agreement != usual.agreement:
        yield "agreement: one answer agrees with itself; write samples: 3"
