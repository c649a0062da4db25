"""Line-ups: deployments that scenarios share, in a file of their own."""

from pathlib import Path

import pytest
import yaml

from simroute.config import catalogue
from simroute.config.lineups import read_scenario
from simroute.config.loading import load, restore
from simroute.config.review import review_files
from simroute.errors import InputError

ROOT = Path(__file__).parents[2]
PRICE = "price: {input: 1, output: 2}"
LINEUP = (
    "about: Three.\ndeployments:\n"
    f"  a: {{provider: north, model: m, {PRICE}, errors: {{500: 0.1}}, quality: {{sums: 0.9}}}}\n"
    f"  b: {{provider: south, model: m, {PRICE}}}\n"
    f"  c: {{provider: south, model: m, {PRICE}}}\n"
)


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    """A working directory with a line-up of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenarios" / "lineups").mkdir(parents=True)
    (tmp_path / "scenarios" / "lineups" / "three.yaml").write_text(LINEUP)
    return tmp_path


def scenario(text, *overrides):
    """The deployments of a scenario written so, by name."""
    Path("scenarios/mine.yaml").write_text(text)
    return load("check", "mine", [], list(overrides)).scenario.deployments


def test_a_scenario_has_the_deployments_of_its_line_up_in_their_order():
    """And nothing else, where it has none of its own."""
    assert list(scenario("lineup: three\n")) == ["a", "b", "c"]


def test_its_own_keys_hold_and_the_line_up_s_for_the_rest():
    """Key by key, however deep; new ones come last."""
    found = scenario(
        "lineup: three\ndeployments:\n  b: {provider: west}\n  a: {errors: {503: 0.2}}\n"
        f"  d: {{provider: east, model: m, {PRICE}}}\n"
    )
    assert list(found) == ["a", "b", "c", "d"]
    assert found["b"].provider == "west"
    assert found["b"].model == "m"
    assert found["a"].errors == {500: 0.1, 503: 0.2}


@pytest.mark.parametrize(("first", "order"), [("c", "cab"), ("south", "bca"), ("north", "abc")])
def test_first_puts_a_deployment_or_those_of_a_provider_ahead(first, order):
    """The others keep their order; the command line may say it, too."""
    assert list(scenario(f"lineup: three\nfirst: {first}\n")) == list(order)
    assert list(scenario("lineup: three\n", f"scenario.first={first}")) == list(order)


def test_the_command_line_may_choose_another_line_up_or_none():
    """What the file says of deployments is over whichever is chosen."""
    Path("scenarios/lineups/one.yaml").write_text(
        f"deployments:\n  z: {{provider: p, model: m, {PRICE}}}\n"
    )
    assert list(scenario("lineup: three\n", "scenario.lineup=one")) == ["z"]
    own = f"lineup: three\ndeployments:\n  d: {{provider: p, model: m, {PRICE}}}\n"
    assert list(scenario(own, "scenario.lineup=one")) == ["z", "d"]
    for none in ("scenario.lineup=null", "~scenario.lineup"):
        assert list(scenario(own, none)) == ["d"]


def test_a_path_is_read_from_the_scenario_s_folder():
    """As other paths of a file are."""
    Path("scenarios/near.yaml").write_text(LINEUP)
    assert list(scenario("lineup: near.yaml\n")) == ["a", "b", "c"]


def test_overrides_reach_deployments_of_the_line_up():
    """Values, and removals."""
    found = scenario("lineup: three\n", "scenario.deployments.b.errors.503=0.3")
    assert found["b"].errors == {503: 0.3}
    assert list(scenario("lineup: three\n", "~scenario.deployments.b")) == ["a", "c"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("lineup: tree\n", ["scenarios/mine.yaml:1: lineup: line-up 'tree' is not known"]),
        ("lineup: 3\n", ["scenarios/mine.yaml:1: lineup: "]),
        ("lineup: gone.yaml\n", ["scenarios/mine.yaml:1: lineup: gone.yaml: no such file"]),
        ("lineup: three\nfirst: noth\n", ["scenarios/mine.yaml:2: first: ", "north"]),
        (
            "lineup: three\ndeployments:\n  d: {errors: {500: 0.1}}\n",
            ["scenarios/mine.yaml:3: deployments.d.provider: is required"],
        ),
        ("horizon: 10s\n", ["deployments: at least one is needed, here or from a lineup"]),
        ("lineup: loop\n", ["scenarios/lineups/loop.yaml is no line-up", "slo belong"]),
        ("lineup: bad\n", ["scenarios/lineups/bad.yaml:2: deployments.a.errors", "0 to 1"]),
    ],
)
def test_a_mistake_is_told_with_the_file_that_it_is_in(text, lines):
    """One line each."""
    Path("scenarios/lineups/loop.yaml").write_text("slo: {success: 1}\ndeployments: {}\n")
    Path("scenarios/lineups/bad.yaml").write_text(
        f"deployments:\n  a: {{provider: p, model: m, {PRICE}, errors: {{500: 7}}}}\n"
    )
    with pytest.raises(InputError) as refused:
        scenario(text)
    for line in lines:
        assert any(line in told for told in refused.value.lines), refused.value.lines


def test_qualities_of_tasks_that_a_scenario_does_not_have_are_no_mistake():
    """A line-up is for many scenarios; in one's own deployments the name would be misspelt."""
    assert scenario("lineup: three\n")["a"].quality == {"sums": 0.9}
    with pytest.raises(InputError, match="no such task"):
        scenario("lineup: three\ndeployments:\n  b: {quality: {sms: 0.9}}\n")


def test_what_a_run_wrote_needs_the_line_up_no_more():
    """config.yaml holds every deployment; the same run comes from it when the file is gone."""
    Path("scenarios/mine.yaml").write_text("lineup: three\nfirst: c\n")
    configuration = load("run", "mine", ["direct"])
    Path("run.yaml").write_text(configuration.to_yaml())
    Path("scenarios/lineups/three.yaml").unlink()
    again = restore(Path("run.yaml"))
    assert again.scenario == configuration.scenario
    assert list(again.scenario.deployments) == ["c", "a", "b"]


def test_line_ups_are_checked_and_are_no_scenarios():
    """`check` calls them what they are; `list scenarios` leaves them out."""
    (finding,) = review_files(["scenarios/lineups/three.yaml"])
    assert (finding.kind, finding.problems) == ("line-up", [])
    assert "three" in catalogue.list_names(catalogue.LINEUPS)
    assert [name for name in catalogue.list_names("scenarios") if "three" in name] == []


def test_scenarios_in_a_folder_are_called_by_folder_and_name():
    """One level deep; the run is called by the file."""
    Path("scenarios/storms").mkdir()
    Path("scenarios/storms/hail.yaml").write_text("lineup: three\n")
    assert "storms/hail" in catalogue.list_names("scenarios")
    assert load("run", "storms/hail", []).scenario_name == "hail"


def test_packaged_line_ups_state_the_day_of_their_prices():
    """Each deployment, so that a run does not depend on the catalogue that is installed."""
    for path in (ROOT / "scenarios" / "lineups").glob("*.yaml"):
        for name, each in yaml.safe_load(path.read_text("utf-8"))["deployments"].items():
            assert str(each.get("price_date", "")).startswith("20"), (path.name, name)


def test_the_packaged_scenarios_read_theirs():
    """None copies the deployments of today's line-up."""
    today = read_scenario("steady").data["deployments"]
    for name in catalogue.list_names("scenarios"):
        path = ROOT / "scenarios" / f"{name}.yaml"
        if path.is_file():
            own = yaml.safe_load(path.read_text("utf-8")).get("deployments") or {}
            copied = {key for key in own if own[key] == today.get(key)}
            assert copied == set(), name
