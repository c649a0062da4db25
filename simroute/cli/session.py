"""What happens around a study: its configuration, folder and executor before, what is printed and
the exit status after."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simroute.cli.options import LOCAL, RunOptions
from simroute.cli.words import split_words

if TYPE_CHECKING:
    from simroute.cli.afterwards import Again
    from simroute.config.configuration import Configuration
    from simroute.execution.progress import StudyListener
    from simroute.experiment.explain import Explanation
    from simroute.experiment.job import Work
    from simroute.studies.comparison.study import Study

Build = Callable[[int, "int | None"], "Configuration"]
"""Makes what is run, with this seed and so many replications (None: as many as fit)."""


def run_session(
    command: str,
    options: RunOptions,
    build: Build | None = None,
    asked: tuple[str, ...] = (),
) -> int:
    """Run a study, print it, write it; the exit status. `build`: makes the configuration instead of
    the words; `asked`: options that only this command has. Raises InputError."""
    from simroute.cli.afterwards import Again, alone, cut_short
    from simroute.cli.progress import watching
    from simroute.cli.terminal import brief
    from simroute.experiment.job import WorkerLostError
    from simroute.storage.folder import make_folder
    from simroute.storage.resume import find_unfinished
    from simroute.studies.run import run_study

    out, words, talk = options.out, options.words, not options.quiet and not options.as_json
    made = configured(command, options, build)
    story = None
    if options.explain is not None:
        from simroute.cli.render import explain

        story = explain.asked(made, options.explain, options.as_json)
    place = (
        make_folder(made, out)
        if not options.resume
        else find_unfinished(made)
        if out is None
        else out
    )
    for note in made.notes if talk else ():
        click.echo(f"note: {brief(note)}", err=True)
    again = Again(command, place, options.to_resume(), new=out is None and not options.resume)
    perform = executor_of(options)
    try:
        with watching(made.scenario.horizon, talk=talk, notes=not options.quiet) as watch:
            study = run_study(
                made,
                workers=options.workers or _workers(made),
                rows=_rows(command, options, made),
                out=place,
                resume=options.resume,
                report=not options.no_report,
                watch=watch,
                perform=_shelved(perform, watch) if options.cache else perform,
            )
    except (KeyboardInterrupt, WorkerLostError, RuntimeError) as error:
        config = options.config or (place / "config.yaml" if not words else None)
        one = alone(error, made, words, config, options.plugins, asked)
        return cut_short(error, again, one)
    except BaseException:
        again.tidy()
        raise
    return _shown(study, options, place, again, story)


def configured(command: str, options: RunOptions, build: Build | None) -> Configuration:
    """What is to run, with the layers of plugins loaded. Raises InputError."""
    from simroute.config.plugins import load_plugins
    from simroute.errors import InputError
    from simroute.studies.comparison.assertions import parse_assertion

    _check(options)
    executor_of(options)
    if options.cache and options.rows:
        raise InputError("--cache keeps figures, not rows: leave out --rows, or --cache")
    load_plugins(options.plugins)
    if options.resume and not options.words and options.config is None:
        made = _continued(command, options)
    elif build is not None and options.config is None:
        made = build(1 if options.seed is None else options.seed, options.replications)
    else:
        made = _configuration(command, options)
    made.study = replace(made.study, yearly=made.study.yearly or options.yearly)
    if options.until is not None or options.max_replications is not None:
        free = options.replication is None and options.config is None
        _lengthened(made, options.until, options.max_replications, free)
    if options.replication is not None:
        made = made.only_replication(options.replication)
    made.plugins = tuple(file.resolve() for file in options.plugins)
    for text in options.assertions:
        parse_assertion(text, list(made.policies))
    return made


def _rows(command: str, options: RunOptions, made: Configuration) -> bool | None:
    """Whether row files are written; None where a resumed run knows."""
    if options.rows is not None or options.resume:
        return options.rows
    return command == "run" and made.replications == 1 and options.is_local and not options.cache


def _shown(
    study: Study, options: RunOptions, place: Path, again: Again, story: Explanation | None
) -> int:
    """Print it; the exit status."""
    from simroute.cli.afterwards import incomplete, said

    missed = study.failed(list(options.assertions))
    if not options.as_json and not options.quiet:
        from simroute.cli.render.comparison import show

        show(study, place)
        if options.bound:
            from simroute.cli.render.bound import distances

            distances(study)
    if options.as_json or "summary.json" in study.unwritten:
        click.echo(study.to_json(), nl=False)
    if story is not None:
        from simroute.cli.render import explain

        explain.show(story)
    for line in missed:
        said(line)
    return incomplete(study, again) or (1 if missed else 0)


def _check(options: RunOptions) -> None:
    """Options that exclude each other. Raises InputError."""
    from simroute.errors import InputError

    if options.replication is not None and options.replications is not None:
        raise InputError(
            f"--replication {options.replication} runs that one alone, --replications "
            f"{options.replications} the first ones: give one of them"
        )
    if options.replication is not None and options.explain is not None:
        raise InputError("--explain tells of replication 0: leave out --replication")


def executor_of(options: RunOptions) -> Work:
    """What plays the replications. Raises InputError."""
    from simroute.errors import InputError
    from simroute.execution.pool import work

    if options.executor is None or options.executor == LOCAL:
        if options.any_worker:
            raise InputError(
                "--any-worker is about the workers of a Dask cluster: give --executor "
                "dask://HOST:PORT, or leave it out"
            )
        return work
    from simroute.execution.dask import DaskExecutor

    cluster = DaskExecutor.from_address(options.executor, options.any_worker)
    if options.workers is not None:
        raise InputError(
            f"--workers counts processes of this machine, and {options.executor} has workers of "
            f"its own: leave out --workers"
        )
    if options.rows:
        raise InputError(
            "--rows: row files are written where replications run; leave it out, or use "
            "--executor local"
        )
    return cluster.work


def _lengthened(made: Configuration, goal: str | None, most: int | None, free: bool) -> None:
    """More replications than those it begins with, if a goal wants them. Raises InputError."""
    from simroute.errors import InputError
    from simroute.statistics.sequential import FIRST, MOST
    from simroute.studies.comparison.stopping import parse_stopping_rule

    if goal is None or not free:
        raise InputError(
            "--until: goes with neither --replication nor --config"
            if goal
            else "--max-replications: limits --until; give both"
        )
    first = made.replications if made.replications > 1 else FIRST
    rule = parse_stopping_rule(goal, first, max(MOST, first) if most is None else most)
    made.study = replace(made.study, until=rule.plain())
    made.replications = first


def _shelved(perform: Work, watch: StudyListener) -> Work:
    from simroute.execution.cached import Shelf

    return Shelf(perform, watch.warn).work


def _configuration(command: str, options: RunOptions) -> Configuration:
    """As words, or as an earlier run's file says. Raises InputError."""
    from simroute.config.loading import load, restore
    from simroute.errors import InputError

    seed, replications, config = options.seed, options.replications, options.config
    if config is None:
        scenario, policies, overrides = split_words(command, options.words)
        many = replications if replications is not None else 20 if command == "compare" else 1
        return load(command, scenario, policies, overrides, 1 if seed is None else seed, many)
    given = [
        *options.words,
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


def _continued(command: str, options: RunOptions) -> Configuration:
    """What the unfinished run of a folder was started with. Raises InputError."""
    from simroute.config.loading import restore
    from simroute.errors import InputError
    from simroute.storage.resume import require_unfinished

    out, seed, replications = options.out, options.seed, options.replications
    if out is None:
        raise InputError(
            f"--resume: which run? Give the words that it was begun with, or --out FOLDER: "
            f"simroute {command} --resume --out FOLDER"
        )
    require_unfinished(out)
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


def _workers(made: Configuration) -> int:
    """As many as are worth it: starting one costs about as much as 60,000 requests."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    jobs = made.replications * len(made.policies)
    return 1 if jobs * made.expected_requests < 60_000 else min(cores, jobs)
