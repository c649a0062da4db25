"""What a log and a scenario both name is matched by name, in whatever order either of them has it,
and what one of them lacks is not made up."""

import itertools
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simroute.config.from_trace import TraceSource, load_replay
from simroute.config.loading import load as load_scenario
from simroute.config.loading import restore
from simroute.execution.options import ExecutionOptions
from simroute.experiment.run import build_weather
from simroute.studies.comparison.study import Study
from simroute.studies.run import run_study
from tests.logs import calls, written

TASKS, FEATURES, TEAMS = ("chat", "code", "mail", "search"), ("app", "bot", "crm"), ("blue", "red")
RIGHT = {"chat": 1.0, "code": 0.0, "mail": 1.0, "search": 0.0}
"""Share of right answers by task: always or never, so that a single request tells whose figure it
got."""
REQUESTS = 60
GPT, CLAUDE = "provider: openai, model: gpt-4o", "provider: anthropic, model: claude-sonnet-4-0"


def rows():
    """Sixty requests; the n-th is of the task, feature and team that stand at n in turn, so that
    codes by frequency are codes by name."""
    for number, row in enumerate(calls(REQUESTS)):
        named = {
            "task": TASKS[number % 4],
            "feature": FEATURES[number % 3],
            "team": TEAMS[number // 2 % 2],
        }
        yield row | named


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return written(tmp_path_factory.mktemp("named") / "log.csv", rows())


def counted(column: str) -> dict[str, int]:
    return {
        word: sum(row[column] == word for row in rows()) for word in {row[column] for row in rows()}
    }


def replayed(log: Path, folder: Path, scenario: str, policy: str) -> Study:
    """The log under one policy beside its own routing, with this scenario."""
    (folder / "s.yaml").write_text(scenario)
    (folder / "p.yaml").write_text(policy)
    return run_study(
        load_replay(
            TraceSource(str(log)),
            str(folder / "s.yaml"),
            ["recorded", str(folder / "p.yaml")],
            [],
            1,
            1,
        )
    )


def shuffled(names, least=0):
    return st.lists(st.sampled_from([*names, "unheard_of"]), unique=True, min_size=least)


@settings(deadline=None, max_examples=25)
@given(
    tasks=shuffled(TASKS),
    graded=shuffled(TASKS, 1),
    features=shuffled(FEATURES),
    closed=st.sampled_from(FEATURES),
    moved=st.sampled_from(TASKS),
)
def test_what_a_log_names_is_matched_by_name(
    tmp_path_factory, log, tasks, graded, features, closed, moved
):
    """Whatever the scenario's order and gaps: quality is each task's own or not known, counts are
    the log's, `forbid` and `route` hit theirs."""
    folder = tmp_path_factory.mktemp("any")
    kinds = "".join(
        f"    {name}: {{share: {place + 1}}}\n"
        for place, name in enumerate(dict.fromkeys([*tasks, *graded]))
    )
    quality = "{" + ", ".join(f"{name}: {RIGHT.get(name, 0.5)}" for name in graded) + "}"
    known = [*features, *({closed} - set(features))]
    scenario = (
        "workload:\n"
        + (f"  tasks:\n{kinds}" if kinds else "")
        + f"  features: {{{', '.join(f'{name}: 1' for name in known)}}}\n "
        f" forbid: {{{closed}: [openai]}}\n"
        + f"deployments:\n  a: {{{GPT}, quality: {quality}}}\n  b: {{{CLAUDE}, quality: "
        f"{quality}}}\n"
    )
    study = replayed(
        log, folder, scenario, f"route: {{by: task, tasks: {{{moved}: b}}, default: a}}\n"
    )
    run = study.runs["p"][0]
    for kind in ("task", "feature", "team"):
        column = counted(kind)
        assert {
            name: row["requests"] for name, row in run.by[kind].items() if row["requests"]
        } == column
        assert {
            name: row["requests"]
            for name, row in study.runs["recorded"][0].by[kind].items()
            if row["requests"]
        } == column
    for name in TASKS:
        assert run.by["task"][name]["quality_mean"] == (RIGHT[name] if name in graded else None)
    assert run.metrics["quality_mean"] == (0.5 if set(TASKS) <= set(graded) else None)
    elsewhere = sum(row["task"] == moved or row["feature"] == closed for row in rows())
    assert {name: row["attempts"] for name, row in run.by["target"].items()} == {
        "a": REQUESTS - elsewhere,
        "b": elsewhere,
    }
    assert run.metrics["forbidden_share"] == 0


def test_a_log_without_a_kind_of_names_is_not_said_to_have_the_scenarios(tmp_path):
    """The scenario has features, the log none: what the log spent has no features' names, and is
    nobody's first feature."""
    log = written(tmp_path / "log.csv", calls(REQUESTS))
    scenario = (
        f"workload: {{features: {{app: 1, bot: 1}}}}\ndeployments: {{a: {{{GPT}}}, b: "
        f"{{{CLAUDE}}}}}\n"
    )
    study = replayed(log, tmp_path, scenario, "{}\n")
    found = study.replay["spend"]["feature"]
    assert found["before"] is None
    assert sorted(found["names"]) == ["app", "bot"]


def test_a_call_of_a_layers_own_can_be_made_in_a_replay(log, tmp_path):
    """A ping belongs to no request, so the log has no names for it: it still has a target's
    times."""
    (tmp_path / "s.yaml").write_text(f"deployments: {{a: {{{GPT}}}}}\n")
    sky = build_weather(
        load_replay(TraceSource(str(log)), str(tmp_path / "s.yaml"), ["direct"], [], 1, 1), 0
    )
    block = sky.ping_block(0, 0)
    assert set(block.input_tokens) == {1}
    assert all(
        0 <= code < len(names)
        for codes, names in ((block.task, sky.tasks), (block.feature, sky.features))
        for code in codes
    )


def test_row_files_and_a_rerun_have_the_logs_names(log, tmp_path):
    """Each request's row has the task and the feature of that row of the log; a run restored from
    its configuration gives the same figures."""
    scenario = (
        f"workload: {{tasks: {{search: {{}}, chat: {{}}}}}}\ndeployments: {{a: {{{GPT}, "
        f"quality: {{search: 0, chat: 1}}}}}}\n"
    )
    (tmp_path / "s.yaml").write_text(scenario)
    out = tmp_path / "run"
    out.mkdir()
    study = run_study(
        load_replay(
            TraceSource(str(log)), str(tmp_path / "s.yaml"), ["recorded", "direct"], [], 1, 1
        ),
        rows=True,
        options=ExecutionOptions(out=out),
    )
    found = duckdb.sql(
        f"SELECT task, feature, quality FROM '{out / 'requests.parquet'}' WHERE policy = "
        f"'direct' ORDER BY request_id"
    ).fetchall()
    assert [row[:2] for row in found] == [(row["task"], row["feature"]) for row in rows()]
    assert {(task, None if quality != quality else quality) for task, _, quality in found} == {
        ("chat", 1.0),
        ("search", 0.0),
        ("code", None),
        ("mail", None),
    }
    again = run_study(restore(out / "config.yaml"))
    assert again.runs["direct"][0].by == study.runs["direct"][0].by


def test_a_task_that_quality_does_not_list_has_no_quality(tmp_path):
    """In made-up traffic as well: a mean over the other tasks would be nobody's measurement."""
    scenario = (
        "horizon: 100s\nworkload: {rate: 2, tasks: {chat: {}, code: {}}}\n"
        "deployments: {a: {provider: us, model: m, price: {input: 1, output: 1}, quality: {chat: "
        "1}}}\n"
    )
    (tmp_path / "s.yaml").write_text(scenario)
    run = run_study(load_scenario("run", str(tmp_path / "s.yaml"), ["direct"])).runs["direct"][0]
    assert (
        run.by["task"]["chat"]["quality_mean"],
        run.by["task"]["code"]["quality_mean"],
        run.metrics["quality_mean"],
    ) == (1.0, None, None)


@pytest.mark.parametrize(("difficulty", "known"), [(0, True), (1, False)])
def test_one_number_for_all_work_holds_for_the_logs_tasks_too(log, tmp_path, difficulty, known):
    """Unless the scenario tells tasks apart by difficulty: how difficult those are that it does not
    know, it cannot say."""
    scenario = (
        f"workload: {{tasks: {{chat: {{difficulty: {difficulty}}}}}}}\ndeployments: {{a: "
        f"{{{GPT}, quality: 1}}, b: {{{CLAUDE}, quality: 1}}}}\n"
    )
    run = replayed(log, tmp_path, scenario, "{}\n").runs["p"][0]
    assert [run.by["task"][name]["quality_mean"] for name in TASKS] == [
        1.0,
        *[1.0 if known else None] * 3,
    ]


def test_turns_of_the_log_are_as_stated():
    """The fixture has each pair of task and feature, so that no wrong table of names gives the
    right counts by luck."""
    assert len({(row["task"], row["feature"]) for row in rows()}) == len(
        list(itertools.product(TASKS, FEATURES))
    )
