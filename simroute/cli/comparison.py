"""The commands `compare`, `run` and `replay`: the configuration, the study, and what is printed."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simroute.cli.options import RunOptions, to_words
from simroute.cli.session import (
    FEW_REQUESTS,
    Launch,
    ResumeHint,
    available_cores,
    choose_executor,
    execution_options,
    launch,
    on_stdout,
    print_error,
    print_notes,
    replace_given,
)
from simroute.cli.terminal import print_sentences
from simroute.cli.words import parse_metrics, parse_words, raise_all, refuse_with_config

if TYPE_CHECKING:
    from simroute.config.configuration import Configuration
    from simroute.studies.comparison.study import Study

Build = Callable[[int, "int | None"], "Configuration"]
"""Makes the configuration for a seed and a number of replications (None: as many as fit)."""


def run_comparison(
    command: str, options: RunOptions, build: Build | None = None, own: tuple[str, ...] = ()
) -> int:
    """Runs a comparison or a replay, prints and writes it; the exit status. `build`: makes the
    configuration instead of the words; `own`: words of this command's own options. Raises
    InputError."""
    from simroute.storage.folder import RunDescription

    metrics = parse_metrics(options.show)
    configuration = configure(command, options, build)
    explanation = None
    if options.explain is not None:
        from simroute.cli.render import explain

        explanation = explain.explain_request(configuration, options.explain, options.as_json)

    def play(folder: Path) -> Study:
        from simroute.cli.progress import watch_study
        from simroute.studies.run import run_study

        print_notes(configuration.notes, options)
        with watch_study(configuration.scenario.horizon, options) as listener:
            return run_study(
                configuration,
                options=execution_options(
                    options, folder, _choose_workers(configuration), choose_executor(options)
                ),
                rows=_choose_rows(command, options, configuration),
                watch=listener,
            )

    def conclude(study: Study, hint: ResumeHint) -> int:
        judged = study.judge_assertions(list(options.assertions))
        missed = [str(each) for each in judged if not each.holds]
        _print_study(study, options, metrics, hint.folder)
        if explanation is not None:
            explain.show(explanation)
        if options.is_talkative:
            print_sentences(str(each) for each in judged if each.holds)
        for line in missed:
            print_error(line)
        return _report_incomplete_study(study, hint) or (1 if missed else 0)

    def rerun(error: BaseException, folder: Path) -> str | None:
        config = options.config or (folder / "config.yaml" if not options.words else None)
        return rerun_command(error, configuration, options, config, own)

    description = RunDescription.of(configuration)
    return launch(Launch(command, description, options.to_resume(), play, conclude, rerun), options)


def lay_outages(options: RunOptions, outages: tuple[str, ...]) -> RunOptions:
    """The options with what --outage names among their words, as overrides. Raises InputError."""
    if not outages:
        return options
    if options.config is not None:
        refuse_with_config(["--outage"])
    if not options.words:
        raise_all(
            [
                "--outage: --resume goes on as the run was begun; remove it, or give the whole "
                "command again"
            ]
            if options.resume
            else []
        )
        return options
    from simroute.config.laid_outages import outage_words

    scenario = parse_words(options.words).scenario
    added = outage_words(outages, scenario) if scenario else []
    return replace(options, words=(*options.words, *added))


def configure(command: str, options: RunOptions, build: Build | None) -> Configuration:
    """The configuration of a study, with the layers of plugins loaded. Raises InputError."""
    from simroute.config.plugins import load_plugins
    from simroute.errors import InputError
    from simroute.studies.comparison.assertions import parse_assertion
    from simroute.studies.comparison.promise import judged_metrics

    _check_options(options)
    choose_executor(options)
    if options.cache and options.rows:
        raise InputError("--cache keeps figures, not rows: leave out --rows, or --cache")
    load_plugins(options.plugins)
    if options.resume and not options.words and options.config is None:
        configuration = _read_unfinished(command, options)
    elif build is not None and options.config is None:
        configuration = build(1 if options.seed is None else options.seed, options.replications)
    else:
        configuration = _load(command, options)
    yearly = configuration.study.yearly or options.yearly
    configuration.study = replace(configuration.study, yearly=yearly)
    if options.until is not None or options.max_replications is not None:
        _set_stopping_rule(configuration, options)
    if options.replication is not None:
        configuration = configuration.only_replication(options.replication)
    configuration.plugins = options.plugin_files
    for text in options.assertions:
        metrics = judged_metrics(configuration.scenario)
        parse_assertion(text, list(configuration.policies), metrics)
    return configuration


def _check_options(options: RunOptions) -> None:
    """Refuses options that exclude each other. Raises InputError."""
    from simroute.errors import InputError

    if options.replication is None:
        return
    if options.replications is not None:
        raise InputError(
            f"--replication {options.replication} runs that one alone, --replications "
            f"{options.replications} the first ones: give one of them"
        )
    if options.explain is not None:
        raise InputError("--explain tells of replication 0: leave out --replication")


def _set_stopping_rule(configuration: Configuration, options: RunOptions) -> None:
    """Sets the first number of replications, and the goal until which more are run. Raises
    InputError."""
    from simroute.errors import InputError
    from simroute.statistics.sequential import FIRST, MOST
    from simroute.studies.comparison.stopping import parse_stopping_rule

    goal, most = options.until, options.max_replications
    if goal is None:
        raise InputError("--max-replications: limits --until; give both")
    if options.replication is not None or options.config is not None:
        raise InputError("--until: goes with neither --replication nor --config")
    first = configuration.replications if configuration.replications > 1 else FIRST
    most = max(MOST, first) if most is None else most
    until = parse_stopping_rule(goal, first, most).plain()
    configuration.study = replace(configuration.study, until=until)
    configuration.replications = first


def _load(command: str, options: RunOptions) -> Configuration:
    """The configuration that words name, or that of --config. Raises InputError."""
    from simroute.config.loading import load, restore
    from simroute.errors import InputError

    seed, replications, config = options.seed, options.replications, options.config
    if config is None:
        words = parse_words(options.words)
        several = command == "run" and len(words.policies) > 1
        words.require(*(["run takes one policy; use compare for several"] if several else []))
        if replications is None:
            replications = 20 if command == "compare" else 1
        seed = 1 if seed is None else seed
        return load(command, words.scenario, words.policies, words.overrides, seed, replications)
    given = {"--seed": seed, "--replications": replications}
    refuse_with_config(
        [*options.words, *(name for name, value in given.items() if value is not None)]
    )
    configuration = restore(config)
    if configuration.command != command:
        raise InputError(
            f"{config}: was written by {configuration.command}; use simroute "
            f"{configuration.command} --config {config}"
        )
    return configuration


def _read_unfinished(command: str, options: RunOptions) -> Configuration:
    """The configuration of the unfinished run in --out. Raises InputError."""
    from simroute.config.loading import restore
    from simroute.errors import InputError
    from simroute.storage.resume import require_unfinished

    out = options.out
    if out is None:
        raise InputError(
            f"--resume: which run? Give the words that it was begun with, or --out FOLDER: "
            f"simroute {command} --resume --out FOLDER"
        )
    require_unfinished(out)
    configuration = restore(out / "config.yaml")
    if configuration.command != command:
        raise InputError(
            f"{out}: was begun by {configuration.command}; use simroute {configuration.command} "
            f"--resume --out {out}"
        )
    return replace_given(configuration, options)


def _choose_workers(configuration: Configuration) -> int:
    jobs = configuration.replications * len(configuration.policies)
    few = jobs * configuration.expected_requests < FEW_REQUESTS
    return 1 if few else min(available_cores(), jobs)


def _choose_rows(command: str, options: RunOptions, configuration: Configuration) -> bool | None:
    """Whether row files are written; None where the resumed run has decided."""
    if options.rows is not None or options.resume:
        return options.rows
    once = command == "run" and configuration.replications == 1
    return once and options.is_local and not options.cache


def _print_study(study: Study, options: RunOptions, metrics: list[str], folder: Path) -> None:
    if options.is_talkative:
        from simroute.cli.render.comparison import print_study

        print_study(study, folder)
        if options.bound:
            from simroute.cli.render.bound import print_gaps, print_trade

            print_gaps(study)
            print_trade(study)
        if metrics:
            from simroute.cli.render.metrics import print_metrics

            print_metrics(study, metrics)
    if options.as_json or "summary.json" in study.unwritten:
        click.echo(study.to_json(), nl=False)


def _report_incomplete_study(study: Study, hint: ResumeHint) -> int:
    """Prints what is missing of a comparison and how to continue; the exit status."""
    if study.problems:
        again = (
            [f"once there is room: {hint}"] if hint.is_possible and not study.interrupted else []
        )
        print_error("; ".join([*study.problems, *on_stdout(study, "summary.json"), *again]))
    if not study.interrupted:
        return 2 if study.problems else 0
    print_error(
        f"interrupted; {study.replications} of {study.configuration.replications} "
        f"replications were finished and are kept"
    )
    if hint.is_possible:
        print_error(f"go on with: {hint}")
    return 130


def rerun_command(
    error: BaseException,
    configuration: Configuration,
    options: RunOptions,
    config: Path | None,
    own: tuple[str, ...],
) -> str | None:
    """The command that runs the failed replication alone, with the same bits; None if none failed.
    `config`: the file that the run was started from; `own`: words of this command's own options."""
    from simroute.experiment.run import ReplicationError

    if not isinstance(error, ReplicationError):
        return None
    command, words = configuration.command, options.words
    number = ["--replication", str(error.replication)]
    plugins = to_words({"--plugin": options.plugins})
    if config is not None:
        return shlex.join(["simroute", command, *number, "--config", str(config), *plugins])
    seed = ["--seed", str(configuration.seed), *number]
    if command == "replay":  # the log's own routing is played whatever policies are named
        return shlex.join(["simroute", "replay", *seed, *own, *words, *plugins])
    # an override may be of a layer that only other policies have
    if any(word.lstrip("~+").startswith("policy.") for word in words):
        return shlex.join(["simroute", command, *seed, *words, *plugins])
    names = parse_words(words).policy.split(",")
    failed = next(name for name in names if Path(name).stem == error.policy)
    others = [word for word in words if not word.startswith("policy=")]
    return shlex.join(["simroute", "run", *seed, *others, f"policy={failed}", *plugins])
