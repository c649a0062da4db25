"""`run` and `compare`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simroute.cli.completion import candidates
from simroute.cli.kinds import SEED
from simroute.cli.plug import plugged

if TYPE_CHECKING:
    from simroute.config.configuration import Configuration
    from simroute.execution.progress import Watch
    from simroute.experiment.job import Work

Command = Callable[..., Any]
RESUME = (
    "Go on with an unfinished run: give the same command again, or only --out FOLDER. The result "
    "has the same bits. While a run's journal is there "
    "(until it is finished), more --replications than before may be given, and nothing else may "
    "differ."
)
VARY = (
    "The answer for several values of an assumption: "
    "scenario.outages.morning.error_share=0.1..1.0 (:5 for five points, ' log' by factors). "
    "Given twice: a map of winners."
)

Build = Callable[[int, "int | None"], "Configuration"]
"""Makes what is run, with this seed and so many replications (None: as many as fit)."""

LOCAL = "local"
"""The executor that is this machine."""


def options(command: Command) -> Command:
    made = [
        click.argument("words", nargs=-1, shell_complete=candidates.words),
        click.option("--seed", type=SEED, default=None, help="Seed of all chance. [1]"),
        click.option(
            "--replications",
            type=click.IntRange(1, 100_000),
            default=None,
            help="Independent repetitions. [compare: 20, run: 1, replay: 3 to 20]",
        ),
        click.option(
            "--until",
            metavar="GOAL",
            help='More replications until "success_rate±0.0005" (or +-), or "decided".',
        ),
        click.option(
            "--max-replications",
            type=click.IntRange(2, 100_000),
            default=None,
            help="At most so many for --until. [1000]",
        ),
        click.option(
            "--replication",
            type=click.IntRange(0, 99_999),
            default=None,
            metavar="K",
            help="Only that one of a study; the first is 0.",
        ),
        click.option(
            "--workers",
            type=click.IntRange(1, 1024),
            default=None,
            help="Worker processes; the result does not depend on it.",
        ),
        click.option(
            "--executor",
            metavar="WHERE",
            default=None,
            help="local, or dask://HOST:PORT: a Dask cluster's workers. [local]",
        ),
        click.option(
            "--any-worker",
            is_flag=True,
            help="Also Dask workers whose arithmetic or versions may give other bits.",
        ),
        click.option(
            "--cache",
            is_flag=True,
            help="Read back from reports/.cache/ what was run before, if nothing at all has "
            "changed.",
        ),
        click.option(
            "--out",
            type=click.Path(path_type=Path),
            default=None,
            help="The run's folder. [reports/SCENARIO-COMMAND]",
        ),
        click.option("--resume", is_flag=True, help=RESUME),
        click.option(
            "--rows/--no-rows",
            default=None,
            help="Write requests, attempts and events as Parquet. [run once: yes]",
        ),
        click.option(
            "--json", "as_json", is_flag=True, help="The summary on stdout and nothing else."
        ),
        click.option(
            "--assert",
            "assertions",
            multiple=True,
            metavar="EXPR",
            help='Exit 1 unless it holds, e.g. "success_rate>=0.999".',
        ),
        click.option(
            "--plugin",
            "plugins",
            multiple=True,
            type=click.Path(path_type=Path),
            help="A Python file with layers of your own.",
        ),
        click.option(
            "--config",
            type=click.Path(path_type=Path),
            default=None,
            help="Run an earlier run's config.yaml again.",
        ),
        click.option(
            "--no-report",
            is_flag=True,
            help="Write no report.html (simroute report makes it later).",
        ),
        click.option("--quiet", is_flag=True, help="Print only errors."),
    ]
    for option in reversed(made):
        command = option(command)
    return command


@click.command("compare")
@options
@click.option(
    "--bound",
    is_flag=True,
    help="Also print how far each policy is from one that knows the weather.",
)
@click.option(
    "--yearly",
    is_flag=True,
    help="Also a year's figures, from how often each outage comes (per_year).",
)
@click.option("--vary", multiple=True, metavar="KEY=LOW..HIGH", help=VARY)
@click.option(
    "--tornado",
    is_flag=True,
    help="Halve and double each assumption of the scenario: which one decides? (--vary gives one "
    "other ends.)",
)
@click.option(
    "--show",
    metavar="METRIC,…",
    help="With --vary: print these metrics (simroute list metrics) for each policy at each value.",
)
def compare_command(vary: tuple[str, ...], tornado: bool, show: str | None, **options: Any) -> int:
    """Run several policies in the same weather.

    simroute compare scenario=demo policy=direct,failover scenario.workload.rate=5
    """
    earlier = options["config"] is not None or (options["resume"] and not options["words"])
    if vary or tornado or earlier:
        from simroute.cli.commands.sensitivity import assume, is_one

        if (
            vary
            or tornado
            or is_one(options["config"], options["resume"], options["out"], options["words"])
        ):
            return assume(vary, tornado, show=show, **options)
    if show is not None:
        from simroute.errors import InputError

        raise InputError(
            "--show: says which metrics --vary prints; give --vary KEY=LOW..HIGH as well"
        )
    return begin("compare", **options)


@click.command("run")
@options
@click.option(
    "--explain",
    type=click.IntRange(0),
    metavar="ID",
    help="Also one request's way through the layers (of replication 0; the first is 0).",
)
def run_command(**options: Any) -> int:
    """Run one policy.

    simroute run scenario=demo policy=failover
    """
    return begin("run", **options)


def begin(
    command: str,
    words: tuple[str, ...],
    seed: int | None,
    replications: int | None,
    replication: int | None,
    workers: int | None,
    executor: str | None,
    any_worker: bool,
    cache: bool,
    out: Path | None,
    resume: bool,
    rows: bool | None,
    as_json: bool,
    assertions: tuple[str, ...],
    plugins: tuple[Path, ...],
    config: Path | None,
    no_report: bool,
    quiet: bool,
    explain: int | None = None,
    bound: bool = False,
    until: str | None = None,
    max_replications: int | None = None,
    yearly: bool = False,
    build: Build | None = None,
    asked: tuple[str, ...] = (),
) -> int:
    from simroute.cli.afterwards import Again, alone, cut_short, incomplete, said
    from simroute.cli.progress import watching
    from simroute.cli.terminal import brief
    from simroute.experiment.job import WorkerLostError
    from simroute.storage.folder import folder
    from simroute.storage.resume import newest
    from simroute.studies.comparison.assertions import parse_assertion
    from simroute.studies.run import run_study

    _agreeing(replications, replication, explain)
    perform = _place(executor or LOCAL, any_worker, workers, rows)
    _unrowed(cache, rows)
    plugged(plugins)
    if resume and not words and config is None:
        made = _continued(command, out, seed, replications)
    elif build is not None and config is None:
        made = build(1 if seed is None else seed, replications)
    else:
        made = _configuration(command, words, config, seed, replications)
    made.yearly = made.yearly or yearly
    if until is not None or max_replications is not None:
        _lengthened(made, until, max_replications, replication is None and config is None)
    if replication is not None:
        made = made.alone(replication)
    made.plugins = tuple(file.resolve() for file in plugins)
    for text in assertions:
        parse_assertion(text, list(made.policies))
    story = None
    if explain is not None:
        from simroute.cli.render import explain as witness

        story = witness.asked(made, explain, as_json)
    place = folder(made, out) if not resume else newest(made) if out is None else out
    if rows is None and not resume:
        rows = (
            command == "run" and made.replications == 1 and executor in (None, LOCAL) and not cache
        )
    for note in made.notes if not quiet and not as_json else ():
        click.echo(f"note: {brief(note)}", err=True)
    again = Again(
        command,
        place,
        _kept(
            workers,
            executor,
            any_worker,
            cache,
            as_json,
            assertions,
            plugins,
            no_report,
            quiet,
            explain,
        ),
        new=out is None and not resume,
    )
    many = workers or _workers(made)
    try:
        with watching(
            made.scenario.horizon, talk=not quiet and not as_json, notes=not quiet
        ) as watch:
            study = run_study(
                made,
                workers=many,
                rows=rows,
                out=place,
                resume=resume,
                report=not no_report,
                watch=watch,
                perform=_shelved(perform, watch) if cache else perform,
            )
    except (KeyboardInterrupt, WorkerLostError, RuntimeError) as error:
        return cut_short(
            error,
            again,
            alone(
                error,
                made,
                words,
                config or (place / "config.yaml" if not words else None),
                plugins,
                asked,
            ),
        )
    except BaseException:
        again.tidy()
        raise
    missed = study.failed(list(assertions))
    if not as_json and not quiet:
        from simroute.cli.render.comparison import show

        show(study, place)
        if bound:
            from simroute.cli.commands.sensitivity import distances

            distances(study)
    if as_json or "summary.json" in study.unwritten:
        click.echo(study.to_json(), nl=False)
    if story is not None:
        witness.show(story)
    for line in missed:
        said(line)
    return incomplete(study, again) or (1 if missed else 0)


def _agreeing(replications: int | None, replication: int | None, explain: int | None) -> None:
    from simroute.errors import InputError

    if replication is not None and replications is not None:
        raise InputError(
            f"--replication {replication} runs that one alone, --replications {replications} the "
            f"first ones: give one of them"
        )
    if replication is not None and explain is not None:
        raise InputError("--explain tells of replication 0: leave out --replication")


def _place(executor: str, any_worker: bool, workers: int | None, rows: bool | None) -> Work:
    """What plays the replications. Raises InputError."""
    from simroute.errors import InputError
    from simroute.execution.pool import work

    if executor == LOCAL:
        if any_worker:
            raise InputError(
                "--any-worker is about the workers of a Dask cluster: give --executor "
                "dask://HOST:PORT, or leave it out"
            )
        return work
    from simroute.execution.dask import Cluster

    cluster = Cluster.named(executor, any_worker)
    if workers is not None:
        raise InputError(
            f"--workers counts processes of this machine, and {executor} has workers of its own: "
            f"leave out --workers"
        )
    if rows:
        raise InputError(
            "--rows: row files are written where replications run; leave it out, or use "
            "--executor local"
        )
    return cluster.work


def _lengthened(made: Configuration, goal: str | None, most: int | None, free: bool) -> None:
    """More replications than those it begins with, if a goal wants them. Raises InputError."""
    from simroute.errors import InputError
    from simroute.studies.comparison.until import FIRST, MOST, until

    if goal is None or not free:
        raise InputError(
            "--until: goes with neither --replication nor --config"
            if goal
            else "--max-replications: limits --until; give both"
        )
    first = made.replications if made.replications > 1 else FIRST
    made.until = until(goal, first, max(MOST, first) if most is None else most).plain()
    made.replications = first


def _unrowed(cache: bool, rows: bool | None) -> None:
    from simroute.errors import InputError

    if cache and rows:
        raise InputError("--cache keeps figures, not rows: leave out --rows, or --cache")


def _shelved(perform: Work, watch: Watch) -> Work:
    from simroute.execution.cached import Shelf

    return Shelf(perform, watch.noted).work


def _configuration(
    command: str,
    words: tuple[str, ...],
    config: Path | None,
    seed: int | None,
    replications: int | None,
) -> Configuration:
    from simroute.config.configuration import load, restore
    from simroute.errors import InputError

    if config is None:
        scenario, policies, overrides = _sorted(command, words)
        many = replications if replications is not None else 20 if command == "compare" else 1
        return load(command, scenario, policies, overrides, 1 if seed is None else seed, many)
    given = [
        *words,
        *(["--seed"] if seed is not None else []),
        *(["--replications"] if replications is not None else []),
    ]
    if given:
        raise InputError(f"--config reruns a configuration as it is; remove {' '.join(given)}")
    made = restore(config)
    if made.command != command:
        raise InputError(
            f"{config}: was written by {made.command}; use simroute {made.command} --config "
            f"{config}"
        )
    return made


def _continued(
    command: str, out: Path | None, seed: int | None, replications: int | None
) -> Configuration:
    """What the unfinished run of a folder was started with."""
    from simroute.config.configuration import restore
    from simroute.errors import InputError
    from simroute.storage.resume import required

    if out is None:
        raise InputError(
            f"--resume: which run? Give the words that it was begun with, or --out FOLDER: "
            f"simroute {command} --resume --out FOLDER"
        )
    required(out)
    made = restore(out / "config.yaml")
    if made.command != command:
        raise InputError(
            f"{out}: was begun by {made.command}; use simroute {made.command} --resume --out {out}"
        )
    return replace(
        made,
        seed=made.seed if seed is None else seed,
        replications=made.replications if replications is None else replications,
    )


def _kept(
    workers: int | None,
    executor: str | None,
    any_worker: bool,
    cache: bool,
    as_json: bool,
    assertions: tuple[str, ...],
    plugins: tuple[Path, ...],
    no_report: bool,
    quiet: bool,
    explain: int | None,
) -> tuple[str, ...]:
    """The options that a resumed run needs again."""
    valued: dict[str, Sequence[Any]] = {
        "--workers": [workers],
        "--executor": [executor],
        "--explain": [explain],
        "--assert": assertions,
    }
    valued["--plugin"] = plugins
    flags = {
        "--any-worker": any_worker,
        "--cache": cache,
        "--json": as_json,
        "--no-report": no_report,
        "--quiet": quiet,
    }
    found = [
        text
        for name, values in valued.items()
        for value in values
        if value is not None
        for text in (name, str(value))
    ]
    return (*found, *(name for name, given in flags.items() if given))


def _sorted(command: str, words: tuple[str, ...]) -> tuple[str, list[str], list[str]]:
    from simroute.errors import InputError

    chosen = {"scenario": "", "policy": ""}
    overrides = []
    for word in words:
        key, equals, value = word.partition("=")
        if equals and key in chosen:
            chosen[key] = value
        else:
            overrides.append(word)
    problems = [
        f"{key}= is missing: name one, such as {example}"
        for key, example in EXAMPLES.items()
        if not chosen[key]
    ]
    policies = [name for name in chosen["policy"].split(",") if name]
    if command == "run" and len(policies) > 1:
        problems.append("run takes one policy; use compare for several")
    if problems:
        raise InputError(*problems)
    return chosen["scenario"], policies, overrides


EXAMPLES = {"scenario": "scenario=demo", "policy": "policy=failover"}


def _workers(made: Any) -> int:
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    jobs = made.replications * len(made.policies)
    # starting a worker costs about as much as that
    return 1 if jobs * made.requests < 60_000 else min(cores, jobs)
