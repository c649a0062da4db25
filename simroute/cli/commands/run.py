"""`run`: one policy."""

from __future__ import annotations

import click

from simroute.cli.comparison import lay_outages, run_comparison
from simroute.cli.options import RunOptions, outage_option, pass_record, run_options


@click.command("run")
@run_options
@outage_option
@click.option(
    "--explain",
    type=click.IntRange(0),
    metavar="ID",
    help="Also one request's way through the layers (of replication 0; the first is 0).",
)
@pass_record(RunOptions)
def run_command(options: RunOptions, outages: tuple[str, ...]) -> int:
    """Run one policy.

    simroute run scenario=demo policy=failover
    """
    return run_comparison("run", lay_outages(options, outages))
