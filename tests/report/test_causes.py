"""Causes of failure on the page: parts of a whole, the commonest in colours of their own."""

from typing import Any

import pytest

from simroute.report import Picture, RunDocuments
from simroute.report.colors import CAUSES, cause_looks
from simroute.report.figures import causes
from simroute.report.timeline import summary


def documents(
    policies: dict[str, dict[str, dict[str, float]]], latency: float | None = None
) -> RunDocuments:
    """A run with these shares of each cause by kind, all of them at a and half of them chat."""

    def by(kinds: dict[str, dict[str, float]]) -> dict[str, Any]:
        groups: dict[str, Any] = {}
        for kind in ("cause", "late", "repaired"):
            shares = kinds.get(kind, {})
            groups[kind] = {
                cause: {"share": {"mean": share, "low": None, "high": None}}
                for cause, share in shares.items()
            }
            groups[f"{kind}_by_target"] = {cause: {"a": {"mean": 4.0}} for cause in shares}
            tasks = {"chat": {"mean": 2.0}, "extract": {"mean": 2.0}}
            groups[f"{kind}_by_task"] = dict.fromkeys(shares, tasks)
        return groups

    summary = {"policies": {name: {"by": by(kinds)} for name, kinds in policies.items()}}
    metric = "success_rate" if latency is None else "slo_attainment"
    return RunDocuments(summary, {"promise": {"parts": [{"metric": metric}]}})


TWO = {
    "one": {"cause": {"hang": 0.03, "provider 529": 0.01}, "late": {"late: complete answer": 0.04}},
    "other": {"cause": {"refused: budget": 0.001}},
}


def parts(picture: Any) -> dict[str, list[float]]:
    assert isinstance(picture, Picture)
    return {trace["name"]: trace["x"] for trace in picture.data}


def test_each_policy_has_a_whole_bar_of_the_causes_of_its_misses() -> None:
    """Late answers are among them where the promise has a limit of time, and there only."""
    untimed = parts(causes.misses(documents(TWO)))
    assert {name: row[0] for name, row in untimed.items()} == pytest.approx(
        {"hang": 75.0, "provider 529": 25.0, "refused: budget": 0.0}
    )
    timed = parts(causes.misses(documents(TWO, latency=20.0)))
    assert timed["late: complete answer"][0] == pytest.approx(50.0)
    assert [sum(column) for column in zip(*timed.values(), strict=True)] == pytest.approx(
        [100, 100]
    )


def test_the_share_of_all_requests_stands_below_the_name() -> None:
    """What is missed in all, since every bar has the same length."""
    picture = causes.misses(documents(TWO, latency=20.0))
    assert isinstance(picture, Picture)
    assert picture.data[0]["y"] == ["one<br>8.00 %", "other<br>0.10 %"]
    assert picture.table.rows[0] == ["one", "hang", "3.00 %", "a 100 %", "chat 50 %, extract 50 %"]
    assert len(picture.table.rows) == 4


def test_repaired_sends_have_a_picture_though_no_request_failed() -> None:
    """And the other one says that there is nothing."""
    run = documents({"one": {"repaired": {"rate limited": 0.4}}, "other": {}})
    assert causes.misses(run) == "No request failed."
    picture = causes.repaired(run)
    assert isinstance(picture, Picture)
    assert picture.data[0]["y"] == ["one<br>40.00 %", "other<br>none"]
    assert causes.repaired(documents({"one": {}})) == "No send failed that was repaired."


def test_a_run_of_an_earlier_version_is_drawn_without_causes() -> None:
    """Its files have none."""
    run = RunDocuments({"policies": {"one": {"by": {"target": {}}}}}, {})
    assert causes.misses(run) == causes.repaired(run) == causes.NOT_KEPT


def test_a_dozen_causes_are_drawn_as_nine_and_others() -> None:
    """The least frequent ones together; names are no markup."""
    shares = {f"<b>{number}</b>": 0.01 * number for number in range(1, 13)}
    picture = causes.misses(documents({"one": {"cause": shares}}))
    drawn = parts(picture)
    assert len(drawn) == 10
    assert drawn[causes.OTHERS] == pytest.approx([100 * (0.01 + 0.02 + 0.03) / 0.78])
    assert not any("<b>" in name for name in drawn)


def test_a_common_cause_looks_the_same_in_every_picture() -> None:
    """Whatever else is there; others have looks that are free."""
    others = [f"refused: layer {number}" for number in range(20)]
    alone = {name: cause_looks([name])[name] for name in CAUSES}
    looks = cause_looks([*others, *CAUSES])
    assert {name: looks[name] for name in CAUSES} == alone
    assert len({(look.color, look.pattern) for look in looks.values()}) == len(looks)


def test_a_request_that_failed_is_explained_with_what_ended_it() -> None:
    """A run of an earlier version does not say."""
    request: dict[str, Any] = {
        "outcome": "failed",
        "target": None,
        "cached": "no",
        "latency_s": 30.0,
        "cost_nano": 0,
        "wasted_nano": 0,
        "quality": None,
        "task": "chat",
        "input_tokens": 5,
        "output_tokens": 0,
        "arrival_s": 0.0,
    }
    assert summary(request).startswith("Failed after 30.0 s")
    request["cause"] = "timed out here: total"
    assert summary(request).startswith("Failed (timed out here: total) after 30.0 s")


def test_a_single_cause_has_a_legend() -> None:
    """plotly leaves it out where there is one series, unless it is told."""
    picture = causes.repaired(documents({"one": {"repaired": {"hang": 0.1}}}))
    assert isinstance(picture, Picture)
    assert [trace["showlegend"] for trace in picture.data] == [True]
