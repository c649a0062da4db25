"""Progress where no terminal shows it, and the time left."""

import pytest

from simroute.cli import work_log
from simroute.cli.work_log import Remaining, WorkLog, time_left


@pytest.fixture(autouse=True)
def five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two lines, as users have it."""
    monkeypatch.setattr(work_log, "BETWEEN", 5.0)


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def played(capsys: pytest.CaptureFixture[str], seconds: float, steps: int) -> list[str]:
    """The lines of a work of so many seconds with so many steps."""
    clock = Watch()
    log = WorkLog(clock)
    for step in range(steps + 1):
        log.update(step / steps, f"{step} of {steps}")
        clock.now += seconds / steps
    out, err = capsys.readouterr()
    assert out == ""
    return err.splitlines()


def test_each_tenth_of_long_work_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Nine of them in a hundred seconds, and not one for the end, which tells of itself."""
    lines = played(capsys, 100, 1000)
    assert [line.split(",")[0] for line in lines] == [f"{10 * n} % done" for n in range(1, 10)]
    assert lines[0].endswith("about 90 s left")
    assert lines[-1].endswith("about 10 s left")


def test_lines_are_five_seconds_apart(capsys: pytest.CaptureFixture[str]) -> None:
    """Of twenty seconds, tenths that come sooner are left out; work of four seconds has none."""
    assert len(played(capsys, 20, 1000)) == 3
    assert played(capsys, 4, 1000) == []


def test_a_stage_begins_anew(capsys: pytest.CaptureFixture[str]) -> None:
    """Its tenths are counted from its own beginning."""
    clock = Watch()
    log = WorkLog(clock)
    for _ in range(2):
        log.restart()
        for share in (0.0, 0.35, 0.7):
            clock.now += 10
            log.update(share, "x")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == ["35 % done", "70 % done"] * 2


def test_where_the_whole_is_not_known_pauses_grow(capsys: pytest.CaptureFixture[str]) -> None:
    """After 5, 10, 20 … seconds: an hour has ten lines, not seven hundred."""
    clock = Watch()
    log = WorkLog(clock)
    for _ in range(3600):
        clock.now += 1
        log.tell("rows")
    assert len(capsys.readouterr().err.splitlines()) == 9  # 5 (2^9 - 1) seconds are 2,555


def test_the_time_left_is_not_told_before_it_is_known() -> None:
    """Nothing at the first news, however long that took; nothing for two seconds or before a
    hundredth of the work; then what the pace since then says."""
    clock = Watch()
    remaining = Remaining(clock)
    clock.now += 60  # workers start
    assert remaining.seconds(0.0) is None
    clock.now += 1
    assert remaining.seconds(0.5) is None
    clock.now += 9
    assert remaining.seconds(0.005) is None
    assert remaining.seconds(0.25) == pytest.approx(30)
    remaining.restart()
    assert remaining.seconds(0.25) is None


def test_the_time_left_has_no_more_digits_than_are_known() -> None:
    """Seconds, then tens of them, then minutes."""
    told = {None: "", 7.4: "7 s", 94: "90 s", 207: "3:30 min", 1234: "21 min", 9000: "2:30 h"}
    for seconds, text in told.items():
        assert time_left(seconds) == (f"about {text} left" if text else "")
