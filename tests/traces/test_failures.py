"""Whose fault a failure was: what belongs to the request stays with it, what belongs to a
deployment stays there."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from simroute.config.from_trace import TraceSource, load_replay
from simroute.config.loading import load as load_scenario
from simroute.fitting.fit import fit
from simroute.fitting.forecast import ForecastPlan, forecast
from simroute.studies.comparison.study import Study
from simroute.studies.run import run_study
from simroute.traces import read
from simroute.traces.analysis import profile
from tests.logs import calls, written


def replay(path: Path, *policies: str, replications: int = 2) -> Study:
    """The log's own routing, and these."""
    return run_study(
        load_replay(TraceSource(str(path)), None, ["recorded", *policies], [], 1, replications)
    )


def faulty(
    folder: Path, status: int | str, error: str = "", share: float = 0.05, number: int = 1500
) -> Path:
    """A log whose only failures have that status, at one of its two models."""
    chance = random.Random(9)
    rows = []
    for row in calls(number):
        bad = row["model"] == "gpt-4o" and chance.random() < share
        rows.append(
            row
            | (
                {"failed": "true", "status": status, "error": error, "cost_usd": 0}
                if bad
                else {"error": ""}
            )
        )
    return written(folder / "log.csv", rows)


def lost(path: Path) -> float:
    """The share of the log's requests that failed."""
    return float(read([path]).value("SELECT avg(failed::INTEGER) FROM requests"))


def rates(found: Study) -> list[float]:
    """Success of each policy in each replication."""
    return [run.metrics["success_rate"] or 0.0 for runs in found.runs.values() for run in runs]


FAULTS = [
    (400, ""),
    (401, ""),
    (403, ""),
    (404, ""),
    (413, ""),
    (422, ""),
    (451, ""),
    (499, ""),
    ("", "ContextWindowExceededError"),
    ("", "content_filter"),
    ("", "AuthenticationError"),
    ("", "not_found_error"),
    ("", "BadRequestError"),
]


def test_a_request_at_fault_in_whatever_way_fails_wherever_it_is_sent(tmp_path: Path) -> None:
    """A log with failures of every such kind, ten of each: both policies lose exactly its share, in
    every replication."""
    rows = [row | {"error": ""} for row in calls(600)]
    for place, (status, error) in enumerate(FAULTS * 10):
        rows[4 * place] |= {"failed": "true", "status": status, "error": error, "cost_usd": 0}
    found = replay(path := written(tmp_path / "log.csv", rows), "failover")
    assert lost(path) == 130 / 600
    assert rates(found) == pytest.approx([1 - 130 / 600] * 4)
    assert any(
        "fail wherever they are sent" in note
        for note in load_replay(TraceSource(str(path)), None, ["recorded"], []).notes
    )


@pytest.mark.slow
@pytest.mark.parametrize(("status", "error"), FAULTS, ids=lambda each: str(each) or "-")
def test_a_request_at_fault_fails_wherever_it_is_sent(
    tmp_path: Path, status: int | str, error: str
) -> None:
    """Both policies lose exactly the log's share, in every replication, and the number is told."""
    path = faulty(tmp_path, status, error, number=300)
    found = replay(path, "failover")
    assert rates(found) == pytest.approx([1 - lost(path)] * 4)
    assert any(
        "fail wherever they are sent" in note
        for note in load_replay(TraceSource(str(path)), None, ["recorded"], []).notes
    )


@pytest.mark.parametrize(
    ("status", "error"),
    [(503, ""), (429, ""), (408, ""), (529, ""), ("", "APIConnectionError"), ("", "")],
    ids=str,
)
def test_weather_is_what_a_policy_can_get_round(
    tmp_path: Path, status: int | str, error: str
) -> None:
    """With failover to the other model hardly anything is lost; a failure without a status is
    weather, and such ones are counted."""
    path = faulty(tmp_path, status, error, number=300)
    found = replay(path, "failover")
    assert found.intervals["failover"]["success_rate"].mean > 0.99 > 1 - lost(path)
    told = [
        note
        for note in load_replay(TraceSource(str(path)), None, ["recorded"], []).notes
        if "have no status" in note
    ]
    assert len(told) == (status == "")


def test_a_fit_gives_faults_to_the_traffic_and_not_to_a_deployment(tmp_path: Path) -> None:
    """The share of all requests, no errors and no outage; in the fitted scenario failover gains
    nothing, and success is the log's."""
    path = faulty(tmp_path, 400)
    made = fit(read([path]), "log")
    share = lost(path)
    assert made.scenario.workload.invalid == {400: pytest.approx(share, rel=1e-3)}
    assert all(not deployment.errors for deployment in made.scenario.deployments.values())
    assert not made.scenario.outages
    (tmp_path / "fitted.yaml").write_text(made.text(), encoding="utf-8")
    found = run_study(
        load_scenario("compare", str(tmp_path / "fitted.yaml"), ["direct", "failover"], [], 1, 3)
    )
    assert rates(found)[:3] == rates(found)[3:]
    assert np.mean(rates(found)) == pytest.approx(1 - share, abs=4 * (share / 4500) ** 0.5)


def test_what_another_deployment_answered_was_not_the_requests_fault(tmp_path: Path) -> None:
    """A context that is too long for one model and not for the other: the first fails as it did,
    and the second answers."""
    rows = []
    for place, row in enumerate(calls(400, models={"gpt-4o": 1})):
        status = 400 if place % 4 == 0 else 200
        tries = [
            {
                "offset_s": 0.0,
                "latency_s": 0.5,
                "provider": "openai",
                "model": "gpt-4o",
                "status": status,
            }
        ]
        if status == 400:
            tries.append(
                {
                    "offset_s": 0.5,
                    "latency_s": 1.0,
                    "provider": "anthropic",
                    "model": "claude-sonnet-4-0",
                    "status": 200,
                }
            )
        rows.append(
            row
            | {
                "tries": json.dumps(tries),
                "status": 200,
                "provider": tries[-1]["provider"],
                "model": tries[-1]["model"],
            }
        )
    path = written(tmp_path / "log.csv", rows)
    found = replay(path, "direct")
    assert found.intervals["recorded"]["success_rate"].mean == pytest.approx(1.0, abs=0.01)
    assert found.intervals["direct"]["success_rate"].mean == pytest.approx(0.75, abs=0.07)


def test_whose_fault_failures_were_is_shown(tmp_path: Path) -> None:
    """By what each row says; those without a status count as the deployments'; the parts add up to
    all that failed."""
    failed = (
        [(400, "")] * 10
        + [("", "AuthenticationError")] * 2
        + [(499, "")] * 3
        + [(503, "")] * 60
        + [(429, "")] * 31
        + [("", "")] * 9
    )
    log = [
        row | {"failed": "true", "status": status, "error": error}
        for row, (status, error) in zip(calls(len(failed)), failed, strict=True)
    ]
    table = read(
        [written(tmp_path / "log.csv", [*(row | {"error": ""} for row in calls(50, seed=2)), *log])]
    )
    assert dict(profile.profile_lines(table))["whose fault"] == (
        "12 of the request itself or its account (400: 10, 401: 2), 3 given up by who asked "
        "(499), 100 of the deployments"
        " (9 without a status are taken as such)"
    )
    said = profile.summarize(table)
    flat = [
        said[f"failed_{name}"]
        for name in ("by_request", "given_up", "by_deployment", "without_status")
    ]
    assert (flat, sum(flat[:3])) == ([12, 3, 100, 9], said["failed"])


def dead(folder: Path, status: int) -> Path:
    """Every ninth call goes to a deployment that never answers."""
    last = {"provider": "b", "model": "gone", "failed": "true", "status": status, "cost_usd": 0}
    return written(
        folder / "log.csv",
        [row | (last if place % 9 == 4 else {}) for place, row in enumerate(calls(450))],
    )


@pytest.mark.parametrize(("status", "elsewhere"), [(503, 1.0), (401, 8 / 9)])
def test_a_deployment_that_only_failed_still_fails(
    tmp_path: Path, status: int, elsewhere: float
) -> None:
    """8 of 9 succeed as in the log; another policy gets round it where it was weather; a policy
    that asks it alone has nothing."""
    path, policy = dead(tmp_path, status), tmp_path / "gone.yaml"
    policy.write_text("fallback: {targets: [gone]}\n", encoding="utf-8")
    found = replay(path, "failover", str(policy))
    assert rates(found) == pytest.approx([8 / 9] * 2 + [elsewhere] * 2 + [0.0] * 2)
    made = load_replay(TraceSource(str(path)), None, ["recorded"], [])
    assert next(iter(made.scenario.deployments)) != "gone"
    assert any(
        note.startswith(f"b/gone: none of its 50 calls was answered (mostly {status})")
        for note in made.notes
    )


def test_a_fit_and_a_forecast_have_the_deployment_that_only_failed(tmp_path: Path) -> None:
    """All of its calls fail, which is said, and its share of the calls fails in what is
    predicted."""
    table = read([dead(tmp_path, 503)])
    made = fit(table, "log")
    assert made.scenario.deployments["gone"].errors == {503: 1.0}
    assert any("none of its 50 calls was answered" in line for line in made.head)
    _, middle, _, came = forecast(table, "log", ForecastPlan(replications=5)).overall["success"]
    assert middle == pytest.approx(8 / 9, abs=0.08)
    assert came == pytest.approx(8 / 9, abs=0.01)


def test_a_deployment_without_times_is_as_fast_as_the_others_and_not_observed(
    tmp_path: Path,
) -> None:
    """Its answers have no latency: they take what the others' take, a note says so, and nothing of
    it is called the log's own."""
    rows = [
        row | ({"provider": "b", "model": "mute", "latency_s": ""} if place % 3 == 0 else {})
        for place, row in enumerate(calls(600))
    ]
    path, policy = written(tmp_path / "log.csv", rows), tmp_path / "mute.yaml"
    policy.write_text("fallback: {targets: [mute]}\n", encoding="utf-8")
    found = replay(path, str(policy))
    assert found.replay["origin"]["mute"]["answers"] == 0.0
    assert found.intervals["mute"]["latency_p50_s"].mean == pytest.approx(2 * np.log(2), rel=0.2)
    assert any(
        note.startswith("b/mute: ASSUMED as fast as")
        for note in load_replay(TraceSource(str(path)), None, ["recorded"], []).notes
    )


def test_the_case_of_a_deployment_that_was_left_out(shared: Path) -> None:
    """88.70 % in the log and in the replay."""
    found = replay(shared / "cases" / "l03c" / "dead.csv.gz", "failover")
    assert found.replay["calibration"]["success_rate"]["logged"] == pytest.approx(0.887)
    assert rates(found) == pytest.approx([0.887] * 4)


def test_calls_without_a_model_are_counted_and_told(tmp_path: Path) -> None:
    """Every third names none, and they are no deployment's."""
    rows = [row | ({"model": ""} if place % 3 == 0 else {}) for place, row in enumerate(calls(90))]
    notes = load_replay(
        TraceSource(str(written(tmp_path / "log.csv", rows))), None, ["recorded"], []
    ).notes
    assert any("30 requests name no model (0 of them failed)" in note for note in notes)
