"""`run --explain`: the tree on the screen, and the figures as without it."""

import json
import re
from pathlib import Path

import pytest

from simroute.cli import main

WORDS = [
    "run",
    "scenario=demo",
    "policy=circuit_breaker",
    "scenario.horizon=5m",
    "scenario.outages.morning.start=10%",
    "scenario.outages.morning.end=90%",
]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys, *words, status=0):
    """What a command prints; its errors, if it must fail."""
    with pytest.raises(SystemExit) as left:
        main([*WORDS, *words])
    out, err = capsys.readouterr()
    assert left.value.code == status, err
    assert "Traceback" not in err
    return out if status == 0 else err


def test_the_tree_comes_after_the_table(capsys):
    """Header with task, tokens, outcome, latency and cost; then the layers, nested, with times and
    sends."""
    text = said(capsys, "--explain", "200")
    assert text.index("success") < text.index("request 200 under circuit_breaker")
    assert re.search(
        r"task \w+, user \w+, feature \w+, [\d,]+ tokens in, [\d,]+ out, (not )?streamed", text
    )
    assert re.search(r"^  (ok|failed).* after \d+\.\d{3} s.*; \$", text, re.M)
    depths = [text.index(f"{' ' * 4 * depth}") for depth in range(3)]
    assert depths == sorted(depths)
    assert re.search(r"^└── fallback +0\.000 to \d+\.\d{3}", text, re.M)
    assert re.search(r"(├|└)── send 1 to [\w-]+ +\d+\.\d{3} to \d+\.\d{3}", text)
    assert [
        line
        for line in text.splitlines()
        if line.startswith(("└", "├", "│", " ")) and line != line.rstrip()
    ] == []


def test_the_figures_are_those_without_it(capsys):
    """summary.json is the same, byte for byte."""
    said(capsys, "--explain", "7", "--out", "watched")
    said(capsys, "--out", "plain")
    assert Path("watched/summary.json").read_bytes() == Path("plain/summary.json").read_bytes()


def test_with_several_replications_the_first_is_explained(capsys):
    """The same tree as that of a single replication."""
    one, three = (
        said(capsys, "--explain", "9", "--quiet", "--replications", many) for many in ("1", "3")
    )
    assert one == three
    assert one.lstrip().startswith("request 9")


def test_the_costs_shown_are_those_of_the_ledger(capsys):
    """The sends' dollars add up to the request's, rounding aside."""
    text = said(capsys, "--explain", "300", "--quiet")
    total = float(re.search(r"s; \$([\d.]+)", text).group(1))
    assert sum(
        float(usd) for usd in re.findall(r"send \d.*\$([\d.]+)$", text, re.M)
    ) == pytest.approx(total, abs=2e-6)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--explain", "100000"], r"requests of this run are numbered 0 to [\d,]+$"),
        (["--explain", "-1"], "explain"),
        (["--explain", "x"], "explain"),
        (["--explain", "1", "--json"], "give one of them"),
        (["--explain"], "explain"),
    ],
)
def test_what_cannot_be_explained_is_refused_in_one_line(words, line, capsys, elsewhere):
    """Exit 2, and nothing is written."""
    err = said(capsys, *words, status=2)
    assert len(err.splitlines()) == 1
    assert re.search(line, err.strip())
    assert list(elsewhere.iterdir()) == []


def test_compare_explains_nothing(capsys):
    """It has no such option."""
    with pytest.raises(SystemExit) as left:
        main(["compare", *WORDS[1:], "--explain", "1"])
    assert left.value.code == 2
    assert "explain" in capsys.readouterr().err


def test_names_in_the_tree_cannot_steer_the_terminal(capsys):
    """A layer, a user and a deployment with escapes in their names come out as text."""
    Path("s.yaml").write_text(
        'horizon: 60s\nworkload: {rate: 1, users: {"u\\e[31m": 1}}\n'
        'deployments:\n  "d\\u202e": {provider: x, model: m, price: {input: 1, output: 2}}\n',
        encoding="utf-8",
    )
    Path("p.yaml").write_text('"l\\e]0;x\\a": {kind: timeout}\n', encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["run", "scenario=s.yaml", "policy=p.yaml", "--explain", "1", "--quiet"])
    text = capsys.readouterr().out
    assert not re.search("[\x00-\x09\x0b-\x1f\u202a-\u202e]", text)
    assert all(word in text for word in ("l\\u001b", "u\\u001b", "d\\u202e", "(timeout)"))


def test_the_summary_says_nothing_of_it(capsys):
    """An explanation is for eyes: no file holds it."""
    said(capsys, "--explain", "3", "--out", "out")
    assert "explain" not in json.dumps(
        json.loads(Path("out/summary.json").read_text(encoding="utf-8"))
    )
