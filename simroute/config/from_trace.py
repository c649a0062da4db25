"""A scenario made from a trace: its arrivals against deployments that behave as the trace says, at
the prices of its date."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from simroute.config import schema, yaml_reader
from simroute.config.configuration import Configuration
from simroute.config.inputs import read_options
from simroute.config.loading import Head, build_configuration, collect_mistakes, read_documents
from simroute.errors import InputError
from simroute.models import spec
from simroute.models.prices import catalogue_name, catalogue_price
from simroute.traces import TraceError
from simroute.traces.analysis.aggregates import fit_price
from simroute.traces.playback.cache import open_columns
from simroute.traces.playback.columns import PlaybackColumns

T = TypeVar("T")

RECORDED = "recorded"
"""The policy that is the log's own routing."""
MAX_DEPLOYMENTS = 40
"""Deployments taken from a trace, the busiest first."""


def scenario_data(
    path: str, trace: PlaybackColumns, given: dict[str, Any] | None
) -> tuple[dict[str, Any], list[str]]:
    """Plain data of a scenario, and notes. `given`: one whose deployments, promises and outages
    hold beside the trace's. Raises InputError."""
    made: dict[str, Any] = (
        copy.deepcopy(given)
        if given is not None
        else {"about": f"Replay of a trace ({trace.format})"}
    )
    load = made.setdefault("workload", {})
    load.pop("rate", None)
    load |= {
        "trace": path,
        "max_output_tokens": max(
            trace.max_output_tokens, int(load.get("max_output_tokens") or 0), 1
        ),
    }
    made.pop("horizon", None)
    deployments: dict[str, Any] = made.setdefault("deployments", {})
    if not has_routing(trace):
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
        return made, [
            "the log does not say which models answered, and how fast: deployments behave as the "
            "scenario says"
        ]
    notes: list[str] = []
    busy = trace.targets_by_calls()
    for target in busy[:MAX_DEPLOYMENTS]:
        _add(deployments, target, trace, notes)
    notes += _silent(trace, busy[:MAX_DEPLOYMENTS])
    if len(busy) > MAX_DEPLOYMENTS:
        notes.append(
            f"only the {MAX_DEPLOYMENTS} busiest of {len(busy)} models of the log are deployments"
        )
    if given is None:
        notes.append(
            "the log does not say how good answers are: no quality is reported, and judges take "
            "all models to be alike (scenario=S can say more)"
        )
    return made, notes


def _silent(trace: PlaybackColumns, targets: list[str]) -> list[str]:
    """What is assumed of deployments without an answer, or without the time of one."""
    made = []
    for target in targets:
        calls, answered, status = trace.call_counts[target]
        if not answered:
            made.append(
                f"{target}: none of its {calls:,} calls was answered (mostly {status}): it fails "
                f"whatever is sent to it"
            )
        elif not trace.behaviour(target).known:
            made.append(
                f"{target}: ASSUMED as fast as the log's other models together, as the log has "
                f"no time of its answers"
            )
    return made


def has_routing(trace: PlaybackColumns) -> bool:
    """Whether the log says who answered, and how fast: else it has no routing of its own, and
    nobody behaves as recorded."""
    return {"model", "latency_s"} <= set(trace.known_columns) and bool(trace.targets_by_calls())


def first_day(trace: PlaybackColumns) -> str | None:
    """The day of the first request, YYYY-MM-DD in UTC; None where the clock is relative."""
    return (
        None
        if trace.relative
        else datetime.fromtimestamp(trace.first_ns / 1e9, UTC).strftime("%Y-%m-%d")
    )


def _add(
    deployments: dict[str, Any], target: str, trace: PlaybackColumns, notes: list[str]
) -> None:
    """Let the deployment that is this model at this provider behave as recorded, or add one."""
    provider, _, model = target.partition("/")
    answering = trace.answering_models.get(target, model)
    found = catalogue_name(provider, model) or catalogue_name(provider, answering)
    named = {(provider, model), (provider, answering), found}
    same = next(
        (
            made
            for made in deployments.values()
            if (made.get("provider"), made.get("model")) in named
        ),
        None,
    )
    if same is not None:
        same.setdefault("recorded", target)
        return
    own: dict[str, Any] = {
        "provider": provider if provider != "?" or found is None else found[0],
        "model": model,
        "recorded": target,
        "quality": None,
    }
    if found is not None:
        own |= {"provider": found[0], "model": found[1]}
        try:
            catalogue_price(own["provider"], own["model"], None)
        except ValueError:
            found = None
    if found is None:
        price, why = _price(trace.cost_equations.get(target))
        own = {
            "provider": provider,
            "model": model,
            "recorded": target,
            "quality": None,
            "price": price,
        }
        notes.append(f"{target}: not in the price catalogue; {why}")
    deployments[_name(model, provider, deployments)] = own


def _name(model: str, provider: str, taken: dict[str, Any]) -> str:
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", model.rsplit("/", 1)[-1]).strip("-.") or "model"
    if name in taken:
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{name}-{provider}").strip("-.")
    while name in taken:
        name += "-2"
    return name


def _price(bill: list[list[float]] | None) -> tuple[dict[str, float], str]:
    """USD per million tokens that fit the log's own bills best, and what was done."""
    if bill is None:
        return {
            "input": 0.0,
            "output": 0.0,
        }, "and its calls have no cost in the log: it is taken to be free"
    price = fit_price(bill)
    told = ", ".join(f"${usd:g} {kind}" for kind, usd in price.items())
    return price, f"its price is what the log's bills say: {told}, per million tokens"


def load_replay(
    path: str,
    scenario: str | None,
    policies: list[str],
    overrides: list[str],
    outages: list[str],
    seed: int = 1,
    replications: int = 1,
    load: dict[str, Any] | None = None,
) -> Configuration:
    """What `replay` runs: a trace's own weather, with the deployments and promises of a scenario
    where one is named, and `outages` over it.

    load: further keys of `workload`, such as rate_scale. outages: names of scenarios whose outages
    hold, or `{provider: …, start: …}` as a scenario file has them. Raises InputError.
    """
    problems: list[str] = []
    trace = _told(
        problems,
        lambda: open_columns(
            path, read_options(spec.ReadOptions(**(load or {}).get("reading", {})))
        ),
    )
    if trace is not None and not has_routing(trace):
        policies = [name for name in policies if name != RECORDED] or policies
    documents, unread = read_documents(scenario, policies)
    problems += unread
    given = documents.pop(0) if scenario is not None else None
    laid: dict[str, Any] = {}
    for number, text in enumerate(outages, 1):
        laid |= _told(problems, partial(_outages, text, number)) or {}
    data, notes = None, list[str]()
    misshapen = (
        []
        if given is None
        else schema.build_valid_part(spec.Scenario, {"deployments": {}, **given.data}, given)[1]
    )
    problems += misshapen
    if trace is not None and not misshapen and (scenario is None or given is not None):
        data, notes = _told(
            problems, lambda: scenario_data(path, trace, None if given is None else given.data)
        ) or (None, notes)
    document = None
    if data is not None:
        data["workload"] |= load or {}
        data |= {"outages": {**(data.get("outages") or {}), **laid}} if laid else {}
        document = yaml_reader.Document(
            path if given is None else given.file,
            data,
            {} if given is None else given.lines,
            Path.cwd(),
        )
    if document is None or problems:
        raise collect_mistakes(problems, document, documents, overrides)
    stances = [stance for stance in documents if stance is not None]
    head = Head("replay", Path(path).name.split(".")[0] or "trace", seed, replications)
    made = build_configuration(head, document, policies, stances, overrides)
    made.notes = [*notes, *made.notes]
    return made


def _told(problems: list[str], make: Callable[[], T]) -> T | None:
    """What is made, or None and why not, so that what else is wrong can be told as well."""
    try:
        return make()
    except TraceError as error:
        problems.append(str(error))
    except InputError as error:
        problems += error.lines
    return None


def _outages(text: str, number: int) -> dict[str, Any]:
    """By name: a scenario's, or one written out."""
    if text.lstrip().startswith("{"):
        return {f"laid-{number}": yaml_reader.parse(text.encode(), "--outage").data}
    documents, problems = read_documents(text, [])
    found = None if documents[0] is None else documents[0].data.get("outages")
    if problems or not found:
        none = (
            f"--outage {text}: that scenario has no outages; name another, or write "
            f"{{provider: …, start: …, end: …}}"
        )
        raise InputError(*(problems or [none]))
    return dict(found)
