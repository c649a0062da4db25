"""`forecast`: its sentence, its files, and the same again."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from made_logs import arrivals
from simroute.cli import cli
from simroute.models import spec

EVIL = "<img src=x onerror=pwned=1>"


def said(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words), standalone_mode=False)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty minutes at 2/s, with a model and times, in a file with a name that is HTML."""
    when = arrivals(spec.Workload(rate=2.0), 1200.0)
    path = tmp_path_factory.mktemp("log") / f"{EVIL}.csv"
    rows = [f"{int(1e9 * t)},{400 + k % 9},100,p,m,1.5,false" for k, t in enumerate(when.tolist())]
    head = "arrival_ns,input_tokens,output_tokens,provider,model,latency_s,failed"
    path.write_text("\n".join([head, *rows]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def made(log: Path) -> tuple[Path, str]:
    """The folder of a forecast, and what was printed."""
    out = log.parent / "run"
    found = said("forecast", str(log), "--replications", "20", "--out", str(out))
    assert found.exception is None, found.exception
    return out, found.stdout


def test_the_verdict_comes_first(made: tuple[Path, str]) -> None:
    """In the terminal, in summary.json and on the page; a name in the log is text there."""
    out, printed = made
    summary = json.loads((out / "summary.json").read_text())
    verdict = summary["lines"][0]
    assert verdict.startswith("This forecast, tried on the next ")
    assert printed.startswith(verdict)
    page = (out / "report.html").read_text()
    assert page.index(verdict) < page.index("<table")
    assert "<img" not in page


def test_the_summary_has_all_six_figures_with_what_came(made: tuple[Path, str]) -> None:
    """The log has models and times; six minutes are held out, in ten windows."""
    summary = json.loads((made[0] / "summary.json").read_text())
    assert (summary["schema_version"], summary["command"]) == (1, "forecast")
    figures = ["rate", "input_tokens", "output_tokens", "cost", "p95", "success"]
    assert list(summary["overall"]) == figures
    assert all(row["actual"] is not None for row in summary["overall"].values())
    assert len(summary["windows"]) == 10
    assert summary["overall"]["p95"]["actual"] == 1.5


def test_the_same_again_from_its_config_and_its_summary(made: tuple[Path, str]) -> None:
    """`--config` gives the same summary on stdout and nothing else; `report` the same page."""
    out, _ = made
    again = out.parent / "again"
    found = said(
        "forecast",
        "--config",
        str(out / "config.yaml"),
        "--json",
        "--no-report",
        "--out",
        str(again),
    )
    assert found.exception is None, found.exception
    assert found.stdout == (out / "summary.json").read_text()
    assert sorted(path.name for path in again.iterdir()) == ["config.yaml", "summary.json"]
    assert said("report", str(again), "--quiet").exception is None
    assert (again / "report.html").read_text() == (out / "report.html").read_text()


def test_the_default_folder_has_the_name_of_the_log(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """reports/NAME-forecast; with --quiet nothing is printed."""
    monkeypatch.chdir(tmp_path)
    plain = log.rename(tmp_path / "calls.csv")
    try:
        found = said("forecast", str(plain), "--replications", "10", "--quiet")
    finally:
        plain.rename(log)
    assert (found.exception, found.output) == (None, "")
    assert (tmp_path / "reports" / "calls-forecast" / "summary.json").is_file()


def test_a_config_that_does_not_fit_is_refused(made: tuple[Path, str], tmp_path: Path) -> None:
    """Another command's, a broken one, words beside it, a log that has changed since: a line
    each, with what is wrong."""
    config = (made[0] / "config.yaml").read_text()
    cases = {
        "was written by compare": ("command: compare\n", []),
        "plan.seed": (config.replace("seed: 1", "seed: one"), []),
        "log.traces": (config.replace("traces:", "other:"), []),
        "has changed since": (f"{config.rstrip()}0\n", []),
        "remove --seed": (config, ["--seed", "2"]),
    }
    for words, (text, more) in cases.items():
        path = tmp_path / "config.yaml"
        path.write_text(text)
        lines = said("forecast", "--config", str(path), *more).exception.lines  # type: ignore[union-attr]
        assert any(words in line for line in lines), (words, lines)
        assert all("\n" not in line for line in lines)


def test_without_a_log_it_says_what_is_missing() -> None:
    """One sentence."""
    error = said("forecast").exception
    assert "TRACE" in error.format_message()  # type: ignore[union-attr]
