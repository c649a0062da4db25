"""What travels inward: one request on its way to one target."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any, Literal, Protocol

from simroute.core.value import blank, value


class Request(Protocol):
    """What a caller asked for; the same object for every attempt that serves it. A world supplies
    it."""

    @property
    def id(self) -> int:
        """Unique within a run."""

    @property
    def key(self) -> Hashable:
        """Equal for two requests exactly when their prompts and parameters are equal."""

    @property
    def task(self) -> str: ...
    @property
    def user(self) -> str: ...
    @property
    def feature(self) -> str: ...
    @property
    def session(self) -> str: ...
    @property
    def arrival(self) -> float:
        """Seconds, on the world's clock."""

    @property
    def input_tokens(self) -> int: ...
    @property
    def max_output_tokens(self) -> int:
        """The most the caller allows; the true length is known only once the answer is there."""

    @property
    def streamed(self) -> bool: ...
    @property
    def forbids(self) -> frozenset[str]:
        """Providers, and single deployments (`core.target.forbidden_name`), that must never see
        this request."""


Key = Literal["session", "user", "feature", "task", "prompt", "request"]


def key_of(request: Request, what: Key) -> str:
    """What requests that belong together have in common; empty where this one does not say."""
    if what in ("prompt", "request"):
        return repr(request.key if what == "prompt" else request.id)
    word = str(getattr(request, what))
    return "" if word == "-" else word


@value
class Call:
    """A request, and where it is being sent (None: nobody has aimed it yet).

    probe: a breaker's trial of a target that may still be failing, or a ping. once: no layer
    further in is to send it again. key: what makes repeated sends one to a provider that knows them
    (`World.keyed`); None: each send is another.
    """

    request: Request
    target: str | None = None
    probe: bool = False
    once: bool = False
    key: Any = None

    def to(self, target: str) -> Call:
        """The same request, aimed at `target`."""
        call = blank(Call)
        call.request, call.target = self.request, target
        call.probe, call.once, call.key = self.probe, self.once, self.key
        return call  # type: ignore[no-any-return]

    def as_probe(self, once: bool = False) -> Call:
        """The same call, marked as a trial; `once`: of a single send."""
        return Call(self.request, self.target, True, once or self.once, self.key)

    def unkeyed(self) -> Call:
        """The same call as a send of its own, for whoever wants another answer."""
        return self if self.key is None else replace(self, key=None)
