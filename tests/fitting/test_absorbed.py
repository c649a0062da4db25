"""A brown-out that a gateway's retries absorbed is in the fit and in the replay, though every
request was answered in the end."""

import json
import random
import statistics
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from simroute.config.from_trace import TraceSource, load_replay
from simroute.config.loading import load as load_scenario
from simroute.fitting.fit import fit
from simroute.studies.run import run_study
from simroute.traces import read
from simroute.traces.analysis.groups import kinds_of_work

START, HOURS, SPELL = 1_785_000_000, 4, (5400.0, 8100.0)
LOST, SLOWER, ERROR_S, SPREAD = 0.35, 3.0, 2.0, 0.4


def at(seconds: float) -> str:
    return datetime.fromtimestamp(START + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def gateway(path: Path, told: bool = True) -> list[float]:
    """SpendLogs of four hours of one model; in 45 minutes 35 % of sends fail and all takes three
    times as long, retried up to five times; returns the seconds of all requests."""
    chance, when, rows, took = random.Random(5), 0.0, [], []
    while (when := when + chance.expovariate(0.4)) < 3600 * HOURS:
        ill = SPELL[0] <= when < SPELL[1]
        pace, seconds, retries = SLOWER if ill else 1.0, 0.0, 0
        while ill and retries < 5 and chance.random() < LOST:
            seconds, retries = (
                seconds + ERROR_S * pace * chance.lognormvariate(0, SPREAD),
                retries + 1,
            )
        given = chance.randint(50, 400)
        seconds += (1 + 0.012 * given) * pace * chance.lognormvariate(0, SPREAD)
        took.append(seconds)
        rows.append(
            {
                "request_id": f"r{len(rows)}",
                "session_id": f"s{len(rows)}",
                "spend": 0.001,
                "prompt_tokens": chance.randint(100, 900),
                "completion_tokens": given,
                "startTime": at(when),
                "endTime": at(when + seconds),
                "completionStartTime": None,
                "model": "gpt-4o",
                "model_group": "gpt-4o",
                "custom_llm_provider": "openai",
                "cache_hit": "False",
                "status": "success",
                "metadata": json.dumps(
                    {"attempted_retries": retries, "max_retries": 5} if told else {}
                ),
            }
        )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return took


def p95(values: list[float]) -> float:
    return float(np.quantile(values, 0.95))


def test_retries_that_a_log_tells_of_are_failures_of_that_spell(tmp_path: Path) -> None:
    """The outage with its share of errors and its slow-down; played with retries as the gateway had
    them, its p95 is the log's."""
    took = gateway(tmp_path / "log.jsonl")
    made = fit(read([tmp_path / "log.jsonl"]), "log")
    (outage,) = made.parts.deployments[0].outages
    assert (outage.start.value, outage.end.value) == (
        pytest.approx(SPELL[0], abs=60),
        pytest.approx(SPELL[1], abs=60),
    )
    assert outage.error_share.contains(LOST)
    assert outage.slow_down == pytest.approx(SLOWER, rel=0.15)
    assert made.scenario.deployments["gpt-4o"].latency.slow.share == 0
    assert made.scenario.deployments["gpt-4o"].latency.error == pytest.approx(ERROR_S, rel=0.2)
    (tmp_path / "fitted.yaml").write_text(made.text(), encoding="utf-8")
    (tmp_path / "again.yaml").write_text(
        "retry: {attempts: 6, backoff: {initial: 0.01s}}\n", encoding="utf-8"
    )
    found = run_study(
        load_scenario(
            "compare",
            str(tmp_path / "fitted.yaml"),
            [str(tmp_path / "again.yaml"), "direct"],
            [],
            1,
            2,
        )
    )
    assert found.intervals["again"]["latency_p95_s"].mean == pytest.approx(p95(took), rel=0.15)
    assert found.intervals["again"]["success_rate"].mean > 0.998
    inside = (SPELL[1] - SPELL[0]) / (3600 * HOURS)
    assert found.intervals["direct"]["success_rate"].mean == pytest.approx(
        1 - LOST * inside, abs=0.012
    )


def test_a_replay_without_retries_fails_where_the_gateway_retried(tmp_path: Path) -> None:
    """The log's own routing succeeds as it did; one send a request loses 35 % of the spell's."""
    took = gateway(tmp_path / "log.jsonl")
    found = run_study(
        load_replay(
            TraceSource(str(tmp_path / "log.jsonl")),
            None,
            ["recorded", "direct"],
            [],
            replications=2,
        )
    )
    row = found.replay["calibration"]
    assert abs(row["success_rate"]["residual"]) < 0.004
    assert row["latency_p50_s"]["replayed"]["mean"] == pytest.approx(
        statistics.median(took), rel=0.03
    )
    inside = (SPELL[1] - SPELL[0]) / (3600 * HOURS)
    assert found.intervals["direct"]["success_rate"].mean == pytest.approx(
        1 - LOST * inside, abs=0.012
    )
    assert found.intervals["recorded"]["attempts_per_request"].mean == pytest.approx(
        1 + inside * LOST / (1 - LOST), rel=0.03
    )


def test_times_that_stretch_in_one_spell_are_a_slow_outage(tmp_path: Path) -> None:
    """The same log without a word of retries: the spell is found by its times, no error is made up,
    and no calls are slow for ever."""
    gateway(tmp_path / "log.jsonl", told=False)
    made = fit(read([tmp_path / "log.jsonl"]), "log")
    (outage,) = made.parts.deployments[0].outages
    assert (outage.start.value, outage.end.value) == (
        pytest.approx(SPELL[0], abs=60),
        pytest.approx(SPELL[1], abs=60),
    )
    assert outage.error_share.value == 0
    assert outage.slow_down > SLOWER
    assert made.scenario.deployments["gpt-4o"].latency.slow.share == 0


def test_all_users_are_kept(tmp_path: Path) -> None:
    """Of forty users as busy as each other thirty stand by name and ten as others, and shares are
    of all requests."""
    lines = ["arrival_ns,input_tokens,output_tokens,user"]
    lines += [
        f"{(START + place) * 10**9},{100 + place % 7},20,u{place % 40:02d}" for place in range(800)
    ]
    (tmp_path / "log.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    users = fit(read([tmp_path / "log.csv"]), "log").scenario.workload.users
    assert len(users) == 31
    assert users["others"] == pytest.approx(0.25)
    assert statistics.fsum(users.values()) == pytest.approx(1.0, abs=1e-3)


MODELS = ["gpt-4o-2024-08-06", "claude-sonnet-4-20250514"]


@pytest.mark.parametrize(
    ("groups", "tasks"),
    [
        (["summaries", "extract-invoices"], ["summaries", "extract-invoices"]),
        (["gpt-4o", "claude-sonnet-4"], []),
        (["smart", "fast-eu", "gpt-4o"], []),
        (["gpt-4o", "support-answers"], ["support-answers"]),
        (["openai/*", "anthropic/*"], []),
        (["support-answers"], []),
    ],
)
def test_groups_that_are_not_called_after_models_are_tasks(
    groups: list[str], tasks: list[str]
) -> None:
    """Or it is said why not, unless there is one group only."""
    found, why = kinds_of_work(groups, MODELS)
    assert found == tasks
    assert ("are no tasks here" in why) is (not tasks and len(groups) > 1)
