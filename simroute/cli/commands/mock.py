"""`mock`: fake providers that behave as a scenario says."""

from __future__ import annotations

from pathlib import Path

import click

from simroute.cli.options import SEED, SPEED
from simroute.cli.terminal import escaped
from simroute.cli.words import parse_words, raise_all

FILE = click.Path(path_type=Path)


@click.command("mock")
@click.argument("words", metavar="scenario=S [KEY=VALUE] …", nargs=-1)
@click.option("--listen", default="127.0.0.1:4020", show_default=True, metavar="HOST:PORT")
@click.option(
    "--speed",
    type=SPEED,
    default=1.0,
    show_default=True,
    help="All times are divided by this.",
)
@click.option("--seed", type=SEED, default=1, show_default=True, help="Of the scenario's draws.")
@click.option("--write", type=FILE, help="Write deployments.yaml, for `simroute serve`.")
@click.option("--quiet", is_flag=True, help="Print errors only.")
def mock_command(
    words: tuple[str, ...], listen: str, speed: float, seed: int, write: Path | None, quiet: bool
) -> int:
    """Fake providers on this machine: OpenAI-compatible, one address for each deployment of a
    scenario, with its latency, errors, limits and outages.

    simroute mock scenario=anthropic_outage --write deployments.yaml
    """
    from simroute.cli.commands.serve import import_live

    import_live()
    import asyncio

    from simroute.config.loading import load
    from simroute.mock.running import run_mock

    parsed = parse_words(words)
    missing = [] if parsed.scenario else ["scenario= is missing: name one, such as scenario=demo"]
    refused = ["policy= is for serve: a mock has none"] if parsed.policy else []
    raise_all([*parsed.problems, *missing, *refused])
    configuration = load("mock", parsed.scenario, ["direct"], parsed.overrides, seed, 1)

    def log(line: str) -> None:
        if not quiet:
            click.echo(escaped(line), err=True)

    asyncio.run(run_mock(configuration, "direct", listen, speed, write, log))
    return 0
