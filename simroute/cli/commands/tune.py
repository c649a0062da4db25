"""`tune`: which values of a policy's parameters serve a goal best."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simroute.cli.completion import candidates
from simroute.cli.options import SEED, RunOptions

if TYPE_CHECKING:
    from simroute.cli.afterwards import Again
    from simroute.studies.tuning import SearchPlan, Tuning

GOAL = (
    'What is wanted: "min METRIC" or "max METRIC". Several give a front of settings none of '
    "which beats another."
)
BOUND = 'What must hold, in every scenario: "success_rate>=0.999". May be repeated.'
ROBUST = (
    "With several scenarios: what counts of the regrets in them: their mean, the worst one, "
    "or the mean of the worse half. [mean]"
)
AGAINST = (
    "Policies that are run in the same fresh weather, as they are: what is recommended is "
    "compared with them, too."
)
PROPOSER = (
    "Where to look: sobol is built in; the others are optuna's (simroute[tune]; gp also "
    "needs torch). [sobol]"
)
RESUME = (
    "Go on with an unfinished search: give the same command again, or only --out FOLDER. "
    "The result has the same bits."
)
WORDS = {
    "objectives": "--objective",
    "constraints": "--subject-to",
    "robust": "--robust",
    "evaluations": "--evaluations",
    "confirm": "--confirm",
    "proposer": "--proposer",
    "seed": "--seed",
    "against": "--against",
}
"""Options that are words of the search; a stored search has its own."""


@click.command("tune")
@click.argument("words", nargs=-1, shell_complete=candidates.words)
@click.option("--objective", "objectives", multiple=True, metavar="GOAL", help=GOAL)
@click.option("--subject-to", "constraints", multiple=True, metavar="EXPR", help=BOUND)
@click.option("--robust", type=click.Choice(["mean", "worst", "cvar"]), default=None, help=ROBUST)
@click.option(
    "--evaluations",
    type=click.IntRange(1, 10_000_000),
    default=None,
    help="Runs of one setting that the search may make. [400]",
)
@click.option(
    "--confirm",
    type=click.IntRange(2, 100_000),
    default=None,
    help="Fresh replications of what is recommended. [20]",
)
@click.option("--against", metavar="POLICY,…", default=None, help=AGAINST)
@click.option(
    "--proposer", type=click.Choice(["sobol", "tpe", "cmaes", "gp"]), default=None, help=PROPOSER
)
@click.option("--seed", type=SEED, default=None, help="Seed of all chance. [1]")
@click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    default=None,
    help="Worker processes; the result does not depend on it.",
)
@click.option(
    "--executor",
    metavar="WHERE",
    default=None,
    help="local, or dask://HOST:PORT: a Dask cluster's workers. [local]",
)
@click.option(
    "--any-worker",
    is_flag=True,
    help="Also Dask workers whose arithmetic or versions may give other bits.",
)
@click.option(
    "--cache",
    is_flag=True,
    help="Read back from reports/.cache/ what was run before, if nothing at all has changed.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=None,
    help="The run's folder. [reports/SCENARIO-tune]",
)
@click.option("--resume", is_flag=True, help=RESUME)
@click.option("--json", "as_json", is_flag=True, help="The summary on stdout and nothing else.")
@click.option(
    "--plugin",
    "plugins",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A Python file with layers of your own.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=None,
    help="Run an earlier search's config.yaml again.",
)
@click.option(
    "--report/--no-report",
    default=True,
    help="Write report.html, or not (simroute report makes it later). [yes]",
)
@click.option("--quiet", is_flag=True, help="Print only errors.")
def tune_command(
    words: tuple[str, ...],
    workers: int | None,
    executor: str | None,
    any_worker: bool,
    cache: bool,
    out: Path | None,
    resume: bool,
    as_json: bool,
    plugins: tuple[Path, ...],
    config: Path | None,
    report: bool,
    quiet: bool,
    **asked: Any,
) -> int:
    """Search a policy's parameters, and confirm the best setting in weather that the search has not
    seen.

    \b
    simroute tune scenario=demo policy=circuit_breaker \\
      'tune.breaker.failures=2..20' 'tune.breaker.cooldown=5s..300s log' \\
      --objective "min cost_per_1k_requests_usd" --subject-to "success_rate>=0.99"

    \b
    2..20                          from low to high; whole numbers where the parameter is one
    5s..300s log                   evenly by factors
    [a, b] | [b, a]                one of some values; `none` leaves it out
    1 | 10 | 100 ordered           one of some values that have neighbours
    0.1..0.9 if breaker.count_window        only while another parameter is set,
    1..5 if breaker.scope=task|provider     or has one of some values (or none of them: !=)

    A policy file may hold the same entries in a `tune:` block.
    """
    options = RunOptions(
        words,
        workers=workers,
        executor=executor,
        any_worker=any_worker,
        cache=cache,
        out=out,
        resume=resume,
        as_json=as_json,
        plugins=plugins,
        config=config,
        no_report=not report,
        quiet=quiet,
    )
    return _search(options, asked)


def _search(options: RunOptions, asked: dict[str, Any]) -> int:
    """Run it, print it, write it. `asked`: options that only a search has. The exit status."""
    from simroute.cli.afterwards import Again, cut_short
    from simroute.cli.session import executor_of
    from simroute.cli.terminal import brief
    from simroute.config.plugins import load_plugins
    from simroute.errors import InputError
    from simroute.experiment.job import WorkerLostError
    from simroute.storage.folder import make_folder
    from simroute.storage.resume import find_unfinished
    from simroute.studies.tuning import sheet, tune

    where = executor_of(options)
    load_plugins(options.plugins)
    out, talk = options.out, not options.quiet and not options.as_json
    files = tuple(file.resolve() for file in options.plugins)
    plan = _planned(options.words, options.config, options.resume, out, files, asked)
    notes = dict.fromkeys(note for made in plan.configurations for note in made.notes)
    for note in notes if talk else ():
        click.echo(f"note: {brief(note)}", err=True)
    made = sheet(plan)
    place = (
        make_folder(made, out)
        if not options.resume
        else find_unfinished(made)
        if out is None
        else out
    )
    again = Again("tune", place, options.to_resume(), new=out is None and not options.resume)
    try:
        with _watching(plan, talk, not options.quiet) as watch:
            found = tune(
                plan,
                workers=options.workers or _workers(plan),
                watch=watch,
                out=place,
                resume=options.resume,
                report=not options.no_report,
                perform=None if options.is_local else where,
                cache=options.cache,
            )
    except (KeyboardInterrupt, WorkerLostError, RuntimeError) as error:
        return cut_short(error, again)
    except ImportError as error:
        again.tidy()
        why = (
            f"what it needs cannot be loaded ({error}); install it anew, or use the built-in search"
        )
        raise InputError(f"--proposer {plan.request.proposer}: {why}") from None
    except BaseException:
        again.tidy()
        raise
    if options.as_json or "summary.json" in found.unwritten:
        click.echo(found.to_json(), nl=False)
    elif talk:
        _show(found, place, not options.no_report)
    return _ended(found, again)


def _planned(
    words: tuple[str, ...],
    config: Path | None,
    resume: bool,
    out: Path | None,
    plugins: tuple[Path, ...],
    options: dict[str, Any],
) -> SearchPlan:
    """Of the words given, of an earlier search's config.yaml, or of the one in an unfinished
    folder. Raises InputError."""
    from simroute.errors import InputError
    from simroute.storage.resume import require_unfinished
    from simroute.studies.tuning import plan_search, read_plan

    given = [*words, *(option for name, option in WORDS.items() if options[name] not in (None, ()))]
    if config is not None:
        if given:
            raise InputError(f"--config reruns a search as it is; remove {' '.join(given)}")
        return read_plan(config, plugins)
    if given or not resume:
        return plan_search(
            _wanted(
                words,
                {name: value for name, value in options.items() if value is not None},
                plugins,
            )
        )
    if out is None:
        raise InputError(
            "--resume: which search? Give the words that it was begun with, or --out FOLDER: "
            "simroute tune --resume --out FOLDER"
        )
    require_unfinished(out)
    return read_plan(out / "config.yaml", plugins)


def _wanted(words: tuple[str, ...], options: dict[str, Any], plugins: tuple[Path, ...]) -> Any:
    from simroute.errors import InputError
    from simroute.studies.tuning import SearchRequest

    chosen: dict[str, str] = {"scenario": "", "policy": ""}
    entries: dict[str, str] = {}
    overrides, problems = [], []
    for word in words:
        key, equals, value = word.partition("=")
        if key.startswith("tune."):
            name = key.removeprefix("tune.")
            problems += [f"{key}: no range is given; write {key}=LOW..HIGH"] if not equals else []
            problems += [f"{key} is given twice"] if name in entries else []
            entries[name] = value
        elif equals and key in chosen:
            chosen[key] = value
        else:
            overrides.append(word)
    problems += [
        f"{key}= is missing: name one, such as {key}={name}"
        for key, name in (("scenario", "demo"), ("policy", "failover"))
        if not chosen[key]
    ]
    if "," in chosen["policy"]:
        problems.append("tune takes one policy; search each of them by itself")
    if problems:
        raise InputError(*problems)
    scenarios = [name for name in chosen["scenario"].split(",") if name]
    options["against"] = [name for name in options.get("against", "").split(",") if name]
    return SearchRequest(
        scenarios, chosen["policy"], entries, overrides=overrides, plugins=plugins, **options
    )


def _workers(plan: SearchPlan) -> int:
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    requests = sum(made.expected_requests for made in plan.configurations) / len(
        plan.configurations
    )
    # starting a worker costs about as much as that
    return 1 if plan.request.evaluations * requests < 60_000 else cores


def _show(found: Tuning, place: Path, report: bool) -> None:
    from simroute.cli.terminal import brief, clean, console

    shown = console()
    shown.print("")
    for line in found.lines():
        shown.print(clean(line, 1000))
    names = ["report.html"] * (report and "report.html" not in found.unwritten) + [
        "tuned.yaml",
        "summary.json",
        "trials.parquet",
        "config.yaml",
    ]
    shown.print(
        f"\nwritten to {brief(str(place))}/ "
        f"({', '.join(name for name in names if name not in found.unwritten)})",
        soft_wrap=True,
    )
    wanted = found.plan.request
    weather = [text for text in wanted.overrides if text.lstrip("~+").startswith("scenario.")]
    words = [
        "simroute",
        "compare",
        f"scenario={wanted.scenarios[0]}",
        f"policy={wanted.policy},{place / 'tuned.yaml'}",
        *weather,
    ]
    shown.print(f"try it: {brief(shlex.join(words))}", soft_wrap=True)


def _ended(found: Tuning, again: Again) -> int:
    """What is missing, and how to go on. The exit status."""
    from simroute.cli.afterwards import said

    if found.problems:
        on_stdout = ["the summary is on stdout"] if "summary.json" in found.unwritten else []
        said("; ".join([*found.problems, *on_stdout]))
    if found.interrupted:
        said("interrupted; what was finished is kept")
    if again.is_possible:
        said(f"go on with: {again}")
    return 130 if found.interrupted else 2 if found.problems else 0


@contextmanager
def _watching(plan: SearchPlan, talk: bool, notes: bool) -> Iterator[Any]:
    from simroute.cli.race import Line, Notes

    if not talk or not sys.stderr.isatty():
        yield Notes(notes)
        return
    with Line(plan) as line:
        yield line
