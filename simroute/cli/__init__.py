"""The command line: its commands, which are imported when they are used, and its exit status."""

from __future__ import annotations

import difflib
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from types import FrameType

    from click.shell_completion import CompletionItem

COMMANDS = {
    "init": (
        "simroute.cli.commands.init",
        "A workspace of your own: a scenario and policies to edit, a layer with its test, a "
        "README.",
    ),
    "compare": (
        "simroute.cli.commands.compare",
        "Run several policies in the same weather and say which one keeps the promise.",
    ),
    "run": ("simroute.cli.commands.run", "Run one policy."),
    "replay": (
        "simroute.cli.commands.replay",
        "What the traffic of a log would have cost, and how it would have felt, under other "
        "policies.",
    ),
    "fit": (
        "simroute.cli.commands.fit",
        "A scenario fitted to a log of real traffic, with intervals and how well it fits.",
    ),
    "forecast": (
        "simroute.cli.commands.forecast",
        "Fit the first part of a log, predict the rest, and say how often the intervals held.",
    ),
    "tune": (
        "simroute.cli.commands.tune",
        "Search a policy's parameters for a goal, and confirm the best setting in fresh weather.",
    ),
    "trace": (
        "simroute.cli.commands.trace",
        "What a recorded trace holds, and any known log as simroute's own table.",
    ),
    "list": (
        "simroute.cli.commands.browse",
        "What there is: scenarios, policies, layers, formats, metrics.",
    ),
    "describe": (
        "simroute.cli.commands.browse",
        "One scenario, policy, layer, metric or format, and what its parameters do.",
    ),
    "serve": (
        "simroute.cli.commands.serve",
        "Serve a policy: OpenAI-compatible, in front of real providers.",
    ),
    "mock": (
        "simroute.cli.commands.mock",
        "Fake providers that behave as a scenario says, in real time, for anybody's tests.",
    ),
    "parity": (
        "simroute.cli.commands.parity",
        "How far simulation and reality agree: the same requests in both, over sockets.",
    ),
    "report": ("simroute.cli.commands.report", "Build report.html again from a run's folder."),
    "check": ("simroute.cli.commands.browse", "Validate files without running them."),
    "completion": (
        "simroute.cli.completion.shells",
        "A script that completes words in bash, zsh or fish.",
    ),
}


CLOSED = 128 + 13
"""Exit status when the output is a closed pipe, as shells report a command that SIGPIPE ended."""
MOST_TYPED = 200
"""Characters of a typed word that a message repeats."""
ONE_LINE = ("WorkerLostError", "RuntimeError", "ReplicationError")
"""Errors whose message is enough; they are named, as importing them takes time."""


class LazyGroup(click.Group):
    """A group that knows the names of its commands and a line of help, and imports the rest on
    use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS and ctx.resilient_parsing:
            return None  # a line that is being completed
        if name not in COMMANDS:
            near = difflib.get_close_matches(name, COMMANDS, 1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(COMMANDS)}"
            raise click.UsageError(f"no command is called {name!r}; {hint}")
        command = getattr(import_module(COMMANDS[name][0]), f"{name}_command")
        assert isinstance(command, click.Command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        own = [
            CompletionItem(name, help=text)
            for name, (_, text) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return own + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="simroute")
def cli() -> None:
    """Know what a routing policy does before a provider fails.

    simroute compare scenario=demo policy=direct,failover,circuit_breaker
    """


def main(arguments: list[str] | None = None) -> Any:
    """Runs a command and exits: 0 done, 1 an --assert is missed, 2 bad input, 130 interrupted, 141
    the output is a closed pipe."""
    typed = sys.argv[1:] if arguments is None else arguments
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    try:
        with _quiet_interrupt():
            status, lines = _run(typed)
        for line in lines:
            _print_error(typed, line)
        sys.stdout.flush()  # here, where a closed pipe can still be handled
    except BrokenPipeError:
        for stream in (sys.stdout, sys.stderr):
            # so that nothing is flushed at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        status = CLOSED
    sys.exit(status)


@contextmanager
def _quiet_interrupt() -> Iterator[None]:
    """Ctrl-C without Python's warning of coroutines that were never awaited: one that is ended
    between its call and its first step is no forgotten `await`."""
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        warnings.filterwarnings(
            "ignore", message="coroutine .* was never awaited", category=RuntimeWarning
        )
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _run(typed: list[str]) -> tuple[int, list[str]]:
    """Runs a command: its exit status, and lines for stderr. Raises BrokenPipeError."""
    if "_SIMROUTE_COMPLETE" in os.environ:
        # a shell asks for completions; click answers through these classes
        import_module("simroute.cli.completion.shells")
    if any("\0" in word for word in typed):
        return 2, ["a word of the command holds a NUL character, which no name can"]
    try:
        return cli.main(typed, prog_name="simroute", standalone_mode=False) or 0, []
    except click.exceptions.Exit as leave:
        return leave.exit_code, []
    except click.Abort:
        return 130, []
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2, []
    except click.NoSuchOption as error:
        return 2, [_no_option(error)]
    except click.ClickException as error:
        return 2, [" ".join(error.format_message().split())]
    except KeyboardInterrupt:
        return 130, ["interrupted before the first replication was finished"]
    except SystemExit as leave:
        # no command exits by itself: click does with 1 when its output is a closed pipe, and with
        # 0 when it has completed a word
        if leave.code == 1:
            raise BrokenPipeError from None
        raise
    except BrokenPipeError:
        raise
    except OSError as error:
        return 2, [f"{error.filename or 'the output'}: {error.strerror or error}"]
    except Exception as error:
        lines = getattr(error, "lines", None)
        if lines is None and type(error).__name__ not in ONE_LINE:
            raise
        return 2, [str(error)] if lines is None else list(lines)


def _no_option(error: click.NoSuchOption) -> str:
    """What is wrong with an option that there is not; words of a study are no options."""
    name = error.option_name.lstrip("-")
    if name in ("scenario", "policy"):
        return f"there is no option {error.option_name}; write {name}=NAME"
    return " ".join(error.format_message().split())


def _print_error(typed: list[str], line: str) -> None:
    """Prints a line on stderr, in which long words that were typed are cut."""
    from simroute.cli.terminal import brief

    for part in (part for word in typed for part in (word, word.partition("=")[2])):
        if len(part) > MOST_TYPED:
            line = line.replace(part, f"{part[:MOST_TYPED]}…")
    click.echo(f"simroute: {brief(line)}", err=True)
