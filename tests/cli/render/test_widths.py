"""What a study prints on terminals of different widths."""

import re
from functools import cache
from pathlib import Path

import pytest
from rich.cells import cell_len

import simroute as sr
from simroute.cli.render.bound import print_gaps, print_trade
from simroute.cli.render.comparison import print_study
from simroute.cli.render.sensitivity import print_result
from simroute.studies.comparison.study import Study
from simroute.studies.sensitivity.result import SensitivityResult

pytest.importorskip("pty", reason="no pseudo-terminals on this system")
from terminals import printed

WIDTHS = (60, 80, 100, 120, 200)
NAMES = (
    "direct",
    "a-policy-whose-name-is-much-too-long-for-a-column",
    "漢字の方針",
    "p\u202e\x1b[2J",
)
SHORT = ["scenario.horizon=20m", "scenario.outages.morning.start=30%", "scenario.workload.rate=0.2"]
SHORT += ["scenario.outages.morning.end=60%"]
LAYERS = "fallback: {targets: [first, other_company]}\nbreaker: {failures: 2}\n"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Of policies with long, wide and hostile names, in an outage, with its bound."""
    folder = tmp_path_factory.mktemp("policies")
    for name in NAMES[1:]:
        (folder / f"{name}.yaml").write_text(LAYERS, encoding="utf-8")
    policies = ["direct", *(str(folder / f"{name}.yaml") for name in NAMES[1:])]
    study = sr.compare(sr.load_scenario("demo", *SHORT), policies, replications=2)
    assert tuple(study.runs) == NAMES
    return study


@pytest.mark.parametrize("width", WIDTHS)
def test_a_comparison_fits_the_width(study: Study, width: int) -> None:
    """No line is longer, each policy has one row in each table, and control characters are
    escaped."""

    def both() -> None:
        print_study(study, Path("out"))
        print_gaps(study)

    lines = printed(both, width)
    assert max(map(cell_len, lines)) <= width, max(lines, key=cell_len)
    assert not re.search("[\x00-\x1f\u202e]", "".join(lines))
    tables = [number for number, line in enumerate(lines) if line.startswith("policy ")]
    assert len(tables) == (2 if study.bound is None else 3)
    heads = [number for number in tables if "kept" in lines[number]]
    rows = lines[heads[0] + 1 : heads[0] + 1 + len(NAMES)]
    starts = ["direct", "a-policy", "漢字", "p\\u202e"]
    assert [row.startswith(start) for row, start in zip(rows, starts, strict=True)] == [True] * 4
    assert len({cell_len(row) for row in [lines[heads[0]], *rows]}) == 1  # the columns are aligned


@pytest.mark.parametrize("width", WIDTHS)
def test_what_right_answers_cost_fits_the_width(study: Study, width: int) -> None:
    """A row for each policy, and no line is longer."""
    lines = printed(lambda: print_trade(study), width)
    assert max(map(cell_len, lines)) <= width, max(lines, key=cell_len)
    assert not re.search("[\x00-\x1f\u202e]", "".join(lines))
    (head,) = [number for number, line in enumerate(lines) if line.startswith("policy ")]
    names = ("direct", "a-policy", "漢字", "p\\u202e")
    assert sum(line.startswith(names) for line in lines[head:]) >= len(names)


ONE = ("scenario.outages.morning.error_share=0.1..1.0:3",)
TWO = ("scenario.outages.morning.error_share=0.1..1.0:9", "scenario.workload.rate=0.1..0.3:2")


@cache
def swept(vary: tuple[str, ...]) -> SensitivityResult:
    """A study of assumptions, made once."""
    policies = ["direct", "failover", "cascade"]
    return sr.sensitivity(sr.load_scenario("demo", *SHORT), policies, list(vary), replications=2)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("vary", [ONE, TWO])
def test_a_study_of_assumptions_fits_the_width(width: int, vary: tuple[str, ...]) -> None:
    """Along one and over two."""
    lines = printed(lambda: print_result(swept(vary), Path("out"), []), width)
    assert max(map(cell_len, lines)) <= width, max(lines, key=cell_len)
    assert width < 120 or "Not shown" not in "".join(lines)
