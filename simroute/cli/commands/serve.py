"""`serve`: a policy in front of real providers, over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from simroute.cli.options import SEED
from simroute.cli.terminal import escaped
from simroute.cli.words import raise_all

FILE = click.Path(path_type=Path)


@click.command("serve")
@click.argument("words", metavar="policy=P deployments=FILE", nargs=-1)
@click.option("--clients", type=FILE, help="Who may call: clients.yaml.")
@click.option("--new-client", metavar="NAME", help="Print a token, and its line of clients.yaml.")
@click.option("--listen", default="127.0.0.1:4010", show_default=True, metavar="HOST:PORT")
@click.option("--seed", type=SEED, default=0, help="Of the policy's own draws.")
@click.option("--max-body", default="10MB", show_default=True, help="Longest body of a call.")
@click.option(
    "--drain", default="30s", show_default=True, help="Wait so long for calls at the end."
)
@click.option("--log", type=FILE, help="A folder for rows, which replay and fit read.")
@click.option(
    "--state",
    metavar="FILE|redis://…",
    envvar="SIMROUTE_STATE",
    help="Where budgets count beyond this process: a file, or Redis.",
)
@click.option("--alert", metavar="URL", help="Where alerts of layers are posted.")
@click.option("--plugin", "plugins", type=FILE, multiple=True, help="A file with layers.")
@click.option("--quiet", is_flag=True, help="Print errors only.")
def serve_command(words: tuple[str, ...], **options: Any) -> int:
    """Serve a policy: OpenAI-compatible, in front of real providers.

    simroute serve policy=circuit_breaker deployments=deployments.yaml
    """
    if options["new_client"] is not None:
        from simroute.live.clients import new_client

        token, line = new_client(options["new_client"])
        click.echo(f"{token}\n\nthe token, shown once; the line for clients.yaml:\n\n{line}")
        return 0
    policy, deployments = read_words(words, "serve")
    from simroute.config.plugins import load_plugins

    load_plugins(options["plugins"])
    import_live()
    import asyncio

    from simroute.live.serving import Settings, serve

    def log(line: str) -> None:
        click.echo(escaped(line), err=True)

    settings = Settings(
        policy,
        deployments,
        options["clients"],
        options["listen"],
        options["seed"],
        options["max_body"],
        options["drain"],
        options["log"],
        options["state"],
        options["alert"],
    )
    asyncio.run(serve(settings, log if not options["quiet"] else _silent))
    return 0


def _silent(line: str) -> None:
    if line.startswith(("not reloaded", "state:", "alert:")):
        click.echo(escaped(line), err=True)


def read_words(words: tuple[str, ...], command: str) -> tuple[str, Path]:
    """policy= and deployments= of a command line. Raises InputError."""
    given = dict(word.partition("=")[::2] for word in words)
    problems = [
        f"{name}= is missing: name one, such as {example}"
        for name, example in (
            ("policy", "policy=circuit_breaker"),
            ("deployments", "deployments=deployments.yaml"),
        )
        if not given.get(name)
    ]
    problems += [
        f"{word!r} is nothing that {command} takes: write policy=P deployments=FILE"
        for word in words
        if word.partition("=")[0] not in ("policy", "deployments")
    ]
    raise_all(problems)
    return given["policy"], Path(given["deployments"])


def import_live() -> None:
    """Raises InputError where the extra is missing."""
    from simroute.errors import InputError

    try:
        import simroute.live  # noqa: F401
    except ImportError as error:
        raise InputError(str(error)) from None
