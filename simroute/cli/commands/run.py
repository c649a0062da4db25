"""`run`: one policy."""

from __future__ import annotations

from typing import Any

import click

from simroute.cli.options import RunOptions, run_options
from simroute.cli.session import run_session


@click.command("run")
@run_options
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
    return run_session("run", RunOptions(**options))
