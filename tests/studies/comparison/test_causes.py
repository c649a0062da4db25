"""Causes of failures over replications, in summary.json and in sentences."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import simroute
from simroute.config.configuration import Configuration
from simroute.core import registry
from simroute.metrics import METRICS, Figures
from simroute.models.spec import Deployment, Outage, PriceList, Scenario, Slo, TaskSlo, Workload
from simroute.policies.choice import Aim
from simroute.policies.timeout import Timeout
from simroute.statistics.intervals import interval
from simroute.studies.comparison.cause_sentences import REFUSALS, failure_line, main_cause
from simroute.studies.comparison.causes import cause_groups
from simroute.studies.comparison.comparison import Comparison
from simroute.studies.comparison.run import compare

Rows = list[tuple[str, str, str, int]]
SEEN = {
    "chat": {"requests": {"mean": 900.0}},
    "reasoning": {"requests": {"mean": 100.0}},
}
TARGETS = {"a": {"attempts": {"mean": 500.0}}, "b": {"attempts": {"mean": 500.0}}}


def run(
    failed: Rows,
    late: Rows = (),
    repaired: Rows = (),
    requests: int = 1000,  # type: ignore[assignment]
) -> Figures:
    """A replication of so many requests, 900 of 1,000 of them chat, sent once each."""
    missed = sum(row[3] for row in failed)
    metrics: dict[str, float | None] = dict.fromkeys(METRICS, 1.0)
    metrics |= {
        "requests": float(requests),
        "success_rate": 1 - missed / requests,
        "slo_attainment": 1 - (missed + sum(row[3] for row in late)) / requests,
    }
    by: Any = {
        "task": {"chat": {"requests": 0.9 * requests}, "reasoning": {"requests": 0.1 * requests}},
        "target": {"a": {"attempts": requests / 2}, "b": {"attempts": requests / 2}},
    }
    causes = {"cause": list(failed), "late": list(late), "repaired": list(repaired)}
    return Figures(metrics, {}, by, [[], []], {}, causes=causes)


FIRST = run([("hang", "a", "chat", 6), ("provider 529", "a", "chat", 2)])
SECOND = run([("provider 529", "a", "chat", 10), ("provider 529", "b", "reasoning", 4)])


def test_groups_have_intervals_over_replications_the_commonest_cause_first() -> None:
    """A cause that a replication did not meet counts 0 there."""
    groups = cause_groups([FIRST, SECOND])
    assert list(groups["cause"]) == ["provider 529", "hang"]
    assert groups["cause"]["provider 529"] == {
        "requests": interval([2.0, 14.0])._replace(low=0.0).plain(),
        "share": interval([0.002, 0.014])._replace(low=0.0).plain(),
    }
    assert groups["cause"]["hang"]["requests"]["mean"] == 3.0
    by_target = groups["cause_by_target"]["provider 529"]
    assert {name: each["mean"] for name, each in by_target.items()} == {"a": 6.0, "b": 2.0}
    by_task = groups["cause_by_task"]["provider 529"]
    assert {name: each["mean"] for name, each in by_task.items()} == {"chat": 6.0, "reasoning": 2.0}


def test_sums_over_causes_targets_and_tasks_are_the_failed_requests() -> None:
    """The shares are those by which success is less than 1."""
    groups = cause_groups([FIRST, SECOND])
    assert sum(row["share"]["mean"] for row in groups["cause"].values()) == pytest.approx(0.011)
    for part in ("target", "task"):
        table = groups[f"cause_by_{part}"]
        assert sum(each["mean"] for row in table.values() for each in row.values()) == 11.0


def test_repaired_sends_are_a_share_of_sends() -> None:
    """Of 1,000 requests that were sent twice each, 300 sends failed: 15 %."""
    figures = run([], repaired=[("rate limited", "a", "chat", 300)])
    figures.metrics["attempts_per_request"] = 2.0
    (row,) = cause_groups([figures])["repaired"].values()
    assert (row["sends"]["mean"], row["share"]["mean"]) == (300.0, 0.15)


def test_nothing_failed_is_an_empty_group() -> None:
    """The groups are there all the same."""
    groups = cause_groups([run([])])
    kinds = ("cause", "late", "repaired")
    assert groups == {kind + part: {} for kind in kinds for part in ("", "_by_target", "_by_task")}


def grouped(*failed: tuple[str, str, str, int], **others: Rows) -> dict[str, Any]:
    """`by` of a policy with one replication of these counts."""
    return {"task": SEEN, "target": TARGETS, **cause_groups([run(list(failed), **others)])}


def test_a_line_tells_shares_causes_and_where_most_of_each_was() -> None:
    """Of 49 in 1,000 failures 40 are of a task that has a tenth of the traffic; what stands out
    from nothing is not named."""
    by = grouped(
        ("timed out here: total", "a", "reasoning", 35),
        ("timed out here: total", "b", "chat", 5),
        ("provider 529", "a", "chat", 5),
        ("provider 529", "b", "chat", 4),
    )
    assert failure_line(by, {"timeout": Timeout(30.0)}) == (
        "4.90 % failed: 4.00 % timed out here after 30 s (88 % of them reasoning), "
        "0.90 % provider 529"
    )


def test_a_single_cause_has_the_share_of_all() -> None:
    """Which is told once."""
    by = grouped(("hang", "a", "chat", 1), repaired=[("rate limited", "b", "chat", 20)])
    assert failure_line(by, {}) == (
        "0.10 % failed: hang (all a); 2.00 % of the sends failed and were repaired: "
        "rate limited (all b)"
    )


def test_a_line_tells_what_was_repaired_though_nobody_failed() -> None:
    """A storm of 429s is seen."""
    by = grouped(repaired=[("rate limited", "a", "chat", 450), ("hang", "b", "chat", 50)])
    assert failure_line(by, {}) == (
        "none failed; 50.0 % of the sends failed and were repaired: 45.0 % rate limited (all a), "
        "5.00 % hang (all b)"
    )
    assert failure_line(grouped(), {}) is None


def test_causes_that_hardly_count_are_added_up() -> None:
    """What has less than a twentieth of all is not named, unless it is a single one."""
    rare = [("hang", "a", "chat", 1), ("overloaded", "a", "chat", 2)]
    most = ("provider 529", "a", "chat", 97)
    line = failure_line(grouped(most, *rare), {})
    assert line is not None
    assert line.endswith("0.30 % from 2 other causes")
    line = failure_line(grouped(most, rare[0]), {})
    assert line is not None
    assert line.endswith("0.10 % hang (all a)")


TIMED = Scenario({"a": Deployment("ann", "big")}, slo=Slo(success=0.99, latency=20.0, ttft=2.0))
UNTIMED = Scenario({"a": Deployment("ann", "big")}, slo=Slo(success=0.99))
TIMEOUT = {"timeout": Timeout(30.0, 5.0)}


@pytest.mark.parametrize(
    ("cause", "target", "words"),
    [
        ("timed out here: total", "a", "its 30 s timeout ends 4.00 % of reasoning requests"),
        (
            "timed out here: first token",
            "a",
            "its 5 s timeout for the first token ends 4.00 % of reasoning requests",
        ),
        ("timed out here", "a", "its timeout ends 4.00 % of reasoning requests"),
        ("refused: budget", "(none)", "its budget refuses 4.00 % of reasoning requests"),
        (
            "refused: forbids",
            "a",
            "it sends 4.00 % of reasoning requests to a, which must not see them",
        ),
        (
            "refused: forbids",
            "(none)",
            "it sends 4.00 % of reasoning requests to providers that must not see them",
        ),
        (
            "refused: fallback",
            "(none)",
            "4.00 % of reasoning requests may be seen by none of its targets",
        ),
        ("refused: shed", "(none)", "it sheds 4.00 % of reasoning requests"),
        ("refused: mine", "a", "its mine layer refuses 4.00 % of reasoning requests"),
        (
            "no connection",
            "b",
            "no connection to b stands in time for 4.00 % of reasoning requests",
        ),
        ("provider 529", "a", "a answers 4.00 % of reasoning requests with status 529"),
        ("rate limited", "b", "the rate limit of b refuses 4.00 % of reasoning requests"),
        ("hang", "b", "b never answers 4.00 % of reasoning requests"),
        ("truncated", "b", "4.00 % of reasoning answers from b break off"),
        (
            "gateway full",
            "(none)",
            "the gateway's queue has no room for 4.00 % of reasoning requests",
        ),
        ("the caller gave up", "(none)", "the callers of 4.00 % of reasoning requests give up"),
        ("quota used up", "b", "the quota of b is used up for 4.00 % of reasoning requests"),
        (
            "client error",
            "b",
            "4.00 % of reasoning requests are refused for what they ask (client error)",
        ),
    ],
)
def test_the_main_cause_is_a_clause_with_the_share_of_the_work_it_meets(
    cause: str, target: str, words: str
) -> None:
    """Four of a hundred reasoning requests."""
    by = grouped((cause, target, "reasoning", 4), ("given up", "a", "chat", 2))
    assert main_cause(by, TIMEOUT, UNTIMED) == words


def test_whatever_refuses_has_a_clause_that_begins_with_who_or_what() -> None:
    """Of every layer that says itself that it refused, a sentence of its own."""
    source = Path(simroute.__file__).parent
    makers = {
        word
        for folder in ("policies", "gateways", "worlds")
        for path in (source / folder).rglob("*.py")
        for word in re.findall(r'Outcome\.rejected\(\s*(?:by=)?"(\w+)"', path.read_text())
    }
    kinds = {kind for kind, layer in registry.items() if issubclass(layer, Aim)}  # say it by kind
    assert {"breaker", "forbids", "shed"} <= makers
    assert (makers | kinds) - REFUSALS.keys() == set()


def test_without_work_or_target_that_stands_out_it_is_of_all_requests() -> None:
    """Tasks fail as they arrive; targets by halves."""
    rows = [
        ("provider 529", target, task, number)
        for target in ("a", "b")
        for task, number in (("chat", 9), ("reasoning", 1))
    ]
    words = "a provider answers 2.00 % of requests with status 529"
    assert main_cause(grouped(*rows), {}, UNTIMED) == words


def test_half_of_the_misses_is_not_more_than_half() -> None:
    """Late answers are misses where the promise has a limit of time, and there only."""
    rows = [("provider 529", "a", "chat", 9), ("provider 529", "b", "reasoning", 1)]
    late = [
        ("late: complete answer", "a", "chat", 9),
        ("late: complete answer", "a", "reasoning", 1),
    ]
    by = grouped(*rows, late=late)
    assert main_cause(by, {}, TIMED) is None
    assert main_cause(by, {}, UNTIMED) is not None
    late.append(("late: complete answer", "a", "chat", 1))
    words = "1.10 % of requests are answered later than after 20 s"
    assert main_cause(grouped(*rows, late=late), {}, TIMED) == words
    late[0] = ("late: first token", "a", "chat", 9)
    words = "1.10 % of requests are answered later than promised"
    assert main_cause(grouped(*rows, late=late), {}, TIMED) == words
    assert main_cause(grouped(), {}, TIMED) is None


def compared(*counts: Rows) -> Comparison:
    made = Configuration("compare", "storm", UNTIMED, {"one": TIMEOUT}, 7, len(counts))
    return Comparison(made, {"one": [run(rows) for rows in counts]})


def test_a_verdict_says_why_a_policy_misses_its_promise() -> None:
    """In its sentence, and as a key of its own."""
    rows = [("timed out here: total", "a", "reasoning", 40), ("hang", "a", "chat", 3)]
    study = compared(rows, rows, rows)
    (entry,) = study.verdict
    assert entry["meets_slo"] is False
    assert entry["because"] == "its 30 s timeout ends 40.0 % of reasoning requests"
    assert entry["why"].endswith(", because its 30 s timeout ends 40.0 % of reasoning requests")
    words = "4.00 % timed out here after 30 s (all reasoning), 0.30 % hang (all a)"
    told = study.verdict_lines()
    start = told.index("What failed, and why:")
    assert told[start + 1] == f"  one: 4.30 % failed: {words}"


def test_a_promise_that_is_kept_or_missed_for_several_reasons_has_no_because() -> None:
    """Two causes with the same number; hardly any failure."""
    two = [("hang", "a", "chat", 20), ("truncated", "b", "chat", 20)]
    for rows, meets in ((two, False), ([("hang", "a", "chat", 1)], True)):
        (entry,) = compared(rows, rows, rows).verdict
        assert (entry["meets_slo"], "because" in entry) == (meets, False)


def test_where_outages_come_at_random_shares_of_causes_still_add_up_to_the_failures() -> None:
    """Both are estimated by the same weights of replications, and both have bounds."""
    made = Scenario(
        {"a": Deployment("ann", "big", price=PriceList(1.0, 2.0), errors={500: 0.05})},
        horizon=1800.0,
        workload=Workload(rate=0.5),
        outages={"x": Outage(deployment="a", mean_between=3600.0, repair=300.0, status=529)},
        slo=Slo(success=0.99),
    )
    study = compare(Configuration("compare", "storm", made, {"one": {}}, 7, 6))
    assert study.confidence.exposure is not None
    shares = [row["share"] for row in study.by("one")["cause"].values()]
    success = study.intervals["one"]["success_rate"].mean
    assert success is not None
    assert sum(share["mean"] for share in shares) == pytest.approx(1 - success, abs=1e-12)
    assert len(shares) == 2
    assert all(share["low"] < share["mean"] < share["high"] for share in shares)


def test_of_a_task_with_a_promise_of_its_own_its_own_misses_count() -> None:
    """Most failures are of chat, but reasoning misses its promise by its time-outs."""
    rows = [("hang", "a", "chat", 9), ("timed out here: total", "a", "reasoning", 4)]
    late = [("late: complete answer", "a", "reasoning", 3)]
    by = grouped(*rows, late=late)
    untimed = replace(UNTIMED, slo=Slo(success=0.9, tasks={"reasoning": TaskSlo(success=0.99)}))
    words = "its 30 s timeout ends 4.00 % of reasoning requests"
    assert main_cause(by, TIMEOUT, untimed, "reasoning") == words
    assert main_cause(by, TIMEOUT, untimed) == "a never answers 0.90 % of requests"
    timed = replace(UNTIMED, slo=Slo(success=0.9, tasks={"reasoning": TaskSlo(latency=9.0)}))
    late[0] = ("late: complete answer", "a", "reasoning", 5)
    words = "5.00 % of reasoning requests are answered later than promised"
    assert main_cause(grouped(*rows, late=late), TIMEOUT, timed, "reasoning") == words


def test_a_verdict_on_a_task_names_the_cause_of_that_task() -> None:
    """All requests keep their promise, those of one task do not."""
    slo = Slo(success=0.9, tasks={"reasoning": TaskSlo(success=0.99)})
    rows = [("hang", "a", "chat", 9), ("timed out here: total", "a", "reasoning", 4)]
    figures = run(rows)
    figures.metrics |= {"success_rate.reasoning": 0.96, "slo_attainment.reasoning": 0.96}
    made = Configuration("compare", "storm", replace(UNTIMED, slo=slo), {"one": TIMEOUT}, 7, 3)
    (entry,) = Comparison(made, {"one": [figures] * 3}).verdict
    assert entry["meets_slo"] is False
    assert entry["because"] == "its 30 s timeout ends 4.00 % of reasoning requests"
