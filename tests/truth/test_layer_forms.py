"""Pauses, breakers, budgets, cascades and retry throttles against theory, and whether each closed
form has a test. Tolerances are four standard deviations, scaled from those that closed_forms.json
measured where it has them."""

import math
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fakes import Ask, FakeWorld, Reply
from simroute.config.configuration import Configuration
from simroute.core import Judge
from simroute.experiment.run import replicate
from simroute.gauges.retry_tokens import FailureTokens
from simroute.models import spec
from simroute.policies.breaker import Breaker
from simroute.policies.budget import Budget
from simroute.policies.cascade import Cascade
from simroute.policies.retry import Backoff, Retry
from tests.truth.test_model_forms import near

TESTS = Path(__file__).parents[1]
PRICE = spec.PriceList(1.0, 1.0)
AT_ONCE = spec.Latency(0.0, 0.0, 0.0, error=0.0, family="fixed")


def rows_of(
    made: spec.Scenario, layers: dict[str, Any], *names: str
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Metrics of one replication, and columns of its attempts by request and number."""
    chunks: list[Any] = []

    def sink(_: Any) -> Any:
        return lambda table, chunk: chunks.append(chunk) if table == "attempts" else None

    run = Configuration("run", "test", made, {"policy": layers})
    figures = replicate(run, "policy", 0, sink if names else None).metrics
    keys = ("request_id", "attempt", *names) if names else ()
    rows = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in keys}
    order = np.lexsort((rows["attempt"], rows["request_id"])) if names else None
    return figures, {name: column[order] for name, column in rows.items()}


def pauses(backoff: Backoff, retries: int, seconds: float) -> np.ndarray:
    """A row a request, ten of which come a second, of the pauses before so many retries of what
    always fails at once."""
    made = spec.Scenario(
        {"a": spec.Deployment("c", "m", price=PRICE, latency=AT_ONCE, errors={503: 1.0})},
        horizon=seconds,
        workload=spec.Workload(rate=10.0),
        gateway=spec.Gateway(overhead=0.0),
    )
    layers = {"retry": Retry(retries + 1, backoff=backoff)}
    rows = rows_of(made, layers, "start_s", "end_s")[1]
    start, end = (rows[name].reshape(-1, retries + 1) for name in ("start_s", "end_s"))
    return np.asarray(start[:, 1:] - end[:, :-1])


def test_b03_decorrelated_pauses_grow_towards_their_mean(forms: Any) -> None:
    """Six pauses, each up to three times the one before, at most 20 s: their means within 4 sd of
    20,000 requests."""
    form = forms["B03"]
    base, cap = form["params"]["base"], form["params"]["cap"]
    found = pauses(Backoff(base, max=cap, jitter="decorrelated"), 6, 2000.0)
    n = len(found)
    for step in range(6):
        mean, sd = found[:, step].mean(), found[:, step].std(ddof=1)
        assert mean == pytest.approx(
            form["expected"][f"mean_{step + 1}"], abs=4 * sd / math.sqrt(n)
        )
    near(form, n, mean_6=found[:, 5].mean())


def test_b04_grpcs_pauses_are_a_fifth_more_or_less(forms: Any) -> None:
    """Five pauses that double from .1 s to 1 s, each times [.8, 1.2]: mean and variance of their
    sum, within 4 sd of 20,000 requests."""
    form = forms["B04"]
    given, expected = form["params"], form["expected"]
    backoff = Backoff(given["initial"], given["multiplier"], given["max"], "proportional")
    waited = pauses(backoff, given["retries"], 2000.0).sum(axis=1)
    n, var = len(waited), expected["var_sum"]
    assert waited.mean() == pytest.approx(expected["mean_sum"], abs=4 * math.sqrt(var / n))
    # for sums of uniform variables, whose kurtosis is below the normal one's
    assert waited.var(ddof=1) == pytest.approx(var, abs=4 * var * math.sqrt(2 / n))


@pytest.mark.parametrize(
    "n", [200_000, pytest.param(1_000_000, marks=pytest.mark.slow)], ids=["short", "long"]
)
def test_c02_a_breaker_over_a_healthier_backend(forms: Any, n: int) -> None:
    """Five in a row at 20 % failures, 30 s rest, one trial: shares refused and served, within 4 sd
    of so many calls."""
    form = forms["C02"]
    given = form["params"]
    target = spec.Deployment("c", "m", price=PRICE, latency=AT_ONCE, errors={500: given["p"]})
    made = spec.Scenario(
        {"a": target},
        horizon=n / given["lam"],
        workload=spec.Workload(rate=given["lam"]),
        gateway=spec.Gateway(overhead=0.0),
    )
    breaker = Breaker(failures=given["N"], consecutive=True, cooldown=given["T"])
    found = rows_of(made, {"breaker": breaker})[0]
    count = found["requests"]
    near(form, count, success_fraction=found["success_rate"])
    near(form, count, rejected_fraction=found["rejected"] / count)


def test_e03_a_cascade_gains_less_where_the_strong_model_knows_what_the_weak_one_knows(
    forms: Any, tmp_path: Path
) -> None:
    """Recorded answers, seven of ten right by both and two by the strong one alone: quality within
    4 sd of 40,000 requests; independent answers would give .903 of it instead of .86."""
    form = forms["E03"]
    given = form["params"]
    weak, strong = (round(10 * given[name]) for name in ("q1", "q2"))
    table = tmp_path / "nested.csv"
    lines = [f"{i},any,{int(i < weak)},{int(i < strong)}" for i in range(10)]
    table.write_text("\n".join(["prompt_id,task,weak,strong", *lines]) + "\n")
    fleet = {
        name: spec.Deployment(
            f"company-{name}", "m", price=spec.PriceList(usd, usd), latency=AT_ONCE, outcomes=name
        )
        for name, usd in {"strong": 10.0, "weak": 1.0}.items()
    }
    load = spec.Workload(rate=10.0, outcomes=str(table))
    made = spec.Scenario(fleet, horizon=4000.0, workload=load)
    layers = {"cascade": Cascade(judge=Judge(given["tpr"], given["fpr"], 0.0, 0.0))}
    found = rows_of(made, layers)[0]
    near(form, found["requests"], quality=found["quality_mean"])
    alone = given["tpr"] * given["q1"] + given["q2"] * (
        1 - given["tpr"] * given["q1"] - given["fpr"] * (1 - given["q1"])
    )
    assert found["quality_mean"] < alone - 0.01


def spent(form: Any, cv: float, seed: int) -> tuple[int, float]:
    """How many requests pass, and when the last of them came, until a budget that tells of it has
    been used up by costs of that coefficient of variation (gamma; 1 is exponential)."""
    given = form["params"]
    budget, mean = given["budget"], given["mean_cost"]
    draw = np.random.default_rng(seed)
    most = round(1.2 * budget / mean)
    costs = draw.gamma(1 / cv**2, mean * cv**2, most)
    arrivals = np.cumsum(draw.exponential(1 / given["lam"], most)).tolist()
    # each answer is there before the next request comes
    world = FakeWorld(lambda call, n: Reply(seconds=0.0, usd=float(costs[n])))
    policy = Budget(usd=budget, period="month", shift_at=1.0, at_limit="allow")
    world.play(policy, *(Ask(id=i, arrival=t) for i, t in enumerate(arrivals)))
    told = next(t for t, event in world.events if event == "exhausted")
    passed = arrivals.index(told)  # the call that meets it used up is the first not to count
    return passed, arrivals[passed - 1]


@pytest.mark.parametrize("name", ["E04", "E05"])
@pytest.mark.parametrize(
    "runs", [12, pytest.param(100, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_e04_e05_a_budget_lasts_as_long_as_renewal_theory_says(
    forms: Any, name: str, runs: int
) -> None:
    """100 USD at 2 cents a call and 2 calls a second: how many pass until it is used up, and when,
    within 4 sd of so many runs."""
    form = forms[name]
    found = [spent(form, form["params"].get("cv", 1.0), seed) for seed in range(runs)]
    passed, lasted = np.array(found).T
    near(form, runs, mean_requests=passed.mean(), mean_T=lasted.mean())
    if name == "E04":
        near(form, runs, sd_T=lasted.std(ddof=1))
        sd = form["expected"]["sd_requests"]
        assert passed.std(ddof=1) == pytest.approx(sd, rel=4 / math.sqrt(2 * (runs - 1)))


def test_r12_grpcs_throttle_breaks_even_at_a_share_of_failures(forms: Any) -> None:
    """Full, the fifth failure stops it and one success is enough again; from nothing it takes 51.
    Far from its ends it drifts by ratio - (1 + ratio) f an event, not at all at the break-even,
    within 4 sd of 100,000 events."""
    form = forms["R12"]
    most, ratio = form["params"]["maxTokens"], form["params"]["tokenRatio"]
    expected = form["expected"]
    throttle = FailureTokens(most, ratio)
    answers = [throttle.failure() for _ in range(int(expected["failures_from_full_to_stop"]))]
    assert answers == [True] * (len(answers) - 1) + [False]
    for _ in range(int(expected["successes_to_reenable_from_threshold"])):
        throttle.success()
    assert throttle.allowed
    while throttle.thousandths:
        throttle.failure()
    for number in range(1, int(expected["successes_from_zero"]) + 1):
        throttle.success()
        assert throttle.allowed == (number == expected["successes_from_zero"])
    assert ratio - (1 + ratio) * expected["fraction"] == pytest.approx(0.0, abs=1e-12)
    n, big = 100_000, 10_000_000
    for share in (0.9 * expected["fraction"], expected["fraction"], 1.1 * expected["fraction"]):
        walk = FailureTokens(big, ratio)
        walk.thousandths = start = big * 500
        for fails in np.random.default_rng(3).random(n) < share:
            if fails:
                walk.failure()
            else:
                walk.success()
        drift = (walk.thousandths - start) / 1000 / n
        sd = (1 + ratio) * math.sqrt(share * (1 - share) / n)
        assert drift == pytest.approx(ratio - (1 + ratio) * share, abs=4 * sd)


WHERE = {
    "A02": "models/test_outage_schedules.py",
    "A03": "models/test_outage_schedules.py",
    "A05": "models/test_outage_schedules.py",
    "A07": "truth/test_closed_forms.py",
    "B03": "truth/test_layer_forms.py",
    "B04": "truth/test_layer_forms.py",
    "C01": "truth/test_closed_forms.py",
    "C02": "truth/test_layer_forms.py",
    "C06": "truth/test_closed_forms.py",
    "E03": "truth/test_layer_forms.py",
    "E04": "truth/test_layer_forms.py",
    "E05": "truth/test_layer_forms.py",
    "E07": "models/test_rate_card.py",
    "H02": "truth/test_model_forms.py",
    "H04": "truth/test_model_forms.py",
    "K02": "worlds/sim/test_prompt_caching.py",
    "K04": "worlds/sim/test_prompt_caching.py",
    "Q01": "truth/test_model_forms.py",
    "Q03": "truth/test_model_forms.py",
    "Q06": "truth/test_model_forms.py",
    "Q08": "truth/test_model_forms.py",
    "Q09": "truth/test_model_forms.py",
    "Q10": "worlds/sim/test_callers.py",
    "Q13": "truth/test_model_forms.py",
    "Q14": "truth/test_model_forms.py",
    "R01": "truth/test_model_forms.py",
    "R02": "truth/test_model_forms.py",
    "R04": "truth/test_model_forms.py",
    "R06": "truth/test_model_forms.py",
    "R07": "truth/test_model_forms.py",
    "R12": "truth/test_layer_forms.py",
    "S02": "truth/test_model_forms.py",
    "S04": "truth/test_model_forms.py",
    "T01": "truth/test_closed_forms.py",
    "T02": "truth/test_closed_forms.py",
    "T03": "truth/test_closed_forms.py",
}
"""The file whose tests read a closed form's vector by its id."""


def test_every_closed_form_has_a_test(forms: Any) -> None:
    """Each id of the file stands in the table, and is read by a test of the file that it names."""
    assert set(WHERE) == set(forms)
    reads = partial(re.compile(r'"([A-Z]\d\d)"').findall)
    for path in set(WHERE.values()):
        code = (TESTS / path).read_text().partition("WHERE = {")[0]
        named = {name for name, where in WHERE.items() if where == path}
        assert named <= set(reads(code)), path
