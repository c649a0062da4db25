"""Whom a policy asks in a scenario, and whether all of them fail together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from simroute.config.inputs import run_calendar
from simroute.core import Price, resolve
from simroute.core.only import only_of
from simroute.models import spec
from simroute.models.prices import run_prices
from simroute.models.targets import as_target
from simroute.text import clean

Finder = Callable[[Iterable[str]], list[str]]
"""Names and roles -> the deployments that they are in a scenario, in order."""


def _finder(scenario: spec.Scenario) -> Finder:
    known = {name: as_target(name, each) for name, each in scenario.deployments.items()}
    calendar = run_calendar(scenario)

    def price(name: str) -> Price:
        return run_prices(scenario, name, calendar)[0][1]

    return lambda targets: resolve(targets, known, price)


def fallback_chains(layers: dict[str, Any], scenario: spec.Scenario) -> dict[str, list[str]]:
    """Layer -> the deployments that it asks, in order, for each fallback whose targets are all
    known."""
    find, chains = _finder(scenario), {}
    for key, layer in layers.items():
        if layer.kind == "fallback":
            last = () if layer.degrade_to is None else (layer.degrade_to,)
            chains[key] = find([*layer.targets, *last]) or [next(iter(scenario.deployments))]
    return chains


def resolve_each(roles: Iterable[str], scenario: spec.Scenario) -> set[str]:
    """The deployments that names and roles stand for, each by itself."""
    find = _finder(scenario)
    return {name for role in roles for name in find([role])}


def describe_chains(layers: dict[str, Any], scenario: spec.Scenario) -> Iterator[str]:
    """`fallback: claude (anthropic), then gpt (openai)`, for each fallback."""
    for key, chain in fallback_chains(layers, scenario).items():
        asked = ", then ".join(_place(name, scenario.deployments[name]) for name in chain)
        yield f"{key} asks {asked}"


def shared_fate_notes(layers: dict[str, Any], scenario: spec.Scenario) -> Iterator[str]:
    """A note for each fallback whose deployments are all one company's, or all in one failure
    domain, or that has only one; and for other lists that are shorter here than written. One that
    holds for some targets alone has another outside."""
    for key, chain in fallback_chains(layers, scenario).items():
        if only_of(layers[key]):
            continue
        asked = [scenario.deployments[name] for name in chain]
        if len(chain) == 1:
            yield f"{key}: {_listed(chain)} is its only target here, so nobody else is asked"
            continue
        for scope, where in (("provider", "of"), ("domain", "in the domain")):
            places = {getattr(each, scope) for each in asked}
            (place,) = places if len(places) == 1 else (None,)
            if place is not None:
                yield (
                    f"{key}: {_listed(chain)} are all {where} {clean(place, 40)}, so what fails "
                    f"there leaves nobody to ask; add a target elsewhere"
                    f"{', such as other_company' if scope == 'provider' else ''}"
                )
                break
    yield from _unfilled(layers, scenario)


def _unfilled(layers: dict[str, Any], scenario: spec.Scenario) -> Iterator[str]:
    """A note for each list of deployments, other than a fallback's, that is shorter here than it
    was written: of a balance, and of each of LiteLLM's groups."""
    find = _finder(scenario)
    for key, layer in layers.items():
        if layer.kind == "balance" and layer.group == "targets" and len(layer.targets) > 1:
            if len(chain := find(layer.targets)) == 1:
                yield f"{key}: {_listed(chain)} is its only target here, so nobody else is asked"
        elif layer.kind == "litellm":
            for group, targets in layer.groups.items():
                chain = find(targets)
                where = f"{key}.groups.{clean(group, 40)}"
                if not chain:
                    first = clean(next(iter(scenario.deployments)), 40)
                    roles = " or ".join(targets)
                    yield f"{where}: nobody here is {roles}, so {first} stands in"
                elif len(chain) == 1 < len(targets):
                    yield f"{where}: {_listed(chain)} is its only deployment here"


def _place(name: str, deployment: spec.Deployment) -> str:
    domain = "" if deployment.domain is None else f", {clean(deployment.domain, 40)}"
    return f"{clean(name, 40)} ({clean(deployment.provider, 40)}{domain})"


def _listed(chain: list[str]) -> str:
    names = [clean(name, 40) for name in chain]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
