"""A name that nothing in scenario or log has is refused with the nearest one, or noted: never
ignored without a word."""

import csv
import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from simroute.config.configuration import Configuration
from simroute.config.from_trace import TraceSource, load_replay
from simroute.config.loading import load as load_scenario
from simroute.errors import InputError
from simroute.models import spec
from simroute.studies.comparison.study import Study
from simroute.studies.replay import costs
from simroute.studies.replay.costs import csv_files
from simroute.studies.run import run_study
from simroute.traces.playback.write_columns import MAX_NAMES
from tests.logs import calls, written

SCENARIO = """
horizon: 60s
workload:
  rate: 1
  tasks: {chat: {}, search: {}}
  features: {assistant: 1, mailer: 1}
deployments:
  first-one: {provider: us, model: m, price: {input: 1, output: 1}}
  second: {provider: them, model: n, price: {input: 1, output: 1}}
"""


def named(folder: Path, policy: str, scenario: str = SCENARIO) -> Configuration:
    (folder / "s.yaml").write_text(scenario)
    (folder / "p.yaml").write_text(policy)
    return load_scenario("run", str(folder / "s.yaml"), [str(folder / "p.yaml")])


def logged(folder: Path, policy: str, scenario: str | None = None, **columns: str) -> Configuration:
    """A log of ten requests with these names in every row, under this policy."""
    (folder / "p.yaml").write_text(policy)
    if scenario is not None:
        (folder / "s.yaml").write_text(scenario)
    log = written(folder / "log.csv", [row | columns for row in calls(10)])
    return load_replay(
        TraceSource(str(log)),
        None if scenario is None else str(folder / "s.yaml"),
        ["recorded", str(folder / "p.yaml")],
        [],
        1,
        1,
    )


def test_a_budget_is_of_a_model_that_there_is(tmp_path):
    """As a deployment's `model` says it."""
    policy = "predict: {pace: {by_model: {NAME: 2}}}\nfallback: {targets: [first, other_company]}"
    (note,) = named(tmp_path, policy.replace("NAME", "first-one")).notes
    assert "predict.pace.by_model.first-one: nothing here has the model" in note
    assert named(tmp_path, policy.replace("NAME", "n")).notes == []


@pytest.mark.parametrize(
    ("by", "near", "known"),
    [
        ("task", "chta", "chat"),
        ("feature", "mialer", "mailer"),
        ("model", "m2", "m"),
        ("target", "secnod", "second"),
        ("provider", "thme", "them"),
    ],
)
def test_sums_are_of_accounts_that_there_are(tmp_path, by, near, known):
    """A name that is near to one is refused, another is noted, and the right one is not."""
    policy = f"budget: {{usd: 1, by: {by}, sums: {{NAME: 2}}}}"
    with pytest.raises(InputError) as found:
        named(tmp_path, policy.replace("NAME", near))
    assert f"budget.sums.{near}: there is no such" in found.value.lines[0]
    assert f"did you mean {known}?" in found.value.lines[0]
    (note,) = named(tmp_path, policy.replace("NAME", "nobody-at-all")).notes
    assert "budget.sums.nobody-at-all: nothing here has the" in note
    assert named(tmp_path, policy.replace("NAME", known)).notes == []


@pytest.mark.parametrize(
    ("policy", "key", "near"),
    [
        (
            "route: {by: task, tasks: {serach: second}}\n",
            "route.tasks.serach",
            "did you mean search?",
        ),
        (
            "route: {by: task, tasks: {assistnt: second}}\n",
            "route.tasks.assistnt",
            "did you mean assistant?",
        ),
        ("budget: {usd: 1, shift: [mailr]}\n", "budget.shift", "did you mean mailer?"),
        ("cascade: {tasks: [chatt]}\n", "cascade.tasks", "did you mean chat?"),
        ("route: {by: task, tasks: {chat: secnd}}\n", "route.tasks.chat", "did you mean second?"),
    ],
)
def test_what_looks_like_a_name_that_there_is_is_refused(tmp_path, policy, key, near):
    """With the line of the file and what was probably meant."""
    with pytest.raises(InputError) as refused:
        named(tmp_path, policy)
    (line,) = refused.value.lines
    assert line.startswith(f"{tmp_path / 'p.yaml'}:1: {key}: ")
    assert line.endswith(near)


@pytest.mark.parametrize(
    ("policy", "key"),
    [
        ("route: {by: task, tasks: {quux: second}}\n", "route.tasks.quux"),
        ("budget: {usd: 1, shift: [quux]}\n", "budget.shift"),
        ("cascade: {tasks: [quux]}\n", "cascade.tasks"),
    ],
)
def test_what_looks_like_none_is_noted_with_what_there_is(tmp_path, policy, key):
    """A policy may be meant for other traffic as well, so it runs."""
    (note,) = [note for note in named(tmp_path, policy).notes if "quux" in note]
    assert note.startswith(f"p: {key}: nothing here has the task")
    assert note.endswith(("known: chat, search", "known: chat, search, assistant, mailer"))


def test_a_name_that_is_there_is_not_remarked(tmp_path):
    """Tasks and features of the scenario, wherever a layer takes them."""
    policy = (
        "budget: {usd: 1, shift: [chat, mailer]}\nroute: {by: task, tasks: {chat: second, "
        "assistant: first}}\ncascade: {tasks: [search]}\n"
    )
    assert not [note for note in named(tmp_path, policy).notes if "nothing" in note]


def test_a_log_brings_names_and_takes_those_of_the_scenario(tmp_path):
    """`mailer` is the scenario's alone, and no request of the log has it; `dunning` is the log's
    alone, and meant."""
    made = logged(
        tmp_path,
        "budget: {usd: 1, shift: [mailer, dunning]}\n",
        SCENARIO,
        feature="dunning",
        task="chat",
    )
    (note,) = [note for note in made.notes if "budget" in note]
    assert (
        note
        == "p: budget.shift: the log has no task or feature 'mailer', only the scenario has; of "
        "the log: chat, dunning"
    )
    with pytest.raises(InputError, match="did you mean dunning"):
        logged(tmp_path, "budget: {usd: 1, shift: [duning]}\n", SCENARIO, feature="dunning")


def test_a_providers_name_in_forbid_is_checked_too(tmp_path):
    """A slip is refused, since the rule would protect nobody; a company that no deployment is of is
    noted."""
    with pytest.raises(
        InputError,
        match=r"s\.yaml:7: workload\.forbid\.mailer: there is no such provider: 'thm'; did you "
        r"mean them\?",
    ):
        named(
            tmp_path,
            "{}\n",
            SCENARIO.replace("mailer: 1}", "mailer: 1}\n  forbid: {mailer: [thm]}"),
        )
    made = named(
        tmp_path, "{}\n", SCENARIO.replace("mailer: 1}", "mailer: 1}\n  forbid: {mailer: [google]}")
    )
    assert [note for note in made.notes if "google" in note]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("only: {maler: [them]}", "no such user, task or feature; did you mean mailer"),
        ("forbid: {mailer: [thm]}", "no such provider, domain or deployment: 'thm'; did you "),
    ],
)
def test_a_slip_in_a_rule_of_a_policy_is_refused(tmp_path, rule, said):
    """It would protect nobody, or refuse everything."""
    with pytest.raises(InputError, match=said):
        named(tmp_path, f"permit: {{{rule}}}\n")


def test_rules_name_users_tasks_features_everybody_providers_and_deployments(tmp_path):
    """All of them are known, and others are noted: a policy may be meant for other traffic."""
    known = "permit: {only: {mailer: [us, first]}, forbid: {'*': [them], chat: [second]}}\n"
    deployments = SCENARIO.replace("\ndeployments:", "\n  users: {ann: 1}\ndeployments:")
    rules = known.replace("mailer", "ann").replace("first", "second")
    assert not [note for note in named(tmp_path, rules, deployments).notes if "permit" in note]
    (note,) = [n for n in named(tmp_path, "permit: {only: {zoe: [us]}}\n").notes if "zoe" in n]
    assert "nothing here has the user, task or feature 'zoe', so it changes nothing" in note


def test_forbid_holds_for_a_feature_that_only_the_log_has(tmp_path):
    """Its requests never reach the provider; a feature that neither has is refused."""
    scenario = (
        "workload: {forbid: {dunning: [openai]}}\ndeployments:\n  a: {provider: openai, "
        "model: gpt-4o}\n  b: {provider: them, model: claude-sonnet-4-0, price: {input: 1, "
        "output: 1}}\n"
    )
    made = logged(tmp_path, "fallback: {targets: [a, b]}\n", scenario, feature="dunning")
    run = run_study(made).runs["p"][0]
    assert run.by["target"]["a"]["attempts"] == 0
    with pytest.raises(
        InputError,
        match=r"workload\.forbid\.duning: there is no such feature; did you mean dunning\?",
    ):
        logged(tmp_path, "{}\n", scenario.replace("dunning", "duning"), feature="dunning")


def test_a_rare_name_of_the_log_is_said_to_be_one_of_many(tmp_path):
    """Names beyond the busiest are told as one: a rule for one of them holds for nobody, and that
    is said."""
    log = written(
        tmp_path / "log.csv",
        [row | {"feature": f"f{place:04}"} for place, row in enumerate(calls(MAX_NAMES + 20))],
    )
    (tmp_path / "p.yaml").write_text(f"budget: {{usd: 1, shift: [f{MAX_NAMES + 10:04}]}}\n")
    made = load_replay(
        TraceSource(str(log)), None, ["recorded", str(tmp_path / "p.yaml")], [], 1, 1
    )
    (note,) = [note for note in made.notes if "budget.shift" in note]
    assert f"none of the {MAX_NAMES}" in note


def test_a_recorded_model_is_one_of_the_trace(tmp_path):
    """Else it is refused with the nearest, or because there is no trace."""
    text = (
        "deployments: {a: {provider: us, model: m, price: {input: 1, output: 1}, recorded: "
        "openai/gpt-4}}\n"
    )
    with pytest.raises(
        InputError, match=r"deployments\.a\.recorded: names a model of a trace, and there is none"
    ):
        named(tmp_path, "{}\n", text)
    with pytest.raises(
        InputError,
        match=r"deployments\.a\.recorded: the trace has no calls of 'openai/gpt-4'; did you mean "
        r"openai/gpt-4o\?",
    ):
        logged(tmp_path, "{}\n", text)


def test_tasks_of_which_no_quality_is_known_are_told(tmp_path):
    """Nothing is said where nobody claims to know any, or all is known."""
    graded = SCENARIO.replace("model: m,", "model: m, quality: {chat: 0.9},")
    (note,) = [note for note in named(tmp_path, "{}\n", graded).notes if "quality" in note]
    assert note.startswith("quality of first-one: not known for the tasks search; ")
    assert not [note for note in named(tmp_path, "{}\n").notes if "quality" in note]


@pytest.mark.parametrize(
    "names", [["a\x1b[31mb"], ["‮evil"], ["x" * 5000], [f"n{place}" for place in range(300)]]
)
def test_hostile_names_stay_within_a_line(tmp_path, names):
    """Nothing steers the terminal, and no line is longer than a few lines of it."""
    made = logged(tmp_path, f"budget: {{usd: 1, shift: {json.dumps(names)}}}\n", feature="dunning")
    noted = [note for note in made.notes if "budget.shift" in note]
    assert len(noted) == len(names)
    assert all(len(note) < 300 and note.isprintable() for note in noted)


# -- savings ---------------------------------------------------------------------------------------


def replay(log: Path, policy: str, scenario: Path | None = None) -> Study:
    return run_study(
        load_replay(
            TraceSource(str(log)),
            None if scenario is None else str(scenario),
            ["recorded", policy],
            [],
            1,
            1,
        )
    )


@pytest.mark.parametrize(
    ("scenario", "why"),
    [
        (None, "gpt-4o is the only deployment"),
        (
            "deployments: {dear: {provider: us, model: n, price: {input: 99, output: 99}}}\n",
            "cheapest for it already",
        ),
    ],
)
def test_a_table_of_shifts_that_is_empty_says_what_was_missing(tmp_path, scenario, why):
    """On the terminal, in the summary, and in the table itself."""
    if scenario is not None:
        (tmp_path / "s.yaml").write_text(scenario)
    log = written(tmp_path / "log.csv", calls(30, models={"gpt-4o": 1}))
    study = replay(log, "direct", None if scenario is None else tmp_path / "s.yaml")
    assert study.replay["shifts"] == []
    assert why in "; ".join(study.replay["shifts_missing"])
    assert [line for line in study.verdict_lines() if why in line]
    head, row = csv.reader(io.StringIO(csv_files(study.replay)["shifts.csv"]()))
    assert len(row) == len(head)
    assert why in row[0]


@pytest.mark.parametrize(
    ("mix", "why"),
    [
        ([], "no request of the log was answered"),
        (
            [["chat", "p/m", 5, None, None, None, None]],
            "5 answered requests are of work and models of which the log has no token counts",
        ),
        (
            [["chat", "p/other", 7, 10.0, 0.0, 10.0, None]],
            "7 answered requests went to models that are no deployment here",
        ),
    ],
)
def test_what_a_log_lacks_for_shifts_is_counted(mix, why):
    """Answered requests, token counts, deployments: whichever is missing, with how many requests
    that concerns."""
    made = spec.Deployment("p", "m", price=spec.PriceList(1, 1), recorded="p/m")
    found = costs._missing(
        spec.Scenario({"m": made}),
        SimpleNamespace(spend_by_work=mix, known_columns=["model"]),
        any_shift=False,
    )
    assert found == [why]


def test_work_that_should_move_moves_and_saves_what_the_table_says(shared, tmp_path):
    """Case q03: the log's tags are features; what each would cost at gpt-4.1-mini's list, and what
    the policy that moves `search` then costs."""
    case = shared / "cases" / "q03"
    if not case.exists():
        pytest.skip("the case is not here")
    want = json.loads((case / "want.json").read_text())
    study = replay(case / "log.jsonl.gz", str(case / "move.yaml"), case / "other.yaml")
    for row in study.replay["shifts"]:
        expected = want[row["work"]]
        assert row["requests"] == expected["requests"]
        assert row["cost_usd"] == pytest.approx(expected["now_usd"], rel=1e-3)
        assert row["would_cost_usd"] == pytest.approx(expected["gpt_41_mini_usd"], rel=1e-3)
    assert {row["work"] for row in study.replay["shifts"]} == set(want)
    found = study.runs["move"][0].by["feature"]
    for name, expected in want.items():
        assert found[name]["cost_usd"] == pytest.approx(
            expected["gpt_41_mini_usd" if name == "search" else "now_usd"], rel=1e-3
        )
