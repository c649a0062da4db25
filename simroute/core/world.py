"""What a policy may ask of the world it runs in. The world owns all concurrency, time and
chance."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Generator, Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated, Any, NamedTuple, Protocol

from simroute.core.call import Call
from simroute.core.experts import Classifier, Evaluation, Predictor
from simroute.core.outcome import Outcome, Rest
from simroute.core.params import Doc, Seconds, Share, Usd
from simroute.core.target import Allowance, Price, Target

STANDARD = NormalDist()

Send = Callable[[Call], Awaitable[Outcome]]
"""What a layer calls to go one layer further in: `outcome = await send(call)`."""


class Cancelled(BaseException):
    """Thrown into a call that nobody waits for any more. Layers release what they hold in
    `finally`; they never catch it."""


class Gate(Protocol):
    """A promise that some calls await and another opens."""

    def open(self, value: Any = None) -> None:
        """Let everybody through, in the order they came, soon but not inside this call; later
        comers pass at once."""

    def __await__(self) -> Generator[Any, Any, Any]: ...


@dataclass(frozen=True)
class Judge:
    """A grader of answers: accepts a right one with `true_accept`, a wrong one with `false_accept`;
    takes time and money.

    Defaults: a mediocre LLM judge (AUROC about .75; 1.7 s was measured for one), never a perfect
    one. With `auroc` it gives scores, normal with equal spread for right and wrong answers:
    `false_accept` then says where the threshold lies, and how many right ones pass it follows.
    """

    true_accept: Annotated[Share, Doc("right answers that it accepts")] = 0.80
    false_accept: Annotated[Share, Doc("wrong answers that it accepts")] = 0.45
    latency: Annotated[Seconds, Doc("time for one verdict")] = 1.7
    usd: Annotated[Usd, Doc("price of one verdict")] = 0.0002
    auroc: Annotated[
        Share | None,
        Doc("how well its score tells right from wrong (0.5: not at all); replaces true_accept"),
    ] = None

    def accepts(self, right: bool) -> float:
        """The share of right, or wrong, answers that it accepts."""
        if not right or self.auroc is None:
            return self.true_accept if right else self.false_accept
        # a score without error; a threshold beyond all scores
        if self.auroc in (0.0, 1.0) or self.false_accept in (0.0, 1.0):
            return (
                1.0 if self.auroc == 1.0 or (self.false_accept == 1.0 and self.auroc > 0.0) else 0.0
            )
        return STANDARD.cdf(
            math.sqrt(2) * STANDARD.inv_cdf(self.auroc) + STANDARD.inv_cdf(self.false_accept)
        )

    def right(self, accepted: float) -> float:
        """The share of right ones among answers of which it accepts so many: what an unbiased guess
        of `accepted` makes an unbiased guess of. 0 where it cannot tell them apart."""
        least = self.accepts(False)
        span = self.accepts(True) - least
        return (accepted - least) / span if span > 0 else 0.0


class Match(NamedTuple):
    """The nearest earlier question: its key, and the cosine similarity (-1 … 1) to the one
    asked."""

    key: Any
    cosine: float


class Logged(NamedTuple):
    """Where a log says that a request was sent: deployments in order, with those that followed
    others in the log where such sends had failed; or `cached`: a cache of the gateway answered
    it."""

    targets: tuple[str, ...]
    cached: bool = False


class World(Protocol):
    """Given to every layer, one view a layer and replica. Times are seconds on the world's own
    clock, which starts anywhere."""

    def now(self) -> float: ...

    def sleep(self, seconds: float) -> Awaitable[None]: ...

    def takes(self, seconds: float) -> Awaitable[None]:
        """Wait for as long as work of the layer's own takes: virtual time pays it, real time has
        paid it already."""

    def within(
        self, seconds: float, work: Awaitable[Outcome], limit: str = ""
    ) -> Awaitable[Outcome]:
        """The outcome of `work`, or one of status 408 if it has not ended after `seconds`; then
        `work` is cancelled. `limit`: what reports call this limit (`Outcome.limit`)."""

    def flowing(self, silence: float, rest: Rest, limit: str = "") -> Awaitable[Outcome]:
        """The final outcome of a streamed answer, or one of status 408 when no token of it has come
        for `silence` seconds; then it is cancelled. `limit` as in `within`."""

    def first(
        self, *works: Awaitable[Outcome], until: Callable[[Outcome], bool] = ...
    ) -> Awaitable[Outcome]:
        """The first outcome that satisfies `until` (default: `ok`), else the last one to end.
        Starts all at once, cancels the losers."""

    def gate(self) -> Gate: ...

    def emit(
        self, event: str, call: Call | None = None, *, target: str | None = None, **detail: Any
    ) -> None:
        """Record that something happened: a past-tense word, and whatever explains it."""

    def uniform(self, stream: str, call: Call) -> float:
        """A number in [0, 1) that belongs to this request, this layer, `stream`, and how often it
        was asked for there."""

    def targets(self) -> Mapping[str, Target]:
        """The deployments by name, in the order in which they are configured."""

    def price(self, target: str) -> Price:
        """What `target` charges now."""

    def fits(self, call: Call, target: str) -> bool:
        """Whether the prompt is no longer than `target` can read, as far as that is known."""

    def allowances(self, target: str) -> Mapping[str, Allowance]:
        """What the provider's latest answer said of its limits, by "requests", "tokens",
        "input-tokens" and "output-tokens", where it said anything. To be asked when one has just
        come: a simulated provider answers as of now."""

    def limit_connection(self, call: Call, seconds: float) -> None:
        """Sends of this request from now on wait no longer than that for a connection (503, error
        unreachable)."""

    def period(self, kind: str, zone: str, reset: str) -> tuple[float, float]:
        """Begin and end (s) of the calendar's day, week or month (`kind`) that it is now; each
        begins at `reset` (HH:MM) in `zone`."""

    def spent(self, call: Call) -> float:
        """USD billed so far for this request, by all its attempts and judges."""

    def unbilled(self, call: Call) -> Sequence[str]:
        """Whom this request was sent to and given up waiting for, as long as what that costs is not
        in `spent` (live: for ever)."""

    def forbid(self, call: Call, forbids: frozenset[str]) -> None:
        """From now on this request must not be seen by these, as `Request.forbids` says it; the
        world refuses what is sent there. For layers that say `restricts = True` of their class."""

    def keyed(self, call: Call) -> Call:
        """The call with an idempotency key of its own, if it has none yet and any target knows such
        keys: sends of it to one that does (`Target.knows_repeats`) are one to the provider, which
        works and bills once and gives each of them that answer. What failed is tried anew."""

    def ping(self, target: str) -> Call:
        """A call of a layer's own, for its `background`: it belongs to no request."""

    def copy(self, call: Call, target: str) -> Call:
        """A call of a layer's own that asks `target` the same; it belongs to no request, either."""

    def judge(
        self, call: Call, outcome: Outcome, judge: Judge, stream: str = ""
    ) -> Awaitable[bool]:
        """Whether `judge` accepts this complete answer. Each judgement is a draw of its own, also
        of an answer that was judged before; `stream` tells apart those of one layer that do not
        come in a fixed order."""

    def conclusion(self, call: Call, outcome: Outcome, common: float) -> Awaitable[Hashable]:
        """What this complete answer comes to: equal for two that say the same. Right ones do; of
        wrong ones the share `common` makes the mistake that is usual for the question."""

    def classify(self, call: Call, classifier: Classifier) -> Awaitable[str]:
        """The task that `classifier` takes the request for. It is asked once for a request and
        layer."""

    def predict(
        self, call: Call, targets: Sequence[str], predictor: Predictor
    ) -> Awaitable[Mapping[str, float]]:
        """How good (0 surely wrong, 1 surely right) the answers of these targets will be, as far as
        `predictor` can tell; those of which it says nothing are left out."""

    def evaluated(
        self, call: Call, task: str, targets: Sequence[str], evaluation: Evaluation
    ) -> Awaitable[Mapping[str, tuple[float, int]]]:
        """The share of right answers to examples of `task` in the latest evaluation of these
        targets, and of how many; those of which nothing is known are left out. The call that finds
        one too old pays for the next."""

    def logged(self, call: Call) -> Logged | None:
        """Where the log that is being replayed says that this request went; None where there is
        none, or it does not say."""

    def plain_key(self, call: Call, ignored: Sequence[str]) -> Hashable:
        """What `Request.key` would be if prompts were all written alike: in the case of their
        letters ("case"), in the white space between and around words ("space")."""

    def embed(self, call: Call, keys: Mapping[Any, Any]) -> Awaitable[None]:
        """Make ready what `nearest` will tell of these: in real time an embedder is asked, virtual
        time has paid for it by `takes`. One that fails is no error: then nothing is near."""

    def nearest(self, call: Call, keys: Mapping[Any, Any]) -> Match | None:
        """The most similar earlier question among `keys` of the caller's cache (not `call`'s own
        wording), None if there is none."""

    def own_answer(self, call: Call, text: str, quality: float) -> Any:
        """An answer of a layer's own; `quality` is what it is worth in a simulation."""

    def agrees(self, kept: Any, fresh: Any) -> bool:
        """Whether a stored answer says the same as a fresh one to a similar question."""

    def may_keep(self, call: Call, outcome: Outcome, any_temperature: bool) -> bool:
        """Whether a cache may give this answer again: it is whole, and asking again would give the
        same one (`any_temperature`: another one will do)."""


def aimed_at(call: Call, world: World) -> str:
    """Whom a call goes to: who it was aimed at further out, else the first deployment."""
    target = call.target
    return target if target is not None else next(iter(world.targets()))
