"""A call belongs to the deployment that was asked for: the same log under other names is the same
log."""

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from simroute.config.from_trace import TraceSource, load_replay
from simroute.fitting.fit import fit
from simroute.studies.run import run_study
from simroute.traces import read
from simroute.traces.convert import convert
from simroute.traces.identity import CallGroup, decide_deployments
from simroute.traces.table import RequestTable

START = 1_785_000_000
DATED = {"gpt-4o": "gpt-4o-2024-08-06", "claude-sonnet-4-0": "claude-sonnet-4-20250514"}
PROVIDERS = {"gpt-4o": "openai", "claude-sonnet-4-0": "anthropic"}
OUTAGE = 2000.0, 2900.0


def calls(number: int = 2400, seed: int = 3) -> list[dict[str, Any]]:
    """One a second or so at one of two models; every second call of gpt-4o fails in a quarter of an
    hour."""
    chance, at, rows = random.Random(seed), 0.0, []
    for _ in range(number):
        at += chance.expovariate(0.6)
        model = chance.choice(list(DATED))
        bad = model == "gpt-4o" and OUTAGE[0] <= at < OUTAGE[1] and chance.random() < 0.5
        rows.append(
            {
                "at": START + at,
                "model": model,
                "bad": bad,
                "took": 0.3 if bad else chance.uniform(1, 4),
                "in": chance.randint(100, 900),
            }
        )
    return rows


def helicone(rows: list[dict[str, Any]], answer: dict[str, str]) -> str:
    """As Helicone logs them: `response_model` is NULL where the call failed."""
    return "".join(
        json.dumps(
            {
                "request_id": f"r{place}",
                "request_created_at": moment(row["at"]),
                "response_status": 503 if row["bad"] else 200,
                "request_model": row["model"],
                "response_model": None if row["bad"] else answer.get(row["model"], row["model"]),
                "provider": PROVIDERS[row["model"]].upper(),
                "delay_ms": 1000 * row["took"],
                "prompt_tokens": None if row["bad"] else row["in"],
                "completion_tokens": None if row["bad"] else 100,
            }
        )
        + "\n"
        for place, row in enumerate(rows)
    )


def spend(rows: list[dict[str, Any]], group: dict[str, str], answer: dict[str, str]) -> str:
    """As LiteLLM's proxy logs them: a failed call has the name that the caller used, and neither
    provider nor group."""
    return "".join(
        json.dumps(
            {
                "request_id": f"r{place}",
                "spend": 0.0,
                "prompt_tokens": 0 if row["bad"] else row["in"],
                "completion_tokens": 0 if row["bad"] else 100,
                "startTime": moment(row["at"]),
                "endTime": moment(row["at"] + row["took"]),
                "completionStartTime": None,
                "model": group[row["model"]] if row["bad"] else answer[row["model"]],
                "model_group": "" if row["bad"] else group[row["model"]],
                "custom_llm_provider": "" if row["bad"] else PROVIDERS[row["model"]],
                "cache_hit": "False",
                "metadata": json.dumps(
                    {"error_information": {"error_code": "503"}} if row["bad"] else {}
                ),
                "status": "failure" if row["bad"] else "success",
            }
        )
        + "\n"
        for place, row in enumerate(rows)
    )


def langfuse(rows: list[dict[str, Any]], answer: dict[str, str]) -> str:
    """As Langfuse exports them: one name a row, and no provider."""
    return "".join(
        json.dumps(
            {
                "id": f"r{place}",
                "trace_id": f"t{place}",
                "type": "GENERATION",
                "start_time": moment(row["at"]),
                "end_time": moment(row["at"] + row["took"]),
                "completion_start_time": None,
                "provided_model_name": row["model"] if row["bad"] else answer[row["model"]],
                "level": "ERROR" if row["bad"] else "DEFAULT",
                "usage_details": {} if row["bad"] else {"input": row["in"], "output": 100},
            }
        )
        + "\n"
        for place, row in enumerate(rows)
    )


def moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def table(folder: Path, content: str, name: str = "log.jsonl") -> RequestTable:
    (folder / name).write_text(content, encoding="utf-8")
    return read([folder / name])


def failures(found: RequestTable) -> dict[str, int]:
    """Failed calls by the deployment to which they belong."""
    rows = found.rows(
        "SELECT concat(coalesce(provider, '?'), '/', coalesce(requested_model, '?')), count(*) "
        "FROM requests WHERE failed GROUP BY 1"
    )
    return dict(rows)


@pytest.mark.parametrize("form", ["helicone", "groups", "langfuse"])
def test_failures_under_the_name_asked_for_make_the_outage_of_what_answers_under_another(
    tmp_path: Path, form: str
) -> None:
    """All failures are those of one deployment, which has answers too, and the fit finds the outage
    where it was, with its share of one half."""
    rows = calls()
    text, own = {
        "helicone": (helicone(rows, DATED), "OPENAI/gpt-4o"),
        "groups": (
            spend(rows, {"gpt-4o": "smart", "claude-sonnet-4-0": "calm"}, DATED),
            "openai/gpt-4o-2024-08-06",
        ),
        "langfuse": (langfuse(rows, DATED), "?/gpt-4o-2024-08-06"),
    }[form]
    found = table(tmp_path, text)
    assert failures(found) == {own: sum(row["bad"] for row in rows)}
    made = fit(found, "log")
    assert len(made.parts.deployments) == 2
    ((outage,),) = [one.outages for one in made.parts.deployments if one.outages]
    assert outage.start.value == pytest.approx(OUTAGE[0] - rows[0]["at"] + START, abs=30)
    assert outage.end.value == pytest.approx(OUTAGE[1] - rows[0]["at"] + START, abs=30)
    assert outage.error_share.contains(0.5)


def test_other_names_for_the_answers_change_no_figure_of_a_replay(tmp_path: Path) -> None:
    """To the bit, for the log's own routing and another, and the price is that of the name asked
    for or of the one that answered."""
    found = []
    for name, answer in (("same", {}), ("alias", DATED)):
        path = tmp_path / f"{name}.jsonl"
        path.write_text(helicone(calls(600), answer), encoding="utf-8")
        found.append(
            run_study(
                load_replay(
                    TraceSource(str(path)), None, ["recorded", "failover"], [], replications=2
                )
            )
        )
    one, other = (
        {policy: [run.metrics for run in runs] for policy, runs in study.runs.items()}
        for study in found
    )
    assert one == other


def test_a_price_is_found_under_the_answering_name(tmp_path: Path) -> None:
    """A deployment of one's own name at Azure costs what the model that answers there costs."""
    rows = [row | {"model": "gpt-4o"} for row in calls(60)]
    text = helicone(rows, DATED).replace('"request_model": "gpt-4o"', '"request_model": "our-east"')
    (tmp_path / "log.jsonl").write_text(text, encoding="utf-8")
    (made,) = load_replay(
        TraceSource(str(tmp_path / "log.jsonl")), None, ["recorded"], []
    ).scenario.deployments.values()
    assert (made.provider, made.model, made.price) == ("openai", "gpt-4o", None)


def test_two_names_answered_by_one_are_two_deployments() -> None:
    """Each keeps its own failures; what has only the answering name is of neither, and that is
    told."""
    rows = [
        CallGroup("openai", "gpt-4o", "gpt-4o-2024-08-06", None, 90, 90),
        CallGroup("openai", "gpt-4o-latest", "gpt-4o-2024-08-06", None, 50, 50),
        CallGroup("openai", "gpt-4o", "gpt-4o", None, 0, 7),
        CallGroup("openai", "gpt-4o-latest", "gpt-4o-latest", None, 0, 3),
        CallGroup("openai", None, "gpt-4o-2024-08-06", None, 5, 5),
    ]
    found, notes = decide_deployments(rows)
    assert [found[row][1] for row in rows] == [
        "gpt-4o",
        "gpt-4o-latest",
        "gpt-4o",
        "gpt-4o-latest",
        "gpt-4o-2024-08-06",
    ]
    assert notes == [
        "5 calls name only openai/gpt-4o-2024-08-06, which answers for several names that were "
        "asked for: a deployment of its own"
    ]


CASES: dict[str, tuple[list[CallGroup], list[tuple[str | None, str | None]]]] = {
    "an alias that other rows establish": (
        [
            CallGroup("p", "a", "a-1", None, 9, 9),
            CallGroup("p", None, "a-1", None, 1, 1),
            CallGroup("p", "a", None, None, 0, 2),
        ],
        [("p", "a"), ("p", "a"), ("p", "a")],
    ),
    "an alias of another provider says nothing": (
        [CallGroup("p", "a", "a-1", None, 9, 9), CallGroup("q", None, "a-1", None, 1, 1)],
        [("p", "a"), ("q", "a-1")],
    ),
    "a blank provider, by the model's other rows": (
        [CallGroup("p", None, "m", None, 9, 9), CallGroup(None, None, "m", None, 0, 3)],
        [("p", "m"), ("p", "m")],
    ),
    "a blank provider of two": (
        [
            CallGroup("p", None, "m", None, 9, 9),
            CallGroup("q", None, "m", None, 9, 9),
            CallGroup(None, None, "m", None, 0, 3),
        ],
        [("p", "m"), ("q", "m"), (None, None)],
    ),
    "a blank provider, and the only one that was never answered": (
        [CallGroup("p", None, "m", None, 0, 9), CallGroup(None, None, "m", None, 0, 3)],
        [("p", "m"), (None, "m")],
    ),
    "a group of one": (
        [
            CallGroup("p", None, "m", "g", 9, 9),
            CallGroup(None, None, "g", None, 0, 3),
            CallGroup(None, None, "g", "g", 0, 3),
        ],
        [("p", "m"), ("p", "m"), ("p", "m")],
    ),
    "a group of two, though one is called as it is": (
        [
            CallGroup("p", None, "m", "m", 9, 9),
            CallGroup("q", None, "m-east", "m", 9, 9),
            CallGroup(None, None, "m", None, 0, 3),
        ],
        [("p", "m"), ("q", "m-east"), (None, None)],
    ),
    "a member of a group that only fails": (
        [CallGroup("p", None, "m", "g", 9, 9), CallGroup("p", None, "n", "g", 0, 3)],
        [("p", "m"), ("p", "n")],
    ),
    "the only dated form of a name": (
        [
            CallGroup("p", None, "m-20250514", None, 9, 9),
            CallGroup("p", None, "m-latest", None, 0, 3),
            CallGroup("p", None, "m", None, 0, 3),
        ],
        [("p", "m-20250514"), ("p", "m-20250514"), ("p", "m-20250514")],
    ),
    "two dated forms of a name": (
        [
            CallGroup("p", None, "m-2024-05-13", None, 9, 9),
            CallGroup("p", None, "m-2024-08-06", None, 9, 9),
            CallGroup("p", None, "m", None, 0, 3),
        ],
        [("p", "m-2024-05-13"), ("p", "m-2024-08-06"), ("p", None)],
    ),
    "a version that is gone is not the one that answers": (
        [
            CallGroup("p", None, "m-2024-08-06", None, 9, 9),
            CallGroup("p", None, "m-2024-05-13", None, 0, 3),
        ],
        [("p", "m-2024-08-06"), ("p", "m-2024-05-13")],
    ),
    "a deployment that only fails": (
        [CallGroup("a", None, "m", None, 9, 9), CallGroup("b", None, "n", None, 0, 3)],
        [("a", "m"), ("b", "n")],
    ),
    "no provider anywhere": (
        [CallGroup(None, None, "m", None, 9, 9), CallGroup(None, None, "n", None, 0, 3)],
        [(None, "m"), (None, "n")],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_the_rows_together_say_decides_and_no_more(case: str) -> None:
    """Each as its name says; an order of rows decides nothing."""
    rows, wanted = CASES[case]
    assert [decide_deployments(rows)[0][row] for row in rows] == wanted
    assert decide_deployments(rows[::-1])[0] == decide_deployments(rows)[0]


def test_calls_that_cannot_be_told_apart_are_counted_and_told(tmp_path: Path) -> None:
    """A group of two models: its failures are of neither, each of them is counted, and the replay's
    residual shows them."""
    rows = calls()
    found = table(tmp_path, spend(rows, dict.fromkeys(DATED, "smart"), DATED))
    bad = sum(row["bad"] for row in rows)
    told = (
        f"{bad:,} calls name only ?/smart, which may be anthropic/claude-sonnet-4-20250514, "
        f"openai/gpt-4o-2024-08-06: failures of none of them"
    )
    assert found.notes == [told]
    study = run_study(load_replay(TraceSource(str(tmp_path / "log.jsonl")), None, ["recorded"], []))
    assert study.replay["calibration"]["success_rate"]["residual"] == pytest.approx(bad / len(rows))
    (entry,) = study.verdict
    assert entry["meets_slo"] is None
    assert "points off the log's success" in entry["why"]
    assert not any("keeps it" in line for line in study.verdict_lines())


def test_a_converted_trace_says_the_same(tmp_path: Path) -> None:
    """Names as they were decided stand in the table, so that reading it decides nothing anew."""
    found = table(
        tmp_path, spend(calls(400), {"gpt-4o": "smart", "claude-sonnet-4-0": "calm"}, DATED)
    )
    convert(found, tmp_path / "t.parquet")
    again = read([tmp_path / "t.parquet"])
    query = (
        "SELECT provider, model, requested_model, model_group, count(*) FROM requests GROUP "
        "BY ALL ORDER BY ALL"
    )
    assert again.rows(query) == found.rows(query)
    assert again.notes == []


def test_attempts_of_one_request_belong_to_what_they_asked_for(tmp_path: Path) -> None:
    """Tries that name the group alone, or a provider's dated name, are of the same deployment as
    the request's answer."""
    tries = [
        {"offset_s": 0, "latency_s": 1, "status": 503, "model": "a"},
        {"offset_s": 1, "latency_s": 1, "status": 200, "model": "a-1"},
    ]
    rows = [
        {
            "arrival_ns": k * 10**9,
            "input_tokens": 5,
            "output_tokens": 5,
            "provider": "p",
            "model": "a-1",
            "requested_model": "a",
        }
        for k in (1, 2)
    ]
    rows[1] |= {"tries": tries, "latency_s": 2.0}
    found = table(tmp_path, "".join(json.dumps(row) + "\n" for row in rows))
    assert found.rows(
        "SELECT list_transform(tries, lambda t: concat(t.provider, '/', t.model)) FROM requests "
        "WHERE tries IS NOT NULL"
    ) == [(["p/a", "p/a"],)]


@pytest.mark.slow
def test_the_case_of_a_failed_call_that_knows_only_what_was_asked_for(
    shared: Path, tmp_path: Path
) -> None:
    """The log with dated answers and the one with the requested name everywhere: the same replay to
    the bit, the same outage."""
    made = []
    for name in ("alias", "same"):
        path = shared / "cases" / "l03b" / f"{name}.json.gz"
        study = run_study(
            load_replay(TraceSource(str(path)), None, ["recorded"], [], replications=2)
        )
        assert study.replay["calibration"]["success_rate"]["logged"] == pytest.approx(
            0.9683, abs=5e-5
        )
        assert study.intervals["recorded"]["success_rate"].mean == pytest.approx(0.9684, abs=0.003)
        found = fit(read([path]), "log")
        ((outage,),) = [one.outages for one in found.parts.deployments if one.outages]
        assert (
            round(outage.start.value),
            round(outage.end.value),
            round(outage.error_share.value, 3),
        ) == (3604, 4496, 0.516)
        made.append(
            (
                {policy: [run.metrics for run in runs] for policy, runs in study.runs.items()},
                found.plain()["scenario"],
            )
        )
    assert made[0] == made[1]
