"""Where a budget's days, weeks and months begin."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import Ask, FakeWorld, Reply
from simroute.config.configuration import Configuration
from simroute.config.loading import load
from simroute.errors import InputError
from simroute.experiment.run import replicate
from simroute.ledger import OUTCOMES
from simroute.policies.budget import Budget
from simroute.studies.comparison.promise import describe_promise, requirements
from simroute.worlds.periods import Periods, bounds

HOUR, DAY = 3600.0, 86_400.0


def seconds(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("now", "kind", "zone", "reset", "begin", "end"),
    [
        ("2026-08-05T12:00", "day", "UTC", "00:00", "2026-08-05T00:00", "2026-08-06T00:00"),
        ("2026-08-05T05:59", "day", "UTC", "06:00", "2026-08-04T06:00", "2026-08-05T06:00"),
        ("2026-08-05T12:00", "week", "Asia/Tokyo", "00:00", "2026-08-03T00:00", "2026-08-10T00:00"),
        (
            "2026-08-03T08:00",
            "week",
            "America/New_York",
            "09:00",
            "2026-07-27T09:00",
            "2026-08-03T09:00",
        ),
        (
            "2026-03-01T00:30",
            "month",
            "Europe/Berlin",
            "01:00",
            "2026-02-01T01:00",
            "2026-03-01T01:00",
        ),
        ("2028-02-29T12:00", "month", "UTC", "00:00", "2028-02-01T00:00", "2028-03-01T00:00"),
        (
            "2026-12-31T23:59",
            "month",
            "Asia/Kathmandu",
            "00:00",
            "2026-12-01T00:00",
            "2027-01-01T00:00",
        ),
    ],
)
def test_periods_begin_on_the_clock_of_their_zone(
    now: str, kind: str, zone: str, reset: str, begin: str, end: str
) -> None:
    """Worked out by hand; all times are those of the zone."""
    assert bounds(seconds(now, zone), kind, zone, reset) == (
        seconds(begin, zone),
        seconds(end, zone),
    )


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-07-01", 24)]
)
def test_a_day_on_which_clocks_change_is_an_hour_shorter_or_longer(day: str, hours: int) -> None:
    """Berlin, 2026."""
    begin, end = bounds(seconds(f"{day}T12:00", "Europe/Berlin"), "day", "Europe/Berlin", "00:00")
    assert (end - begin) / HOUR == hours


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(["day", "week", "month"]),
    st.sampled_from(
        [
            "UTC",
            "Europe/Berlin",
            "America/St_Johns",
            "Pacific/Apia",
            "Australia/Lord_Howe",
            "Africa/Casablanca",
        ]
    ),
    st.sampled_from(["00:00", "02:30", "23:59"]),
)
def test_every_moment_is_in_one_period(when: datetime, kind: str, zone: str, reset: str) -> None:
    """It lies within its own, which ends where the next begins, and is about as long as it is
    called."""
    begin, end = bounds(when.timestamp(), kind, zone, reset)
    assert begin <= when.timestamp() < end
    assert bounds(end, kind, zone, reset)[0] == end
    assert abs((end - begin) / DAY - {"day": 1, "week": 7, "month": 29.5}[kind]) < {
        "month": 1.6
    }.get(kind, 0.05)


def test_without_a_date_the_clock_is_that_of_the_zone() -> None:
    """A run that begins on a Monday at 15:00 has nine hours of its first day; months have 30 days
    from its start."""
    undated = Periods(345_600.0 + 15 * HOUR)
    assert undated(0.0, "day", "America/New_York", "00:00") == (-15 * HOUR, 9 * HOUR)
    assert undated(31 * DAY, "month", "UTC", "00:00") == (30 * DAY, 60 * DAY)


def test_a_faster_replay_has_shorter_days() -> None:
    """At four times the speed a day takes six hours, and the first one ends at its log's
    midnight."""
    fast = Periods(seconds("2026-08-03T20:00"), 4.0, True)
    assert fast(0.0, "day", "UTC", "00:00") == (-5 * HOUR, HOUR)
    assert fast(2 * HOUR, "day", "UTC", "00:00") == (HOUR, 7 * HOUR)


def test_a_rolling_budget_frees_what_is_older_than_its_window() -> None:
    """1 USD an hour, 3 USD in the last four hours: three calls, then one whenever the oldest is
    four hours old, or a thousandth more."""
    world = FakeWorld(lambda call, n: Reply(usd=1.0, seconds=0.0))
    policy = Budget(usd=3.0, period="rolling", window=4 * HOUR, at_limit="reject", shift_at=1.0)
    asks = [
        Ask(id=i, arrival=i * HOUR + 30.0 * (i >= 4), input_tokens=0, max_output_tokens=0)
        for i in range(8)
    ]
    ends = world.play(policy, *asks)
    assert [outcome.status for _, outcome in ends] == [200, 200, 200, 402, 200, 200, 200, 402]


SCENARIO = """
horizon: 33h
workload:
  rate: 0.5
  profile: {hours: [0,0,0,0,0,0,0,0,0, 1,1,1,1,1,1,1,1,1, 0,0,0,0,0,0], starts: STARTS}
  tasks: {chat: {input_tokens: {median: 1000, sigma: 0}, output_tokens: {median: 1000, sigma: 0}}}
  max_output_tokens: 1000
deployments:
  m:
    {provider: a, model: m, price: {input: 1, output: 1},
     latency: {base: 0.1, per_1k_input: 0, per_output_token: 0.0001, sigma: 0, token_sigma: 0}}
budget: {usd: 43.2, period: day, zone: ZONE}
"""


def made(folder: Path, starts: str, zone: str) -> Configuration:
    (folder / "s.yaml").write_text(SCENARIO.replace("STARTS", starts).replace("ZONE", zone))
    (folder / "reject.yaml").write_text(
        "budget: {at_limit: reject, shift_at: 1.0}\ntimeout: {total: 30s}\n"
    )
    return load("run", str(folder / "s.yaml"), [str(folder / "reject.yaml")])


def refusals(configuration: Configuration) -> np.ndarray:
    """When requests were refused, hours from the start."""
    found: list[np.ndarray] = []

    def rows(world: object):
        return lambda table, chunk: (
            found.append(chunk["arrival_s"][chunk["outcome"] == OUTCOMES.index("rejected")])
            if table == "requests"
            else None
        )

    replicate(configuration, "reject", 0, rows)
    return np.concatenate(found) / HOUR


@pytest.mark.parametrize(
    ("starts", "zone", "free"),
    [
        ("15", "UTC", 9),
        pytest.param("2026-08-03T15:00", "UTC", 9, marks=pytest.mark.slow),
        ("2026-08-03T15:00", "Europe/Berlin", 7),
        pytest.param("15", "Europe/Berlin", 9, marks=pytest.mark.slow),
    ],
)
def test_a_days_budget_begins_at_midnight(
    tmp_path: Path, starts: str, zone: str, free: int
) -> None:
    """Half a day's spend, from 15:00 on: three hours of day one are free, day two is refused from
    13:30 to 18:00, give or take 4 sd."""
    # midnight in Berlin is 22:00 UTC, when no work is done: nothing changes but the bounds
    late = refusals(made(tmp_path, starts, zone))
    assert late.min() == pytest.approx(9 + 13.5, abs=4 * 21_600**0.5 / 4800)
    assert late.max() == pytest.approx(9 + 18, abs=0.02)
    assert (
        Periods(seconds("2026-08-03T15:00"), 1.0, "T" in starts)(0.0, "day", zone, "00:00")[1]
        == free * HOUR
    )


ROLLING = "{usd: 20, period: rolling, window: WINDOW}"


def rolled(folder: Path, window: str) -> Configuration:
    """33 h of which two spells of 9 h have calls of 0.002 USD, half a second apart, with a budget
    of 20 USD for a rolling window."""
    text = SCENARIO.replace("STARTS", "15").replace(
        "{usd: 43.2, period: day, zone: ZONE}", ROLLING.replace("WINDOW", window)
    )
    (folder / "s.yaml").write_text(text)
    (folder / "reject.yaml").write_text(
        "budget: {at_limit: reject, shift_at: 1.0, reserve: max}\ntimeout: {total: 30s}\n"
    )
    return load("run", str(folder / "s.yaml"), ["direct", str(folder / "reject.yaml")])


@pytest.mark.parametrize(("window", "long"), [("1h", HOUR), ("20h", 20 * HOUR), ("100ms", 0.1)])
def test_a_rolling_budget_is_judged_by_its_dearest_window(
    tmp_path: Path, window: str, long: float
) -> None:
    """No less than the largest sum in any window of that length, by brute force over the rows, and
    no more than in one a slot longer."""
    calls: list[tuple[np.ndarray, np.ndarray]] = []

    def rows(world: object):
        return lambda table, chunk: (
            calls.append((chunk["arrival_s"], chunk["cost_nano"])) if table == "requests" else None
        )

    used = replicate(rolled(tmp_path, window), "direct", 0, rows).metrics["budget_used"]
    when, cost = (np.concatenate(column) for column in zip(*calls, strict=True))
    order = np.argsort(when)
    when, sums = when[order], np.concatenate([[0], np.cumsum(cost[order])])
    slot = max(long / 1000, 33 * HOUR / 1_000_000)
    exact, longer = (
        max(sums[np.searchsorted(when, when + size, side="left")] - sums[:-1]) / 1e9 / 20
        for size in (long, long + slot + 1e-6)
    )
    assert exact <= used <= longer
    assert used > 0


def test_a_rolling_budget_is_part_of_the_promise_where_the_horizon_covers_its_window(
    tmp_path: Path,
) -> None:
    """A layer that holds it to the nano-dollar keeps it, and a policy without one does not; of a
    longer window nothing is known."""
    made = rolled(tmp_path, "4h")
    used = {
        policy: replicate(made, policy, 0).metrics["budget_used"] or 0.0
        for policy in ("direct", "reject")
    }
    assert used["direct"] == pytest.approx(4 * HOUR * 0.5 * 24 / 9 * 0.002 / 20, rel=0.05)
    assert 0.99 < used["reject"] <= 1
    assert describe_promise(made.scenario).endswith(", for at most $20 in any 4 h")
    assert [part.metric for part in requirements(made.scenario)] == ["success_rate", "budget_used"]
    longer = rolled(tmp_path, "34h")
    assert replicate(longer, "direct", 0).metrics["budget_used"] is None
    assert [part.metric for part in requirements(longer.scenario)] == ["success_rate"]


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ("zone: Berlin", "'Berlin' is no time zone; expected a name such as Europe/Berlin"),
        ("zone: ../etc/passwd", "is no time zone"),
        ("reset: 25:00", "expected a time of day in quotes"),
        ('reset: "6:00"', "expected a time of day in quotes"),
        ("period: year", "not one of day, week, month, rolling"),
    ],
)
def test_what_is_no_calendar_is_refused(tmp_path: Path, given: str, right: str) -> None:
    """One line that says what would be right."""
    (tmp_path / "s.yaml").write_text(
        SCENARIO.replace("STARTS", "0")
        .replace("zone: ZONE", given)
        .replace("period: day, period", "period")
    )
    (tmp_path / "direct.yaml").write_text("timeout: {total: 30s}\n")
    with pytest.raises(InputError, match=right):
        load("run", str(tmp_path / "s.yaml"), [str(tmp_path / "direct.yaml")])
