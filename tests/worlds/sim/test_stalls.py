"""Streams that stop after their first token: how often, when, for how long, and what they cost."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simroute.config.loading import load
from simroute.ledger import OUTCOMES
from simroute.models import spec
from simroute.policies.timeout import Timeout
from simroute.traces import Trace
from tests.worlds.sim.test_service import ran

FIRST, EACH, TOKENS = 1.0, 0.01, 400
PACE = spec.Latency(base=FIRST, per_1k_input=0.0, per_output_token=EACH, sigma=0.0, token_sigma=0.0)
SERVER = spec.Deployment("c", "m", price=spec.PriceList(0, 1e6), latency=PACE)
TRUNCATED = OUTCOMES.index("truncated")


def scenario(count, hang_limit=600.0, server=SERVER, streamed=1.0, **outage):
    made = spec.Scenario(
        {"a": server},
        horizon=count * 10.0 + 10.0,
        workload=spec.Workload(streamed=streamed),
        gateway=spec.Gateway(overhead=0.0),
        hang_limit=hang_limit,
        outages={"o": spec.Outage(deployment="a", start="0%", end="100%", **outage)}
        if outage
        else {},
    )
    return made, Trace(np.arange(1, count + 1) * 10.0, np.full(count, 10), np.full(count, TOKENS))


def stalls(server=SERVER, count=2000, layers=None, **words):
    made, trace = scenario(count, server=server, **words)
    return ran(made, layers or {}, trace)[1]


@pytest.mark.parametrize("streamed", [0.0, 1.0])
def test_a_stall_that_nothing_bounds_ends_at_the_hang_limit(streamed):
    """30 % of streams, within 4 sd (binomial), end after 600 s with 504; whole answers have no
    stalls. The place is uniform: tokens billed have mean 399/2, within 4 sd."""
    rows = stalls(streamed=streamed, error_share=0.0, stall_share=0.3)
    attempts, requests = rows["attempts"], rows["requests"]
    bad = attempts["status"] == 504
    share = bad.mean()
    assert abs(share - 0.3 * streamed) <= 4 * math.sqrt(0.3 * 0.7 / len(bad))
    assert np.array_equal(requests["outcome"] == TRUNCATED, bad)
    assert set(attempts["output_tokens"][~bad].tolist()) == {TOKENS}
    if streamed:
        assert np.allclose(attempts["end_s"][bad] - attempts["start_s"][bad], 600.0)
        came = attempts["output_tokens"][bad]
        sd = TOKENS / math.sqrt(12 * bad.sum())
        assert came.mean() == pytest.approx((TOKENS - 1) / 2, abs=4 * sd)
        assert np.allclose(attempts["cost_nano"][bad] / 1e9, came)


def test_a_stall_of_the_deployment_s_own_and_one_of_an_outage_are_independent():
    """1 - .8 * .75 = .4 of streams; of those that are cut (.5) none stalls: .5 * .4."""
    server = replace(SERVER, stalled=0.2, truncated=0.5)
    attempts = stalls(server, error_share=0.0, stall_share=0.25)["attempts"]
    for status, share in ((502, 0.5), (504, 0.2)):
        found = (attempts["status"] == status).mean()
        assert abs(found - share) <= 4 * math.sqrt(share * (1 - share) / len(attempts["status"]))


@pytest.mark.parametrize("limit", [0.5, 3.0])
def test_between_chunks_ends_a_stall_so_long_after_its_last_token(limit):
    """The k-th token after the first is there at 1 + .01 k: it ends at that plus the limit, and
    healthy streams are untouched."""
    timeout = {"timeout": Timeout(total=60.0, between_chunks=limit)}
    rows = stalls(layers=timeout, error_share=0.0, stall_share=0.3)["requests"]
    bad = rows["outcome"] == TRUNCATED
    spent = rows["end_s"] - rows["arrival_s"]
    assert 0 < bad.sum() < len(bad)
    assert np.allclose(spent[bad], FIRST + EACH * rows["output_tokens"][bad] + limit)
    assert np.allclose(spent[~bad], FIRST + EACH * TOKENS)


def test_the_timeout_that_is_over_first_ends_a_stall():
    """total: 3 s after the start; a silence of 1 s: whichever is earlier, never later than 3 s."""
    rows = stalls(
        layers={"timeout": Timeout(total=3.0, between_chunks=1.0)}, error_share=0.0, stall_share=1.0
    )["requests"]
    spent = rows["end_s"] - rows["arrival_s"]
    came = rows["output_tokens"]
    assert np.allclose(spent, np.minimum(3.0, FIRST + EACH * came + 1.0))
    assert (spent < 2.99).any()
    assert np.isclose(spent, 3.0).any()


def test_a_model_slower_than_the_limit_between_chunks_is_cut_after_its_first_token():
    """10 ms for a token, and a limit of 5 ms: every stream ends 5 ms after its first."""
    rows = stalls(count=50, layers={"timeout": Timeout(total=60.0, between_chunks=0.005)})
    requests = rows["requests"]
    assert set(requests["outcome"].tolist()) == {TRUNCATED}
    assert np.allclose(requests["end_s"] - requests["arrival_s"], FIRST + 0.005)


def test_a_policy_changes_nothing_of_who_stalls():
    """With and without a limit of silence the same streams stop, after the same tokens."""
    free, bound = (
        stalls(layers=layers, error_share=0.0, stall_share=0.3)["attempts"]
        for layers in ({}, {"timeout": Timeout(total=60.0, between_chunks=2.0)})
    )
    stopped = free["status"] == 504
    assert np.array_equal(stopped, bound["status"] == 499)
    assert np.array_equal(free["output_tokens"], bound["output_tokens"])


@settings(max_examples=25, deadline=None)
@given(
    own=st.floats(0, 1),
    outage=st.floats(0, 1),
    cut=st.floats(0, 1),
    slow=st.floats(1, 50),
    limit=st.one_of(st.none(), st.floats(1e-4, 100)),
    stops=st.booleans(),
)
def test_every_request_and_every_send_ends_once(own, outage, cut, slow, limit, stops):
    """Whatever the shares: as many rows as arrivals, nobody waits beyond the limits of time, and
    nothing is billed twice or beyond a whole answer."""
    made, trace = scenario(
        60,
        hang_limit=50.0,
        server=replace(SERVER, stalled=own, truncated=cut),
        error_share=0.0,
        stall_share=outage,
        slow_down=slow,
    )
    made = replace(made, abandoned="stops" if stops else "runs_on")
    _, rows = ran(made, {"timeout": Timeout(total=40.0, between_chunks=limit)}, trace)
    requests, attempts = rows["requests"], rows["attempts"]
    assert len(requests["end_s"]) == len(attempts["end_s"]) == 60
    assert (requests["end_s"] - requests["arrival_s"] <= 40.0 + 1e-6).all()
    assert ((attempts["output_tokens"] >= 0) & (attempts["output_tokens"] <= TOKENS)).all()
    assert np.array_equal(requests["cost_nano"], attempts["cost_nano"])


def test_the_case_of_a_stalled_stream(shared):
    """0.4 s to the first of 60 tokens of 10 ms; nearly a third of the streams stall. Nobody else
    can be asked for an answer that has begun, and each ends 2 s after its last token, billed for
    200 tokens and what came."""
    case = shared / "cases" / "b07"
    words = ["hang_share=0", "stall_share=0.3"]
    configuration = load(
        "run",
        str(case / "stall.yaml"),
        [str(case / "fallback.yaml")],
        [f"scenario.outages.stall.{word}" for word in words]
        + ["policy.timeout.between_chunks=2s", "scenario.gateway.overhead=0"],
    )
    (layers,) = configuration.policies.values()
    _, rows = ran(configuration.scenario, layers)
    requests, attempts = rows["requests"], rows["attempts"]
    bad = requests["outcome"] == TRUNCATED
    n = len(bad)
    assert abs(bad.mean() - 0.3) <= 4 * math.sqrt(0.3 * 0.7 / n)
    assert len(attempts["status"]) == n
    assert set(attempts["target"].tolist()) == {0}
    came = requests["output_tokens"][bad]
    assert np.allclose((requests["end_s"] - requests["arrival_s"])[bad], 0.4 + 0.01 * came + 2.0)
    assert np.array_equal(requests["cost_nano"][bad], 200 * 1000 + came * 10_000)
