"""A scenario made from a trace: its arrivals against deployments that behave as the trace says, at
the prices of its date."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from simroute.config import schema
from simroute.config.configuration import Configuration
from simroute.config.documents import RECORDED, Policy, read_documents
from simroute.config.inputs import read_options
from simroute.config.laid_outages import parse_outages
from simroute.config.loading import Head, build_configuration, collect_mistakes
from simroute.config.yaml_reader import Document
from simroute.errors import InputError
from simroute.models import spec
from simroute.models.prices import catalogue_name, catalogue_price
from simroute.traces import TraceError
from simroute.traces.analysis.aggregates import fit_price
from simroute.traces.playback.cache import open_columns
from simroute.traces.playback.columns import PlaybackColumns

T = TypeVar("T")

ROWS = "rows"
"""The format of a run's own rows, which call models by the names of their deployments."""
MAX_DEPLOYMENTS = 40
"""Deployments taken from a trace, those with most calls first."""


@dataclass(frozen=True)
class TraceSource:
    """The log that a replay plays. path: of its files, with `os.pathsep` between them.

    outages: laid over it; `anthropic@2h..3h`, names of scenarios that have some, or
    `{provider: …, start: …}` as a scenario file has them. workload: further keys of `workload`,
    such as rate_scale.
    """

    path: str
    outages: Sequence[str] = ()
    workload: Mapping[str, Any] = field(default_factory=dict)


def load_replay(
    source: TraceSource,
    scenario: str | None,
    policies: Sequence[Policy],
    overrides: list[str],
    seed: int = 1,
    replications: int = 1,
) -> Configuration:
    """What `replay` runs: a trace's own traffic and deployments, with the deployments and promises
    of a scenario where one is named.

    Raises InputError with every mistake.
    """
    problems: list[str] = []
    trace = _attempt(problems, partial(_open, source))
    if trace is not None and not has_routing(trace):
        policies = [name for name in policies if name != RECORDED] or policies
    documents, unread = read_documents(scenario, policies, overrides)
    problems += unread
    base = documents.pop(0) if scenario is not None else None
    usable = base is not None or scenario is None
    if base is not None:
        data = {"deployments": {}, **base.data}
        _, mistakes, _ = schema.build_valid_part(spec.Scenario, data, base)
        problems += mistakes
        usable = not mistakes
    result = None
    if trace is not None and usable:
        result = _attempt(problems, lambda: _document(source, trace, base))
    laid, mistakes = parse_outages(source.outages, None if result is None else result[0].data)
    problems += mistakes
    if result is None or problems:
        document = None if result is None else result[0]
        raise collect_mistakes(problems, document, documents, overrides)
    document, notes = result
    if laid:
        document.data["outages"] = {**(document.data.get("outages") or {}), **laid}
    stances = [stance for stance in documents if stance is not None]
    head = Head("replay", Path(source.path).name.split(".")[0] or "trace", seed, replications)
    configuration = build_configuration(head, document, policies, stances, overrides)
    configuration.notes = [*notes, *configuration.notes]
    return configuration


def _open(source: TraceSource) -> PlaybackColumns:
    reading = spec.ReadOptions(**source.workload.get("reading", {}))
    return open_columns(source.path, read_options(reading))


def _document(
    source: TraceSource, trace: PlaybackColumns, base: Document | None
) -> tuple[Document, list[str]]:
    """The scenario as a document, with the lines of `base`, and notes."""
    data, notes = scenario_data(source.path, trace, None if base is None else base.data)
    data["workload"] |= source.workload
    if base is None:
        return Document(source.path, data, {}, Path.cwd()), notes
    return replace(base, data=data, folder=Path.cwd()), notes


def _attempt(problems: list[str], make: Callable[[], T]) -> T | None:
    """What `make` returns; None where it refuses, with the reason added to the problems, so that
    other mistakes are found as well."""
    try:
        return make()
    except TraceError as error:
        problems.append(str(error))
    except InputError as error:
        problems += error.lines
    return None


def scenario_data(
    path: str, trace: PlaybackColumns, base: dict[str, Any] | None
) -> tuple[dict[str, Any], list[str]]:
    """Plain data of a scenario, and notes.

    base: a scenario whose deployments, promises and outages hold beside the trace's, if not None.
    Raises InputError where nothing says who answers.
    """
    about = {"about": f"Replay of a trace ({trace.format})"}
    data: dict[str, Any] = about if base is None else copy.deepcopy(base)
    load = data.setdefault("workload", {})
    load.pop("rate", None)
    most = max(trace.max_output_tokens, int(load.get("max_output_tokens") or 0), 1)
    load |= {"trace": path, "max_output_tokens": most}
    data.pop("horizon", None)
    deployments: dict[str, Any] = data.setdefault("deployments", {})
    if has_routing(trace):
        notes = _add_deployments(deployments, trace)
        if base is None:
            notes.append(
                "the log does not say how good answers are: no quality is reported, and judges "
                "take all models to be alike (scenario=S can say more)"
            )
        return data, notes
    if not deployments:
        missing = " and ".join(
            word
            for word, column in (("models", "model"), ("latencies", "latency_s"))
            if column not in trace.known_columns
        )
        raise InputError(
            f"{path}: this log has no {missing}: name a scenario whose deployments answer, "
            f"such as scenario=demo"
        )
    return data, [
        "the log does not say which models answered, and how fast: deployments behave as the "
        "scenario says"
    ]


def has_routing(trace: PlaybackColumns) -> bool:
    """Whether the log says who answered, and how fast; without, no deployment behaves as
    recorded."""
    return {"model", "latency_s"} <= set(trace.known_columns) and bool(trace.targets_by_calls())


def _add_deployments(deployments: dict[str, Any], trace: PlaybackColumns) -> list[str]:
    """Add the models of the log with most calls; returns notes."""
    targets = trace.targets_by_calls()
    taken = targets[:MAX_DEPLOYMENTS]
    notes = [note for target in taken for note in _add(deployments, target, trace)]
    notes += _unanswered(trace, taken)
    if len(targets) > MAX_DEPLOYMENTS:
        notes.append(
            f"only the {MAX_DEPLOYMENTS} busiest of {len(targets)} models of the log are "
            f"deployments"
        )
    return notes


def _unanswered(trace: PlaybackColumns, targets: list[str]) -> list[str]:
    """What is assumed of deployments without an answer, or without the time of one."""
    notes = []
    for target in targets:
        calls, answered, status = trace.call_counts[target]
        if not answered:
            notes.append(
                f"{target}: none of its {calls:,} calls was answered (mostly {status}): it fails "
                f"whatever is sent to it"
            )
        elif not trace.behaviour(target).known:
            notes.append(
                f"{target}: ASSUMED as fast as the log's other models together, as the log has "
                f"no time of its answers"
            )
    return notes


def _add(deployments: dict[str, Any], target: str, trace: PlaybackColumns) -> list[str]:
    """Let the deployment that is this model at this provider behave as recorded, or add one;
    returns notes."""
    provider, _, model = target.partition("/")
    answering = trace.answering_models.get(target, model)
    listed = catalogue_name(provider, model) or catalogue_name(provider, answering)
    same = {(provider, model), (provider, answering), listed}
    own_name = model if trace.format == ROWS else None
    for name, deployment in deployments.items():
        called = (deployment.get("provider"), deployment.get("model"))
        if called in same or (name == own_name and called[0] == provider):
            deployment.setdefault("recorded", target)
            return []
    own: dict[str, Any] = {"provider": provider, "model": model}
    own |= {"recorded": target, "quality": None}
    notes: list[str] = []
    if listed is not None and _has_price(*listed):
        own |= {"provider": listed[0], "model": listed[1]}
    else:
        own["price"], why = _price(trace.cost_equations.get(target))
        notes = [f"{target}: not in the price catalogue; {why}"]
    deployments[_name(model, provider, deployments)] = own
    return notes


def _has_price(provider: str, model: str) -> bool:
    try:
        catalogue_price(provider, model, None)
    except ValueError:
        return False
    return True


def _name(model: str, provider: str, taken: dict[str, Any]) -> str:
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", model.rsplit("/", 1)[-1]).strip("-.") or "model"
    if name in taken:
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{name}-{provider}").strip("-.")
    while name in taken:
        name += "-2"
    return name


def _price(equations: list[list[float]] | None) -> tuple[dict[str, float], str]:
    """USD per million tokens that fit the log's own costs best, and how they were found.

    equations: normal equations of the costs, None where the log has none.
    """
    if equations is None:
        free = {"input": 0.0, "output": 0.0}
        return free, "and its calls have no cost in the log: it is taken to be free"
    price = fit_price(equations)
    prices = ", ".join(f"${usd:g} {kind}" for kind, usd in price.items())
    return price, f"its price is what the log's bills say: {prices}, per million tokens"
