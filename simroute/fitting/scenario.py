"""Everything that is fitted, put together as a scenario."""

from __future__ import annotations

from typing import Any

import numpy as np

from simroute.config.fields import Form, declared_fields
from simroute.fitting.annotated_yaml import Annotated, annotate, strip_notes
from simroute.fitting.arrivals import ArrivalFit
from simroute.fitting.outages import FALSE_ALARMS, DetectedOutage
from simroute.fitting.parts import FittedDeployment, FittedParts, FittedTask
from simroute.fitting.repeats import RepeatFit
from simroute.fitting.sample import MAX_LENGTH, OTHERS, Sample
from simroute.models import spec
from simroute.models.prices import catalogue_name, catalogue_price
from simroute.statistics.estimate import Estimate
from simroute.text import clean, shortened
from simroute.traces.analysis.aggregates import fit_price
from simroute.units import duration


def annotated_scenario(
    sample: Sample, parts: FittedParts, about: str, deployments: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The scenario's keys with notes. deployments: plain data of those that answer instead of the
    log's."""
    keys: dict[str, Any] = {
        "about": about,
        "horizon": Annotated(
            round(sample.span, 3), f"{duration(sample.span)}, as long as what was fitted"
        ),
        "workload": _workload(sample, parts),
    }
    if deployments is not None:
        names = shortened(deployments, MAX_LENGTH)
        keys["deployments"] = {
            names[name]: Annotated(
                _borrowed_deployment(data, set(parts.tasks)), "given, not from the log"
            )
            for name, data in deployments.items()
        }
    elif parts.deployments:
        targets = zip(parts.deployments, sample.calls, strict=False)
        keys["deployments"] = {item.name: _deployment(sample, item, key) for item, key in targets}
        outages = {
            f"{item.name}-{number}": _outage(item.name, outage)
            for item in parts.deployments
            for number, outage in enumerate(item.outages, 1)
        }
        keys |= {"outages": outages} if outages else {}
    else:
        keys["deployments"] = _assumed_deployments()
    keys["gateway"] = {"overhead": Annotated(0.0, "the log's times have it in them")}
    return keys


def _borrowed_deployment(data: dict[str, Any], tasks: set[str]) -> dict[str, Any]:
    """A deployment of another scenario, without what belongs to that one's files and tasks."""
    keys = {key: value for key, value in data.items() if key not in ("outcomes", "recorded")}
    quality = keys.get("quality")
    if isinstance(quality, dict) and not set(quality) <= tasks:
        keys["quality"] = Annotated(
            float(np.mean(list(quality.values()))), "mean over that scenario's tasks"
        )
    return keys


def _assumed_deployments() -> Annotated:
    price = {"input": 1.0, "output": 4.0}
    assumed = {"provider": "assumed", "model": "assumed", "price": price, "quality": None}
    return Annotated(
        {"assumed": assumed},
        "ASSUMED: the log names no models; all of this is assumed (--deployments takes "
        "those of a scenario)",
    )


def _workload(sample: Sample, parts: FittedParts) -> dict[str, Any]:
    keys = _arrival_keys(sample, parts.arrivals)
    keys["max_output_tokens"] = Annotated(
        int(max(1.0, sample.output_tokens.max())), "the longest answer of the log"
    )
    if sample.streamed[1]:
        silent = len(sample.input_tokens) - sample.streamed[1]
        keys["streamed"] = annotate(
            Estimate.of_share(*sample.streamed),
            after=f"; {silent:,} answers do not say" if silent > 0 else "",
        )
    if sample.invalid:
        reason = "no weather: they fail wherever they are sent; "
        keys["invalid"] = {
            status: annotate(Estimate.of_share(failed, len(sample.arrival)), reason)
            for status, failed in sample.invalid.items()
        }
    keys["tasks"] = {
        name: _task(sample, task, len(parts.tasks) > 1) for name, task in parts.tasks.items()
    }
    for kind in ("user", "feature"):
        if len(sample.shares[kind]) > 1:
            keys[f"{kind}s"] = _name_shares(sample, kind)
    return keys | _repeat_keys(parts.repeats)


def _arrival_keys(sample: Sample, arrivals: ArrivalFit) -> dict[str, Any]:
    """`rate`, `profile` and `burstiness` of a workload."""
    keys: dict[str, Any] = {
        "rate": annotate(arrivals.rate, "requests a second; ", ", bursts and all")
    }
    if arrivals.hours or arrivals.days:
        days = {"days": list(arrivals.days)} if arrivals.days else {}
        keys["profile"] = Annotated(
            {"hours": list(arrivals.hours)} | days | {"starts": arrivals.starts},
            "UTC; hours of the day that the log does not have are 1"
            if sample.date
            else "by the log's own clock",
        )
    best = arrivals.best
    if best.parameters:
        others = ", ".join(
            f"{family.name} {family.bic - best.bic:+.0f}" for family in arrivals.families[1:]
        )
        keys["burstiness"] = Annotated(
            _annotate_all(best.parameters), f"{best.name}; BIC of the others: {others}"
        )
    return keys


def _name_shares(sample: Sample, kind: str) -> Annotated:
    """Name -> share of the requests of which the log tells the name."""
    counts = sample.shares[kind]
    total = sum(counts.values())
    note = f"shares of {total:,} of {len(sample.arrival):,} requests"
    if OTHERS in counts:
        note += f"; {OTHERS}: all but the {len(counts) - 1} most frequent"
    return Annotated({name: requests / total for name, requests in counts.items()}, note)


def _repeat_keys(repeats: RepeatFit | None) -> dict[str, Any]:
    """`repeats` of a workload, where enough came again to fit it."""
    if (
        repeats is None
        or repeats.share is None
        or repeats.questions is None
        or repeats.exponent is None
    ):
        return {}
    questions = annotate(repeats.questions)
    zipf = {
        "share": annotate(repeats.share),
        "questions": questions._replace(value=max(1, round(repeats.questions.value))),
        "exponent": annotate(repeats.exponent),
    }
    again = repeats.again
    note = f"{100 * again.value:.1f} % of requests had come before ({again.describe()})"
    return {"repeats": Annotated(zipf, note)}


def _task(sample: Sample, task: FittedTask, several: bool) -> dict[str, Any]:
    keys: dict[str, Any] = {"share": 1.0}
    if several:
        keys["share"] = annotate(Estimate.of_share(task.input_tokens.n, len(sample.task)))
    low, high = task.correlation.low, task.correlation.high
    if low is not None and high is not None and not low <= 0 <= high:
        keys["correlation"] = annotate(task.correlation)
    for key, fit in (("input_tokens", task.input_tokens), ("output_tokens", task.output_tokens)):
        quantiles = {name: int(tokens) for name, tokens in fit.quantiles.items()}
        note = (
            f"n = {fit.n:,}; any of these shares is within {100 * fit.within:.1f} "
            f"points (95 %); the log's and the model's differ by at most "
            f"{100 * fit.distance:.1f} points (KS)"
        )
        keys[key] = Annotated({"quantiles": quantiles}, note)
    return keys


def _deployment(sample: Sample, item: FittedDeployment, target: tuple[str, str]) -> dict[str, Any]:
    keys = _model_and_price(sample, target) | {"latency": _latency(item)}
    if item.limit is not None:
        note = (
            f"explains {item.limit.refused:,} answers 429 and the admitted calls between them "
            f"({100 * item.limit.agreement:.0f} % right)"
        )
        keys["limits"] = {item.limit.axis: annotate(item.limit.value, f"{note}; ")}
        if item.limit.window != 60.0:
            keys["limits"]["window"] = Annotated(
                item.limit.window, "bursts are refused that a minute's worth would admit"
            )
    if item.errors.shares:
        keys["errors"] = _annotate_all(item.errors.shares)
    if item.errors.clustered:
        clustered = _annotate_all(item.errors.clustered) | {"status": item.errors.status}
        gain = item.errors.bics["coin"] - item.errors.bics["spells"]
        keys["clustered"] = Annotated(
            clustered, f"errors come in spells: BIC {gain:.0f} better than a coin"
        )
    keys["quality"] = Annotated(
        None, "no log says how good answers are: none is reported; 0.9 says that 90 % are right"
    )
    return keys


def _latency(item: FittedDeployment) -> Annotated:
    if item.latency is None:
        return Annotated(
            {},
            f"the default: too few answered calls with times ({len(item.calls.t):,} calls in all)",
        )
    keys: dict[str, Any] = _annotate_all(item.latency.keys)
    if item.latency.slow:
        slow = _annotate_all(item.latency.slow)
        keys["slow"] = Annotated(slow, "a second, slower kind of call")
    families = "; ".join(
        f"{times}: {_over_best(bics)} (BIC over the best)"
        for times, bics in item.latency.families.items()
    )
    return Annotated(keys, f"{item.latency.basis}; {families}")


def _annotate_all(estimates: dict[Any, Estimate]) -> dict[Any, Any]:
    return {key: annotate(estimate) for key, estimate in estimates.items()}


def _over_best(bics: dict[str, float]) -> str:
    best = min(bics.values())
    return ", ".join(f"{family} {value - best:+.0f}" for family, value in bics.items())


def _model_and_price(sample: Sample, target: tuple[str, str]) -> dict[str, Any]:
    """Provider and model as the price catalogue names them; else a price from the log's costs."""
    provider, model = target
    answering = sample.answering_models.get(f"{provider}/{model}", model)
    known = catalogue_name(provider, model) or catalogue_name(provider, answering)
    if known is not None:
        try:
            catalogue_price(known[0], known[1], sample.date)
        except ValueError:
            pass
        else:
            date = {"price_date": sample.date} if sample.date else {}
            return {"provider": known[0], "model": known[1]} | date
    equations = sample.cost_equations.get(f"{provider}/{model}")
    price = (
        Annotated(
            {"input": 0.0, "output": 0.0}, "ASSUMED: neither the catalogue nor the log has a price"
        )
        if equations is None
        else Annotated(fit_price(equations), "by least squares from the log's costs")
    )
    return {
        "provider": clean(provider, 60) if provider != "?" else "unknown",
        "model": clean(model, 80),
        "price": price,
    }


def _outage(deployment: str, outage: DetectedOutage) -> dict[str, Any]:
    alarms = f"a fair log has a false alarm in {100 * FALSE_ALARMS:.0f} % of deployments"
    start, end = outage.start, outage.end
    keys: dict[str, Any] = {
        "deployment": deployment,
        "start": Annotated(round(start.value), f"{_whole_seconds(start)} calls; {alarms}", start),
        "end": Annotated(round(end.value), _whole_seconds(end), end),
        "error_share": annotate(outage.error_share),
        "status": outage.status,
    }
    if outage.slow_down > 1:
        keys["slow_down"] = Annotated(outage.slow_down, "median times against those outside")
    return keys


def _whole_seconds(estimate: Estimate) -> str:
    """Bounds in whole seconds like the value beside them, which could lie outside otherwise."""
    if estimate.low is None:
        return estimate.describe()
    return f"95 %: {estimate.low:.0f} to {estimate.high:.0f}, n = {estimate.n:,}"


# -- as the models take it -------------------------------------------------------------------------


def build_scenario(annotated: dict[str, Any]) -> spec.Scenario:
    """The scenario for the models, with the numbers that the file has."""
    scenario: spec.Scenario = _instance(spec.Scenario, strip_notes(annotated))
    return scenario


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
