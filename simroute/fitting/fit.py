"""A scenario fitted to a trace; each thing that is fitted has a module of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from simroute.fitting.annotated_yaml import collect_estimates, render, strip_notes
from simroute.fitting.arrivals import SCALES
from simroute.fitting.goodness import GoodnessRow, compare_with_model, describe_trust
from simroute.fitting.parts import FittedParts, fit_parts
from simroute.fitting.sample import UNKNOWN_STATUS, Calls, Sample, read_sample
from simroute.fitting.scenario import annotated_scenario, build_scenario
from simroute.fitting.sessions import SessionFit
from simroute.models import spec
from simroute.statistics.estimate import Estimate
from simroute.text import clean
from simroute.traces.analysis.prefixes import shared_prefix_share
from simroute.traces.playback.in_memory import reading_notes
from simroute.traces.table import RequestTable
from simroute.units import duration, percent


@dataclass
class Fit:
    """A scenario fitted to a log, and how well it fits.

    >>> result = fit(read([Path("log.jsonl")]), "log.jsonl")
    >>> result.text()

    head: sentences above the scenario. annotated: the scenario with a note beside each value;
    scenario: the same for the models. rows: goodness of fit. curves: distributions of log and
    model. prompt_cache: share of input tokens that a provider's prompt cache could have read, by
    how long it remembers; None where the log has no blocks of prompts.
    """

    sample: Sample
    parts: FittedParts
    head: list[str]
    annotated: dict[str, Any]
    scenario: spec.Scenario
    rows: list[GoodnessRow]
    curves: dict[str, Any]
    prompt_cache: dict[str, float] | None = None

    def estimates(self) -> dict[str, Estimate]:
        """Every fitted number by its key in the scenario."""
        return collect_estimates(self.annotated)

    def plain(self) -> dict[str, Any]:
        """All of it as plain data for JSON."""
        arrivals, deployments = self.parts.arrivals, self.parts.deployments
        families = {
            family.name: {
                "bic": family.bic,
                "dispersion": arrivals.simulated[family.name],
                "chosen": family is arrivals.best,
            }
            for family in arrivals.families
        }
        return {
            "requests": len(self.sample.arrival),
            "span_s": self.sample.span,
            "verdict": describe_trust(self.rows),
            "notes": self.head,
            "scenario": strip_notes(self.annotated),
            "estimates": {key: value._asdict() for key, value in self.estimates().items()},
            "prompt_cache": self.prompt_cache,
            "arrivals": {
                "scales_s": list(SCALES),
                "dispersion": arrivals.observed,
                "families": families,
            },
            "latency": {
                item.name: item.latency.families for item in deployments if item.latency is not None
            },
            "errors": {item.name: item.errors.bics for item in deployments if item.errors.bics},
            "outages": {
                item.name: [outage.chance for outage in item.outages]
                for item in deployments
                if item.outages
            },
            "goodness": [row._asdict() for row in self.rows],
        }

    def text(self) -> str:
        """The scenario's file."""
        return render(self.head, self.annotated)


def fit(
    table: RequestTable,
    name: str,
    deployments: dict[str, Any] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Fit:
    """Fit a scenario to a whole trace. Raises TraceError.

    name: of the trace. deployments: plain data of deployments that answer instead of the log's.
    """
    result = fit_sample(read_sample(table), name, deployments, progress)
    result.head += [f"Of the log: {clean(note, 200)}." for note in reading_notes(table)]
    ever, soon = (shared_prefix_share(table, lifetime) for lifetime in (None, 300.0))
    if ever is not None and soon is not None:
        result.head.append(
            f"A provider's prompt cache could have read {100 * ever:.0f} % of input tokens (never "
            f"forgetting), {100 * soon:.0f} % with 5 minutes."
        )
        result.prompt_cache = {"for_ever": ever, "five_minutes": soon}
    return result


def _as_sessions(found: SessionFit) -> str:
    """How a scenario says them, where the log tells pauses."""
    if found.median is None or found.sigma is None or found.turns.value <= 1:
        return ""
    think = f"{{median: {found.median.value:.3g}, sigma: {found.sigma.value:.2f}}}"
    return (
        f" Without burstiness, workload.sessions: {{turns: {found.turns.value:.2f}, think: "
        f"{think}, next: clock}} plays them; what of prompts is sent again is not fitted."
    )


def never_answered(parts: FittedParts) -> list[tuple[str, Calls]]:
    """(name, calls) of the deployments that answered no call."""
    return [
        (item.name, item.calls)
        for item in parts.deployments
        if not (item.calls.status == 200).any()
    ]


def fit_sample(
    sample: Sample,
    name: str,
    deployments: dict[str, Any] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Fit:
    """Fit a scenario to a sample; as `fit`."""
    parts = fit_parts(sample, progress)
    about = f"What does each policy make of traffic like that of {clean(name, 80)}?"
    annotated = annotated_scenario(sample, parts, about, deployments)
    scenario = build_scenario(annotated)
    names = [] if deployments is not None else [item.name for item in parts.deployments]
    rows, curves = compare_with_model(sample, scenario, names)
    head = [*_general_head(sample, name), *_particular_head(sample, parts)]
    return Fit(sample, parts, head, annotated, scenario, rows, curves)


def _general_head(sample: Sample, name: str) -> list[str]:
    """Sentences that stand above every fitted scenario."""
    return [
        f"Fitted by `simroute fit` to {clean(name, 80)}: {len(sample.arrival):,} requests over "
        f"{duration(sample.span)}"
        + (f", until {sample.date} UTC." if sample.date else ", on a clock of its own."),
        "Brackets after a value: n is what it rests on, 95 % the interval of the fit alone, "
        "given that its family is right.",
        "What a log cannot say stands at its default (promises, budgets, capacity), or is not "
        "known (how good answers are).",
    ]


def _particular_head(sample: Sample, parts: FittedParts) -> Iterator[str]:
    """Sentences about what this log lacks, and what of it is not simulated."""
    if len(sample.calls) > len(parts.deployments):
        yield (f"Only the {len(parts.deployments)} busiest of {len(sample.calls)} models are here.")
    for name, calls in never_answered(parts):
        yield (
            f"{name}: none of its {len(calls.t):,} calls was answered; how long an answer would "
            f"take is ASSUMED."
        )
    if sample.groups:
        yield f"{clean(sample.groups, 300)}."
    if sample.invalid:
        count = sum(sample.invalid.values())
        part = percent(count / len(sample.arrival))
        yield (
            f"{count:,} requests ({part}) failed by their own fault or their account's: they are "
            f"`workload.invalid`."
        )
    broken = sum(int((calls.failed & (calls.ttft > 0)).sum()) for calls in sample.calls.values())
    if broken:
        yield (
            f"{broken:,} streamed answers failed after their first token: they are among `errors` "
            f"by their status, since a log does not tell whether they were cut (`truncated`) or "
            f"stopped (`stalled`)."
        )
    if sample.without_status:
        yield (
            f"{sample.without_status:,} failed requests have no status: they are taken as the "
            f"deployments' failures ({UNKNOWN_STATUS})."
        )
    if parts.sessions is not None:
        turns, pauses = parts.sessions.turns, parts.sessions.pauses
        more = (
            ""
            if pauses is None
            else f"; pauses {pauses[0]:.3g} / {pauses[1]:.3g} / {pauses[2]:.3g} s at p10 / p50 / "
            f"p90"
        )
        yield (
            f"Sessions (not in this scenario, whose arrivals are as they came): {turns.value:.2f} "
            f"turns ({turns.describe()}){more}.{_as_sessions(parts.sessions)}"
        )
    if parts.repeats is not None and parts.repeats.share is None:
        again = parts.repeats.again
        yield (
            f"{100 * again.value:.1f} % of requests had come before ({again.describe()}): too few "
            f"to fit repeats."
        )
    if parts.arrivals.coarse > 0.05:
        yield (
            f"{100 * parts.arrivals.coarse:.0f} % of requests share their moment with the one "
            f"before: the log's clock is coarse."
        )
