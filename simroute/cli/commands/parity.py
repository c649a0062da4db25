"""`parity`: how far simulation and reality agree."""

from __future__ import annotations

import json
from typing import Any

import click

from simroute.cli.options import SEED, SPEED
from simroute.cli.words import parse_words, raise_all


@click.command("parity")
@click.argument("words", metavar="scenario=S policy=P[,Q] [KEY=VALUE] …", nargs=-1)
@click.option("--requests", type=click.IntRange(50, 1_000_000), default=2000, show_default=True)
@click.option(
    "--speed",
    type=SPEED,
    default=20.0,
    show_default=True,
    help="Seconds of the scenario in a second.",
)
@click.option(
    "--still",
    is_flag=True,
    help="The machine's own work takes no time, however busy it is; instead of --speed.",
)
@click.option("--seed", type=SEED, default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The figures as JSON, and nothing else.")
def parity_command(
    words: tuple[str, ...], requests: int, speed: float, still: bool, seed: int, as_json: bool
) -> int:
    """Send a scenario's requests through the simulator, and through fake providers and the gateway
    on sockets; exit 1 where they differ by more than a stated margin.

    simroute parity scenario=anthropic_outage policy=circuit_breaker
    """
    from simroute.cli.commands.serve import import_live

    import_live()
    from dataclasses import replace

    from simroute.config.loading import load
    from simroute.parity import compare_worlds, compressed, without_idle

    parsed = parse_words(words)
    parsed.require()
    raise_all(parsed.problems)
    configuration = load("parity", parsed.scenario, parsed.policies, parsed.overrides, seed, 1)
    scenario = compressed(configuration.scenario, requests)
    policies = {name: without_idle(layers) for name, layers in configuration.policies.items()}
    configuration = replace(configuration, scenario=scenario, policies=policies)
    results: dict[str, Any] = {}
    agrees = True
    for policy in configuration.policies:
        lines = compare_worlds(configuration, policy, None if still else speed)
        agrees = agrees and all(line.agrees for line in lines)
        results[policy] = [
            {**line._asdict(), "difference": line.difference, "agrees": line.agrees}
            for line in lines
        ]
        if not as_json:
            _show(policy, lines)
    if as_json:
        click.echo(json.dumps({"scenario": parsed.scenario, "policies": results}, indent=1))
    return 0 if agrees else 1


def _show(policy: str, lines: list[Any]) -> None:
    head = (
        f"{policy:22}{'simulated':>12}{'live':>12}{'difference':>13}{'95 % interval':>26}  margin"
    )
    click.echo(head)
    for line in lines:
        bounds = "" if line.low is None else f"{line.low:+.4g} … {line.high:+.4g}"
        margin = f"{line.margin:.0%}" if line.is_share else f"{line.margin:g}"
        mark = "" if line.agrees else "  outside"
        click.echo(
            f"{line.name:22}{line.simulated:12.5g}{line.live:12.5g}{line.difference:+13.4g}"
            f"{bounds:>26}  {margin}{mark}"
        )
    click.echo()
