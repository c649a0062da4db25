"""Measures the studies of docs/studies/*.md and writes set-up and figures between their markers, as
findings.py does for scenarios.

`make docs-findings`, or `python docs/studied.py [STUDY …]`. Prose is by hand; what it rests on
stands beside it as `<!-- holds: … -->`, in which `cached@0.95.cost_per_1k_requests_usd` is a
policy's figure at a setting, `budget:…` one of a further part, and `b-a` a paired difference to the
part's yardstick. `cascade_mmlu` needs the table of answers beside the checkout; without it that
page stays as it is.
"""

from __future__ import annotations

import json
import sys
from itertools import product
from pathlib import Path
from typing import Any

import mmlu
from asked import STUDIES, TABLE, Part, Search
from findings import (
    HEADS,
    PAIRED,
    ROOT,
    SEED,
    broken,
    cell,
    digests,
    rounded,
    scenario_files,
    written,
)
from generated import table

import simroute as sr
from simroute.api import ScenarioFile
from simroute.statistics.intervals import paired_difference
from simroute.studies.comparison.study import Study
from simroute.studies.sensitivity.ranges import ParameterRange
from simroute.text import clean
from simroute.units import quantity

FOLDER = ROOT / "docs" / "studies"


def main(names: list[str]) -> None:
    """Run, write, and say which claims do not hold."""
    wrong = []
    for name in names or STUDIES:
        if STUDIES[name].more is mmlu and mmlu.TABLE is None:
            print(f"{name}: left as it is, since {mmlu.WHERE} is not there", flush=True)
            continue
        print(name, flush=True)
        record = measured(name)
        (FOLDER / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        page = FOLDER / f"{name}.md"
        page.write_text(
            written(page.read_text(encoding="utf-8"), name, record, figures), encoding="utf-8"
        )
        wrong += [f"{name}: {claim}" for claim in broken(page.read_text(encoding="utf-8"), record)]
    if wrong:
        sys.exit("\n".join(["not true any more:", *wrong]))


def measured(name: str) -> dict[str, Any]:
    """The record of a page: files and figures."""
    asked = STUDIES[name]
    made: dict[str, Any] = {"figures": {}, "differences": {}, "rows": {}}
    for key, part in asked.parts.items():
        found = ran(name, part)
        for kind, values in taken(key, part, found).items():
            made[kind] |= values
    if asked.more is not None:
        made["figures"] |= asked.more.measured()
    record = {"files": hashes(name), "seed": SEED, **rounded(made)}
    return record if asked.search is None else record | {"search": searched(name, asked.search)}


def ran(name: str, part: Part) -> Any:
    """What `compare --vary` makes of it."""
    words = [word.replace(TABLE, str(mmlu.TABLE)) for word in part.words]
    scenario = ScenarioFile(str(ROOT / "scenarios" / f"{part.scenario or name}.yaml"), words)
    policies = [str(ROOT / "policies" / f"{policy}.yaml") for policy in part.policies]
    return sr.sensitivity(
        scenario, policies, part.vary, replications=part.replications, seed=SEED, workers=2
    )


def taken(key: str, part: Part, found: Any) -> dict[str, dict[str, Any]]:
    """Figures by policy and setting, paired differences to the yardstick, and the rows of the table
    in their order."""
    studies: dict[str, tuple[str, Study]] = {}
    rows: dict[str, list[str]] = {}
    for policy, (at, study) in product(map(short, part.policies), found.cells):
        varied = any(
            axis.key.startswith("scenario.")
            or axis.key.split(".")[1] in study.configuration.policies[policy]
            for axis in found.axes
        )
        name = f"{key}:{policy}" if key else policy
        name += "@" + setting(at) if varied else ""
        if name not in studies:
            studies[name] = policy, study
            rows[name] = [
                policy,
                *(
                    worded(value, axis) if varied else ""
                    for value, axis in zip(at, found.axes, strict=True)
                ),
            ]
    figures = {
        name: {metric: study.intervals[policy][metric].plain() for metric in part.metrics}
        for name, (policy, study) in studies.items()
    }
    differences = {}
    for name, (policy, study) in studies.items():
        yardstick = (f"{key}:" if key else "") + f"{policy}@{part.against}"
        if part.against and yardstick in studies and name != yardstick:
            ours, theirs = study.series()[policy], studies[yardstick][1].series()[policy]
            metrics = [metric for metric in {*PAIRED, *part.metrics} if metric in part.metrics]
            differences[f"{name}-{yardstick}"] = {
                metric: paired_difference(theirs[metric], ours[metric]).plain()
                for metric in sorted(metrics)
            }
    heads = [axis.key.split(".")[-1] for axis in found.axes]
    return {
        "figures": figures,
        "differences": differences,
        "rows": {key: {"heads": heads, "settings": rows}},
    }


def short(policy: str) -> str:
    """The name under which a study has it."""
    return Path(policy).name


def setting(at: tuple[float, ...]) -> str:
    return "x".join(f"{value:.12g}" for value in at)


def worded(value: float, axis: ParameterRange) -> str:
    return quantity(value, axis.unit)


def searched(name: str, search: Search) -> dict[str, Any]:
    """What `tune` says, and where it ended."""
    found = sr.tune(
        str(ROOT / "scenarios" / f"{name}.yaml"),
        str(ROOT / "policies" / f"{search.policy}.yaml"),
        search.space,
        objective=search.objective,
        subject_to=search.subject_to,
        evaluations=search.evaluations,
        confirm=search.confirm,
        seed=SEED,
        workers=2,
    )
    return {
        "lines": [clean(line, 1000) for line in found.lines()],
        "recommended": found.recommended,
    }


def hashes(name: str) -> dict[str, str]:
    """SHA-256 of the scenarios, line-ups and policies of a study, as they are now."""
    asked = STUDIES[name]
    scenarios = [part.scenario or name for part in asked.parts.values()]
    policies = [policy for part in asked.parts.values() for policy in part.policies] + (
        [asked.search.policy] if asked.search else []
    )
    files = [
        *(file for one in scenarios for file in scenario_files(one)),
        *(f"policies/{one}.yaml" for one in policies),
    ]
    return digests(list(dict.fromkeys(files)))


def commands(name: str) -> list[str]:
    """What a reader types for the same figures, one for each part, and for the search."""
    asked = STUDIES[name]
    found = []
    for part in asked.parts.values():
        words = [
            f"simroute compare scenario={part.scenario or name} policy={','.join(part.policies)}",
            *part.words,
        ]
        words += [f"--vary '{axis}'" for axis in part.vary] + [
            f"--seed {SEED} --replications {part.replications}"
        ]
        found.append(folded(words))
    if (search := asked.search) is not None:
        words = [
            f"simroute tune scenario={name} policy={search.policy}",
            *(f"'tune.{key}={text}'" for key, text in search.space.items()),
        ]
        words += [
            f'--objective "{search.objective}"',
            *(f'--subject-to "{text}"' for text in search.subject_to),
        ]
        found.append(
            folded(
                [
                    *words,
                    f"--seed {SEED} --evaluations {search.evaluations} --confirm {search.confirm}",
                ]
            )
        )
    return found


def folded(words: list[str]) -> str:
    """A command over as many lines as it needs."""
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > 118:
            lines.append(f" {word}")
        else:
            lines[-1] += f"{' ' if lines[-1] else ''}{word}"
    return " \\\n ".join(lines)


def figures(name: str, record: dict[str, Any]) -> str:
    """A table for each part with the command that gives it again."""
    asked, given = STUDIES[name], commands(name)
    parts = [] if asked.more is None else [asked.more.shown(record)]
    for (key, part), command in zip(asked.parts.items(), given, strict=False):
        rows = record["rows"][key]
        heads = ("policy", *rows["heads"], *(HEADS[metric] for metric in part.metrics))
        body = (
            (
                f"`{who[0]}`",
                *who[1:],
                *(cell(metric, record["figures"][one][metric]) for metric in part.metrics),
            )
            for one, who in rows["settings"].items()
        )
        parts += [part.said, table(heads, body), f"```sh\n{command}\n```"]
    if asked.search is not None:
        parts += [
            "A search says:",
            f"```sh\n{given[-1]}\n```",
            "```text\n" + "\n".join(record["search"]["lines"]) + "\n```",
        ]
    made = (
        "Means of {} replications with 95 % intervals; what the columns mean: "
        "[Metrics](../reference/metrics.md)."
    )
    return "\n\n".join([*parts, made.format(next(iter(asked.parts.values())).replications)])


if __name__ == "__main__":
    main([Path(name).stem for name in sys.argv[1:]])
