"""Success over time, on one line."""

from simroute.cli.render.sparkline import sparklines


def evidence(ok, weather=(), arrivals=None):
    """Of one policy, promise 99 %."""
    return {
        "policies": {"p": {"ok": ok, "arrivals": arrivals or [100] * len(ok)}},
        "slo": {"success": 0.99},
        "weather": list(weather),
    }


def outage(name, start, end):
    return {"kind": "outage", "name": name, "start_s": start, "end_s": end}


def test_each_slice_is_a_block_by_its_success():
    """Full where the promise holds, low where nothing succeeds, blank where nobody asked."""
    found = evidence([100, 99, 98, 50, 0, 0], arrivals=[100, 100, 100, 100, 100, 0])
    assert sparklines(found, 600.0)[1] == f"{'p':18} ██▇▄▁ "


def test_outages_stand_under_their_slices():
    """A brace as wide as the outage, with the name inside, or beside it when there is no room."""
    lines = sparklines(
        evidence([100] * 60, [outage("morning", 150, 450), outage("blip", 10, 11)]), 600.0
    )
    assert (
        lines[2]
        == " " * 18
        + " "
        + " " * 15
        + "╰────────── morning ──────────╯"[:1]
        + f"{' morning ':─^28}"
        + "╯"
    )
    assert lines[3] == " " * 18 + "  │ blip"


def test_many_slices_are_put_together():
    """At most sixty columns."""
    assert len(sparklines(evidence([100] * 120), 600.0)[1]) == 18 + 1 + 60


def test_without_requests_there_is_no_line():
    """Nothing arrived."""
    assert sparklines(evidence([0, 0], arrivals=[0, 0]), 600.0) == []


def test_a_name_cannot_steer_the_terminal():
    """Control characters are shown escaped."""
    lines = sparklines(evidence([100] * 60, [outage("a\x1b[2Jb", 0, 600)]), 600.0)
    assert "\x1b" not in "".join(lines)
