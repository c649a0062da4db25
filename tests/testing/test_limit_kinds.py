"""Every kind of limiter, on items that nobody has written: hypothesis makes configurations, with
any of their fields left out, and steps; a second implementation says what is expected; and the
runner must agree with it to the last figure."""

import copy
import json

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from simroute.testing.conformance import judge
from tests.testing import plain_limits as plain
from tests.testing import plain_meters as meters

MOMENTS = st.integers(0, 4000).map(lambda n: n / 16)  # s; exact in binary
AMOUNTS = st.integers(0, 400).map(lambda n: n / 8)


def some(**fields):
    """A configuration with any of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


def quarters(low, high):
    return st.integers(4 * low, 4 * high).map(lambda n: n / 4)


SAMPLES = st.tuples(
    st.just("sample"),
    st.tuples(quarters(1, 30), st.integers(0, 250), st.sampled_from([False, False, False, True])),
)
TAKES = st.tuples(st.just("take"), st.tuples(MOMENTS))
LIMITS = {"initial": st.integers(20, 150), "max": st.integers(150, 400)}
METERED = st.one_of(
    TAKES,
    st.tuples(st.sampled_from(["take", "wait"]), st.tuples(MOMENTS, AMOUNTS)),
)
WINDOWS = st.fixed_dictionaries({"limit": st.integers(1, 6)}, optional={"window": quarters(1, 90)})
SMALL = st.integers(0, 12).map(lambda n: n / 2)
WINDOWED = st.one_of(TAKES, st.tuples(st.sampled_from(["take", "wait"]), st.tuples(MOMENTS, SMALL)))
KEYS = st.sampled_from("abc")
KINDS = {
    "token_bucket": (
        meters.TokenBucket,
        st.fixed_dictionaries(
            {"capacity": st.integers(1, 40), "refill": quarters(0, 8)},
            optional={"initial": st.integers(0, 60)},
        ),
        st.one_of(METERED, st.tuples(st.just("settle"), st.tuples(MOMENTS, AMOUNTS, AMOUNTS))),
    ),
    "leaky_bucket": (
        meters.Leaky,
        st.fixed_dictionaries(
            {"capacity": st.integers(8, 40), "leak": quarters(0, 8)},
            optional={"initial": st.integers(0, 8)},
        ),
        st.one_of(TAKES, st.tuples(st.just("take"), st.tuples(MOMENTS, AMOUNTS))),
    ),
    "gcra": (
        meters.Gcra,
        st.fixed_dictionaries({"rate": quarters(1, 8), "burst": st.integers(1, 9)}),
        TAKES,
    ),
    "sliding_log": (meters.Sliding, WINDOWS, WINDOWED),
    "fixed_window": (meters.Fixed, WINDOWS, WINDOWED),
    "sliding_counter": (
        meters.Counter,
        WINDOWS,
        st.one_of(TAKES, st.tuples(st.just("take"), st.tuples(MOMENTS, SMALL))),
    ),
    "concurrency": (
        meters.Concurrency,
        st.fixed_dictionaries({"limit": st.integers(0, 4)}),
        st.tuples(st.sampled_from(["acquire", "acquire", "release"]), st.just(())),
    ),
    "dual_limit": (
        meters.Dual,
        some(rpm=st.integers(1, 90), tpm=st.integers(100, 900)),
        st.one_of(
            st.tuples(st.just("reserve"), st.tuples(MOMENTS, KEYS, st.integers(1, 1000))),
            st.tuples(st.just("finish"), st.tuples(MOMENTS, KEYS, st.integers(0, 1000))),
            st.tuples(st.just("cancel"), st.tuples(MOMENTS, KEYS)),
        ),
    ),
    "aws_bucket": (
        meters.AwsBucket,
        some(rate=quarters(0, 20), least=quarters(0, 2)),
        st.one_of(
            TAKES,
            st.tuples(st.just("take"), st.tuples(MOMENTS, AMOUNTS)),
            st.tuples(st.just("set_rate"), st.tuples(MOMENTS, quarters(0, 20))),
        ),
    ),
    "rate_clocker": (
        meters.Clocker,
        some(smoothing=st.sampled_from([0.25, 0.5, 1.0])),
        st.tuples(st.just("record"), st.tuples(MOMENTS)),
    ),
    "adaptive_throttle": (
        meters.Throttle,
        some(k=quarters(1, 3), window=st.integers(1, 200)),
        st.tuples(st.sampled_from(["request", "accept"]), st.tuples(MOMENTS)),
    ),
    "envoy_budget": (
        plain.Envoy,
        some(budget_percent=st.integers(0, 100), min_retry_concurrency=st.integers(0, 5)),
        st.tuples(st.just("allowed"), st.tuples(st.integers(0, 200), st.integers(0, 60))),
    ),
    "finagle_budget": (
        plain.Finagle,
        some(
            ttl=st.integers(1, 60),
            min_per_s=st.integers(0, 10),
            percent=st.one_of(
                st.sampled_from([0.0, 0.125, 0.5, 1.0, 2.0, 0.9999, 1000]), st.floats(0.001, 3)
            ),
        ),
        st.tuples(
            st.sampled_from(["deposit", "deposit", "withdraw", "balance"]), st.tuples(MOMENTS)
        ),
    ),
    "brooker_budget": (
        plain.Brooker,
        st.fixed_dictionaries(
            {"ratio": st.integers(0, 8).map(lambda n: n / 8)},
            optional={
                "capacity": st.integers(1, 20),
                "initial": st.integers(0, 30),
                "cost": quarters(0, 3),
            },
        ),
        st.tuples(st.sampled_from(["success", "retry"]), st.just(())),
    ),
    "grpc_throttle": (
        plain.Grpc,
        some(
            max_tokens=st.integers(1, 100),
            ratio=st.integers(1, 30_000).map(lambda n: n / 10_000),
        ),
        st.tuples(st.sampled_from(["failure", "success", "allowed"]), st.just(())),
    ),
    "aws_quota": (
        plain.Quota,
        some(capacity=st.integers(1, 500)),
        st.tuples(st.sampled_from(["acquire", "release"]), st.tuples(st.integers(1, 60))),
    ),
    "aimd": (
        plain.Aimd,
        some(
            min=st.integers(1, 20),
            backoff=st.sampled_from([0.5, 0.75, 0.9]),
            timeout=quarters(1, 20),
            **LIMITS,
        ),
        SAMPLES,
    ),
    "vegas": (
        plain.Vegas,
        some(
            smoothing=st.sampled_from([0.25, 0.5, 1.0]),
            alpha=st.integers(1, 6),
            beta=st.integers(6, 12),
            decrease=st.just("half"),
            **LIMITS,
        ),
        SAMPLES,
    ),
    "gradient2": (
        plain.Gradient2,
        some(
            min=st.integers(1, 20),
            smoothing=st.sampled_from([0.1, 0.5, 1.0]),
            queue_size=st.integers(0, 10),
            tolerance=quarters(1, 3),
            long_window=st.integers(1, 600),
            **LIMITS,
        ),
        SAMPLES,
    ),
    "cubic": (
        plain.Cubic,
        some(
            w=quarters(0, 50),
            t0=quarters(0, 5),
            c=st.sampled_from([0.2, 0.4, 1.0]),
            beta=st.sampled_from([0.5, 0.6, 0.7]),
        ),
        st.one_of(
            st.tuples(st.just("ok"), st.tuples(MOMENTS)),
            st.tuples(st.just("throttled"), st.tuples(quarters(0, 50), MOMENTS)),
        ),
    ),
}
FIGURES = "n", "used", "e", "k"
UNTIMED = {"concurrency", "envoy_budget", "brooker_budget", "grpc_throttle", "aws_quota"}
UNTIMED |= {"aimd", "vegas", "gradient2"}


def in_order(kind, steps):
    """Moments go on, as a clock does: each is added to those before."""
    if kind in UNTIMED:
        return steps
    place, now, told = {"throttled": 1}, 0.0, []
    for name, arguments in steps:
        values = list(arguments)
        now += values[place.get(name, 0)] / 16
        values[place.get(name, 0)] = now
        told.append((name, tuple(values)))
    return told


def item_of(kind, config, steps):
    """As it would stand in a file, with what the second implementation says."""
    other, told = KINDS[kind][0](**config), []
    for name, arguments in in_order(kind, steps):
        came = getattr(other, name)(*arguments)
        expect = {} if came is None and name != "wait" else {"return": came}
        expect |= {figure: getattr(other, figure)() for figure in FIGURES if hasattr(other, figure)}
        told.append([name, list(arguments), expect or None])
    return json.loads(json.dumps({"id": "made", "kind": kind, "config": config, "steps": told}))


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(max_examples=60)
def test_the_runner_agrees_with_a_second_implementation(kind, data):
    """Whatever is configured, and whatever is left to its default."""
    _, configs, step = KINDS[kind]
    item = item_of(kind, data.draw(configs), data.draw(st.lists(step, max_size=40)))
    assume(any(expected for _, _, expected in item["steps"]))
    (verdict,) = judge([item])
    assert str(verdict) == "pass made"
    returns = [step for step in item["steps"] if step[2] and "return" in step[2]]
    if returns:
        wrong = copy.deepcopy(item)
        place = item["steps"].index(returns[-1])
        value = wrong["steps"][place][2]["return"]
        wrong["steps"][place][2]["return"] = (not value) if isinstance(value, bool) else "other"
        (verdict,) = judge([wrong])
        assert verdict.word == "fail"


HEDGES = st.tuples(
    st.integers(1, 48).map(lambda n: n / 16 + 1 / 1024),
    st.sampled_from(["ok", "ok", "nonfatal", "nonfatal", "fatal"]),
)
PUSHED = st.tuples(
    st.integers(1, 48).map(lambda n: n / 16 + 1 / 1024),
    st.just("nonfatal"),
    st.sampled_from([-1.0, 0.5, 2.0]),
)


@given(
    some(
        max_attempts=st.integers(1, 7),
        delay=st.integers(0, 20).map(lambda n: n / 16),
        deadline=st.integers(1, 60).map(lambda n: n / 16 + 1 / 64),
    ),
    st.lists(st.one_of(HEDGES, HEDGES, PUSHED), min_size=7, max_size=7),
)
@settings(max_examples=100)
def test_hedging_agrees_with_a_second_implementation(config, attempts):
    """The proposal's rules on a list of events, against our layer in a simulated world. Ends of one
    moment may be taken in either order, so there are none. Of several pushbacks the latest counts,
    and a failure that asks for nothing changes none, as in gRPC's Java client."""
    ends_in_turn = [(seconds + n / 4096, *rest) for n, (seconds, *rest) in enumerate(attempts)]
    expect = plain.hedged(ends_in_turn, **config)
    item = {
        "id": "made",
        "kind": "hedge",
        "config": config,
        "attempts": [list(attempt) for attempt in ends_in_turn],
        "expect": expect,
    }
    (verdict,) = judge([item])
    assert str(verdict) == "pass made"


def test_what_nobody_knows_is_skipped_and_never_ignored():
    """A field, an operation and a kind."""
    item = {"id": "A", "kind": "aimd", "config": {"initial": 20, "warp": 9}, "steps": []}
    other = {"id": "B", "kind": "aimd", "steps": [["sing", [], None]]}
    third = {"id": "C", "kind": "song", "steps": []}
    assert [str(verdict) for verdict in judge([item, other, third])] == [
        "skip A: not expressible here: the field warp",
        "skip B: not expressible here: sing",
        "skip C: not expressible here: the kind song",
    ]
