"""Evidence agrees with the metrics and the rows, adds up over replications, and survives
packing."""

import io
import json
import zlib
from functools import cache

import numpy as np
import pytest

import simroute as sr
from simroute.config.loading import load
from simroute.experiment.run import replicate
from simroute.metrics import Evidence
from simroute.metrics.evidence_fold import PARTS

SHORT = [
    "scenario.horizon=900s",
    "scenario.workload.rate=3",
    "scenario.outages.morning.start=30%",
    "scenario.outages.morning.end=70%",
]
POLICIES = ["circuit_breaker", "cascade", "cached", "layered"]


@pytest.fixture(scope="module")
def made():
    """A short demo."""
    return load("compare", "demo", POLICIES, SHORT)


@pytest.fixture(scope="module")
def played(made):
    """The figures of a policy in a replication, played once."""
    return cache(lambda policy, number: replicate(made, policy, number))


@pytest.fixture(scope="module")
def rows():
    """The rows of a policy in the first replication."""
    return cache(lambda policy: sr.simulate(sr.load_scenario("demo", *SHORT), policy))


@pytest.mark.parametrize("policy", POLICIES)
def test_counts_over_time_add_up_to_the_metrics(played, policy):
    """Arrivals, successes (in time), cost, waste and 429s by slice of time are the totals of the
    summary, to the nano-dollar."""
    found = played(policy, 0)
    counts, metrics = found.evidence.counts, found.metrics
    assert counts["arrivals"].sum() == metrics["requests"]
    assert counts["ok"].sum() / counts["arrivals"].sum() == metrics["success_rate"]
    assert counts["in_time"].sum() / counts["arrivals"].sum() == metrics["slo_attainment"]
    assert (counts["in_time"] <= counts["ok"]).all()
    assert counts["over_time"].sum() == counts["ok"].sum() == counts["latency"].sum()
    assert counts["cost"].sum() / 1e9 == metrics["cost_usd"]
    assert counts["waste"].sum() / 1e9 == metrics["wasted_usd"]
    assert counts["limited"].sum() == metrics["rate_limited"]
    assert counts["sends"].sum() == pytest.approx(
        metrics["attempts_per_request"] * metrics["requests"]
    )


@pytest.mark.parametrize("policy", ["circuit_breaker", "cascade"])
def test_the_parts_of_latency_add_up_to_the_latency_in_the_rows(played, rows, policy):
    """Answering, retries, failovers and waiting together are the latency of the successful requests
    (1 µs rounding a part)."""
    found = rows(policy)
    good = found.requests[found.requests.outcome == "ok"]
    parts = played(policy, 0).evidence.counts["parts"].sum(axis=1)
    assert parts.sum() / 1e6 == pytest.approx(
        good.latency_s.sum(), abs=len(good) * len(PARTS) * 1e-6
    )
    served = found.attempts.merge(good, on=["request_id", "target"], suffixes=("", "_r"))
    served = served[(served.status == 200) & ~served.abandoned]
    assert parts[0] / 1e6 == pytest.approx((served.end_s - served.start_s).sum(), rel=1e-6)


def test_a_timed_out_send_is_counted_until_its_caller_left(played):
    """With a 30 s timeout no single send keeps a request longer, though the provider goes on with
    it until the hang limit."""
    story = played("circuit_breaker", 0).evidence.story
    given_up = [sent for one in story["strange"] for sent in one["attempts"] if sent["abandoned"]]
    assert given_up
    assert all(sent["left_s"] - sent["start_s"] <= 30.0 + 1e-9 for sent in given_up)
    assert max(sent["end_s"] - sent["start_s"] for sent in given_up) > 30.0


def test_the_strangest_requests_are_those_of_the_rows(played, rows):
    """The slowest, the dearest and the one with most attempts head their lists."""
    requests = rows("circuit_breaker").requests
    heads = {
        why: one["request_id"]
        for one in played("circuit_breaker", 0).evidence.story["strange"]
        for place, why in one["why"]
        if place == 0
    }
    for why, column in {
        "slowest": "latency_s",
        "dearest": "cost_usd",
        "most attempts": "attempts",
    }.items():
        assert heads[why] == requests.request_id[requests[column].argmax()]


def test_a_breaker_s_turns_are_its_events(played):
    """As many openings in the story as the metric counts."""
    found = played("circuit_breaker", 0)
    words = [word for _, word, *_ in found.evidence.story["turns"]]
    assert words.count("opened") == found.metrics["breaker_opened"] > 0


def test_only_the_first_replication_tells_a_story(played):
    """The others add counts and nothing else."""
    assert played(POLICIES[0], 1).evidence.story == {}


def test_counts_of_two_replications_add_up(played):
    """Merging is addition; the story stays the first one's."""
    first, second = (played("cascade", number).evidence for number in (0, 1))
    both = Evidence.unpack(first.pack())
    both.merge(second)
    assert all(
        np.array_equal(both.counts[name], first.counts[name] + second.counts[name])
        for name in first.counts
    )
    assert both.story == first.story


def test_packed_evidence_comes_back_as_it_was(played):
    """Arrays with their types, and the story."""
    first = played("cached", 0).evidence
    again = Evidence.unpack(first.pack())
    assert again.story == first.story
    assert {n: (a.dtype, a.tolist()) for n, a in again.counts.items()} == {
        n: (a.dtype, a.tolist()) for n, a in first.counts.items()
    }


def test_evidence_that_was_packed_by_earlier_versions_is_read(played):
    """A compressed .npz, as NumPy writes it, with the story as bytes of JSON."""
    first, file = played("cached", 0).evidence, io.BytesIO()
    story = np.frombuffer(json.dumps(first.story).encode(), np.uint8)
    arrays = {f"n_{name}": array for name, array in first.counts.items()}
    np.savez_compressed(file, allow_pickle=False, story=story, **arrays)
    again = Evidence.unpack(file.getvalue())
    assert again.story == first.story
    assert {n: (a.dtype, a.tolist()) for n, a in again.counts.items()} == {
        n: (a.dtype, a.tolist()) for n, a in first.counts.items()
    }


@pytest.mark.parametrize(
    "head", [[{}, [["a", "|O", [1]]]], [{}, [["a", "<i8", [9]]]], [{}, [["a", "x", [1]]]], [{}]]
)
def test_packed_evidence_that_is_none_is_an_error(head):
    """Arrays of objects, more numbers than there are, types that nobody knows, no arrays."""
    with pytest.raises((ValueError, TypeError)):
        Evidence.unpack(zlib.compress(json.dumps(head).encode() + b"\n" + bytes(8)))
