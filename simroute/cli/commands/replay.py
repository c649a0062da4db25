"""`replay`: a log of real traffic under other policies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simroute.cli.comparison import run_comparison
from simroute.cli.options import (
    RunOptions,
    outage_option,
    pass_record,
    path_option,
    run_options,
    to_words,
)
from simroute.cli.words import parse_words, raise_all, refuse_with_config

if TYPE_CHECKING:
    from simroute.config.configuration import Configuration

WINDOWS = (
    "Play it in N parts, each kept as soon as it is finished (--resume goes on after the last), "
    "on as many cores as there are. Policies begin each "
    "part afresh: breakers closed, caches and budgets empty."
)


@dataclass(frozen=True)
class ReplayOptions:
    """Options of a replay alone. `start`: --from; `stop`: --to; `form`: --format."""

    rate_scale: float | None
    start: str | None
    stop: str | None
    loop: int | None
    jitter: bool
    windows: int | None
    outages: tuple[str, ...]
    form: str | None
    mapping: Path | None
    tz: str | None
    time_unit: str | None

    @property
    def workload(self) -> dict[str, Any]:
        """The keys of `workload` that these options set."""
        reading = {
            "format": self.form,
            "mapping": None if self.mapping is None else str(self.mapping.resolve()),
            "zone": self.tz,
            "unit": self.time_unit,
        }
        keys = {
            "trace_from": self.start,
            "trace_to": self.stop,
            "trace_loop": self.loop,
            "rate_scale": self.rate_scale,
            "trace_jitter": self.jitter or None,
            "reading": {key: value for key, value in reading.items() if value is not None} or None,
        }
        return {key: value for key, value in keys.items() if value is not None}

    @property
    def words(self) -> tuple[str, ...]:
        """The options as they are typed."""
        values = {
            "--rate-scale": self.rate_scale,
            "--from": self.start,
            "--to": self.stop,
            "--loop": self.loop,
            "--windows": self.windows,
            "--format": self.form,
            "--mapping": self.mapping,
            "--tz": self.tz,
            "--time-unit": self.time_unit,
        }
        words = to_words({name: (value,) for name, value in values.items()})
        jitter = ["--jitter"] if self.jitter else []
        return (*words, *jitter, *to_words({"--outage": self.outages}))


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
@outage_option
@click.option(
    "--format",
    "form",
    metavar="NAME",
    help="How the log is written, where its content does not say. [found]",
)
@path_option("--mapping", "A file that says which column is what.")
@click.option("--tz", metavar="ZONE", default=None, help="Zone of dates that have none. [UTC]")
@click.option(
    "--time-unit",
    type=click.Choice(["s", "ms", "us", "ns"]),
    default=None,
    help="Of times that are numbers. [by their size]",
)
@pass_record(RunOptions)
@pass_record(ReplayOptions)
def replay_command(options: RunOptions, own: ReplayOptions) -> int:
    """What the traffic of a log would have cost, and how it would have felt, under other policies.

    simroute replay spend_logs.jsonl policy=failover,circuit_breaker

    The log's own routing is replayed first and held against the log: how far it is off is how far
    the rest can be trusted. Deployments behave as the log says; with scenario=S those of a scenario
    can be asked as well, and its promises and outages hold.
    """
    _check_alone(options, own)

    def build(seed: int, replications: int | None) -> Configuration:
        from simroute.config.loading import with_windows

        configuration = _plan(options.words, own, seed, replications)
        if own.windows is None:
            return configuration
        return with_windows(configuration, own.windows)

    return run_comparison("replay", options, build, own.words)


OPTION_NAMES = {
    "trace_from": "--from",
    "trace_to": "--to",
    "trace_loop": "--loop",
    "trace_jitter": "--jitter",
    "rate_scale": "--rate-scale",
    "reading": "--format, --mapping, --tz or --time-unit",
}
"""Key of `workload` -> the option that sets it."""


def _check_alone(options: RunOptions, own: ReplayOptions) -> None:
    """Refuses options of a replay where a configuration is rerun, or a run resumed by its folder
    alone. Raises InputError."""
    names = [OPTION_NAMES[key] for key in own.workload]
    names += ["--outage"] if own.outages else []
    names += ["--windows"] if own.windows else []
    if options.config is not None:
        refuse_with_config(names, comma=", ")
    if names and options.resume and not options.words:
        raise_all(
            [
                f"--resume goes on as the run was begun; remove {', '.join(names)}, or give the "
                f"whole command again"
            ]
        )


def _plan(
    words: tuple[str, ...], own: ReplayOptions, seed: int, replications: int | None
) -> Configuration:
    """The configuration that words and options name. Raises InputError."""
    from simroute.studies.replay.plan import plan_replay, trace_source

    parsed = parse_words(words, has_files=True)
    problems = []
    if not parsed.files:
        problems.append(
            "which trace? Give the file, such as simroute replay spend_logs.jsonl policy=failover"
        )
    if not parsed.policies:
        problems.append(
            "policy= is missing: name what to hold against the log's own routing, such as "
            "policy=failover"
        )
    raise_all(problems)
    return plan_replay(
        trace_source(parsed.files, list(own.outages), own.workload),
        parsed.scenario or None,
        parsed.policies,
        parsed.overrides,
        seed,
        replications,
    )
