"""What a log's traffic costs and whose it is, before and after; what caches and cheaper deployments
would save. Plain data, and as CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from simroute.metrics import Figures
from simroute.models import spec
from simroute.models.quality import accuracy
from simroute.storage import format_csv
from simroute.studies.replay.rebilled import Bill, rebill
from simroute.traces.playback.columns import NOBODY, OTHERS, PlaybackColumns

if TYPE_CHECKING:
    from simroute.studies.comparison.comparison import Comparison

KINDS = ("model", "feature", "user", "team", "day")
MOST = 50
"""Names of one kind, and shifts; the other names are summed."""
Bills = dict[tuple[str, str], dict[str, Bill]]
UNNAMED = "(not named)"
SEMANTIC = (
    ("chats of an arena", 0.95, 0.870, 0.060),
    ("chats of an arena", 0.99, 0.361, 0.027),
    ("search queries", 0.95, 0.390, 0.079),
    ("search queries", 0.99, 0.109, 0.014),
    ("questions of a forum", 0.95, 0.068, 0.023),
    ("questions of a forum", 0.99, 0.011, 0.0026),
)
"""Published, for static thresholds (traffic, cosine similarity): answers from the cache, and wrong
ones among all requests, as shares."""


def cost_tables(study: Comparison, log: Figures) -> dict[str, Any]:
    """`spend`, `shifts` and `caching` of summary.json's `replay`. Caches and shifts are those of
    the whole log, whatever part is replayed."""
    trace = study.configuration.trace
    assert trace is not None
    bills = rebill(study.configuration.scenario, trace)
    shifts = _shifts(study.configuration.scenario, trace, bills)
    return {
        "spend": {
            kind: table
            for kind in KINDS
            if (table := _spend(study, log, kind, "cost_usd" in trace.known_columns, trace))
            is not None
        },
        "caching": _caching(study.configuration.scenario, trace, bills),
        "shifts": shifts[:MOST],
        "shifts_left_out": max(0, len(shifts) - MOST),
        "shifts_missing": _missing(study.configuration.scenario, trace, bool(shifts)),
    }


# -- before and after ------------------------------------------------------------------------------


def _spend(
    study: Comparison, log: Figures, kind: str, billed: bool, trace: PlaybackColumns
) -> dict[str, Any] | None:
    """USD by name: `before` as the log says (None where it has no costs or no such names), `after`
    by policy, mean over replications. Days are in order."""
    billed = billed and set(trace.names.get(kind, ())) != {NOBODY}
    before = (
        {name: row["cost_usd"] or 0.0 for name, row in log.by.get(kind, {}).items()}
        if billed
        else {}
    )
    after = {policy: _means(study, policy, kind) for policy in study.runs}
    names = list(dict.fromkeys([*before, *(name for costs in after.values() for name in costs)]))
    if not names or names == [NOBODY]:
        return None
    listed, others = names, list[str]()
    if kind != "day":
        listed = sorted(
            names,
            key=lambda name: (
                name == OTHERS,
                -before.get(name, 0.0),
                *(-costs.get(name, 0.0) for costs in after.values()),
            ),
        )
        listed, others = (listed, []) if len(listed) <= MOST else (listed[:MOST], listed[MOST:])

    def columns(costs: dict[str, float]) -> list[float]:
        return [costs.get(name, 0.0) for name in listed] + (
            [sum(costs.get(name, 0.0) for name in others)] if others else []
        )

    labels = [UNNAMED if name == NOBODY else name for name in listed] + ([OTHERS] if others else [])
    return {
        "names": labels,
        "before": columns(before) if billed else None,
        "after": {policy: columns(costs) for policy, costs in after.items()},
    }


def _means(study: Comparison, policy: str, kind: str) -> dict[str, float]:
    runs = study.runs[policy]
    total: dict[str, float] = {}
    for run in runs:
        for word, row in run.by.get(kind, {}).items():
            total[word] = total.get(word, 0.0) + (row["cost_usd"] or 0.0)
    return {word: cost / len(runs) for word, cost in total.items()}


# -- caches ----------------------------------------------------------------------------------------


def _caching(scenario: spec.Scenario, trace: PlaybackColumns, bills: Bills) -> dict[str, Any]:
    """exact: requests whose prompt came before, and their cost; prompt: input that providers had
    read, and could have; semantic: assumed."""
    here = _deployments_by_target(scenario)
    own = [costs[here[target]] for (_, target), costs in bills.items() if target in here]
    input_tokens = sum(row[3] or 0.0 for row in trace.spend_by_work)
    cached_tokens = sum(row[4] or 0.0 for row in trace.spend_by_work)
    tells_cached = "cached_tokens" in trace.known_columns
    prefixes, prefixes_5min = trace.shared_prefixes
    saved_usd, could_usd = sum(bill.saved for bill in own), sum(bill.could for bill in own)
    cost_usd = (
        None
        if "cost_usd" not in trace.known_columns
        else sum(row[6] or 0.0 for row in trace.spend_by_work)
    )

    def could(share: float | None) -> float | None:
        return (
            None
            if share is None
            else max(0.0, share * could_usd - (saved_usd if tells_cached else 0.0))
        )

    return {
        "requests": trace.requests,
        "cost_usd": cost_usd,
        "exact": trace.repeat_spend,
        "prompt": {
            "input_tokens": input_tokens,
            "cached_tokens": cached_tokens if tells_cached else None,
            "saved_usd": saved_usd if tells_cached else None,
            "prefix_share": prefixes,
            "prefix_share_5min": prefixes_5min,
            "could_save_usd": could(prefixes),
            "could_save_5min_usd": could(prefixes_5min),
        },
        "semantic": [
            {
                "traffic": traffic,
                "cosine": cosine,
                "hits": hits,
                "false": wrong,
                "saves_usd": None if cost_usd is None else hits * cost_usd,
            }
            for traffic, cosine, hits, wrong in SEMANTIC
        ],
    }


def _deployments_by_target(scenario: spec.Scenario) -> dict[str, str]:
    """Target of the log -> the deployment that it is here."""
    return {
        deployment.recorded: name
        for name, deployment in reversed(scenario.deployments.items())
        if deployment.recorded is not None
    }


# -- cheaper deployments ---------------------------------------------------------------------------


def _shifts(scenario: spec.Scenario, trace: PlaybackColumns, bills: Bills) -> list[dict[str, Any]]:
    """Each kind of work at each deployment of the log, at every deployment that would be cheaper
    for the same calls; the largest saving first."""
    here = _deployments_by_target(scenario)
    logged = {(row[0], row[1]): row for row in trace.spend_by_work}
    shifts = []
    for (work, target), costs in bills.items():
        own, row = here.get(target), logged.get((work, target))
        if own is None or row is None or row[3] is None or row[5] is None:
            continue
        now = costs[own].whole
        for other, (would, *_) in costs.items():
            if other != own and would < now:
                shifts.append(
                    {
                        "work": UNNAMED if work == NOBODY else work,
                        "from": own,
                        "to": other,
                        "requests": int(row[2]),
                        "logged_usd": row[6],
                        "cost_usd": now,
                        "would_cost_usd": would,
                        "saves_usd": now - would,
                        "quality_from": _grade(scenario, own, work),
                        "quality_to": _grade(scenario, other, work),
                    }
                )
    return sorted(shifts, key=lambda row: (-row["saves_usd"], row["work"], row["from"], row["to"]))


def _missing(scenario: spec.Scenario, trace: PlaybackColumns, any_shift: bool) -> list[str]:
    """Why the table of shifts is empty, or what of the log's work is not in it, in sentences."""
    targets = {deployment.recorded for deployment in scenario.deployments.values()}
    if not trace.spend_by_work:
        return [
            "the log names no model of a request that was answered"
            if "model" not in trace.known_columns
            else "no request of the log was answered"
        ]
    elsewhere = sum(row[2] for row in trace.spend_by_work if row[1] not in targets)
    blank = sum(
        row[2]
        for row in trace.spend_by_work
        if row[1] in targets and (row[3] is None or row[5] is None)
    )
    reasons = (
        [f"{elsewhere:,.0f} answered requests went to models that are no deployment here"]
        if elsewhere
        else []
    )
    reasons += (
        [
            f"{blank:,.0f} answered requests are of work and models of which the log has no "
            f"token counts"
        ]
        if blank
        else []
    )
    if not any_shift and elsewhere + blank < sum(row[2] for row in trace.spend_by_work):
        if len(scenario.deployments) == 1:
            reasons.append(
                f"{next(iter(scenario.deployments))} is the only deployment; scenario=S names "
                f"others, such as a cheaper model, to hold it against"
            )
        else:
            reasons.append(
                "all work is at the deployment that is cheapest for it already; scenario=S can "
                "name cheaper ones"
            )
    return reasons


def _grade(scenario: spec.Scenario, name: str, work: str) -> float | None:
    """Share of right answers, where the scenario says one."""
    deployment = scenario.deployments[name]
    return (
        None
        if deployment.outcomes is not None
        else accuracy(deployment.quality, work, scenario.workload.tasks)
    )


# -- as tables for spreadsheets --------------------------------------------------------------------


def csv_files(replay: dict[str, Any]) -> dict[str, Callable[[], str]]:
    """File name -> its CSV, of summary.json's `replay`."""
    return {
        "spend.csv": lambda: _spend_sheet(replay),
        "shifts.csv": lambda: _shift_sheet(replay),
        "caching.csv": lambda: _caching_sheet(replay),
    }


def _spend_sheet(replay: dict[str, Any]) -> str:
    policies = list(replay["origin"])
    rows = [
        [
            kind,
            name,
            None if spend["before"] is None else spend["before"][index],
            *(spend["after"][policy][index] for policy in policies),
        ]
        for kind, spend in replay["spend"].items()
        for index, name in enumerate(spend["names"])
    ]
    return format_csv(["by", "name", "logged_usd", *(f"{policy}_usd" for policy in policies)], rows)


def _shift_sheet(replay: dict[str, Any]) -> str:
    heads = [
        "work",
        "from",
        "to",
        "requests",
        "logged_usd",
        "cost_usd",
        "would_cost_usd",
        "saves_usd",
        "quality_from",
        "quality_to",
    ]
    rows = [[row[head] for head in heads] for row in replay["shifts"]]
    return format_csv(
        heads,
        rows or [[f"none: {'; '.join(replay['shifts_missing'])}", *[None] * (len(heads) - 1)]],
    )


def _caching_sheet(replay: dict[str, Any]) -> str:
    caching = replay["caching"]
    semantic = [
        (
            "semantic",
            f"assumed: like {row['traffic']}, cosine {row['cosine']:g}",
            "requests",
            row["hits"],
            row["saves_usd"],
            row["false"],
        )
        for row in caching["semantic"]
    ]
    return format_csv(
        ["cache", "assumption", "share_of", "share", "saves_usd", "false_share_of_requests"],
        [
            *_exact_rows(caching["exact"], caching["requests"]),
            *_prompt_rows(caching["prompt"]),
            *semantic,
        ],
    )


def _exact_rows(exact: dict[str, Any] | None, requests: int) -> Iterator[Sequence[Any]]:
    if exact is None:
        unknown = "not known: the log does not tell prompts apart"
        yield "exact", unknown, "requests", None, None, 0.0
        return
    for words, count, usd in (
        ("kept for ever", "requests", "cost_usd"),
        ("kept for an hour", "within_hour", "within_hour_cost_usd"),
    ):
        yield "exact", words, "requests", exact[count] / requests, exact[usd], 0.0


def _prompt_rows(prompt: dict[str, Any]) -> Iterator[Sequence[Any]]:
    def row(words: str, share: float | None, usd: float | None) -> Sequence[Any]:
        return "prompt", words, "input tokens", share, usd, 0.0

    cached, tokens = prompt["cached_tokens"], prompt["input_tokens"]
    if cached is not None:
        share = cached / tokens if tokens else None
        yield row("saved already, as logged", share, prompt["saved_usd"])
    for key, words in (("", "kept for ever"), ("_5min", "kept for 5 minutes")):
        if prompt[f"prefix_share{key}"] is not None:
            share, usd = prompt[f"prefix_share{key}"], prompt[f"could_save{key}_usd"]
            yield row(f"more, {words}", share, usd)
    if cached is None and prompt["prefix_share"] is None:
        yield row("not known: the log has neither cached tokens nor prompts", None, None)
