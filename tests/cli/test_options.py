"""Words and options as commands receive them."""

import click
import pytest
from click.testing import CliRunner

from simroute.cli.options import RunOptions, pass_record, run_options
from simroute.cli.words import parse_words
from simroute.errors import InputError


def test_words_are_told_apart_by_kind() -> None:
    """scenario= and policy= are themselves, tune.* a range, a word without = a file, all else an
    override."""
    words = ("scenario=a", "policy=b,c", "tune.retry.attempts=1..3", "log.csv", "~policy.x", "k=1")
    parsed = parse_words(words, has_files=True, has_ranges=True)
    assert (parsed.scenario, parsed.policies) == ("a", ["b", "c"])
    assert parsed.ranges == {"retry.attempts": "1..3"}
    assert (parsed.files, parsed.overrides) == (["log.csv"], ["~policy.x", "k=1"])


def test_where_neither_files_nor_ranges_are_known_such_words_are_overrides() -> None:
    """They are refused by whoever reads the overrides, which knows what may be set."""
    words = ("log.csv", "tune.retry.attempts=1..3")
    assert parse_words(words).overrides == list(words)


def test_all_that_is_wrong_with_words_is_said_at_once() -> None:
    """A range that is missing or doubled, scenario= and policy= that are not there."""
    parsed = parse_words(("tune.a.b", "tune.a.b=1..2"), has_ranges=True)
    with pytest.raises(InputError) as caught:
        parsed.require("one more")
    assert [line.split(":")[0] for line in caught.value.lines] == [
        "tune.a.b",
        "tune.a.b is given twice",
        "scenario= is missing",
        "policy= is missing",
        "one more",
    ]


def test_a_command_receives_its_options_as_a_record() -> None:
    """The record holds the options that it has fields for; the others stay keyword arguments."""
    received = []

    @click.command()
    @run_options
    @click.option("--extra", is_flag=True)
    @pass_record(RunOptions)
    def command(options: RunOptions, extra: bool) -> None:
        received.append((options, extra))

    CliRunner().invoke(command, ["a=1", "--seed", "3", "--extra"])
    assert received == [(RunOptions(words=("a=1",), seed=3), True)]
