"""`completion`: a script for the shell, and what that script asks.

A script sends the line up to the cursor in _SIMROUTE_LINE, and gets a candidate a line back: how it
ends (`plain`: the word is complete; `open`: it goes on), the text, and for zsh and fish what it
means. Candidates are whole words; bash alone wants less, see `Bash`.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click
from click.shell_completion import CompletionItem, ShellComplete, add_completion_class

from simroute.cli.completion.candidates import OPEN, paths
from simroute.cli.terminal import clean, escaped

SCRIPTS = Path(__file__).parent / "scripts"
SHELLS = ("bash", "zsh", "fish")
SPECIAL = frozenset("\\ '\"`$!&|;<>()[]{}*?#^%")
"""Characters that have a meaning in a shell."""
MARK = "\x1a"


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def completion_command(shell: str) -> int:
    """Print a script that completes simroute's words when TAB is pressed.

    bash: add  eval "$(simroute completion bash)"  to ~/.bashrc;
    zsh: the same with zsh, to ~/.zshrc;
    fish: simroute completion fish > ~/.config/fish/completions/simroute.fish
    """
    click.echo((SCRIPTS / f"simroute.{shell}").read_text(encoding="utf-8"), nl=False)
    return 0


class Shell(ShellComplete):
    """What all three shells share."""

    source_template = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the cursor's, without variables and the command itself, and the cursor's
        word so far."""
        self.line = os.environ.get("_SIMROUTE_LINE", "")
        words = split_words(self.line)
        while words and words[0].partition("=")[0].isidentifier() and "=" in words[0]:
            words.pop(0)
        self.word = words[-1]
        return words[1:-1], self.word

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """Whole words that can be shown as they are, files included. A mistake in the line or in a
        file offers nothing."""
        option, equals, _ = incomplete.partition("=")
        head = option + equals if equals and option.startswith("-") else ""
        try:
            candidates = super().get_completions(list(args), incomplete)
        except Exception:
            return []
        items: list[CompletionItem] = []
        for item in candidates:
            if item.type in ("file", "dir"):
                items += paths(str(item.value), ("",) if item.type == "file" else ("/",))
            else:
                items.append(item)
        return [
            CompletionItem(head + item.value, item.type, item.help)
            for item in items
            if escaped(item.value) == item.value
        ]

    def format_completion(self, item: CompletionItem) -> str:
        about = clean(" ".join((item.help or "").split()), 100)
        return f"{'open' if item.type == OPEN else 'plain'}\t{self.insertion(item)}\t{about}"

    def insertion(self, item: CompletionItem) -> str:
        """The text that the shell puts in."""
        return str(item.value)


class Bash(Shell):
    """bash takes `=` and `:` for the beginning of a new word (COMP_WORDBREAKS), and puts in only
    what comes after the last of them."""

    name = "bash"

    def format_completion(self, item: CompletionItem) -> str:
        last = " " if item.type != OPEN and not open_quote(self.line) else ""
        return self.insertion(item) + last

    def insertion(self, item: CompletionItem) -> str:
        raw = self.line[word_start(self.line) :]
        if quote := open_quote(self.line):
            kept = raw[: raw.rindex(quote) + 1]
            return str(item.value)[len("".join(split_words(kept)[-1:])) :]
        breaks = set(os.environ.get("_SIMROUTE_BREAKS", "=:")) & set("=:,@")
        ends = (place + 1 for place, char in enumerate(raw) if char in breaks)
        kept = raw[: max(ends, default=0)]
        return escape_special(str(item.value)[len(split_words(kept)[-1]) :])


class Zsh(Shell):
    """zsh would take a leading `~` for a folder's name."""

    name = "zsh"

    def insertion(self, item: CompletionItem) -> str:
        if open_quote(self.line):
            return str(item.value)
        text = escape_special(str(item.value))
        return f"\\{text}" if text.startswith(("~policy", "~scenario")) else text


class Fish(Shell):
    """fish quotes by itself, and reads text and meaning only."""

    name = "fish"

    def format_completion(self, item: CompletionItem) -> str:
        return super().format_completion(item).partition("\t")[2]


for _shell in (Bash, Zsh, Fish):
    add_completion_class(_shell)


def split_words(line: str) -> list[str]:
    """The words of a line that may end in the middle of one; the last is the cursor's, empty after
    a space."""
    for closing in ("", "'", '"'):
        try:
            words = shlex.split(line + MARK + closing)
        except ValueError:
            continue
        return [*words[:-1], words[-1].removesuffix(MARK)]
    return [""]


def word_start(line: str) -> int:
    """Where the cursor's word begins."""
    start, quote, skip = 0, "", False
    for place, char in enumerate(line):
        if skip:
            skip = False
        elif char == "\\" and quote != "'":
            skip = True
        elif quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char.isspace():
            start = place + 1
    return start


def open_quote(line: str) -> str:
    """The quotation mark that is still open at the cursor, if one is."""
    for quote in ("'", '"'):
        try:
            shlex.split(line + MARK)
        except ValueError:
            try:
                shlex.split(line + MARK + quote)
            except ValueError:
                continue
            return quote
    return ""


def escape_special(text: str) -> str:
    """The text with a backslash before each special character."""
    return "".join(f"\\{char}" if char in SPECIAL else char for char in text)
