"""All that was fitted, as a scenario."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from simroute.config.fields import Form, declared_fields
from simroute.fitting import arrivals, errors, latency, lengths, limits, outages, repeats, sessions
from simroute.fitting.annotated_yaml import Annotated, annotate, strip_notes
from simroute.fitting.sample import LONGEST, OTHERS, Calls, Sample
from simroute.models import spec
from simroute.models.prices import catalogue_name, catalogue_price
from simroute.statistics.estimate import Estimate
from simroute.text import clean, duration, shortened
from simroute.traces.analysis.aggregates import fit_price

MOST_DEPLOYMENTS = 20
ENOUGH = 50
"""Requests from which on a task has lengths of its own."""
OTHER = "other"


class FittedDeployment(NamedTuple):
    """One deployment of the log: its name in the scenario, and what its calls say."""

    name: str
    calls: Calls
    latency: latency.LatencyFit | None
    errors: errors.ErrorFit
    limit: limits.LimitFit | None
    outages: list[outages.DetectedOutage]


class FittedParts(NamedTuple):
    """What is fitted, before it is a scenario."""

    arrivals: arrivals.ArrivalFit
    tasks: dict[str, tuple[lengths.LengthFit, lengths.LengthFit, Estimate]]
    deployments: list[FittedDeployment]
    repeats: repeats.RepeatFit | None
    sessions: sessions.SessionFit | None


def fit_parts(seen: Sample, progress: Callable[[str], None] | None = None) -> FittedParts:
    """Everything that a sample tells."""
    say = progress or (lambda text: None)
    say("arrivals")
    when = arrivals.fit_arrivals(seen.arrival, seen.span, seen.starts)
    say("lengths")
    tasks = {name: _sized(seen, mine) for name, mine in _tasks(seen).items()}
    found: list[FittedDeployment] = []
    for (provider, model), calls in list(seen.calls.items())[:MOST_DEPLOYMENTS]:
        name = _name(provider, model, {one.name for one in found})
        say(name)
        spells = outages.find_outages(calls, seen.span)
        inside = np.zeros(len(calls.t), bool)
        ill = [np.zeros(0)]
        for one in spells:
            here = (calls.t >= one.start.value) & (calls.t <= one.end.value)
            ill.append(calls.latency[here & calls.failed & (calls.latency > 0)] / one.slow_down)
            inside |= here
        fair = calls.where(~inside)
        limit = limits.fit_limit(calls)
        found.append(
            FittedDeployment(
                name,
                calls,
                latency.fit_latency(fair, np.concatenate(ill)),
                errors.fit_errors(fair, limit is not None),
                limit,
                spells,
            )
        )
    return FittedParts(
        when, tasks, found, repeats.fit_repeats(seen.repeats), sessions.fit_sessions(seen.sessions)
    )


def _tasks(seen: Sample) -> dict[str, np.ndarray]:
    """name -> which of the answered requests; small ones together."""
    names = list(seen.shares["task"])
    if len(names) < 2:
        return {names[0] if names else "all": np.ones(len(seen.task), bool)}
    found = {name: seen.task == code for code, name in enumerate(names)}
    large = {name: mine for name, mine in found.items() if mine.sum() >= ENOUGH}
    rest = ~np.any(np.stack([np.zeros(len(seen.task), bool), *large.values()]), axis=0)
    return large | ({OTHER if OTHER not in large else "(other)": rest} if rest.any() else {})


def _sized(seen: Sample, mine: np.ndarray) -> tuple[lengths.LengthFit, lengths.LengthFit, Estimate]:
    asked, given = seen.input_tokens[mine], seen.output_tokens[mine]
    return (
        lengths.fit_lengths(asked),
        lengths.fit_lengths(given),
        lengths.rank_correlation(asked, given),
    )


def _name(provider: str, model: str, taken: set[str]) -> str:
    for text in (
        model.rsplit("/", 1)[-1],
        f"{provider}-{model.rsplit('/', 1)[-1]}",
        f"{provider}-{model}",
    ):
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", text)[:LONGEST].strip("-") or "model"
        if name not in taken:
            return name
    return next(
        other for number in count(2) if (other := f"{name[: LONGEST - 5]}-{number}") not in taken
    )


# -- as a file -------------------------------------------------------------------------------------


def annotated_scenario(
    seen: Sample, found: FittedParts, about: str, given: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The scenario with notes. `given`: plain deployments that answer instead of the log's."""
    made: dict[str, Any] = {
        "about": about,
        "horizon": Annotated(
            round(seen.span, 3), f"{duration(seen.span)}, as long as what was fitted"
        ),
    }
    made["workload"] = _workload(seen, found)
    if given is not None:
        names = shortened(given, LONGEST)
        made["deployments"] = {
            names[name]: Annotated(_lent(keys, set(found.tasks)), "given, not from the log")
            for name, keys in given.items()
        }
    elif found.deployments:
        unknown = {
            "quality": Annotated(
                None,
                "no log says how good answers are: none is reported; 0.9 says that 90 % are right",
            )
        }
        own = zip(found.deployments, seen.calls, strict=False)
        made["deployments"] = {one.name: _deployment(seen, one, key) | unknown for one, key in own}
        laid = {
            f"{one.name}-{k}": _outage(one.name, spell)
            for one in found.deployments
            for k, spell in enumerate(one.outages, 1)
        }
        made |= {"outages": laid} if laid else {}
    else:
        note = (
            "ASSUMED: the log names no models; all of this is assumed (--deployments takes "
            "those of a scenario)"
        )
        made["deployments"] = Annotated(
            {
                "assumed": {
                    "provider": "assumed",
                    "model": "assumed",
                    "price": {"input": 1.0, "output": 4.0},
                    "quality": None,
                }
            },
            note,
        )
    made["gateway"] = {"overhead": Annotated(0.0, "the log's times have it in them")}
    return made


def _lent(keys: dict[str, Any], tasks: set[str]) -> dict[str, Any]:
    """A deployment of another scenario, without what belongs to that one's files and tasks."""
    kept = {key: value for key, value in keys.items() if key not in ("outcomes", "recorded")}
    quality = kept.get("quality")
    if isinstance(quality, dict) and not set(quality) <= tasks:
        kept["quality"] = Annotated(
            float(np.mean(list(quality.values()))), "mean over that scenario's tasks"
        )
    return kept


def _workload(seen: Sample, found: FittedParts) -> dict[str, Any]:
    when = found.arrivals
    made: dict[str, Any] = {"rate": annotate(when.rate, "requests a second; ", ", bursts and all")}
    if when.hours or when.days:
        shape = (
            {"hours": list(when.hours)}
            | ({"days": list(when.days)} if when.days else {})
            | {"starts": when.starts}
        )
        made["profile"] = Annotated(
            shape,
            "UTC; hours of the day that the log does not have are 1"
            if seen.date
            else "by the log's own clock",
        )
    if when.best.parameters:
        also = ", ".join(
            f"{family.name} {family.bic - when.best.bic:+.0f}" for family in when.families[1:]
        )
        keys = {key: annotate(each) for key, each in when.best.parameters.items()}
        made["burstiness"] = Annotated(keys, f"{when.best.name}; BIC of the others: {also}")
    made["max_output_tokens"] = Annotated(
        int(max(1.0, seen.output_tokens.max())), "the longest answer of the log"
    )
    if seen.streamed[1]:
        silent = len(seen.input_tokens) - seen.streamed[1]
        after = f"; {silent:,} answers do not say" if silent > 0 else ""
        made["streamed"] = annotate(Estimate.of_share(*seen.streamed), after=after)
    if seen.invalid:
        why = "no weather: they fail wherever they are sent; "
        made["invalid"] = {
            status: annotate(Estimate.of_share(count, len(seen.arrival)), why)
            for status, count in seen.invalid.items()
        }
    made["tasks"] = {name: _task(seen, found, name) for name in found.tasks}
    for kind in ("user", "feature"):
        names = seen.shares[kind]
        if len(names) > 1:
            total = sum(names.values())
            known = f"shares of {total:,} of {len(seen.arrival):,} requests"
            rest = (
                f"; {OTHERS}: all but the {len(names) - 1} most frequent" if OTHERS in names else ""
            )
            made[f"{kind}s"] = Annotated(
                {name: count / total for name, count in names.items()}, known + rest
            )
    again = found.repeats
    if (
        again is not None
        and again.share is not None
        and again.questions is not None
        and again.exponent is not None
    ):
        zipf: dict[str, Any] = {
            "share": annotate(again.share),
            "questions": annotate(again.questions)._replace(
                value=max(1, round(again.questions.value))
            ),
            "exponent": annotate(again.exponent),
        }
        made["repeats"] = Annotated(
            zipf,
            f"{100 * again.again.value:.1f} % of requests had come before "
            f"({again.again.describe()})",
        )
    return made


def _task(seen: Sample, found: FittedParts, name: str) -> dict[str, Any]:
    asked, given, along = found.tasks[name]
    made: dict[str, Any] = {"share": 1.0}
    if len(found.tasks) > 1:
        made["share"] = annotate(Estimate.of_share(asked.n, len(seen.task)))
    if along.low is not None and along.high is not None and not along.low <= 0 <= along.high:
        made["correlation"] = annotate(along)
    for key, sizes in (("input_tokens", asked), ("output_tokens", given)):
        table = {"quantiles": {each: int(tokens) for each, tokens in sizes.quantiles.items()}}
        within = (
            f"n = {sizes.n:,}; any of these shares is within {100 * sizes.within:.1f} "
            f"points (95 %); KS {sizes.distance:.3f}"
        )
        made[key] = Annotated(table, within)
    return made


def _deployment(seen: Sample, one: FittedDeployment, key: tuple[str, str]) -> dict[str, Any]:
    made = _priced(seen, key)
    if one.latency is None:
        made["latency"] = Annotated(
            {},
            f"the default: too few answered calls with times ({len(one.calls.t):,} calls in all)",
        )
    else:
        keys: dict[str, Any] = {name: annotate(each) for name, each in one.latency.keys.items()}
        if one.latency.slow:
            keys["slow"] = Annotated(
                {name: annotate(each) for name, each in one.latency.slow.items()},
                "a second, slower kind of call",
            )
        rest = "; ".join(
            f"{what}: {_over_best(families)} (BIC over the best)"
            for what, families in one.latency.families.items()
        )
        made["latency"] = Annotated(keys, f"{one.latency.what}; {rest}")
    if one.limit is not None:
        known = (
            f"explains {one.limit.asked:,} answers 429 and the admitted calls between them "
            f"({100 * one.limit.agrees:.0f} % right)"
        )
        made["limits"] = {one.limit.axis: annotate(one.limit.value, f"{known}; ")}
    if one.errors.shares:
        made["errors"] = {status: annotate(each) for status, each in one.errors.shares.items()}
    if one.errors.clustered:
        keys = {name: annotate(each) for name, each in one.errors.clustered.items()} | {
            "status": one.errors.status
        }
        gain = one.errors.bics["coin"] - one.errors.bics["spells"]
        made["clustered"] = Annotated(
            keys, f"errors come in spells: BIC {gain:.0f} better than a coin"
        )
    return made


def _over_best(families: dict[str, float]) -> str:
    best = min(families.values())
    return ", ".join(f"{family} {value - best:+.0f}" for family, value in families.items())


def _priced(seen: Sample, key: tuple[str, str]) -> dict[str, Any]:
    provider, model = key
    known = catalogue_name(provider, model) or catalogue_name(
        provider, seen.answers.get(f"{provider}/{model}", model)
    )
    if known is not None:
        made: dict[str, Any] = {"provider": known[0], "model": known[1]} | (
            {"price_date": seen.date} if seen.date else {}
        )
        try:
            catalogue_price(known[0], known[1], seen.date)
            return made
        except ValueError:
            pass
    made = {
        "provider": clean(provider, 60) if provider != "?" else "unknown",
        "model": clean(model, 80),
    }
    bill = seen.bills.get(f"{provider}/{model}")
    if bill is None:
        return made | {
            "price": Annotated(
                {"input": 0.0, "output": 0.0},
                "ASSUMED: neither the catalogue nor the log has a price",
            )
        }
    return made | {"price": Annotated(fit_price(bill), "by least squares from the log's costs")}


def _outage(name: str, spell: outages.DetectedOutage) -> dict[str, Any]:
    sure = f"a fair log has a false alarm in {100 * outages.FALSE_ALARMS:.0f} % of deployments"
    made: dict[str, Any] = {
        "deployment": name,
        "start": Annotated(
            round(spell.start.value), f"{_seconds(spell.start)} calls; {sure}", spell.start
        ),
        "end": Annotated(round(spell.end.value), _seconds(spell.end), spell.end),
        "error_share": annotate(spell.error_share),
        "status": spell.status,
    }
    return made | (
        {"slow_down": Annotated(spell.slow_down, "median times against those outside")}
        if spell.slow_down > 1
        else {}
    )


def _seconds(found: Estimate) -> str:
    """Whole ones, as the value beside it, which would else lie outside."""
    return (
        f"95 %: {found.low:.0f} to {found.high:.0f}, n = {found.n:,}"
        if found.low is not None
        else found.describe()
    )


# -- as the models take it -------------------------------------------------------------------------


def build_scenario(noted: dict[str, Any]) -> spec.Scenario:
    """The same numbers as the file has."""
    made: spec.Scenario = _instance(spec.Scenario, strip_notes(noted))
    return made


def _instance(cls: type, data: dict[str, Any]) -> Any:
    """A dataclass from plain data that is known to be right."""
    given = (field for field in declared_fields(cls) if field.name in data)
    return cls(**{field.name: _value(field.form, data[field.name]) for field in given})


def _value(form: Form, data: Any) -> Any:
    if isinstance(data, dict) and form.record is not None:
        return _instance(form.record, data)
    if isinstance(data, dict) and form.entries is not None:
        return {key: _value(form.entries, value) for key, value in data.items()}
    return tuple(data) if isinstance(data, list) else data
