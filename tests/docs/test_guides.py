"""What the pages tell their readers to do works, and what they show comes out."""

import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from walk import walk

from pages import hurried
from simroute.models.prices import catalogue_price

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"


@pytest.mark.parametrize("page", ["budgets.md", "policy.md", "replay.md", "scenario.md"])
def test_the_commands_of_a_page_are_understood(page, tmp_path, monkeypatch):
    """In order, each with less weather: they end as the page says, and print tables with the
    columns that it shows."""
    monkeypatch.chdir(tmp_path)
    assert hurried(DOCS / page) == []


@pytest.mark.slow
def test_the_page_on_policies_can_be_followed(tmp_path):
    """Files are written, commands run in order in an empty folder; the outputs shown are those that
    came."""
    assert walk(DOCS / "policy.md", tmp_path).problems == []


@pytest.mark.slow
def test_the_page_on_long_budgets_can_be_followed(tmp_path):
    """An hour at full rate, and a month at a thousandth of it, tell the same share."""
    assert walk(DOCS / "budgets.md", tmp_path).problems == []


@pytest.mark.slow
def test_the_page_on_replays_can_be_followed(tmp_path):
    """A log is made, replayed, and said to be reproduced as well as it is."""
    assert walk(DOCS / "replay.md", tmp_path).problems == []


@pytest.mark.slow
def test_the_page_on_scenarios_can_be_followed(tmp_path):
    """A simulated day of 100,000 requests, several times."""
    assert walk(DOCS / "scenario.md", tmp_path).problems == []


def test_the_arithmetic_of_the_page_on_scenarios_is_right():
    """From the five figures to the keys of the file: rate, hours, budget, medians, and what models
    cost."""
    text = (DOCS / "scenario.md").read_text(encoding="utf-8")
    made = yaml.safe_load(
        re.search(r'```yaml title="scenarios/ours.yaml"\n(.*?)```', text, re.S)[1]
    )
    load, lengths = made["workload"], made["workload"]["tasks"]["support"]
    assert load["rate"] == round(3e6 / (30 * 86_400), 3)
    hours = load["profile"]["hours"]
    assert sum(hours[9:18]) / sum(hours) == pytest.approx(0.70, abs=0.002)
    assert 1.157 * 24 * hours[12] / sum(hours) == pytest.approx(2.2, abs=0.05)
    assert made["budget"] == {"usd": round(4000 / 30), "period": "day"}
    for key, mean in (("input_tokens", 1200), ("output_tokens", 200)):
        assert lengths[key]["median"] == round(mean / math.exp(lengths[key]["sigma"] ** 2 / 2))
    assert (made["slo"]["success"], made["slo"]["latency"]) == (0.995, "20s")
    for model, provider in {
        "claude-sonnet-4-0": "anthropic",
        "claude-3-5-haiku": "anthropic",
        "gpt-4.1-mini": "openai",
    }.items():
        price = catalogue_price(provider, model, "2025-07-01")
        row = next(line for line in text.splitlines() if line.startswith(f"| {model} |"))
        ins, outs = 1.2 * price.input, 0.2 * price.output
        assert (
            row == f"| {model} | {price.input:g} / {price.output:g} | ${ins:.2f} | ${outs:.2f} | "
            f"${ins + outs:.2f} |"
        )


def test_the_layer_of_the_readme_keeps_the_contract(tmp_path):
    """The code as it stands there, in a file of its own, passes check_policy."""
    code = re.search(
        r"```python\n(# polite\.py.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S
    )[1]
    program = (
        f"{code}\n\nfrom simroute.testing import check_policy\nassert "
        f"check_policy(Polite()) == []\n"
    )
    (tmp_path / "polite.py").write_text(program, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "polite.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_page_on_reports_follows_a_report():
    """Its headings are the report's sections in their order, and it says something of every
    picture."""
    import simroute as sr
    from simroute.report import SECTIONS

    scenario = sr.load_scenario("demo", "scenario.horizon=90m", "scenario.workload.rate=0.3")
    study = sr.compare(scenario, policies=["circuit_breaker", "layered"], replications=2)
    report = study.report()
    shown = re.findall(r"<h2>(.*?)</h2>", report)
    text = (DOCS / "report.md").read_text(encoding="utf-8")
    text = text.partition("\n## If it is otherwise\n")[0]  # then come pages of other studies
    assert re.findall(r"^## (.*)$", text, re.M) == ["Answer", *shown]
    titles = [figure for section in SECTIONS.values() for figure in section]
    assert (
        len(titles) == len(re.findall(r"^- \*\*(?:Wh|Does|How|Are).*?\*\*", text, re.M)) + 2
    )  # one line for models, features and users
    for title in re.findall(r"<figcaption>.*?</figcaption>|<h3>([^<]*\?)</h3>", report):
        assert not title or title.startswith("Which") or f"**{title}**" in text, title
