"""How long to wait before trying again. Formulas: AWS Architecture Blog, Exponential Backoff And
Jitter (2015)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from simroute.core.params import Doc, Factor, Range, Seconds, Unit

Jitter = Literal["none", "full", "equal", "decorrelated", "proportional", "between"]


@dataclass(frozen=True)
class Backoff:
    """Pauses d that grow from `initial` by `factor` up to `max`.

    Jitter: full, uniform in [0, d]; equal, in [d/2, d]; proportional, d times [.8, 1.2];
    between, d times [low, high]; decorrelated, in [initial, three times the pause before].

    As clients spread them: OpenAI's and Anthropic's SDKs between .75 and 1 (of .5 s, doubled, at
    most 8 s); TensorZero between 1 and 2; Bifrost proportional; LiteLLM none, with .75 s `added`.
    """

    initial: Annotated[Seconds, Doc("the first pause")] = 0.5
    factor: Annotated[Factor, Doc("each pause by the one before")] = 2.0
    max: Annotated[Seconds, Doc("the longest pause, before proportional jitter")] = 20.0
    jitter: Annotated[Jitter, Doc("how a pause is spread by chance")] = "full"
    low: Annotated[
        float, Unit("factor"), Range(low=0), Doc("jitter between: d times at least this")
    ] = 0.75
    high: Annotated[float, Unit("factor"), Range(low=0), Doc("and at most this")] = 1.0
    added: Annotated[
        Seconds, Doc("up to so much more by chance, after any pause, one asked for included")
    ] = 0.0

    def __post_init__(self) -> None:
        if self.jitter not in get_args(Jitter):
            raise ValueError(
                f"jitter {self.jitter!r}: expected one of {', '.join(get_args(Jitter))}"
            )

    def delay(self, attempt: int, u: float, previous: float = 0.0) -> float:
        """Seconds before retry number `attempt` (from 1), with `u` uniform in [0, 1) and `previous`
        the pause before this one."""
        if self.jitter == "decorrelated":
            return min(
                self.max, self.initial + u * (3 * max(previous, self.initial) - self.initial)
            )
        d = self._grown(attempt)
        if self.jitter == "full":
            return u * d
        if self.jitter == "equal":
            return (1 + u) / 2 * d
        if self.jitter == "between":
            return (self.low + u * (self.high - self.low)) * d
        return (0.8 + 0.4 * u) * d if self.jitter == "proportional" else d

    def _grown(self, attempt: int) -> float:
        try:
            return min(self.max, self.initial * self.factor ** (attempt - 1))
        except OverflowError:
            return self.max


def raised(pause: float, asked: float | None, most: float) -> float:
    """A pause as long as a provider asks for, but at most `most` seconds longer than it was (as
    botocore 1.44.5)."""
    return pause if asked is None else max(pause, min(asked, pause + most))
