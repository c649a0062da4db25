"""What a policy asks for and the live world cannot give: it would do nothing, so it is an error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from simroute.config.names import layer_mentions, unmatched
from simroute.core import Price, resolve
from simroute.core.only import only_of
from simroute.core.target import ROLES, Target
from simroute.errors import nearest
from simroute.worlds.live import ExpertFunctions

MISSING = {
    "judge": "nobody judges answers",
    "classifier": "nobody tells the tasks of requests",
    "predictor": "nobody tells beforehand how good answers will be",
    "evaluator": "nobody evaluates the targets, and no table says how good they are",
    "conclusion": "nobody tells which answers say the same",
}
"""What is wrong without each of `ExpertFunctions`."""


def asked(layer: Any) -> tuple[str, ...]:
    """Whom of `ExpertFunctions` a layer asks."""
    return getattr(layer, "asks", ())


def inert_layers(
    layers: Mapping[str, Any],
    targets: Mapping[str, Target],
    prices: Mapping[str, Price],
    experts: ExpertFunctions,
    has_embedder: bool,
) -> list[str]:
    """One line for each; empty when all of the policy can run."""
    problems = []
    for name, kind, line in _inert(layers, targets, experts, has_embedder):
        called = name if name == kind else f"{name} ({kind})"
        problems.append(f"{called}: {line}")
    known = [*targets, *ROLES]
    problems += [
        f"{'.'.join(path)}: no deployment is called {target!r}; {nearest(target, known)}"
        for path, unit, target in layer_mentions(dict(layers))
        if unit == "target" and target not in known
    ]
    problems += [
        f"{name}.endpoint: {nobody}"
        for name, layer in layers.items()
        if (nobody := unmatched(layer, targets.values())) is not None
    ]
    return [*problems, *_unlimited(layers, targets, prices)]


def _unlimited(
    layers: Mapping[str, Any], targets: Mapping[str, Target], prices: Mapping[str, Price]
) -> list[str]:
    """One line where nothing limits the time of calls, to some targets or to all."""
    limits = [only_of(layer) for layer in layers.values() if _limits_time(layer)]
    if not limits:
        return ["no layer limits the time of a call; add timeout: {total: 30s}"]
    roles = {role for only in limits for role in only if role in (*targets, *ROLES)}
    names = {name for role in roles for name in resolve([role], targets, prices.__getitem__)}
    left = [] if () in limits else [name for name in targets if name not in names]
    if not left:
        return []
    return [
        f"no layer limits the time of a call to {' or '.join(left)}; add timeout: {{total: 30s}} "
        f"under another name (kind: timeout), with only: [{', '.join(left)}]"
    ]


def _inert(
    layers: Mapping[str, Any],
    targets: Mapping[str, Target],
    experts: ExpertFunctions,
    has_embedder: bool,
) -> Iterator[tuple[str, str, str]]:
    granted = any(target.rpm or target.tpm for target in targets.values())
    for name, layer in layers.items():
        kind = layer.kind
        if kind == "budget" and layer.usd is None:
            yield name, kind, "no sum is given; add usd"
        elif kind == "limit" and not (layer.rpm or layer.tpm or layer.rates or layer.told):
            if layer.each != "deployment":
                yield name, kind, f"no limit is given; add rpm or tpm for each {layer.each}"
            elif not granted:
                yield (
                    name,
                    kind,
                    "no limit is given; add rpm or tpm, here or to a deployment's limits",
                )
        elif kind == "cache" and layer.match != "exact" and not has_embedder:
            yield (
                name,
                kind,
                f"match: {layer.match} compares meanings, for which an embedder is needed: a "
                "deployment with embeddings: true, or Gateway(embedder=…); or write match: exact",
            )
        elif kind == "recorded":
            yield name, kind, "follows a log, and a live call is in none"
        for expert in asked(layer):
            if getattr(experts, expert) is None:
                text = f"{MISSING[expert]}; Gateway({expert}=…) takes an async function"
                yield name, kind, text


def _limits_time(layer: Any) -> bool:
    if layer.kind == "litellm":
        return True  # by its `timeout`
    return layer.kind == "timeout" and (layer.total is not None or layer.first_token is not None)
