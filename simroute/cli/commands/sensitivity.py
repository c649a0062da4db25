"""`compare --vary`, `--tornado` and `--bound`: what the answer owes to what was assumed, and to not
knowing the weather."""

from __future__ import annotations

import os
import string
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simroute.cli.afterwards import Again, cut_short, said
from simroute.cli.options import RunOptions
from simroute.cli.render.comparison import _table
from simroute.cli.session import executor_of
from simroute.cli.terminal import brief, clean
from simroute.cli.words import split_words
from simroute.config import yaml_reader
from simroute.config.plugins import load_plugins
from simroute.errors import InputError
from simroute.experiment.job import WorkerLostError
from simroute.report.figures.sensitivity import describe_winner
from simroute.storage.folder import make_folder
from simroute.storage.resume import find_unfinished, require_unfinished
from simroute.storage.run_folder import SENSITIVITY
from simroute.studies.sensitivity import plan
from simroute.text import money, percent, quantity, seconds, short_key

if TYPE_CHECKING:
    from simroute.studies.sensitivity.result import SensitivityResult

COST = "cost_per_1k_requests_usd"
SIDE_BY_SIDE = 4
"""So many policies have columns of their own."""
NAMED = {"assertions": "--assert"}
ELSEWHERE = (
    "until",
    "max_replications",
    "replication",
    "rows",
    "assertions",
    "explain",
    "bound",
    "yearly",
)
"""Options of other studies."""


def assume(
    vary: tuple[str, ...], tornado: bool, options: RunOptions, show: str | None = None
) -> int:
    """Run it, print it, write it. `show`: the metrics that are printed, with commas between. The
    exit status."""
    from simroute.studies.sensitivity.run import run_sensitivity

    _refused("--tornado" if tornado else "--vary", options)
    where = executor_of(replace(options, rows=None))
    load_plugins(options.plugins)
    plan = _planned(vary, tornado, options)
    metrics = _metrics(show, plan.kind)
    plan.plugins = tuple(file.resolve() for file in options.plugins)
    out, talk = options.out, not options.quiet and not options.as_json
    if not options.resume and out is not None and (out / "summary.json").exists():
        raise InputError(f"{out}: holds another run; give another folder with --out")
    place = (
        make_folder(plan, out)
        if not options.resume
        else find_unfinished(plan)
        if out is None
        else out
    )
    kept = options.to_resume() + (() if show is None else ("--show", show))
    again = Again("compare", place, kept, new=out is None and not options.resume)
    try:
        with _watched(talk, not options.quiet) as (told, warn):
            found = run_sensitivity(
                plan,
                workers=options.workers or _cores(),
                told=told,
                warn=warn,
                out=place,
                resume=options.resume,
                report=not options.no_report,
                perform=None if options.is_local else where,
                cache=options.cache,
            )
    except (KeyboardInterrupt, WorkerLostError, RuntimeError) as error:
        return cut_short(error, again)
    except BaseException:
        again.tidy()
        raise
    if options.as_json or SENSITIVITY in found.unwritten:
        click.echo(found.to_json(), nl=False)
    elif not options.quiet:
        _show(found, place, metrics)
    return _ended(found, again)


def is_one(config: Path | None, resume: bool, out: Path | None, words: tuple[str, ...]) -> bool:
    """Whether an earlier study of assumptions is to be run again, or gone on with, without telling
    what was varied."""
    path = (
        config
        if config is not None
        else out / "config.yaml"
        if resume and out is not None and not words
        else None
    )
    with suppress(InputError, OSError, ValueError):  # told by whoever reads it next
        return path is not None and plan.is_plan(yaml_reader.read(path))
    return False


def _planned(vary: tuple[str, ...], tornado: bool, options: RunOptions) -> plan.SensitivityPlan:
    """What is to run. Raises InputError."""
    from simroute.studies.sensitivity import sweep
    from simroute.studies.sensitivity import tornado as blown

    words, seed, replications = options.words, options.seed, options.replications
    if options.config is not None:
        said_too = {
            "--vary": vary or None,
            "--tornado": tornado or None,
            "--seed": seed,
            "--replications": replications,
        }
        given = [*words, *(name for name, value in said_too.items() if value is not None)]
        if given:
            raise InputError(f"--config reruns a configuration as it is; remove {' '.join(given)}")
        return plan.read_plan(yaml_reader.read(options.config))
    if options.resume and options.out is not None and not words and not vary:
        require_unfinished(options.out)
        made = plan.read_plan(yaml_reader.read(options.out / "config.yaml"))
        return replace(
            made,
            seed=made.seed if seed is None else seed,
            replications=made.replications if replications is None else replications,
        )
    scenario, policies, overrides = split_words("compare", words)
    planned = blown.plan_tornado if tornado else sweep.plan_sweep
    return planned(
        scenario,
        policies,
        overrides,
        list(vary),
        1 if seed is None else seed,
        20 if replications is None else replications,
    )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _ended(found: SensitivityResult, again: Again) -> int:
    """What is missing, and how to go on. The exit status."""
    if found.problems:
        said(
            "; ".join(
                [
                    *found.problems,
                    *(["the summary is on stdout"] if SENSITIVITY in found.unwritten else []),
                ]
            )
        )
    if found.interrupted:
        said("interrupted; the settings that were finished are kept")
    if again.is_possible:
        said(f"go on with: {again}")
    return 130 if found.interrupted else 2 if found.problems else 0


def _refused(option: str, options: RunOptions) -> None:
    """Options that ask for what is not done here. Raises InputError."""
    values = {name: getattr(options, name) for name in ELSEWHERE}
    given = [
        NAMED.get(name, f"--{name.replace('_', '-')}")
        for name, value in values.items()
        if value not in (None, False, ())
    ]
    if given:
        raise InputError(f"{option}: does not go with {', '.join(sorted(given))}")


@contextmanager
def _watched(
    talk: bool, notes: bool
) -> Iterator[tuple[Callable[[int, int], None], Callable[[str], None]]]:
    """A bar on a terminal, and notes."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(
        stderr=True,
        no_color=bool(os.environ.get("NO_COLOR")),
        highlight=False,
        markup=False,
        emoji=False,
    )
    with Progress(
        console=console, transient=True, disable=not (talk and sys.stderr.isatty())
    ) as bar:
        task = bar.add_task("runs")

        def warn(line: str) -> None:
            if notes:
                console.print(f"note: {brief(line)}", soft_wrap=True)

        yield lambda done, total: bar.update(task, completed=done, total=total), warn


def _metrics(show: str | None, kind: str) -> list[str]:
    """What --show names. Raises InputError."""
    from simroute.errors import nearest
    from simroute.metrics import METRICS

    if show is None:
        return []
    if kind != "vary":
        raise InputError(
            "--show: says what --vary prints; the bars of --tornado are differences of the "
            "figure in which policies compete"
        )
    names = [name.strip() for name in show.split(",") if name.strip()]
    wrong = [
        f"--show: no metric is called {brief(name)!r}; {nearest(name, METRICS)}"
        for name in names
        if name not in METRICS
    ]
    if wrong or not names:
        raise InputError(
            *(
                wrong
                or ["--show: name at least one metric, such as --show detection_s,latency_p95_s"]
            )
        )
    return list(dict.fromkeys(names))


def _show(found: Any, folder: Path, metrics: list[str]) -> None:
    summary = found.summary
    click.echo(f"\n{clean(summary['question'], 300)}\n")
    if summary["kind"] == "tornado":
        _bars(summary)
    elif metrics:
        _long(summary, metrics)
    elif len(summary["axes"]) == 1:
        _line(summary)
    else:
        _map(summary)
    click.echo("")
    for line in found.lines():
        click.echo(clean(line, 400))
    click.echo(f"\nwritten to {brief(str(folder))}/")


def _line(summary: dict[str, Any]) -> None:
    (one,) = summary["axes"]
    share = summary["share"]
    shown = summary["policies"][:SIDE_BY_SIDE] if len(summary["policies"]) <= SIDE_BY_SIDE else []
    rows: list[tuple[str, ...]] = [
        (
            clean(short_key(one["key"]), 44),
            *(text for policy in shown for text in (clean(policy, 14), "$/1k")),
            "winner",
        )
    ]
    for cell in summary["cells"]:
        figures = [text for policy in shown for text in _figures(cell, policy, [share, COST])]
        best = cell["winner"]
        rows.append(
            (
                quantity(cell["at"][0], one["unit"]),
                *figures,
                clean(best["policy"] or "none", 16) + ("" if best["sure"] else " ?"),
            )
        )
    _table(rows)


def _long(summary: dict[str, Any], metrics: list[str]) -> None:
    """A row for each setting and policy."""
    axes = summary["axes"]
    rows: list[tuple[str, ...]] = [
        (*(clean(short_key(one["key"]), 30) for one in axes), "policy", *metrics, "winner")
    ]
    for cell in summary["cells"]:
        at = [quantity(value, one["unit"]) for value, one in zip(cell["at"], axes, strict=True)]
        best = cell["winner"]
        for policy in cell["policies"]:
            wins = "" if policy != best["policy"] else "wins" if best["sure"] else "wins ?"
            rows.append((*at, clean(policy, 18), *_figures(cell, policy, metrics), wins))
    _table(rows)


def _figures(cell: dict[str, Any], policy: str, metrics: list[str]) -> list[str]:
    """In words; money beside that of the first policy, in per cent."""
    from simroute.metrics import METRICS

    found = []
    for metric in metrics:
        unit, mean = METRICS[metric][0], cell["policies"][policy][metric]["mean"]
        first_policy = next(iter(cell["policies"]))
        first = cell["policies"][first_policy][metric]["mean"]
        text = {"share": percent, "s": seconds, "USD": money}.get(unit, _plain)(mean)
        found.append(
            f"{text} {_relative(mean - first, first)}".strip()
            if unit == "USD" and policy != first_policy and mean and first
            else text
        )
    return found


def _plain(value: float | None) -> str:
    return "n/a" if value is None else f"{value:,.4g}"


def _relative(difference: float, of: float | None) -> str:
    return f"({100 * difference / of:+.3g} %)" if of else ""


def _map(summary: dict[str, Any]) -> None:
    first, second = summary["axes"]
    names, letters = summary["policies"], string.ascii_uppercase
    best = {tuple(cell["at"]): cell["winner"] for cell in summary["cells"]}
    rows: list[tuple[str, ...]] = [
        ("", *(quantity(value, first["unit"]) for value in first["values"]))
    ]
    for y in reversed(second["values"]):
        cells = [best.get((x, y)) for x in first["values"]]
        signs = [
            ""
            if one is None or one["policy"] is None
            else letters[names.index(one["policy"]) % 26] + " ?"[not one["sure"]]
            for one in cells
        ]
        rows.append((quantity(y, second["unit"]), *signs))
    _table(rows)
    click.echo(f"\nacross: {short_key(first['key'])}; up: {short_key(second['key'])}; ?: undecided")
    click.echo(
        ", ".join(f"{letters[place % 26]} {clean(name, 30)}" for place, name in enumerate(names))
    )


def _bars(summary: dict[str, Any]) -> None:
    in_money = summary["base"]["metric"] == COST
    rows: list[tuple[str, ...]] = [
        ("assumption", "low", "difference", "high", "difference", "another wins")
    ]
    for one in summary["assumptions"][:20]:
        sides = [
            text
            for side in ("low", "high")
            for text in (f"{one[side]['value']:.3g}", _difference(one[side], in_money))
        ]
        flips = [
            clean(describe_winner(one[side]["winner"]), 20)
            for side in ("low", "high")
            if one[side]["winner"]["policy"] != summary["base"]["pair"][0]
        ]
        rows.append(
            (clean(short_key(one["key"]), 40), *sides, ", ".join(flips) if one["flips"] else "")
        )
    _table(rows)


def _difference(side: dict[str, Any], in_money: bool) -> str:
    mean = side["difference"]["mean"]
    if mean is None:
        return "n/a"
    return (
        f"{money(mean, signed=True)} {_relative(mean, side['first'])}".strip()
        if in_money
        else f"{100 * mean:+.2f} pp"
    )
