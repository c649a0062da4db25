"""A stranger's workspace: everything in it runs as it stands, nothing of theirs is overwritten."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from pages import commands, hurried
from simroute.cli import main
from simroute.cli.commands.init import FILES, NEXT
from simroute.config import reference
from simroute.core import registry

ROOT = Path(__file__).parents[3]
EVERY = {*FILES, "schema/scenario.json", "schema/policy.json"}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(folder="mine", status=0):
    """`simroute init FOLDER`."""
    with pytest.raises(SystemExit) as left:
        main(["init", folder])
    assert left.value.code == status


def there(folder="."):
    """Files below a folder."""
    return {
        str(path.relative_to(folder))
        for path in Path(folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def refused(capsys, folder):
    """The one line with which it is refused; nothing has been written."""
    before = there()
    made(folder, status=2)
    out, err = capsys.readouterr()
    assert (out, there()) == ("", before)
    (line,) = err.splitlines()
    return line


def test_it_makes_what_the_readme_names_and_says_what_to_type(capsys):
    """Ten files in a new folder; at the end a `cd` and three commands."""
    made("some where/mine")
    shown = capsys.readouterr().out
    assert there("some where/mine") == EVERY
    assert shown.splitlines()[2:] == [
        "  cd 'some where/mine'",
        *(f"  {command}" for command in NEXT),
    ]


def test_in_the_folder_where_one_is_there_is_nothing_to_change_to(capsys):
    """Without DIR it is made here, beside what is here."""
    Path("notes.txt").write_text("mine\n", encoding="utf-8")
    made(".")
    assert there() == EVERY | {"notes.txt"}
    assert "cd " not in capsys.readouterr().out


def test_commands_to_type_next_are_those_of_the_readme():
    """Each stands in a block of the README, so that it is run by the next tests."""
    made()
    assert set(NEXT) <= set(commands(Path("mine/README.md")))


def test_every_command_of_the_readme_is_understood(monkeypatch):
    """In the folder, with less weather: comparisons, checks, descriptions, one request explained,
    the tests."""
    made()
    monkeypatch.chdir("mine")
    assert len(commands(Path("README.md"))) >= 8
    assert hurried(Path("README.md")) == []


@pytest.mark.slow
def test_every_command_of_the_readme_runs_as_it_stands(tmp_path):
    """Copied line by line into a shell, in the folder: comparisons, checks, descriptions, one
    request explained, the tests."""
    made()
    (tmp_path / "bin").mkdir()
    for name, module in (("simroute", "simroute"), ("pytest", "pytest")):
        command = tmp_path / "bin" / name
        command.write_text(
            f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n', encoding="utf-8"
        )
        command.chmod(0o755)
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    clean |= {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    for line in commands(Path("mine/README.md")):
        done = subprocess.run(
            ["sh", "-c", line],
            cwd="mine",
            env=clean,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        assert "note:" not in done.stderr, f"{line}\n{done.stderr}"


def test_every_key_of_a_scenario_stands_in_it_with_a_word_of_explanation():
    """Used or suggested, none is missing; it opens with its question, behind the line for
    editors."""
    made()
    text = Path("mine/scenarios/mine.yaml").read_text(encoding="utf-8")
    keys = {
        row.key.split(".")[-1]
        for found in reference.section_references()
        for row in found.parameters
    }
    assert {key for key in keys if not re.search(rf"\b{key}:", text)} == set()
    data = yaml.safe_load(text)
    assert next(iter(data)) == "about"
    assert data["about"].endswith("?")


def test_what_is_only_suggested_is_right_as_well():
    """With the marks taken away from each suggestion, by itself, the scenario still has no mistake
    (what needs a file aside)."""
    made()
    from simroute.config.loading import load

    lines = Path("mine/scenarios/mine.yaml").read_text(encoding="utf-8").splitlines()
    starts = [
        i
        for i, line in enumerate(lines)
        if re.match(r"\s*# (\w+):(\s|$)", line) and "# yaml-" not in line
    ]
    tried = 0
    for i in starts:
        if re.search(
            r"\b(trace|lengths|outcomes|recorded|trace_from|trace_to|rate_scale|clients|incidents"
            r"|client_options):",
            lines[i],
        ) or re.match(r"\s*#   ", lines[i]):
            continue
        indent = len(lines[i]) - len(lines[i].lstrip())
        end = i + 1
        while end < len(lines) and re.match(rf"\s{{{indent}}}#   ", lines[end]):
            end += 1
        opened = [
            line[:indent] + line[indent + 2 :] if i <= at < end else line
            for at, line in enumerate(lines)
        ]
        Path("mine/scenarios/tried.yaml").write_text("\n".join(opened), encoding="utf-8")
        load("check", "mine/scenarios/tried.yaml", [])
        tried += 1
    assert tried >= 8


def test_its_models_can_be_called_at_the_prices_of_their_day():
    """No model of it is deprecated or retired on the day of its price, and what its comments say of
    prices is the catalogue's."""
    made()
    from simroute.config.loading import load
    from simroute.models.prices import catalogue_price

    loaded = load("check", "mine/scenarios/mine.yaml", [])
    assert loaded.notes == []
    listed = {
        name: catalogue_price(each.provider, each.model, each.price_date)
        for name, each in loaded.scenario.deployments.items()
        if each.price is None
    }
    assert {each.price_date for each in loaded.scenario.deployments.values()} == {
        "2026-11-29",
        None,
    }
    text = Path("mine/scenarios/mine.yaml").read_text(encoding="utf-8")
    said = {}
    for line in re.split(r"\n  (?=[\w-]+:)", text[text.index("\ndeployments:") :])[1:]:
        if price := re.search(r"(\d+) dollars? (?:for a million tokens )?in, (\d+)", line):
            said[line.partition(":")[0]] = tuple(map(float, price.groups()))
    assert said == {name: (listed[name].input, listed[name].output) for name in said}
    assert len(said) == 2


def test_it_asks_nothing():
    """With a closed standard input it does the same."""
    program = "import simroute.cli; simroute.cli.main(['init', 'mine'])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert there("mine") == EVERY


@pytest.mark.parametrize("kind", ["scenario", "policy"])
def test_editors_find_a_schema_that_knows_the_files(kind):
    """The first line of each names it; every file is valid by it, the layer of one's own
    included."""
    made()
    folder = Path("mine/scenarios" if kind == "scenario" else "mine/policies")
    checker = Draft202012Validator(
        json.loads(Path(f"mine/schema/{kind}.json").read_text(encoding="utf-8"))
    )
    for path in folder.glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        assert text.splitlines()[0] == f"# yaml-language-server: $schema=../schema/{kind}.json"
        data = json.loads(json.dumps(yaml.safe_load(text), default=str))
        assert list(checker.iter_errors(data)) == []


def test_the_layer_is_known_to_the_schema_alone():
    """Making a workspace registers nothing for good."""
    before = dict(registry)
    made()
    assert registry == before


def test_nothing_is_overwritten(capsys):
    """Files that are there are named, in one line, and kept; so is a file where a folder is
    needed."""
    Path("policies").mkdir()
    Path("policies/mine.yaml").write_text("timeout: {}\n", encoding="utf-8")
    Path("README.md").symlink_to("nowhere")
    line = refused(capsys, ".")
    assert "README.md, policies/mine.yaml are there already" in line
    assert Path("policies/mine.yaml").read_text(encoding="utf-8") == "timeout: {}\n"
    Path("other").mkdir()
    Path("other/schema").write_text("", encoding="utf-8")
    assert "schema is there already" in refused(capsys, "other")
    made("new")
    capsys.readouterr()
    assert "README.md" in refused(capsys, "new")


def test_a_file_in_place_of_the_folder_is_refused(capsys):
    """One line, also below a file, and for a link that leads nowhere."""
    Path("file").write_text("", encoding="utf-8")
    Path("link").symlink_to("nowhere")
    assert "is a file" in refused(capsys, "file")
    assert "cannot be written" in refused(capsys, "file/below")
    assert "give a folder" in refused(capsys, "link")


def test_a_folder_that_cannot_be_written_is_refused(capsys):
    """One line with the system's reason."""
    assert "/proc/workspace: cannot be written" in refused(capsys, "/proc/workspace")


def test_what_was_written_before_a_failure_is_taken_back(capsys, monkeypatch):
    """The disk is full at the fifth file: nothing stays behind, not even folders."""
    from simroute.cli.commands import init

    opened = []

    def full(path, *words, **named):
        opened.append(path)
        if len(opened) == 5:
            raise OSError(28, "No space left on device")
        return open(path, *words, **named)

    monkeypatch.setattr(init, "open", full, raising=False)
    assert "No space left on device" in refused(capsys, "deep/mine")
    assert not Path("deep").exists()


def test_a_name_cannot_steer_the_terminal(capsys):
    """Escapes in DIR come out as text."""
    made("evil\x1b[31m")
    assert "\x1b" not in capsys.readouterr().out


def test_a_forgotten_plug_in_is_pointed_to(capsys, monkeypatch):
    """The policy with a layer of one's own, run without it, says what is missing."""
    made()
    capsys.readouterr()
    monkeypatch.chdir("mine")
    with pytest.raises(SystemExit):
        main(["run", "scenario=mine", "policy=polite"])
    assert "no layer is called 'polite'" in (err := capsys.readouterr().err)
    assert err.strip().endswith("one of your own is loaded with --plugin FILE.py")
