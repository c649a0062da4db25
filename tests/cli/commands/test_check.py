"""`check`: files are judged where they belong, named as the user named them, with all of their
mistakes at once."""

from pathlib import Path

import pytest

from simroute.cli import main

SCENARIO = (
    "horizon: 10m\ndeployments:\n  alpha: {provider: x, model: m, price: {input: 1, output: 2}}\n"
)
POLICY = "fallback: {targets: [alpha, beta]}\n"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)


def checked(capsys, *files):
    """Exit status, stdout and stderr lines of `check`."""
    with pytest.raises(SystemExit) as left:
        main(["check", *files])
    out, err = capsys.readouterr()
    return left.value.code, out.splitlines(), err.splitlines()


def test_a_policy_by_itself_may_aim_at_anything(capsys):
    """Nobody knows its deployments; that is said, and it is no mistake."""
    Path("p.yaml").write_text(POLICY, encoding="utf-8")
    code, out, err = checked(capsys, "./p.yaml")
    assert (code, out) == (0, ["./p.yaml: policy, no mistake found"])
    assert "alpha, beta may be deployments or not" in err[0]


def test_a_policy_is_held_against_the_scenario_beside_it(capsys):
    """beta is no deployment there."""
    Path("p.yaml").write_text(POLICY, encoding="utf-8")
    Path("s.yaml").write_text(SCENARIO, encoding="utf-8")
    code, out, err = checked(capsys, "./p.yaml", "s.yaml")
    assert (code, out) == (2, ["s.yaml: scenario, no mistake found"])
    known = "alpha, first, cheapest, other_company, same_family"
    assert err == [
        f"simroute: ./p.yaml:1: fallback.targets: no deployment is called 'beta'; known: {known} "
        f"(in s.yaml)"
    ]


def test_one_scenario_that_fits_is_enough(capsys):
    """A workspace holds scenarios for different policies; which of those given do not fit is a
    note."""
    Path("p.yaml").write_text(POLICY, encoding="utf-8")
    Path("other.yaml").write_text(SCENARIO, encoding="utf-8")
    Path("fits.yaml").write_text(
        SCENARIO + "  beta: {provider: y, model: m, price: {input: 1, output: 2}}\n",
        encoding="utf-8",
    )
    code, _, err = checked(capsys, "p.yaml", "other.yaml", "fits.yaml")
    assert code == 0
    assert any(line.startswith("p.yaml: note: does not fit other.yaml") for line in err)


def test_a_policy_of_a_workspace_is_held_against_its_scenarios(capsys):
    """policies/ and scenarios/ beside each other, from whatever directory."""
    for folder in ("ws/policies", "ws/scenarios"):
        Path(folder).mkdir(parents=True)
    Path("ws/policies/p.yaml").write_text(POLICY, encoding="utf-8")
    Path("ws/scenarios/s.yaml").write_text(SCENARIO, encoding="utf-8")
    code, _, err = checked(capsys, "ws/policies/p.yaml")
    assert code == 2
    assert "'beta'" in err[0]
    assert "(in ws/scenarios/s.yaml)" in err[0]


def test_mistakes_of_single_keys_and_of_the_whole_come_at_once(capsys):
    """An unknown key, an unknown model, provider and date, an outage turned round and one of
    nobody: one line each."""
    Path("s.yaml").write_text(
        "workload: {rate: fast}\ndeployments:\n  a: {provider: openai, model: gpt-4oo, latencyy: "
        "3}\n  b: {provider: opnai, model: gpt-4o}\n"
        "  c: {provider: openai, model: gpt-4o, price_date: 2025-13-01}\n"
        "outages:\n  o: {provider: openai, start: 30m, end: 20m, statuss: 500}\n  p: {provider: "
        "nobody, start: 30m, end: 40m}\n",
        encoding="utf-8",
    )
    Path("p.yaml").write_text("retry: {attempts: '3', backof: 1}\n", encoding="utf-8")
    code, _, err = checked(capsys, "./s.yaml", "p.yaml")
    assert code == 2
    wanted = [
        "s.yaml:1: workload.rate: expected a number",
        "s.yaml:3: deployments.a.latencyy: unknown key",
        "no price is known for 'gpt-4oo'",
        "no price is known for provider 'opnai'",
        "'2025-13-01'",
        "s.yaml:7: outages.o.statuss",
        "s.yaml:7: outages.o.end: ends at 1200 s",
        "s.yaml:8: outages.p.provider: no deployment belongs to provider 'nobody'",
        "p.yaml:1: retry.attempts",
        "p.yaml:1: retry.backof",
    ]
    assert [word for word in wanted if not any(word in line for line in err)] == []
    assert len(err) == len(wanted)
    assert all(line.startswith(("simroute: ./s.yaml", "simroute: p.yaml")) for line in err)


def test_a_mistake_of_one_key_causes_no_second_line(capsys):
    """What refers to a deployment that cannot be read, or to a price, is not told to be wrong
    too."""
    Path("s.yaml").write_text(
        "deployments:\n  a: {model: m}\n  b: {provider: y, model: n, price: {input: -1, output: "
        "2}}\n"
        "outages: {o: {provider: x, start: 10m, end: 20m}}\n",
        encoding="utf-8",
    )
    code, _, err = checked(capsys, "s.yaml")
    assert code == 2
    assert [line.split(": ")[2] for line in err] == [
        "deployments.a.provider",
        "deployments.b.price.input",
    ]


def test_a_scenario_with_mistakes_still_judges_the_policies_beside_it(capsys):
    """All mistakes of all files come at once; and what cannot work in a policy is noted here as in
    a run."""
    Path("s.yaml").write_text(
        SCENARIO + "outages: {o: {provider: x, start: 5m, end: 2m}}\n", encoding="utf-8"
    )
    Path("p.yaml").write_text(
        "route: {tasks: {chta: alpha}}\nfallback: {targets: [alphaa]}\n", encoding="utf-8"
    )
    Path("slow.yaml").write_text("timeout: {total: 30000}\n", encoding="utf-8")
    code, out, err = checked(capsys, "s.yaml", "p.yaml", "slow.yaml")
    assert code == 2
    assert out == ["slow.yaml: policy, no mistake found"]
    assert any(line.startswith("slow.yaml: note: timeout.total: 30000 is 8.33 h") for line in err)
    assert [line.split(": ")[2] for line in err if line.startswith("simroute: ")] == [
        "outages.o.end",
        "fallback.targets",
        "route.tasks.chta",
    ]
