"""Outages of the command line: what they are of, and that they are as those of a file."""

from pathlib import Path

import pytest

from commands import ran
from simroute.config import catalogue
from simroute.config.laid_outages import outage_words, parse_outages
from simroute.config.loading import load
from simroute.errors import InputError
from simroute.models import spec

DEPLOYMENTS = {
    "fast": {"provider": "alpha", "domain": "east"},
    "good": {"provider": "alpha", "domain": "west"},
    "beta": {"provider": "gamma", "domain": "east"},
    "gamma": {"provider": "beta"},
}


@pytest.mark.parametrize(
    ("who", "scope"),
    [
        ("alpha", "provider"),
        ("fast", "deployment"),
        ("east", "domain"),
        ("beta", "provider"),
        ("gamma", "provider"),
    ],
)
def test_a_name_is_looked_up_as_provider_then_deployment_then_domain(who, scope):
    """What two of them are called is the provider."""
    found, problems = parse_outages([f"{who}@10m..20m"], {"deployments": DEPLOYMENTS})
    assert problems == []
    assert found == {who: {scope: who, "start": "10m", "end": "20m"}}


@pytest.mark.parametrize("when", ["20m..80m", "30%..50%", "1200..4800"])
def test_the_short_form_is_a_total_outage(when):
    """As a scenario file that gives no more than who and when."""
    start, _, end = when.partition("..")
    words = outage_words([f"anthropic@{when}"], "demo")
    written = f"+scenario.outages.noon={{provider: anthropic, start: {start}, end: {end}}}"
    short, long = (load("compare", "demo", [], each) for each in (words, [written]))
    outage = short.scenario.outages["anthropic"]
    assert outage == long.scenario.outages["noon"]
    assert (outage.error_share, outage.provider) == (1.0, "anthropic")
    assert list(short.scenario.outages) == ["morning", "anthropic"]


@pytest.mark.parametrize("name", catalogue.list_names("scenarios"))
def test_a_scenario_s_outages_are_laid_over_another_as_they_are(name):
    """Every key of each of them; those that are there already are not doubled."""
    own = load("compare", name, []).scenario
    if not own.outages:
        with pytest.raises(InputError, match="has no outages"):
            outage_words([name], "steady")
        return
    words = [*outage_words([name], "steady"), f"scenario.horizon={own.horizon}"]
    others = load("compare", "steady", []).scenario.deployments
    known = {
        "deployment": {None, *others},
        "provider": {None, *(each.provider for each in others.values())},
    }
    strange = [
        word
        for word, names in known.items()
        for each in own.outages.values()
        if getattr(each, word) not in names
    ]
    if strange:  # outages of whom the other scenario does not have
        with pytest.raises(InputError, match=f"no deployment belongs to {strange[0]}"):
            load("compare", "steady", [], words)
    else:
        assert load("compare", "steady", [], words).scenario.outages == own.outages
    again = load("compare", name, [], outage_words([name], name)).scenario
    assert again.outages == own.outages


def test_a_name_that_is_taken_gets_a_number():
    """Two outages of one provider are two, and one of the scenario is not replaced."""
    scenario = {"deployments": DEPLOYMENTS, "outages": {"alpha": {"provider": "beta"}}}
    found, _ = parse_outages(["alpha@1m..2m", "alpha@3m..4m", "{provider: beta}"], scenario)
    assert list(found) == ["alpha-2", "alpha-3", "laid-3"]


def test_a_name_that_overrides_cannot_spell_is_spelled_otherwise(tmp_path, monkeypatch):
    """The outage is of the provider as it is called."""
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(
        "deployments:\n  a: {provider: 'Crème \"2\"', model: m, price: {input: 1, output: 1}}\n",
        encoding="utf-8",
    )
    words = outage_words(['Crème "2"@1m..2m'], "./s.yaml")
    (outage,) = load("run", "./s.yaml", [], words).scenario.outages.values()
    assert outage == spec.Outage(provider='Crème "2"', start=60.0, end=120.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("antropic@1m..2m", "no provider, deployment or domain is called 'antropic'; did you mean"),
        ("anthropic@1m", "not understood; write WHO@START..END"),
        ("anthropic@", "not understood; write WHO@START..END"),
        ("nosuch", "scenario 'nosuch' is not known"),
        ("anthropic@80m..20m", "ends at 1200 s, not after its start at 4800 s"),
        ("anthropic@3h..4h", "after the horizon"),
        ("anthropic@soon..later", "expected a duration"),
        ("{provider: openai, strat: 30%, end: 50%}", "did you mean start?"),
        ("{provider: openai", "not readable"),
    ],
)
def test_what_cannot_be_read_is_refused_a_line_each(tmp_path, monkeypatch, text, said):
    """With what would be right."""
    monkeypatch.chdir(tmp_path)
    ended = ran("compare", "scenario=demo", "policy=direct", "--outage", text)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert said in ended.stderr
    assert all(line.startswith("simroute: ") for line in ended.stderr.splitlines())
    assert not Path("reports").exists()


def test_a_plus_adds_what_a_scenario_does_not_have():
    """Without it, a new name is taken for a slip, and how to add it is said."""
    added = "scenario.outages.noon={provider: openai, start: 10m, end: 20m}"
    scenario = load("run", "demo", [], [f"+{added}"]).scenario
    assert scenario.outages["noon"] == spec.Outage(provider="openai", start=600.0, end=1200.0)
    for text, remedy in (
        (added, "there is no 'noon' in outages; known: morning; a + before it adds one"),
        ("scenario.outages.mornin.end=1h", "did you mean morning?"),
        ("+scenario.outages.noon.strat=1h", "unknown key 'strat'; did you mean start?"),
        ("+scenario.outtages.noon.start=1h", "unknown key 'outtages'; did you mean outages?"),
    ):
        with pytest.raises(InputError) as refused:
            load("run", "demo", [], [text])
        (line,) = refused.value.lines
        assert line.endswith(remedy)


def test_a_run_keeps_its_outages(tmp_path, monkeypatch):
    """Its config.yaml has them, so `--config` takes none beside it, and gives the same figures."""
    monkeypatch.chdir(tmp_path)
    words = ("scenario=demo", "policy=direct", "scenario.workload.rate=0.05")
    first = ran("compare", *words, "--outage", "openai@30%..40%", "--replications", "2", "--json")
    config = "reports/demo-compare/config.yaml"
    assert first.stdout == ran("compare", "--config", config, "--json").stdout
    refused = ran("compare", "--config", config, "--outage", "openai@30%..40%")
    assert refused.returncode == 2
    assert "remove --outage" in refused.stderr
    refused = ran("run", "--resume", "--out", "reports/demo-compare", "--outage", "demo")
    assert "--resume goes on as the run was begun; remove it" in refused.stderr
