"""`check`: files are judged where they belong, named as the user named them, with all of their
mistakes at once."""

from pathlib import Path

import pytest

from simroute.cli import main
from simroute.config.loading import load

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
    known = "alpha, first, cheapest, other_company, same_family, same_model, other_model"
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
    assert any(line.startswith("slow.yaml: note: timeout.total: 30000 is 8:20 h") for line in err)
    assert [line.split(": ")[2] for line in err if line.startswith("simroute: ")] == [
        "outages.o.end",
        "fallback.targets",
        "route.tasks.chta",
    ]


CLOUDS = """deployments:
  sonnet: {provider: anthropic, domain: us-east, model: m, price: {input: 3, output: 9}}
  gpt: {provider: openai, model: n, price: {input: 2, output: 9}}
  nova: {provider: amazon, domain: us-east, model: o, price: {input: 2, output: 8}}
  haiku: {provider: anthropic, domain: eu-west, model: p, price: {input: 1, output: 2}}
"""


@pytest.mark.parametrize(
    ("targets", "said", "note"),
    [
        ("[first, other_company]", "sonnet (anthropic, us-east), then gpt (openai)", None),
        (
            "[first, cheapest]",
            "sonnet (anthropic, us-east), then haiku (anthropic, eu-west)",
            "sonnet and haiku are all of anthropic",
        ),
        (
            "[nova, sonnet]",
            "nova (amazon, us-east), then sonnet (anthropic, us-east)",
            "nova and sonnet are all in the domain us-east",
        ),
        (
            "[haiku, sonnet, gpt]",
            "haiku (anthropic, eu-west), then sonnet (anthropic, us-east), then gpt (openai)",
            None,
        ),
        ("[gpt]", "gpt (openai)", "gpt is its only target here"),
        ("[], degrade_to: haiku", "haiku (anthropic, eu-west)", "haiku is its only target here"),
    ],
)
def test_whom_a_fallback_asks_is_told_and_whether_all_fail_together(capsys, targets, said, note):
    """With company and failure domain; where all are in one of them, or there is nobody else, a
    note says so, in a run as well."""
    Path("s.yaml").write_text(CLOUDS, encoding="utf-8")
    Path("p.yaml").write_text(f"spare: {{kind: fallback, targets: {targets}}}\n", encoding="utf-8")
    code, out, err = checked(capsys, "p.yaml", "s.yaml")
    assert (code, out[-1]) == (0, f"p.yaml: spare asks {said} (in s.yaml)")
    assert len(err) == (note is not None)
    assert all(line.startswith(f"p.yaml: note: spare: {note}") for line in err)
    assert len(load("run", "./s.yaml", ["./p.yaml"]).notes) == len(err)


ALONE = """deployments:
  own: {provider: acme, model: m, price: {input: 3, output: 9}}
"""


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("kong", "balance: own is its only target here, so nobody else is asked"),
        ("helicone_rust", "balance: own is its only target here, so nobody else is asked"),
        ("litellm", "litellm.groups.backup: nobody here is other_company, so own stands in"),
        ("litellm_cost", "litellm.groups.main: own is its only deployment here"),
    ],
)
def test_a_gateways_list_that_is_shorter_here_than_written_is_told(capsys, policy, said):
    """A balance's, and those of LiteLLM's groups, where a scenario has no other company; nothing
    where it has."""
    Path("alone.yaml").write_text(ALONE, encoding="utf-8")
    Path("clouds.yaml").write_text(CLOUDS, encoding="utf-8")
    for scenario, told in (("alone.yaml", True), ("clouds.yaml", False)):
        code, _, err = checked(capsys, f"policy={policy}", scenario)
        assert code == 0
        assert (f"policy={policy}: note: {said}" in err) is told


def test_scenarios_and_policies_are_named_as_in_a_run(capsys):
    """By name, several policies with commas; a bare name is pointed to it."""
    code, out, err = checked(capsys, "scenario=demo", "policy=direct,failover")
    assert (code, err) == (0, [])
    assert out[:2] == [
        "scenario=demo: scenario, no mistake found",
        "policy=direct: policy, no mistake found",
    ]
    for word, said in (
        ("policy=failver", "policy 'failver' is not known; did you mean failover?"),
        ("demo", "demo: no such file; by its name it is scenario=demo"),
        ("cascade", "cascade: no such file; by its name it is policy=cascade"),
    ):
        code, out, err = checked(capsys, word)
        assert (code, out, err) == (2, [], [f"simroute: {said}"])


def test_a_mistake_in_a_policy_that_is_named_is_told(capsys):
    """With the file that it stands in."""
    Path("policies").mkdir()
    Path("policies/p.yaml").write_text("fallback: {targets: [nobody]}\n", encoding="utf-8")
    code, out, err = checked(capsys, "policy=p", "scenario=demo")
    assert (code, out) == (2, ["scenario=demo: scenario, no mistake found"])
    assert err[0].startswith("simroute: policies/p.yaml:1: fallback.targets: no deployment")
    assert err[0].endswith("(in scenario=demo)")
