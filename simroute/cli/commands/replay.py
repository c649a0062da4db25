"""`replay`: a log of real traffic under other policies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simroute.cli.options import RunOptions, run_options
from simroute.cli.session import run_session

if TYPE_CHECKING:
    from simroute.config.configuration import Configuration

OUTAGE = (
    "Weather to lay over the trace: a scenario's outages by its name, or \"{provider: "
    'openai, start: 30%, end: 50%, error_share: 0.6}".'
)
WINDOWS = (
    "Play it in N parts, each kept as soon as it is finished (--resume goes on after the last), "
    "on as many cores as there are. Policies begin each "
    "part afresh: breakers closed, caches and budgets empty."
)


@click.command("replay")
@run_options
@click.option(
    "--rate-scale", type=float, default=None, metavar="X", help="Play it X times as fast."
)
@click.option(
    "--from",
    "start",
    metavar="WHEN",
    help="Begin here: a duration from its first request, such as 6h.",
)
@click.option("--to", "stop", metavar="WHEN", help="End here.")
@click.option(
    "--loop",
    type=click.IntRange(1, 10_000),
    default=None,
    metavar="N",
    help="Play it N times, one after the other.",
)
@click.option(
    "--jitter",
    is_flag=True,
    help="Each replication plays a bootstrap of the sessions, so that intervals speak of traffic "
    "like this.",
)
@click.option("--windows", type=click.IntRange(1, 100_000), default=None, metavar="N", help=WINDOWS)
@click.option("--outage", "outages", multiple=True, metavar="WEATHER", help=OUTAGE)
@click.option(
    "--format",
    "form",
    metavar="NAME",
    help="How the log is written, where its content does not say. [found]",
)
@click.option(
    "--mapping",
    type=click.Path(path_type=Path),
    default=None,
    help="A file that says which column is what.",
)
@click.option("--tz", metavar="ZONE", default=None, help="Zone of dates that have none. [UTC]")
@click.option(
    "--time-unit",
    type=click.Choice(["s", "ms", "us", "ns"]),
    default=None,
    help="Of times that are numbers. [by their size]",
)
def replay_command(
    rate_scale: float | None,
    start: str | None,
    stop: str | None,
    loop: int | None,
    jitter: bool,
    windows: int | None,
    outages: tuple[str, ...],
    form: str | None,
    mapping: Path | None,
    tz: str | None,
    time_unit: str | None,
    **options: Any,
) -> int:
    """What the traffic of a log would have cost, and how it would have felt, under other policies.

    simroute replay spend_logs.jsonl policy=failover,circuit_breaker

    The log's own routing is replayed first and held against the log: how far it is off is how far
    the rest can be trusted. Deployments behave as the log says; with scenario=S those of a scenario
    can be asked as well, and its promises and outages hold.
    """
    from simroute.config.loading import with_windows

    load: dict[str, Any] = {
        "trace_from": start,
        "trace_to": stop,
        "trace_loop": loop,
        "rate_scale": rate_scale,
    }
    load = {key: value for key, value in load.items() if value is not None} | (
        {"trace_jitter": True} if jitter else {}
    )
    reading = {
        "format": form,
        "mapping": None if mapping is None else str(mapping.resolve()),
        "zone": tz,
        "unit": time_unit,
    }
    load |= (
        {"reading": told}
        if (told := {key: value for key, value in reading.items() if value is not None})
        else {}
    )
    words = options["words"]
    _alone(options, load, {"--outage": outages, "--windows": windows})

    def build(seed: int, replications: int | None) -> Configuration:
        made = built(words, load, outages, seed, replications)
        return made if windows is None else with_windows(made, windows)

    given = {
        "--rate-scale": rate_scale,
        "--from": start,
        "--to": stop,
        "--loop": loop,
        "--windows": windows,
        "--format": form,
        "--mapping": mapping,
        "--tz": tz,
        "--time-unit": time_unit,
    }
    asked = [
        word for name, value in given.items() if value is not None for word in (name, str(value))
    ] + (["--jitter"] if jitter else [])
    asked += [word for outage in outages for word in ("--outage", outage)]
    return run_session("replay", RunOptions(**options), build, tuple(asked))


ASKED = {
    "trace_from": "--from",
    "trace_to": "--to",
    "trace_loop": "--loop",
    "trace_jitter": "--jitter",
    "rate_scale": "--rate-scale",
    "reading": "--format, --mapping, --tz or --time-unit",
}


def _alone(options: dict[str, Any], load: dict[str, Any], more: dict[str, Any]) -> None:
    """A configuration is rerun, or a run resumed by its folder alone, as it is. Raises
    InputError."""
    from simroute.errors import InputError

    given = [ASKED[key] for key in load] + [name for name, value in more.items() if value]
    if given and options["config"] is not None:
        raise InputError(f"--config reruns a configuration as it is; remove {', '.join(given)}")
    if given and options["resume"] and not options["words"]:
        raise InputError(
            f"--resume goes on as the run was begun; remove {', '.join(given)}, or give the "
            f"whole command again"
        )


def built(
    words: tuple[str, ...],
    load: dict[str, Any],
    outages: tuple[str, ...],
    seed: int,
    replications: int | None,
) -> Configuration:
    """The configuration of a command line. Raises InputError."""
    from simroute.errors import InputError
    from simroute.studies.replay.calibration import plan_replay

    files, scenario, policies, overrides = _sorted(words)
    problems = (
        []
        if files
        else [
            "which trace? Give the file, such as simroute replay spend_logs.jsonl policy=failover"
        ]
    )
    problems += (
        []
        if policies
        else [
            "policy= is missing: name what to hold against the log's own routing, such as "
            "policy=failover"
        ]
    )
    if problems:
        raise InputError(*problems)
    return plan_replay(
        files, scenario, policies, overrides, list(outages), seed, replications, load
    )


def _sorted(words: tuple[str, ...]) -> tuple[list[str], str | None, list[str], list[str]]:
    """(files, scenario, policies, overrides)."""
    files: list[str] = []
    chosen: dict[str, str] = {}
    overrides = []
    for word in words:
        key, equals, value = word.partition("=")
        if equals and key in ("scenario", "policy"):
            chosen[key] = value
        elif equals or word.startswith(("~", "+")):
            overrides.append(word)
        else:
            files.append(word)
    return (
        files,
        chosen.get("scenario") or None,
        [name for name in chosen.get("policy", "").split(",") if name],
        overrides,
    )
