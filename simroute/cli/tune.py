"""`tune`: which values of a policy's parameters serve a goal best."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simroute.cli import candidates
from simroute.cli.plug import plugged

if TYPE_CHECKING:
    from simroute.studies.tuning import Plan, Tuning, Wanted

GOAL = 'What is wanted: "min METRIC" or "max METRIC". Several give a front of settings none of which beats another.'
BOUND = 'What must hold, in every scenario: "success_rate>=0.999". May be repeated.'
ROBUST = "With several scenarios: what counts of the regrets in them: their mean, the worst one, or the mean of the worse half. [mean]"
PROPOSER = "Where to look: sobol is built in; the others are optuna's (simroute[tune]). [sobol]"


@click.command("tune")
@click.argument("words", nargs=-1, shell_complete=candidates.words)
@click.option("--objective", "objectives", multiple=True, metavar="GOAL", help=GOAL)
@click.option("--subject-to", "constraints", multiple=True, metavar="EXPR", help=BOUND)
@click.option("--robust", type=click.Choice(["mean", "worst", "cvar"]), default="mean", help=ROBUST)
@click.option("--evaluations", type=click.IntRange(1, 10_000_000), default=400, help="Runs of one setting that the search may make. [400]")
@click.option("--confirm", type=click.IntRange(2, 100_000), default=20, help="Fresh replications of what is recommended. [20]")
@click.option("--proposer", type=click.Choice(["sobol", "tpe", "cmaes", "gp"]), default="sobol", help=PROPOSER)
@click.option("--seed", type=click.IntRange(0), default=1, help="Seed of all chance. [1]")
@click.option("--workers", type=click.IntRange(1, 1024), default=None, help="Worker processes; the result does not depend on it.")
@click.option("--out", type=click.Path(path_type=Path), default=None, help="The run's folder. [reports/SCENARIO-tune]")
@click.option("--json", "as_json", is_flag=True, help="tune.json on stdout and nothing else.")
@click.option("--plugin", "plugins", multiple=True, type=click.Path(path_type=Path), help="A Python file with layers of your own.")
@click.option("--quiet", is_flag=True, help="Print only errors.")
def tune_command(words: tuple[str, ...], workers: int | None, out: Path | None, as_json: bool, quiet: bool, **options: Any) -> int:
    """Search a policy's parameters, and confirm the best setting in weather that the search has not seen.

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
    from simroute.cli.text import brief
    from simroute.studies.folder import folder
    from simroute.studies.tuning import planned, tune, write

    plugged(options["plugins"])
    plan = planned(_wanted(words, options))
    for note in dict.fromkeys(note for made in plan.configurations for note in made.notes) if not quiet and not as_json else ():
        click.echo(f"note: {brief(note)}", err=True)
    place = folder(plan.configurations[0], out)
    try:
        with _watching(plan, not quiet and not as_json) as watch:
            found = tune(plan, workers=workers or _workers(plan), watch=watch)
        write(found, place)
    except BaseException:
        if out is None and not any(place.iterdir()):
            place.rmdir()
        raise
    if as_json:
        click.echo(found.to_json(), nl=False)
    elif not quiet:
        _show(found, place)
    if found.interrupted:
        click.echo("simroute: interrupted; what was finished is kept", err=True)
    return 130 if found.interrupted else 0


def _wanted(words: tuple[str, ...], options: dict[str, Any]) -> Wanted:
    from simroute.experiment.errors import InputError
    from simroute.studies.tuning import Wanted

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
        f"{key}= is missing: name one, such as {key}={name}" for key, name in (("scenario", "demo"), ("policy", "failover")) if not chosen[key]
    ]
    if "," in chosen["policy"]:
        problems.append("tune takes one policy; search each of them by itself")
    if problems:
        raise InputError(*problems)
    plugins = tuple(file.resolve() for file in options.pop("plugins"))
    scenarios = [name for name in chosen["scenario"].split(",") if name]
    return Wanted(scenarios, chosen["policy"], entries, overrides=overrides, plugins=plugins, **options)


def _workers(plan: Plan) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    loads = [(made.scenario.workload, made) for made in plan.configurations]
    requests = sum(len(made.arrivals("trace").arrival) if load.trace else load.rate * made.scenario.horizon for load, made in loads)
    return 1 if plan.wanted.evaluations * requests / len(loads) < 60_000 else cores  # starting a worker costs about as much as that


def _show(found: Tuning, place: Path) -> None:
    from simroute.cli.text import brief, clean, console

    shown = console()
    shown.print("")
    for line in found.lines():
        shown.print(clean(line, 1000))
    file = place / "tuned.yaml"
    shown.print(f"\nwritten to {brief(str(place))}/ (tuned.yaml, tune.json, trials.parquet)", soft_wrap=True)
    names = ",".join(found.plan.scenarios[:1])
    shown.print(f"try it: simroute compare scenario={clean(names, 60)} policy={clean(found.plan.policy, 60)},{brief(str(file))}", soft_wrap=True)


@contextmanager
def _watching(plan: Plan, talk: bool) -> Iterator[Any]:
    from simroute.studies.tuning.watch import Spectator

    if not talk or not sys.stderr.isatty():
        yield Spectator()
        return
    from simroute.cli.race import Line

    with Line(plan) as line:
        yield line
