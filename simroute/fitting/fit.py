"""A scenario fitted to a trace: one file for each thing that is fitted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simroute.fitting.annotated_yaml import collect_estimates, render, strip_notes
from simroute.fitting.arrivals import SCALES
from simroute.fitting.goodness import GoodnessRow, compare_with_model
from simroute.fitting.sample import UNTOLD, Calls, Sample, read_sample
from simroute.fitting.scenario import FittedParts, annotated_scenario, build_scenario, fit_parts
from simroute.models import spec
from simroute.statistics.estimate import Estimate
from simroute.text import clean, duration, percent
from simroute.traces.playback.in_memory import reading_notes
from simroute.traces.table import RequestTable


@dataclass
class Fit:
    """`noted`: the scenario with notes, and `head` above it; `scenario`: the same for the models;
    `rows`: how well it fits; `curves`: log and model.

    `prompt_cache`: shares of input tokens that a provider's could have read, None where prompts are
    not told as blocks.
    """

    sample: Sample
    parts: FittedParts
    head: list[str]
    noted: dict[str, Any]
    scenario: spec.Scenario
    rows: list[GoodnessRow]
    curves: dict[str, Any]
    prompt_cache: dict[str, float] | None = None

    def estimates(self) -> dict[str, Estimate]:
        """Every fitted number by its key in the scenario."""
        return collect_estimates(self.noted)

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        when = self.parts.arrivals
        families = {
            family.name: {
                "bic": family.bic,
                "dispersion": when.given[family.name],
                "chosen": family is when.best,
            }
            for family in when.families
        }
        return {
            "requests": len(self.sample.arrival),
            "span_s": self.sample.span,
            "notes": self.head,
            "scenario": strip_notes(self.noted),
            "estimates": {key: found._asdict() for key, found in self.estimates().items()},
            "prompt_cache": self.prompt_cache,
            "arrivals": {"scales_s": list(SCALES), "dispersion": when.seen, "families": families},
            "latency": {
                one.name: one.latency.families
                for one in self.parts.deployments
                if one.latency is not None
            },
            "errors": {
                one.name: one.errors.bics for one in self.parts.deployments if one.errors.bics
            },
            "outages": {
                one.name: [spell.chance for spell in one.outages]
                for one in self.parts.deployments
                if one.outages
            },
            "goodness": [row._asdict() for row in self.rows],
        }

    def text(self) -> str:
        """The scenario's file."""
        return render(self.head, self.noted)


def fit(
    table: RequestTable,
    name: str,
    deployments: dict[str, Any] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Fit:
    """Of a whole trace that is called `name`. `deployments`: plain data of those that answer
    instead of the log's. Raises TraceError."""
    from simroute.traces.analysis.prefixes import shared_prefix_share

    seen = read_sample(table)
    made = fit_sample(seen, name, deployments, progress)
    made.head += [f"Of the log: {clean(note, 200)}." for note in reading_notes(table)]
    prefixes = [shared_prefix_share(table, lifetime) for lifetime in (None, 300.0)]
    if prefixes[0] is not None and prefixes[1] is not None:
        read = (
            f"{100 * prefixes[0]:.0f} % of input tokens (never forgetting), "
            f"{100 * prefixes[1]:.0f} % with 5 minutes"
        )
        made.head.append(f"A provider's prompt cache could have read {read}.")
        made.prompt_cache = {"for_ever": prefixes[0], "five_minutes": prefixes[1]}
    return made


def never_answered(found: FittedParts) -> list[tuple[str, Calls]]:
    """Deployments that never answered."""
    return [
        (one.name, one.calls) for one in found.deployments if not (one.calls.status == 200).any()
    ]


def fit_sample(
    seen: Sample,
    name: str,
    deployments: dict[str, Any] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Fit:
    """Of a sample."""
    found = fit_parts(seen, progress)
    noted = annotated_scenario(
        seen,
        found,
        f"What does each policy make of traffic like that of {clean(name, 80)}?",
        deployments,
    )
    weather = build_scenario(noted)
    names = [] if deployments is not None else [one.name for one in found.deployments]
    rows, curves = compare_with_model(seen, weather, names)
    head = [
        f"Fitted by `simroute fit` to {clean(name, 80)}: {len(seen.arrival):,} requests over "
        f"{duration(seen.span)}"
        + (f", until {seen.date} UTC." if seen.date else ", on a clock of its own."),
        "Brackets after a value: n is what it rests on, 95 % the interval of the fit alone, "
        "given that its family is right.",
        "What a log cannot say stands at its default (promises, budgets, capacity), or is not "
        "known (how good answers are).",
    ]
    if len(seen.calls) > len(found.deployments):
        head.append(
            f"Only the {len(found.deployments)} busiest of {len(seen.calls)} models are here."
        )
    head += [
        f"{name}: none of its {len(calls.t):,} calls was answered; how long an answer would take "
        f"is ASSUMED."
        for name, calls in never_answered(found)
    ]
    head += [f"{clean(seen.groups, 300)}."] if seen.groups else []
    if seen.invalid:
        many = sum(seen.invalid.values())
        part = percent(many / len(seen.arrival))
        head.append(
            f"{many:,} requests ({part}) failed by their own fault or their account's: they are "
            f"`workload.invalid`."
        )
    if seen.untold:
        head.append(
            f"{seen.untold:,} failed requests have no status: they are taken as the deployments' "
            f"failures ({UNTOLD})."
        )
    if found.sessions is not None:
        turns, pauses = found.sessions.turns, found.sessions.pauses
        more = (
            ""
            if pauses is None
            else f"; pauses {pauses[0]:.3g} / {pauses[1]:.3g} / {pauses[2]:.3g} s at p10 / p50 / "
            f"p90"
        )
        head.append(
            f"Sessions (not simulated): {turns.value:.2f} turns ({turns.describe()}){more}."
        )
    if found.repeats is not None and found.repeats.share is None:
        head.append(
            f"{100 * found.repeats.again.value:.1f} % of requests had come before "
            f"({found.repeats.again.describe()}): too few to fit repeats."
        )
    if found.arrivals.coarse > 0.05:
        head.append(
            f"{100 * found.arrivals.coarse:.0f} % of requests share their moment with the one "
            f"before: the log's clock is coarse."
        )
    return Fit(seen, found, head, noted, weather, rows, curves)
