"""`run` and `compare`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from simroute.cli import candidates
from simroute.cli.plug import plugged

Command = Callable[..., Any]


def _options(command: Command) -> Command:
    made = [
        click.argument("words", nargs=-1, shell_complete=candidates.words),
        click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Seed of all chance."),
        click.option("--replications", type=click.IntRange(1, 100_000), default=None, help="Independent repetitions. [compare: 20, run: 1]"),
        click.option("--workers", type=click.IntRange(1, 1024), default=None, help="Worker processes; the result does not depend on it."),
        click.option("--out", type=click.Path(path_type=Path), default=None, help="The run's folder. [reports/SCENARIO-COMMAND]"),
        click.option("--rows/--no-rows", default=None, help="Write requests, attempts and events as Parquet. [run once: yes]"),
        click.option("--json", "as_json", is_flag=True, help="The summary on stdout and nothing else."),
        click.option("--assert", "assertions", multiple=True, metavar="EXPR", help='Exit 1 unless it holds, e.g. "success_rate>=0.999".'),
        click.option("--plugin", "plugins", multiple=True, type=click.Path(path_type=Path), help="A Python file with layers of your own."),
        click.option("--config", type=click.Path(path_type=Path), default=None, help="Run an earlier run's config.yaml again."),
        click.option("--no-report", is_flag=True, help="Accepted for later: this version writes no report.html."),
        click.option("--quiet", is_flag=True, help="Print only errors."),
    ]
    for option in reversed(made):
        command = option(command)
    return command


@click.command("compare")
@_options
def compare_command(**options: Any) -> int:
    """Run several policies in the same weather.

    simroute compare scenario=demo policy=direct,failover scenario.workload.rate=5
    """
    return _run("compare", **options)


@click.command("run")
@_options
@click.option("--explain", type=click.IntRange(0), metavar="ID", help="Also one request's way through the layers (of replication 0; the first is 0).")
def run_command(**options: Any) -> int:
    """Run one policy.

    simroute run scenario=demo policy=failover
    """
    return _run("run", **options)


def _run(
    command: str, words: tuple[str, ...], seed: int, replications: int | None, workers: int | None, out: Path | None, rows: bool | None,
    as_json: bool, assertions: tuple[str, ...], plugins: tuple[Path, ...], config: Path | None, no_report: bool, quiet: bool,
    explain: int | None = None,
) -> int:  # fmt: skip
    from simroute.experiment.configuration import load, restore
    from simroute.experiment.errors import InputError
    from simroute.studies import compare as studies

    plugged(plugins)
    if config is not None:
        if words:
            raise InputError(f"--config reruns a configuration as it is; remove {' '.join(words)}")
        made = restore(config)
        if made.command != command:
            raise InputError(f"{config}: was written by {made.command}; use simroute {made.command} --config {config}")
    else:
        scenario, policies, overrides = _sorted(command, words)
        many = replications if replications is not None else 20 if command == "compare" else 1
        made = load(command, scenario, policies, overrides, seed, many)
    made.plugins = tuple(file.resolve() for file in plugins)
    for text in assertions:
        studies.parse_assertion(text, list(made.policies))
    story = None
    if explain is not None:
        from simroute.cli import explain as witness

        story = witness.asked(made, explain, as_json)
    folder = studies.folder(made, out)
    with_rows = rows if rows is not None else command == "run" and made.replications == 1
    talk = not quiet and not as_json
    if talk:
        for note in made.notes:
            click.echo(f"note: {note}", err=True)
    progress = _progress() if talk and sys.stderr.isatty() else None
    study = studies.compare(made, workers=workers or _workers(made), rows=with_rows, out=folder, progress=progress)
    missed = study.failed(list(assertions))
    if as_json:
        click.echo(study.to_json(), nl=False)
    elif not quiet:
        from simroute.cli.tables import show

        show(study, folder)
    if story is not None:
        witness.show(story)
    for line in missed:
        click.echo(f"simroute: {line}", err=True)
    if study.interrupted:
        click.echo(f"simroute: interrupted; {study.replications} of {made.replications} replications were finished and are kept", err=True)
        return 130
    return 1 if missed else 0


def _sorted(command: str, words: tuple[str, ...]) -> tuple[str, list[str], list[str]]:
    from simroute.experiment.errors import InputError

    chosen = {"scenario": "", "policy": ""}
    overrides = []
    for word in words:
        key, equals, value = word.partition("=")
        if equals and key in chosen:
            chosen[key] = value
        else:
            overrides.append(word)
    problems = [f"{key}= is missing: name one, such as {example}" for key, example in EXAMPLES.items() if not chosen[key]]
    policies = [name for name in chosen["policy"].split(",") if name]
    if command == "run" and len(policies) > 1:
        problems.append("run takes one policy; use compare for several")
    if problems:
        raise InputError(*problems)
    return chosen["scenario"], policies, overrides


EXAMPLES = {"scenario": "scenario=demo", "policy": "policy=failover"}


def _workers(made: Any) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    jobs = made.replications * len(made.policies)
    load = made.scenario.workload
    requests = len(made.arrivals("trace").arrival) if load.trace else load.rate * made.scenario.horizon
    return 1 if jobs * requests < 60_000 else min(cores, jobs)  # starting a worker costs about as much as that


def _progress() -> Callable[[int, int], None]:
    def told(done: int, total: int) -> None:
        end = "\n" if done == total else ""
        sys.stderr.write(f"\r{done}/{total} runs{end}")
        sys.stderr.flush()

    return told
