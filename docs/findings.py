"""Runs every packaged scenario and writes set-up and figures into docs/scenarios/*.md, between
their markers. `make docs-findings`, or `python docs/findings.py [SCENARIO …]`.

The prose between the two is written by hand. What it rests on stands beside it as comments, `<!--
holds: failover.success_rate.low > 0.995 -->`, which are checked here and by tests/docs. Figures as
they were measured are kept in NAME.json, with the SHA-256 of the files they came from.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generated import table
from setups import setup

from simroute.config.loading import load
from simroute.execution.options import ExecutionOptions
from simroute.metrics import METRICS
from simroute.statistics.intervals import Interval, paired_difference
from simroute.studies.comparison.run import compare
from simroute.studies.comparison.study import Study
from simroute.units import span

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "scenarios"
SEED, REPLICATIONS = 1, 20
ALWAYS = (
    "success_rate",
    "slo_attainment",
    "latency_p95_s",
    "cost_per_1k_requests_usd",
    "quality_mean",
    "attempts_per_request",
)
PAIRED = (
    "success_rate",
    "slo_attainment",
    "latency_p95_s",
    "cost_per_1k_requests_usd",
    "quality_mean",
)
HEADS = {
    "success_rate": "success",
    "slo_attainment": "in time",
    "latency_p95_s": "p95",
    "cost_per_1k_requests_usd": "$ per 1,000 requests",
    "quality_mean": "quality",
    "attempts_per_request": "sends a request",
    "time_on_failing_target_s": "failing",
    "detection_s": "noticed",
    "rate_limited": "429s",
    "cost_usd": "spent",
    "cache_hit_rate": "cache hits",
    "cache_false_hit_rate": "false hits",
    "breaker_opened": "breaker opened",
    "ttft_p95_s": "first token p95",
    "wasted_usd": "wasted",
    "abandoned_share": "gave up",
    "resolved_share": "answered in the end",
    "forbidden_share": "from elsewhere",
    "prompt_cached_share": "read from caches",
    "prompt_cache_saved_usd": "saved by caches",
    "truncated": "broken streams",
}
CLAIM = re.compile(r"<!-- holds: (\S+) (<|>|=) (\S+) -->")


@dataclass(frozen=True)
class Page:
    """What is run for a scenario. `more`: figures besides the usual ones; `without`: an override
    whose effect on the cost is measured as well; `shown`: figures under it that are told."""

    policies: tuple[str, ...]
    more: tuple[str, ...] = ()
    without: str = ""
    shown: tuple[str, ...] = ()


OUTAGE = ("direct", "retry_only", "failover", "circuit_breaker")
PAGES = {
    "demo": Page(OUTAGE, ("time_on_failing_target_s",)),
    "models_2025": Page(OUTAGE, ("time_on_failing_target_s",)),
    "steady": Page((*OUTAGE, "layered", "cached", "cascade")),
    "anthropic_outage": Page((*OUTAGE, "layered"), ("time_on_failing_target_s",)),
    "openai_partial_2025_06": Page(
        (*OUTAGE, "layered"), ("time_on_failing_target_s", "breaker_opened")
    ),
    "rate_limit_storm": Page((*OUTAGE, "layered"), ("rate_limited",)),
    "price_cut": Page(
        ("direct", "failover", "circuit_breaker", "layered", "cascade"),
        (),
        "~scenario.deployments.gpt-terra.price_steps",
    ),
    "budget_month": Page(
        ("failover", "budget_shift", "layered", "cascade", "cached"), ("cost_usd",)
    ),
    "flapping": Page((*OUTAGE, "gallery/long_breaker"), ("breaker_opened",)),
    "brown_out": Page(
        (*OUTAGE, "gallery/hedged", "gallery/long_breaker"),
        ("time_on_failing_target_s",),
        "policy.timeout.total=12s",
        ("success_rate", "slo_attainment"),
    ),
    "stalled_streams": Page(
        ("direct", "failover", "circuit_breaker", "gallery/chunks", "gallery/long_breaker"),
        ("truncated",),
    ),
    "several_providers": Page(
        (
            "direct",
            "failover",
            "circuit_breaker",
            "gateways/portkey",
            "gateways/kong",
            "gateways/helicone_cloud",
            "gateways/openrouter",
            "gateways/vercel",
            "gateways/martian",
        ),
        ("time_on_failing_target_s",),
        "~scenario.outages.cheapest",
        ("success_rate", "latency_p95_s"),
    ),
    "shared_shock": Page((*OUTAGE, "gallery/long_breaker", "gallery/three_companies")),
    "flash_crowd": Page(
        (*OUTAGE, "gallery/limited"), ("resolved_share", "abandoned_share", "rate_limited")
    ),
    "cold_cache": Page(
        ("direct", "failover", "cached", "gallery/cache_alone"),
        ("cache_hit_rate", "rate_limited"),
        "~scenario.gateway.restart_every",
        ("success_rate", "cache_hit_rate"),
    ),
    "agents": Page(
        ("direct", "failover", "circuit_breaker", "gallery/spread", "gallery/long_prompts"),
        ("ttft_p95_s", "prompt_cached_share", "wasted_usd"),
    ),
    "model_drift": Page(
        ("direct", "circuit_breaker", "layered", "cascade", "gallery/spread"),
        (),
        "~scenario.deployments.claude-sonnet.quality_steps",
        ("quality_mean",),
    ),
    "falling_prices": Page(("direct", "failover", "cascade", "gallery/cheapest_strong")),
    "bad_month": Page((*OUTAGE, "gallery/three_companies"), ("time_on_failing_target_s",)),
    "residency": Page(
        ("direct", "failover", "circuit_breaker", "gallery/three_companies"), ("forbidden_share",)
    ),
    "replicas": Page(
        ("failover", "circuit_breaker", "cached", "gallery/long_breaker"),
        ("cache_hit_rate", "breaker_opened", "time_on_failing_target_s"),
        "scenario.gateway.shared=true",
        ("slo_attainment", "latency_p95_s", "cache_hit_rate", "time_on_failing_target_s"),
    ),
}


def main(names: list[str]) -> None:
    """Run, write, and say which claims do not hold."""
    wrong = []
    for name in names or PAGES:
        print(f"{name}: {command(name)}", flush=True)
        record = measured(name)
        (FOLDER / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        page = FOLDER / f"{name}.md"
        page.write_text(written(page.read_text(encoding="utf-8"), name, record), encoding="utf-8")
        wrong += [f"{name}: {claim}" for claim in broken(page.read_text(encoding="utf-8"), record)]
    if wrong:
        sys.exit("\n".join(["not true any more:", *wrong]))


def command(name: str) -> str:
    """What a reader types for the same figures."""
    return (
        f"simroute compare scenario={name} policy={','.join(PAGES[name].policies)} --seed "
        f"{SEED} --replications {REPLICATIONS}"
    )


def measured(name: str, replications: int = REPLICATIONS) -> dict[str, Any]:
    """The record of a page: files and figures."""
    page = PAGES[name]
    study = ran(name, page, [], replications)
    metrics = (*ALWAYS, *page.more)
    figures = {
        policy: {metric: found[metric].plain() for metric in metrics}
        for policy, found in study.intervals.items()
    }
    kept = {entry["policy"]: entry["meets_slo"] for entry in study.verdict}
    made = {"figures": figures, "differences": differences(study)}
    if page.without:
        other = ran(name, page, [page.without], replications)
        for policy, saved in savings(study, other).items():
            figures[policy]["saved"] = saved.plain()
        if page.shown:
            made["without"] = {
                policy: {metric: found[metric].plain() for metric in page.shown}
                for policy, found in other.intervals.items()
            }
    return {
        "files": hashes(name),
        "seed": SEED,
        "replications": replications,
        "kept": kept,
        **rounded(made),
    }


def differences(study: Study) -> dict[str, dict[str, Any]]:
    """Of every two policies, paired: "b-a" -> metric -> the interval of b - a."""
    series = study.series()
    return {
        f"{b}-{a}": {
            metric: paired_difference(series[a][metric], series[b][metric]).plain()
            for metric in PAIRED
        }
        for a in series
        for b in series
        if a != b
    }


def rounded(value: Any) -> Any:
    """Figures to seven digits: more are noise in a file that is read and compared."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return float(f"{value:.7g}") if isinstance(value, float) else value


def ran(name: str, page: Page, overrides: list[str], replications: int) -> Study:
    made = load(
        "compare",
        str(ROOT / "scenarios" / f"{name}.yaml"),
        [str(ROOT / "policies" / f"{p}.yaml") for p in page.policies],
        overrides,
    )
    made.seed, made.replications = SEED, replications
    return compare(made, options=ExecutionOptions(workers=2))


def savings(study: Study, other: Study) -> dict[str, Interval]:
    """By policy: how much less 1,000 requests cost than in the other study, in the same weather."""
    with_it, without = study.series(), other.series()
    cost = "cost_per_1k_requests_usd"
    return {
        policy: paired_difference(with_it[policy][cost], without[policy][cost])
        for policy in with_it
    }


def hashes(name: str) -> dict[str, str]:
    """SHA-256 of the scenario, its line-up and each policy, as they are now."""
    policies = [f"policies/{policy}.yaml" for policy in PAGES[name].policies]
    return digests([*scenario_files(name), *policies])


def scenario_files(name: str) -> list[str]:
    """The file of a scenario, and that of its line-up."""
    lineup = load("run", str(ROOT / "scenarios" / f"{name}.yaml"), []).scenario.lineup
    shared = [] if lineup is None else [f"scenarios/lineups/{lineup}.yaml"]
    return [f"scenarios/{name}.yaml", *shared]


def digests(files: list[str]) -> dict[str, str]:
    """SHA-256 of files, as they are now."""
    return {file: hashlib.sha256((ROOT / file).read_bytes()).hexdigest() for file in files}


def written(
    text: str,
    name: str,
    record: dict[str, Any],
    shown: Callable[[str, dict[str, Any]], str] | None = None,
) -> str:
    """The page with set-up and figures (as `shown` makes them) renewed."""
    scenario = load("run", str(ROOT / "scenarios" / f"{name}.yaml"), []).scenario
    for mark, content in {
        "setup": setup(scenario),
        "figures": (shown or figures)(name, record),
    }.items():
        text = re.sub(
            rf"(<!-- {mark} -->\n).*?(\n<!-- /{mark} -->)",
            lambda found, new=content: f"{found[1]}\n{new}\n{found[2]}",
            text,
            flags=re.S,
        )
    return text


def figures(name: str, record: dict[str, Any]) -> str:
    """The table, what its columns are, and how to get it."""
    metrics = [metric for metric in next(iter(record["figures"].values())) if metric != "saved"]
    rows = [
        (
            f"`{policy}`",
            {True: "yes", False: "no", None: "?"}[record["kept"][policy]],
            *(cell(metric, found[metric]) for metric in metrics),
        )
        for policy, found in record["figures"].items()
    ]
    parts = [table(("policy", "kept", *(HEADS[metric] for metric in metrics)), rows)]
    if PAGES[name].without:
        parts += otherwise(PAGES[name], record)
    made = (
        f"Means of {record['replications']} replications, with 95 % intervals; what the "
        f"columns mean: [Metrics](../reference/metrics.md)."
    )
    return "\n\n".join([*parts, made, f"```sh\n{command(name)}\n```"])


def otherwise(page: Page, record: dict[str, Any]) -> list[str]:
    """The same weather under the override `without`: what it costs, and how it goes there."""
    rows = (
        (
            f"`{policy}`",
            span(*found["saved"].values(), "USD"),
            *(cell(metric, record["without"][policy][metric]) for metric in page.shown),
        )
        for policy, found in record["figures"].items()
    )
    heads = (f"{HEADS[metric]} there" for metric in page.shown)
    told = "the same weather without it" if not page.shown else "the same weather"
    told += f" (`{page.without}`)" if not page.shown else f" under `{page.without}`"
    return [f"Against {told}:", table(("policy", "saved by 1,000 requests", *heads), rows)]


def cell(metric: str, found: dict[str, float | None]) -> str:
    return span(found["mean"], found["low"], found["high"], METRICS[metric][0])


def claims(text: str) -> Iterator[tuple[str, str, str]]:
    """What a page's prose rests on."""
    yield from (found.groups() for found in CLAIM.finditer(text))  # type: ignore[misc]


def broken(text: str, record: dict[str, Any]) -> list[str]:
    """Claims of a page that its figures do not bear out. `=` means: equal in as many decimals as
    are written."""
    found = []
    for left, sign, right in claims(text):
        a, b = value(left, record), value(right, record)
        decimals = len(right.partition(".")[2])
        if not {"<": a < b, ">": a > b, "=": round(a, decimals) == b}[sign]:
            found.append(f"{left} {sign} {right} ({a:.6g}, {b:.6g})")
    return found


def value(term: str, record: dict[str, Any]) -> float:
    """A number; POLICY.METRIC with .low, .high or (the default) .mean behind it; B-A.METRIC, a
    paired difference; B/A.METRIC, a ratio of means; ~POLICY.METRIC, under the page's override."""
    if re.fullmatch(r"-?[0-9.]+", term):
        return float(term)
    who, metric, *bound = re.split(r"\.(?=[a-z])", term)
    if "/" in who:
        b, a = (record["figures"][policy][metric]["mean"] for policy in who.split("/"))
        return float(b / a)
    if who.startswith("~"):
        found = record["without"][who[1:]]
    else:
        found = record["differences" if "-" in who else "figures"][who]
    return float(found[metric][bound[0] if bound else "mean"])


if __name__ == "__main__":
    main(sys.argv[1:])
