"""A forecast holds where the future is like the past, and says so where it is not."""

import json
from pathlib import Path

import numpy as np
import pytest

from made_logs import arrivals
from simroute.fitting.forecast import ForecastPlan, forecast
from simroute.fitting.forecast_result import Forecast, grade_forecast
from simroute.fitting.grades import trust_sentence
from simroute.models import spec
from simroute.traces import read
from tests.logs import calls
from tests.logs import written as calls_written

TEN = ForecastPlan(replications=10)


def written(path: Path, when: np.ndarray, seed: int) -> Path:
    """A plain log of these arrivals: prompts of about 500 tokens, answers of about 100."""
    source = np.random.Generator(np.random.Philox(key=seed))
    asked, given = (
        np.maximum(1, mean * np.exp(0.7 * source.standard_normal(len(when)))).astype(int)
        for mean in (500, 100)
    )
    rows = [
        f"{t:.6f},{i},{o}"
        for t, i, o in zip(when.tolist(), asked.tolist(), given.tolist(), strict=True)
    ]
    path.write_text("\n".join(["arrival_s,input_tokens,output_tokens", *rows]) + "\n")
    return path


def predicted(path: Path, when: np.ndarray, seed: int = 0) -> Forecast:
    return forecast(read([written(path, when, seed)]), "log", ForecastPlan(0.6, 40))


def test_intervals_hold_for_a_stationary_log(tmp_path: Path) -> None:
    """Of 4 logs with 10 windows and 3 figures each, at least 105 of 120 windows (114 are expected;
    windows of one log go together)."""
    held = 0
    for k in range(4):
        found = predicted(tmp_path / f"{k}.csv", arrivals(spec.Workload(rate=2.0), 1500.0, k), k)
        assert set(found.overall) == {"rate", "input_tokens", "output_tokens"}
        assert {many for _, many in found.coverage.values()} == {10}
        held += sum(inside for inside, _ in found.coverage.values())
    assert held >= 105


def test_a_rate_that_doubles_is_not_held(tmp_path: Path) -> None:
    """From 2/s to 4/s where the held-out part begins: what came is above every interval."""
    past, rest = (
        arrivals(spec.Workload(rate=2.0), 900.0),
        900 + arrivals(spec.Workload(rate=4.0), 600.0, 1),
    )
    found = predicted(tmp_path / "log.csv", np.concatenate([past, rest]))
    low, middle, high, came = found.overall["rate"]
    assert low < middle < high
    assert came is not None
    assert came > high
    assert found.coverage["rate"][0] <= 2
    assert (found.trained, found.held_out) == (len(past), len(rest)) or abs(
        found.trained - len(past)
    ) < 30


def test_windows_are_hours_where_enough_is_held_out(tmp_path: Path) -> None:
    """Of a day at .02/s four tenths are 9 h 36 min: nine windows, the last one longer; they lie
    where the log's part lies."""
    found = predicted(tmp_path / "log.csv", arrivals(spec.Workload(rate=0.02), 86_400.0))
    assert len(found.windows) == 9
    assert found.windows[0].start == pytest.approx(found.split)
    assert found.windows[1].start - found.windows[0].start == pytest.approx(3600)
    assert found.windows[-1].end == pytest.approx(86_400, abs=500)


def test_the_same_log_and_seed_give_the_same_forecast(tmp_path: Path) -> None:
    """To the last bit."""
    when = arrivals(spec.Workload(rate=1.0), 600.0)
    one, two = (predicted(tmp_path / "log.csv", when).plain() for _ in range(2))
    assert one == two


def test_times_that_a_log_does_not_tell_are_not_counted(tmp_path: Path) -> None:
    """Every third call has no time: the others' are held against the forecast, and too few calls
    have no figure at all."""
    for many in (40, 300):
        rows = [
            f"{k}000000000,500,100,p,m,{'' if k % 3 == 0 else 1.5},false"
            for k in range(1, many + 1)
        ]
        path = tmp_path / f"{many}.csv"
        path.write_text(
            "\n".join(
                ["arrival_ns,input_tokens,output_tokens,provider,model,latency_s,failed", *rows]
            ),
            encoding="utf-8",
        )
        found = forecast(read([path]), path.name, TEN).overall
        assert all(np.isfinite(each[:3]).all() for each in found.values())
        assert many < 300 or found["p95"][3] == 1.5


def spans(path: Path, failing: str) -> Path:
    """OpenTelemetry spans, one every 4 s: asked for gpt-4o, answered after 2 s under two dated
    names; every tenth fails and knows `failing` only."""
    lines = []
    for k in range(1000):
        began, failed = 1_750_000_000_000_000_000 + k * 4_000_000_000, k % 10 == 3
        told = {"gen_ai.provider.name": "openai", "gen_ai.operation.name": "chat"}
        if failed:
            told |= {
                "gen_ai.request.model": failing,
                "http.response.status_code": 503,
                "error.type": "503",
            }
        else:
            told |= {
                "gen_ai.response.model": f"gpt-4o-2024-{('08-06', '11-20')[k % 2]}",
                "gen_ai.usage.input_tokens": 100,
                "gen_ai.usage.output_tokens": 50,
            }
        attributes = [
            {
                "key": key,
                "value": {"intValue": str(v)} if isinstance(v, int) else {"stringValue": v},
            }
            for key, v in told.items()
        ]
        span = {
            "traceId": f"{k:032x}",
            "spanId": f"{k:016x}",
            "name": "chat",
            "kind": 3,
            "attributes": attributes,
            "startTimeUnixNano": str(began),
            "endTimeUnixNano": str(began + 2_000_000_000),
            "status": {"code": 2 if failed else 1},
        }
        lines.append(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_success_is_not_held_where_failures_are_nobodys(tmp_path: Path) -> None:
    """A tenth of the calls fail and may be either version's: no `success 1, held`, but a sentence.
    Where they name a version, it is held."""
    torn = forecast(read([spans(tmp_path / "torn.jsonl", "gpt-4o")]), "torn", TEN)
    assert "success" not in torn.overall
    assert (
        "100 of 1,000 requests have a failure of which it cannot be told whose it was"
        in torn.notes[0]
    )
    assert torn.notes[0] in torn.plain()["notes"]
    clear = forecast(
        read([spans(tmp_path / "clear.jsonl", "gpt-4o-2024-08-06")]),
        "clear",
        TEN,
    )
    assert clear.overall["success"][3] == pytest.approx(0.9, abs=0.01)
    assert not clear.notes


def test_equal_times_are_held(tmp_path: Path) -> None:
    """Every answer took 2 s, before and after: the interval is a point, and it holds."""
    found = forecast(
        read([spans(tmp_path / "log.jsonl", "gpt-4o-2024-08-06")]),
        "log",
        TEN,
    )
    assert found.overall["p95"][3] == 2
    assert found.coverage["p95"] == (10, 10)


def test_a_grade_is_of_the_whole_and_of_the_windows() -> None:
    """Of 10 windows that hold 95 times in 100, at most 7 hold in one log of 87 (P = .0115), at most
    8 in one of 12 (P = .086): the first is fewer than chance explains (1 in 40), the second not."""
    assert [grade_forecast(True, (held, 10)) for held in (8, 7)] == ["good", "fair"]
    assert [grade_forecast(False, (held, 10)) for held in (8, 7)] == ["fair", "bad"]
    assert [grade_forecast(held, None) for held in (True, False)] == ["good", "bad"]


def test_a_doubled_rate_is_told_in_the_first_sentences(tmp_path: Path) -> None:
    """Not for requests; and how many came, for how many were predicted."""
    past, rest = (
        arrivals(spec.Workload(rate=2.0), 900.0),
        900 + arrivals(spec.Workload(rate=4.0), 600.0, 1),
    )
    lines = predicted(tmp_path / "log.csv", np.concatenate([past, rest])).lines()
    assert "cannot be trusted for requests" in lines[0] or "not for requests" in lines[0]
    assert any(line.startswith("Requests a second: 4") for line in lines[2:])


def test_a_log_without_failures_is_no_forecast_of_them(tmp_path: Path) -> None:
    """All calls succeed in both parts: success is not among what is trusted, its bound is told, and
    the headline says on how much it was tried."""
    path = calls_written(tmp_path / "log.csv", calls(1000, models={"gpt-4o": 1.0}))
    found = forecast(read([path]), "log", ForecastPlan(0.6, 20))
    verdict, bound, basis, *_ = found.lines()
    assert "success" in found.grades
    assert "success" not in verdict
    assert bound.startswith("No failure in the log among calls of ")
    ahead = basis.split("the next ")[1].split(" (")[0]
    assert verdict.startswith(f"This forecast, tried on the next {ahead}, can")


def test_what_is_trusted_is_said_in_one_sentence() -> None:
    """Good, with care, and not; without any good or fair, only that."""
    three = trust_sentence("It", {"a": "good", "b": "fair", "c": "bad", "d": "good"})
    assert three == "It can be trusted for a and d, with care for b, not for c."
    assert trust_sentence("It", {"c": "bad"}) == "It cannot be trusted for c."
    assert trust_sentence("It", {"a": "fair"}) == "It can be trusted with care for a."
    assert trust_sentence("It", {}) == ""
