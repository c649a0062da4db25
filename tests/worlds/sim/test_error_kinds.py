"""Failures that have a name: status, time, bill, and what asking again does; prompts and answers
that do not fit."""

import json
import math
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simroute.config.loading import load
from simroute.experiment.run import replicate
from simroute.models import spec
from simroute.models.error_kinds import NATURES, ROUND_TRIP
from simroute.models.spec.kinds import ErrorKind
from simroute.policies.fallback import Fallback
from simroute.policies.retry import Backoff, Retry
from simroute.traces import Trace
from tests.worlds.sim.test_service import ran

FIRST, EACH, TOKENS, INPUT, ERROR = 1.0, 0.01, 400, 10, 0.5
WHOLE = FIRST + EACH * TOKENS
PACE = spec.Latency(
    base=FIRST, per_1k_input=0.0, per_output_token=EACH, sigma=0.0, token_sigma=0.0, error=ERROR
)
SERVER = spec.Deployment("c", "m", price=spec.PriceList(1000, 1e6), latency=PACE)
"""0.001 USD for a token in, 1 USD for one out."""


def play(layers=None, count=1000, streamed=0.0, inputs=None, outputs=None, others=(), **server):
    made = spec.Scenario(
        {"a": replace(SERVER, **server), **dict(others)},
        horizon=count * 10.0 + 10.0,
        workload=spec.Workload(streamed=streamed),
        gateway=spec.Gateway(overhead=0.0),
    )
    trace = Trace(
        np.arange(1, count + 1) * 10.0,
        np.full(count, INPUT) if inputs is None else np.array(inputs),
        np.full(count, TOKENS) if outputs is None else np.array(outputs),
    )
    return ran(made, layers or {}, trace)[1]


def usd(rows):
    return rows["attempts"]["cost_nano"] / 1e9


def lasted(rows):
    return rows["attempts"]["end_s"] - rows["attempts"]["start_s"]


def test_every_kind_that_may_be_written_has_a_nature():
    """And none has that may not."""
    assert set(NATURES) == set(ErrorKind.__args__)


@pytest.mark.parametrize("streamed", [0.0, 1.0])
@pytest.mark.parametrize(
    ("kind", "status", "seconds", "bill"),
    [
        ("refused", 503, None, 0.0),
        ("hang", 504, 600.0, 0.0),
        ("invalid_body", 502, WHOLE, INPUT / 1000 + TOKENS),
        ("context_length", 400, None, 0.0),
        ("quota", 429, None, 0.0),
        ("content_filter", 200, WHOLE, INPUT / 1000 + TOKENS),
        (529, 529, None, 0.0),
    ],
)
def test_what_a_kind_of_failure_shows_costs_and_takes(kind, status, seconds, bill, streamed):
    """Alone, in every call: times without a spread of their own are those of an error (lognormal,
    median 0.5 s), a tenth of it for a connection that is refused."""
    rows = play(count=200, streamed=streamed, errors={kind: 1.0})
    assert set(rows["attempts"]["status"].tolist()) == {status}
    assert np.allclose(usd(rows), bill)
    if seconds is not None:
        assert np.allclose(lasted(rows), seconds)
    else:
        plain = lasted(play(count=200, streamed=streamed, errors={500: 1.0}))
        assert np.allclose(lasted(rows), plain * (ROUND_TRIP if kind == "refused" else 1.0))
        assert np.median(plain) == pytest.approx(ERROR, rel=0.2)
    failed = rows["requests"]["outcome"] > 0
    assert failed.all() != (kind == "content_filter")


def test_a_filtered_answer_passes_and_is_worth_nothing():
    """No layer tries again, its quality is 0, and 30 % of the answers are such, within 4 sd."""
    rows = play({"retry": Retry(3)}, errors={"content_filter": 0.3}, quality=1.0)
    quality = rows["requests"]["quality"]
    assert set(quality.tolist()) == {0.0, 1.0}
    n = len(quality)
    assert len(rows["attempts"]["status"]) == n
    assert abs((quality == 0).mean() - 0.3) <= 4 * math.sqrt(0.21 / n)


@pytest.mark.parametrize("streamed", [0.0, 1.0])
def test_a_connection_is_reset_anywhere_in_the_time_of_an_answer(streamed):
    """Uniform over 5 s: a fifth before the first token, free and 503; later ones are billed for the
    tokens that came, and cut a stream (502)."""
    rows = play(count=2000, streamed=streamed, errors={"reset": 1.0})
    seconds, attempts = lasted(rows), rows["attempts"]
    assert np.sort(seconds).mean() == pytest.approx(
        WHOLE / 2, abs=4 * WHOLE / math.sqrt(12 * len(seconds))
    )
    early = seconds < FIRST
    assert abs(early.mean() - FIRST / WHOLE) <= 4 * math.sqrt(0.16 / len(seconds))
    assert set(attempts["status"][early].tolist()) == {503}
    assert set(attempts["status"][~early].tolist()) == {502 if streamed else 503}
    assert (usd(rows)[early] == 0).all()
    came = np.floor((seconds[~early] - FIRST) / EACH + 1e-6)
    assert np.allclose(attempts["output_tokens"][~early], came, atol=1)
    assert np.allclose(usd(rows)[~early], INPUT / 1000 + attempts["output_tokens"][~early])


@dataclass
class Thrice:
    """Asks up to three times, whatever the failure."""

    async def __call__(self, call, send, world):
        for _ in range(3):
            outcome = await send(call)
            if outcome.ok:
                break
        return outcome


@pytest.mark.parametrize(
    ("kind", "left"), [("refused", 0.3**3), ("context_length", 0.3), ("quota", 0.3), (500, 0.3**3)]
)
def test_asking_again_helps_where_it_can(kind, left):
    """A draw of its own for each send, p^3 fail; or one for the request and its deployment: all p
    fail three times, at another deployment there is a new chance."""
    rows = play({"thrice": Thrice()}, count=2000, errors={kind: 0.3})
    outcome = rows["requests"]["outcome"]
    n = len(outcome)
    assert abs((outcome > 0).mean() - left) <= 4 * math.sqrt(left * (1 - left) / n)
    sends = Counter(rows["attempts"]["request_id"].tolist())
    fails = Counter(rows["attempts"]["request_id"][rows["attempts"]["status"] != 200].tolist())
    if left == 0.3:
        assert set(fails.values()) == {3}
        assert all(sends[i] == 3 for i in fails)


def test_lasting_failures_leave_others_their_share():
    """20 % never, and of the others 25 % at each send: .2 + .8 (.25)^3 fail three times."""
    rows = play({"thrice": Thrice()}, count=3000, errors={500: 0.2, "context_length": 0.2})
    expected = 0.2 + 0.8 * 0.25**3
    share = (rows["requests"]["outcome"] > 0).mean()
    assert abs(share - expected) <= 4 * math.sqrt(expected * (1 - expected) / 3000)


def test_a_quota_is_not_tried_again():
    """One send for each request: waiting does not help."""
    rows = play({"retry": Retry(3)}, count=100, errors={"quota": 1.0})
    assert len(rows["attempts"]["status"]) == 100


def test_an_outage_may_refuse_connections():
    """Half of the calls, within 4 sd, with the status of a kind."""
    outage = spec.Outage(deployment="a", start=0.0, end=1e6, status="refused", error_share=0.5)
    made = spec.Scenario(
        {"a": SERVER}, horizon=2000.0, outages={"o": outage}, gateway=spec.Gateway(overhead=0.0)
    )
    statuses = ran(made, {})[1]["attempts"]["status"]
    assert set(statuses.tolist()) == {200, 503}
    assert abs((statuses == 503).mean() - 0.5) <= 4 * math.sqrt(0.25 / len(statuses))


def test_a_chain_of_fallbacks_succeeds_as_often_as_the_product_says(shared):
    """Vector A07, with failures of three kinds: 1 - .05 x .1 x .2, and 1.055 sends, within the
    vector's tolerance at its n, scaled to ours."""
    vector = next(
        one
        for one in json.loads((shared / "vectors/closed_forms.json").read_text())["oracles"]
        if one["id"] == "A07"
    )
    kinds = ("refused", "invalid_body", 503)
    servers = {
        name: replace(SERVER, provider=name, errors={kind: p})
        for name, kind, p in zip("abc", kinds, vector["params"]["p"], strict=True)
    }
    n = 40_000
    made = spec.Scenario(
        servers, horizon=n / 10.0, workload=spec.Workload(rate=10.0), gateway=spec.Gateway()
    )
    rows = ran(made, {"fallback": Fallback(("a", "b", "c"))})[1]
    outcome = rows["requests"]["outcome"]
    for name, found in (
        ("success", (outcome == 0).mean()),
        ("calls", len(rows["attempts"]["status"]) / len(outcome)),
    ):
        check = vector["check"][name]
        tolerance = check["tol_abs"] * math.sqrt(check["n"] / len(outcome))
        assert found == pytest.approx(vector["expected"][name], abs=tolerance)


# -- what fits -------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["scenario", "without"])
def test_the_case_of_a_fallback_whose_window_is_too_small(shared, file):
    """Half of the prompts do not fit into 8,192 tokens, which the scenario says or the catalogue
    knows: 50 % succeed, within 4 sd, and the others cost nothing."""
    case = shared / "cases" / "b04"
    made = load("run", str(case / f"{file}.yaml"), [str(case / "fallback.yaml")], [])
    found = replicate(made, next(iter(made.policies)), 0)
    n = found.metrics["requests"]
    assert abs(found.metrics["success_rate"] - 0.5) <= 4 * math.sqrt(0.25 / n)
    assert found.metrics["wasted_usd"] == 0.0
    assert {cause for cause, *_ in found.causes["cause"]} == {"context length"}


def test_a_prompt_that_just_fits_is_answered():
    """101 tokens are too many for 100, whatever the sends before; and all of it is free."""
    inputs = [99, 100, 101, 5000] * 25
    again = {"retry": Retry(2, statuses=(400,), backoff=Backoff(1.0, 1.0, 1.0, "none"))}
    rows = play(again, count=100, inputs=inputs, max_input_tokens=100)
    over = np.array(inputs) > 100
    assert np.array_equal(rows["requests"]["outcome"] > 0, over)
    assert (rows["requests"]["cost_nano"][over] == 0).all()
    assert Counter(rows["attempts"]["status"].tolist()) == {200: 50, 400: 100}


def test_an_outage_or_an_error_does_not_change_who_fits():
    """What does not fit is refused for that in any weather, and the others meet the same errors."""
    inputs = [50, 150] * 500
    free, tight = (
        play(inputs=inputs, errors={500: 0.4}, max_input_tokens=most)["attempts"]["status"]
        for most in (None, 100)
    )
    assert set(tight[1::2].tolist()) == {400}
    assert np.array_equal(free[::2], tight[::2])


@pytest.mark.parametrize("streamed", [0.0, 1.0])
def test_an_answer_ends_at_the_largest_output(streamed):
    """400 tokens are cut at 150: 1.5 s after the first token, billed for 150, worth nothing; 100
    tokens are whole."""
    outputs = [TOKENS, 100] * 50
    rows = play(count=100, outputs=outputs, streamed=streamed, max_output_tokens=150, quality=1.0)
    came = np.minimum(outputs, 150)
    assert np.array_equal(rows["attempts"]["output_tokens"], came)
    assert np.array_equal(rows["requests"]["output_tokens"], came)
    assert np.allclose(lasted(rows), FIRST + EACH * came)
    assert np.allclose(usd(rows), INPUT / 1000 + came)
    assert rows["requests"]["quality"].tolist() == [0.0, 1.0] * 50
    assert set(rows["attempts"]["status"].tolist()) == {200}


@settings(max_examples=25, deadline=None)
@given(
    shares=st.dictionaries(st.sampled_from([*NATURES, 500]), st.floats(0, 0.1), max_size=8),
    most=st.one_of(st.none(), st.integers(1, 500)),
    window=st.one_of(st.none(), st.integers(1, 20)),
    cut=st.floats(0, 1),
    stall=st.floats(0, 1),
    streamed=st.sampled_from([0.0, 1.0]),
)
def test_every_request_and_every_send_ends_once(shares, most, window, cut, stall, streamed):
    """Whatever goes wrong, nothing is lost, and the bills of requests are those of their sends."""
    rows = play(
        {"retry": Retry(2, backoff=Backoff(0.5, 1.0, 1.0, "none"))},
        count=60,
        streamed=streamed,
        errors=shares,
        max_output_tokens=most,
        max_input_tokens=window,
        truncated=cut,
        stalled=stall,
    )
    requests, attempts = rows["requests"], rows["attempts"]
    assert len(requests["end_s"]) == 60
    assert len(attempts["end_s"]) >= 60
    assert attempts["cost_nano"].sum() == requests["cost_nano"].sum()
    assert (attempts["output_tokens"] <= min(TOKENS, most or TOKENS)).all()
    assert window is None or window >= INPUT or set(attempts["status"].tolist()) == {400}


def test_a_filtered_answer_can_be_asked_for_elsewhere():
    """a filters 30 % of its answers for good, b none: all are good in the end, both are billed for
    those, and no row calls an answer an error; 5 sigma of 1000 requests at .3 are .072."""
    other = {"b": replace(SERVER, provider="d", model="n", quality=1.0)}
    layers = {"fallback": Fallback(("a", "b"), after={"content_filter": ("b",)})}
    rows = play(layers, errors={"content_filter": 0.3}, quality=1.0, others=other)
    requests, attempts = rows["requests"], rows["attempts"]
    assert requests["quality"].mean() == 1.0
    assert not requests["error"].any()
    assert abs(len(attempts["start_s"]) / 1000 - 1.3) < 0.072


def test_who_cannot_read_a_prompt_is_known_beforehand():
    """Prompts of 10 tokens at a window of 9: b is asked at once, and a never."""
    other = {"b": replace(SERVER, provider="d", model="n")}
    rows = play({"fallback": Fallback(("a", "b"), fits=True)}, max_input_tokens=9, others=other)
    assert set(rows["attempts"]["target"]) == {1}
