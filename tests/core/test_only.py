"""Layers that hold for some targets alone."""

import pickle
from copy import deepcopy
from dataclasses import FrozenInstanceError, dataclass, fields, replace
from typing import Any

import pytest

from simroute.core import formula, layer, registry
from simroute.core.only import only_of
from simroute.policies.breaker import Breaker
from simroute.policies.fallback import Fallback
from simroute.policies.permit import Permit
from simroute.policies.retry import Backoff, Retry
from simroute.policies.timeout import Timeout
from simroute.testing import Step, play

SOON = Backoff(initial=1.0, jitter="none")


def sends(log):
    return [(start, target) for start, target, *_ in log.attempts]


def only(made: Any, *targets: str) -> Any:
    return replace(made, only=targets)


@pytest.mark.parametrize(
    ("targets", "asked"),
    [
        (("a",), [(0.0, "a"), (1.0, "a"), (1.0, "b")]),
        (("b",), [(0.0, "a"), (0.0, "b"), (1.0, "b")]),
        (("a", "b"), [(0.0, "a"), (1.0, "a"), (1.0, "b"), (2.0, "b")]),
        ((), [(0.0, "a"), (1.0, "a"), (1.0, "b"), (2.0, "b")]),
        (("c",), [(0.0, "a"), (0.0, "b")]),
        (("first",), [(0.0, "a"), (1.0, "a"), (1.0, "b")]),
        (("other_company",), [(0.0, "a"), (0.0, "b"), (1.0, "b")]),
    ],
)
def test_a_retry_for_some_targets_tries_these_alone_again(targets, asked):
    """Everybody fails at once; the pause before a retry is 1 s."""
    layers = {"fallback": Fallback(("a", "b")), "retry": only(Retry(2, backoff=SOON), *targets)}
    failing = {name: [Step(0.0, 503)] for name in "abc"}
    assert sends(play(layers, failing)) == asked


def test_two_layers_of_a_kind_hold_each_for_its_own():
    """a may take 1 s, b 3 s, so that a is given up after one, and b after four seconds in all."""
    layers = {
        "fallback": Fallback(("a", "b")),
        "quick": only(Timeout(1.0), "a"),
        "patient": only(Timeout(3.0), "b"),
    }
    log = play(layers, {"a": [Step(9.0)], "b": [Step(9.0)]})
    assert sends(log) == [(0.0, "a"), (1.0, "b")]
    assert log.requests[0][2] == 4.0


def test_a_fallback_within_a_fallback_is_of_its_own_lead():
    """a or else b, then c or else d: within them for 503 alone, between them for 500 too."""
    layers = {
        "fallback": Fallback(("a", "c"), statuses=(500, 503)),
        "former": only(Fallback(("a", "b"), statuses=(503,)), "a"),
        "latter": only(Fallback(("c", "d"), statuses=(503,)), "c"),
    }
    answers = {"a": 503, "b": 500, "c": 503, "d": 200}
    log = play(layers, {name: [Step(1.0, status)] for name, status in answers.items()})
    assert sends(log) == [(0.0, "a"), (1.0, "b"), (2.0, "c"), (3.0, "d")]
    log = play(layers, {name: [Step(1.0, 500)] for name in "abcd"})
    assert sends(log) == [(0.0, "a"), (1.0, "c")]


def test_a_role_stands_for_itself_whatever_is_listed_beside_it():
    """The cheapest is the first here, as it is in the weights of a balance."""
    retry = only(Retry(2, backoff=SOON), "first", "cheapest")
    layers = {"fallback": Fallback(("a", "b")), "retry": retry}
    log = play(layers, {name: [Step(0.0, 503)] for name in "ab"})
    assert sends(log) == [(0.0, "a"), (1.0, "a"), (1.0, "b")]


def test_a_call_that_nobody_aimed_is_for_the_first_deployment():
    """As it is sent there."""
    for targets, tries in ((("a",), 2), (("b",), 1)):
        log = play({"retry": only(Retry(2), *targets)}, {"a": [Step(0.0, 503)], "b": [Step(0.0)]})
        assert [target for _, target, *_ in log.attempts] == ["a"] * tries


def test_streams_pass_as_they_do_through_no_layer():
    """A limit to the first token of a's does not cut b's."""
    layers = {
        "fallback": Fallback(("a", "b")),
        "quick": only(Timeout(30.0, first_token=1.0), "a"),
    }
    slow = Step(4.0, first=2.0)
    log = play(layers, {"a": [slow], "b": [slow]}, streamed=True)
    assert log.requests[0] == ("ok", "b", 5.0)


def test_a_breaker_counts_calls_to_its_targets_alone():
    """Of two that fail, only b's opens."""
    layers = {
        "fallback": Fallback(("a", "b")),
        "breaker": only(Breaker(failures=1, window=60.0, cooldown=60.0), "b"),
    }
    log = play(layers, {name: [Step(0.0, 503)] for name in "ab"}, [0.0, 1.0])
    assert sends(log) == [(0.0, "a"), (0.0, "b"), (1.0, "a")]


def test_it_is_a_parameter_like_any_other():
    """Given by name, kept by copies, told apart by comparisons."""
    made = Retry(3, only=("a",))  # type: ignore[call-arg]
    assert (made.attempts, only_of(made)) == (3, ("a",))
    assert only_of(replace(made, attempts=4)) == ("a",)
    assert replace(made, only="abc") == replace(made, only=["abc"]) == Retry(3, only=("abc",))  # type: ignore[call-arg]
    assert deepcopy(made) == made == pickle.loads(pickle.dumps(made))
    assert made != Retry(3)
    assert only_of(Retry(3)) == ()
    assert [each.name for each in fields(Retry)][-1] == "only"
    preset = Breaker(preset="kong", only=("a",))  # type: ignore[call-arg]
    assert preset == replace(Breaker(preset="kong"), only=("a",))
    assert preset != Breaker(preset="kong")


def test_a_layer_shows_for_whom_it_is():
    """So a gateway's digest of its layers tells two policies apart that differ in this alone."""
    plain = repr(Retry(3))
    assert repr(only(Retry(3), "a")) == f"{plain.removesuffix(')')}, only=('a',))"
    assert "only" not in plain


@pytest.mark.usefixtures("_registry")
def test_a_layer_of_one_s_own_compares_as_it_says_itself():
    """By its number's last digit here, and by `only`."""

    @layer("digits")
    @dataclass
    class Digits:
        number: int = 0

        def __eq__(self, other):
            return self.number % 10 == other.number % 10

        def __hash__(self):
            return self.number % 10

        def __repr__(self):
            return f"<{self.number}>"

        def __call__(self, call, send, world):
            return send(call)

    assert Digits(3) == Digits(13) != Digits(4)
    assert hash(Digits(3)) == hash(Digits(13))
    assert only(Digits(3), "a") == only(Digits(13), "a") != Digits(3)
    assert (repr(Digits(3)), repr(only(Digits(3), "a"))) == ("<3>", "<3>, only=('a',)")

    @layer("bare")
    @dataclass(eq=False)
    class Bare:
        def __call__(self, call, send, world):
            return send(call)

    one = Bare()
    assert one == one != Bare()
    assert len({one, Bare()}) == 2
    assert repr(only(one, "a")).endswith("Bare(only=('a',))")


def test_every_layer_has_it_but_those_that_call_something_else_so():
    """A permit's `only` are places that may see a request."""
    assert {kind for kind, cls in registry.items() if not getattr(cls, "takes_only", False)} <= {
        "permit"
    }
    assert only_of(Permit(only={"*": ("x",)})) == ()


def test_the_nesting_says_for_whom_a_layer_is():
    """In brackets behind its name."""
    layers = {"fallback": Fallback(), "retry": only(Retry(), "first", "b"), "timeout": Timeout()}
    assert formula(layers) == "fallback(retry[first, b](timeout(send)))"


@pytest.fixture
def _registry():
    before = dict(registry)
    yield
    registry.clear()
    registry.update(before)


@pytest.mark.usefixtures("_registry")
def test_a_layer_of_one_s_own_has_it_whatever_kind_of_dataclass_it_is():
    """Frozen, with slots, with a method of its parent's, registered before it is a dataclass."""

    @layer("frozen")
    @dataclass(frozen=True, slots=True)
    class Frozen:
        """Hands on."""

        times: int = 1

        def __call__(self, call, send, world):
            return send(call)

    made: Any = Frozen(2, only=("a",))  # type: ignore[call-arg]
    assert (made.times, only_of(made), Frozen.__doc__) == (2, ("a",), "Hands on.")
    assert hash(made) == hash(replace(made)) != hash(Frozen(2))
    with pytest.raises(FrozenInstanceError):
        made.only = ()

    @layer("parent")
    @dataclass
    class Parent:
        attempts: int = 2

        def __post_init__(self):
            self.seen = getattr(self, "only", None)

        async def __call__(self, call, send, world):
            return await send(call)

    @layer("child")
    @dataclass
    class Child(Parent):
        more: int = 0

        def __post_init__(self):
            super().__post_init__()

        async def __call__(self, call, send, world):
            return await super().__call__(call, send, world)

    child: Any = Child(3, 4, only=("a",))
    assert (child.attempts, child.more, child.seen, only_of(child)) == (3, 4, ("a",), ("a",))
    assert play({"child": child}, {"a": [Step(1.0)]}).requests[0] == ("ok", "a", 1.0)

    @dataclass
    @layer("bare")
    class Bare:
        times: int = 1

        def __call__(self, call, send, world):
            return send(call)

    assert only_of(Bare(2)) == ()
