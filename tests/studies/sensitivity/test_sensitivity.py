"""Sensitivity: values of an axis, winners, crossings against closed forms, and which assumption
matters."""

import json
from dataclasses import replace

import pytest

import simroute as sr
from simroute.config.configuration import Configuration
from simroute.config.loading import load
from simroute.errors import InputError
from simroute.execution.options import ExecutionOptions
from simroute.execution.pool import ProcessPool
from simroute.experiment.run import replicate
from simroute.metrics import METRICS, Figures
from simroute.models import spec
from simroute.studies.comparison.run import compare
from simroute.studies.comparison.study import Study
from simroute.studies.sensitivity import sweep
from simroute.studies.sensitivity.best_policy import BestPolicy, best_policy, crossings
from simroute.studies.sensitivity.factors import scenario_factors
from simroute.studies.sensitivity.grid import play_grid
from simroute.studies.sensitivity.plan import SensitivityPlan
from simroute.studies.sensitivity.ranges import ParameterRange, parse_ranges
from simroute.studies.sensitivity.run import run_sensitivity, silent
from simroute.testing import ScriptedExecutor

SHORT = ["scenario.horizon=50m", "scenario.workload.rate=0.1"]
MILD = ["scenario.workload.rate=0.03", "scenario.slo.success=0.5"]
SPREAD = (-1.0, 0.0, 1.0)


def scripted(**policies: tuple[float, float]) -> Study:
    """Three replications of policies with this mean success and cost; success varies by .0001, cost
    by .1, alike for all."""
    weather = spec.Scenario({"a": spec.Deployment("x", "m")}, slo=spec.Slo(success=0.99))
    runs = {}
    for number, (policy, (success, cost)) in enumerate(policies.items()):
        each = [
            dict.fromkeys(METRICS, 1.0)
            | {
                "success_rate": success + 1e-4 * s,
                "cost_per_1k_requests_usd": cost + 0.1 * s + 0.01 * number * s * s,
            }
            for s in SPREAD
        ]
        runs[policy] = [Figures(metrics, {}, {}, [[], []], {}) for metrics in each]
    return Study(
        Configuration("compare", "scripted", weather, {policy: {} for policy in policies}, 1, 3),
        runs,
    )


def axis(text):
    (found,) = parse_ranges([text], load("compare", "demo", ["circuit_breaker"]))
    return found


def test_an_axis_is_seven_values_evenly_unless_it_says_otherwise():
    """Even steps, a stated number, factors, whole numbers once each, shares of the horizon,
    durations in seconds."""
    assert axis("scenario.outages.morning.error_share=0.1..0.7").values == pytest.approx(
        (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
    )
    assert axis("scenario.workload.rate=1..3:3").values == (1.0, 2.0, 3.0)
    assert axis("policy.breaker.cooldown=5s..2m:3 log").values == pytest.approx(
        (5, 600**0.5, 120), rel=1e-5
    )
    assert axis("policy.breaker.failures=1..4").written == ("1", "2", "3", "4")
    assert axis("scenario.outages.morning.end=50%..80%:3").written == ("50%", "65%", "80%")


def test_an_axis_may_be_of_multiples_of_what_there_is():
    """Of a rate, a duration, a whole number, a policy's value; not of what has no number."""
    base = load("compare", "demo", ["circuit_breaker"], ["scenario.workload.rate=0.15"])

    def values(text):
        (found,) = parse_ranges([text], base)
        return found.values

    assert values("scenario.workload.rate=x1..x1.2:2") == (0.15, 0.18)
    assert values("scenario.workload.rate=x1..0.3:2") == (0.15, 0.3)
    assert values("scenario.outages.morning.end=x1..x1.5:3") == (4800.0, 6000.0, 7200.0)
    assert values("policy.breaker.failures=x1..x2:2") == (3.0, 6.0)
    for text, said in (
        ("policy.breaker.rate=x1..x2", "it has no number to be multiplied"),
        ("policy.breaker.failures=x1..x1.5", "whole number"),
        ("scenario.outages.morning.error_share=x1..x2", "1.2"),
        ("scenario.workload.rate=x..x2", "expected a number, found 'x'"),
        ("scenario.workload.rate=x2..x1", "the lower end must be below"),
    ):
        with pytest.raises(InputError, match=said):
            values(text)


def test_the_winner_is_the_cheapest_that_keeps_the_promise():
    """bold is cheapest and misses it; safe and dear keep it."""
    found = best_policy(scripted(bold=(0.95, 1.0), safe=(0.995, 2.0), dear=(0.996, 3.0)))
    assert found == BestPolicy("safe", "cost", ())


def test_where_none_keeps_it_success_decides():
    """98 % before 95 %, whatever it costs."""
    assert best_policy(scripted(cheap=(0.95, 1.0), dear=(0.98, 9.0))) == BestPolicy(
        "dear", "success", ()
    )


def test_what_cannot_be_told_apart_is_undecided():
    """Costs that differ by less than they vary, and a cheaper policy whose promise is open."""
    assert best_policy(scripted(a=(0.995, 2.0), b=(0.995, 2.0))).contenders == ("b",)
    assert best_policy(scripted(open=(0.99, 1.0), safe=(0.995, 2.0))).contenders == ("open",)


def test_a_winner_among_several_is_told_by_intervals_that_hold_together():
    """A difference of 1 ± .3, three replications: t(2) is 4.30 at 95 %, half-width .75, and 7.65 at
    1 - .05/3, 1.32: told of two, not of three."""

    def gap(*policies):
        made = scripted(**dict.fromkeys(policies, (0.995, 2.0)))
        for replication, spread in enumerate(SPREAD):
            for cost, policy in zip((2.0, 3.0 + 0.3 * spread, 9.0), policies, strict=False):
                made.runs[policy][replication].metrics["cost_per_1k_requests_usd"] = cost
        return Study(made.configuration, made.runs)

    assert best_policy(gap("a", "b")).contenders == ()
    assert best_policy(gap("a", "b", "c")).contenders == ("b",)


def test_where_it_is_played_does_not_change_a_bit():
    """Settings handed to an executor, one configuration after another."""
    plan = sweep.plan_sweep("demo", ["direct"], SHORT, ["scenario.workload.rate=0.2..0.3:2"], 1, 2)
    elsewhere = ScriptedExecutor(
        lambda job: replicate(job.configuration, job.policy, job.replication)
    )
    assert (
        run_sensitivity(plan, options=ExecutionOptions(executor=elsewhere)).to_json()
        == run_sensitivity(plan).to_json()
    )
    assert [(job.policy, job.replication) for job in elsewhere.jobs] == [
        ("direct", 0),
        ("direct", 1),
    ] * 2


def test_a_crossing_by_cost_lies_where_the_lines_cross():
    """a costs 1 + x and b 2.5: they cross at x = 1.5, and the interval holds it."""
    values = [0.0, 1.0, 2.0, 3.0]
    cells = [scripted(a=(0.995, 1 + x), b=(0.995, 2.5)) for x in values]
    (found,) = crossings(values, False, cells, [best_policy(cell) for cell in cells])
    assert (found.before, found.after, found.by) == ("a", "b", "cost")
    assert found.at == pytest.approx(1.5, abs=0.02)
    assert found.low <= found.at <= found.high
    assert found.high - found.low < 0.1


def test_a_crossing_by_the_promise_lies_where_success_falls_below_it():
    """a is cheaper and falls from 99.5 to 98.5 % along x in 1 … 100 by factors: it passes 99 % in
    the middle, at 10."""
    values = [1.0, 10.0**0.5, 10.0, 10.0**1.5, 100.0]
    cells = [scripted(a=(0.995 - 0.0025 * i, 1.0), b=(0.999, 2.0)) for i in range(5)]
    (found,) = crossings(values, True, cells, [best_policy(cell) for cell in cells])
    assert found.by == "a stops keeping the promise"
    assert found.at == pytest.approx(10, rel=0.05)
    assert found.low < 10 < found.high


def test_a_crossing_by_the_promise_lies_between_the_values_whose_winners_differ():
    """b's mean passes 99 % before 1, its lower bound, .0248 points below it (t(2) = 4.30), between
    1 and 2: .0048 of .58 points after 1."""
    cells = [scripted(a=(0.999, 2.0), b=(level, 1.0)) for level in (0.9895, 0.9902, 0.996)]
    (found,) = crossings([0.0, 1.0, 2.0], False, cells, [best_policy(cell) for cell in cells])
    assert (found.before, found.after, found.by) == ("a", "b", "b begins to keep the promise")
    assert found.at == pytest.approx(1 + 0.0048 / 0.58, abs=0.003)


def test_a_policy_that_an_axis_does_not_touch_is_run_once():
    """Two settings of the breaker, one replication: direct once, circuit_breaker twice; the figures
    are those of any comparison."""
    made = [
        load(
            "compare",
            "demo",
            ["direct", "circuit_breaker"],
            [*SHORT, f"policy.breaker.cooldown={s}s"],
        )
        for s in (5, 60)
    ]
    heard = []
    found, _ = play_grid(made, ProcessPool(), lambda done, total: heard.append((done, total)))
    assert heard == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0].series()["direct"] == found[1].series()["direct"]
    assert found[0].intervals == compare(made[0]).intervals


def test_workers_do_not_change_a_bit():
    """Serial and on two processes."""
    made = [
        load("compare", "demo", ["direct"], [*SHORT, f"scenario.workload.rate={rate}"], 1, 2)
        for rate in (0.2, 0.3)
    ]
    one = play_grid(made, ProcessPool(), silent)[0]
    with ProcessPool(2) as workers:
        two = play_grid(made, workers, silent)[0]
    assert [study.to_json() for study in one if study] == [
        study.to_json() for study in two if study
    ]


@pytest.fixture(scope="module")
def varied():
    return sr.sensitivity(
        sr.load_scenario("demo", *SHORT),
        ["direct", "failover"],
        "scenario.outages.morning.error_share=0.0..1.0:3",
        replications=3,
    )


def test_one_way_from_python(varied):
    """Without errors direct wins by cost or is a rival; with all calls failing failover does. JSON,
    frame, figures, page."""
    summary = json.loads(varied.to_json())
    assert [cell["at"] for cell in summary["cells"]] == [[0.0], [0.5], [1.0]]
    assert varied.best_policies[-1].policy == "failover"
    assert list(varied.frame["policy"]) == ["direct", "failover"] * 3
    assert set(varied.figures) == {"sensitivity"}
    assert "error_share" in varied._repr_html_()
    assert "<script" in varied.report()


def test_differences_are_paired_and_from_whoever_the_changes_are_about(varied):
    """Each is the difference of the two means; its bounds are nearer than those of the figures, as
    both met the same weather."""
    summary = varied.summary
    turn = summary["crossings"][0] if summary["crossings"] else None
    assert summary["reference"] in ("direct", "failover")
    if turn is not None:
        assert summary["reference"] in (turn["before"], turn["after"])
    for cell in summary["cells"]:
        ((other, apart),) = cell["differences"].items()
        for metric, interval in apart.items():
            one, two = (
                cell["policies"][name][metric]["mean"] for name in (summary["reference"], other)
            )
            assert interval["mean"] == pytest.approx(two - one)
    cost = "cost_per_1k_requests_usd"
    first = summary["cells"][0]
    own = first["policies"]["direct"][cost]
    ((_, apart),) = first["differences"].items()
    assert apart[cost]["high"] - apart[cost]["low"] < own["high"] - own["low"]


def swept(*cells):
    """A sweep of the rate over these studies."""
    plan = SensitivityPlan("vary", cells[0].configuration, [], [])
    rates = tuple(float(n + 1) for n in range(len(cells)))
    rate = ParameterRange("scenario.workload.rate", "1/s", False, rates, tuple(map(str, rates)))
    settings = [((at,), cell) for at, cell in zip(rates, cells, strict=True)]
    return sweep.Sweep(plan, False, axes=[rate], cells=settings)


def test_it_is_said_that_the_others_never_keep_the_promise_where_that_is_the_reason():
    """bold is cheaper and misses 99 % at both rates; where it keeps it once, dear, or nobody does,
    there is another reason or none."""
    reason = "safe wins because bold never surely keeps the promise."
    missed, kept = {"bold": (0.95, 1.0), "safe": (0.995, 2.0)}, {"bold": (0.995, 9.0)}
    assert reason in swept(scripted(**missed), scripted(**missed)).lines()[0]
    assert "because" not in swept(scripted(**missed), scripted(**missed | kept)).lines()[0]
    nobody = scripted(bold=(0.95, 1.0), safe=(0.96, 2.0))
    assert "because" not in swept(scripted(**missed), nobody).lines()[0]
    three = scripted(**missed, worse=(0.9, 1.0))
    assert "because no other policy ever surely" in swept(three, three).lines()[0]
    alone = scripted(safe=(0.995, 2.0))
    assert "because" not in swept(alone, alone).lines()[0]


def test_a_winner_that_is_not_sure_everywhere_only_leads():
    """Costs that differ at both rates; then at one of them they do not."""
    sure, undecided = (
        scripted(a=(0.995, 2.0), b=(0.995, 3.0)),
        scripted(a=(0.995, 2.0), b=(0.995, 2.0)),
    )
    assert swept(sure, sure).lines()[0].endswith(": a wins.")
    assert swept(sure, undecided).lines()[0].endswith(": a leads.")


def test_layers_stand_for_a_policy_of_that_kind():
    """A mapping of layers is varied as its file would be."""
    layers = {"fallback": {}, "timeout": {"total": "30s"}}
    found = sr.sensitivity(
        sr.load_scenario("demo", *SHORT),
        layers,
        "policy.timeout.total=5s..30s:2",
        replications=2,
    )
    assert [list(cell["policies"]) for cell in found.summary["cells"]] == [["policy"]] * 2
    assert len({study.to_json() for _, study in found.cells}) == 2


def test_two_ways_make_a_map():
    """Four settings, a letter for each."""
    vary = [
        "scenario.outages.morning.error_share=0.2..0.8:2",
        "policy.breaker.cooldown=5s..60s:2 log",
    ]
    found = sr.sensitivity(
        sr.load_scenario("demo", *SHORT), ["failover", "circuit_breaker"], vary, replications=2
    )
    assert len(found.cells) == 4
    (heat,) = found.figures["winners"].data
    assert {text.rstrip("?") for row in heat["text"] for text in row} <= {"A", "B"}
    assert "settings win" in found.lines()[0]


def test_the_assumptions_of_a_scenario_are_halved_and_doubled_within_their_ranges():
    """Shares end at 1, slow-downs at 1, a share of 0 is left alone, a price is a factor of the
    whole list, wrong answers are what is doubled."""
    made = load("compare", "demo", ["direct"]).scenario
    outage = replace(made.outages["morning"], slow_down=1.5, hang_share=0.0)
    found = {
        one.key.removeprefix("scenario."): one
        for one in scenario_factors(replace(made, outages={"morning": outage}))
    }
    assert found["outages.morning.error_share"][1:4] == (0.6, 0.3, 1.0)
    assert found["outages.morning.slow_down"][1:4] == (1.5, 1.0, 3.0)
    assert "outages.morning.hang_share" not in found
    assert [
        side.deployments["gpt-terra"].price_factor
        for side in found["deployments.gpt-terra.price"].scenarios
    ] == [0.5, 2.0]
    assert found["deployments.gpt-terra.quality"].scenarios[0].deployments[
        "gpt-terra"
    ].quality == pytest.approx({"chat": 0.74, "extract": 0.88})


def test_how_many_ask_is_an_assumption_by_whatever_says_so():
    """Callers in a closed loop are whole; a rate beside them would change nothing. Who presses
    again is a share, patience whichever of its keys is given."""
    words = "{callers: {count: 3}, patience: {mean: 20s}, again: {share: 0.6}}"
    made = load("compare", "demo", ["direct"], [f"scenario.workload={words}"]).scenario
    found = {one.key.removeprefix("scenario.workload."): one for one in scenario_factors(made)}
    assert "rate" not in found
    assert found["callers.count"][1:4] == (3, 1, 6)
    assert [side.workload.callers.count for side in found["callers.count"].scenarios] == [1, 6]
    assert found["patience.mean"][1:4] == (20.0, 10.0, 40.0)
    assert found["again.share"][1:4] == (0.6, 0.3, 1.0)


def test_a_tornado_puts_first_what_moves_the_difference_most():
    """Cascade against failover is a matter of the strong model's price; doubling it doubles the
    difference, so the verdict stands."""
    found = sr.sensitivity(
        sr.load_scenario("demo", SHORT[0], *MILD),
        ["failover", "cascade"],
        kind="tornado",
        replications=2,
    )
    effects = [bar.effect for bar in found.effects]
    assert effects == sorted(effects, reverse=True)
    assert found.effects[0].key == "scenario.deployments.claude-sonnet.price"
    assert found.frame["assumption"].iloc[0] == found.effects[0].key
    assert set(found.figures) == {"tornado"}
    assert "moves it most" in found.lines()[1]


def test_the_frontier_from_python():
    """Success for money and latency for money, with a frame and a picture."""
    for trade in ("success", "latency"):
        found = sr.frontier(sr.load_scenario("demo", *SHORT), trade, replications=2)
        assert found.exact
        assert list(found.frame["cost_per_1k_requests_usd"]) == sorted(
            found.frame["cost_per_1k_requests_usd"]
        )
        assert set(found.figures) == {"frontier"}
        assert "<table" in found._repr_html_()
