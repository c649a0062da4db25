"""What --show prints of a comparison, a run, a replay."""

import json
import re
from pathlib import Path

import pytest

from commands import ran

WORDS = ("scenario=rate_limit_storm", "scenario.horizon=3m", "--no-report")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)


def table(out):
    """(metric, policy) -> the figures of a row, as they are printed."""
    lines = out.splitlines()
    head = next(at for at, line in enumerate(lines) if line.split()[:2] == ["metric", "policy"])
    rows = [line.split(maxsplit=2) for line in lines[head + 1 :] if line]
    return {
        (metric, policy): [
            float(each.replace(",", "")) for each in re.findall(r"[\d,]+(?:\.\d+)?", figures)
        ]
        for metric, policy, figures in rows
    }


def test_metrics_that_are_asked_for_stand_under_a_comparison():
    """Each of each policy, with the interval of summary.json."""
    asked = ["load_amplification", "latency_p50_s"]
    ended = ran(
        "compare",
        *WORDS,
        "policy=direct,retry_only",
        "--replications",
        "3",
        "--show",
        ",".join(asked),
    )
    summary = json.loads(Path("reports/rate_limit_storm-compare/summary.json").read_text())
    shown = table(ended.stdout)
    assert list(shown) == [(metric, policy) for metric in asked for policy in summary["policies"]]
    for (metric, policy), figures in shown.items():
        found = summary["policies"][policy]["metrics"][metric]
        wanted = [found[key] for key in ("mean", "low", "high")]
        if wanted[1] == wanted[2]:
            wanted = wanted[:1]
        assert figures == pytest.approx(wanted, rel=0.01)


def test_a_single_run_has_no_interval():
    """One figure a metric; with --json there is the summary and nothing else."""
    ended = ran("run", *WORDS, "policy=direct", "--show", "requests")
    summary = json.loads(Path("reports/rate_limit_storm-run/summary.json").read_text())
    requests = summary["policies"]["direct"]["metrics"]["requests"]["mean"]
    assert table(ended.stdout) == {("requests", "direct"): [requests]}
    json.loads(ran("run", *WORDS, "policy=direct", "--show", "requests", "--json").stdout)


@pytest.mark.parametrize("names", ["rate_limitted", ",", "success_rate,nothing"])
def test_a_metric_that_is_none_is_refused_before_anything_runs(names):
    """In one line, with the nearest one."""
    ended = ran("compare", *WORDS, "policy=direct", "--show", names)
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("simroute: --show: n")
    assert list(Path.cwd().iterdir()) == []
