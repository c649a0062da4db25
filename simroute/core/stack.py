"""Layers put together: outermost first, as they stand in a policy file."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from inspect import CO_VARARGS, CO_VARKEYWORDS
from types import CodeType, FunctionType, MethodType
from typing import Any, Protocol, TypeVar

from simroute.core.call import Call
from simroute.core.only import Concern, only_of, with_only
from simroute.core.outcome import Outcome
from simroute.core.world import Send, World


class Policy(Protocol):
    """A layer: a dataclass whose fields are its parameters, with this one method, which returns
    what can be awaited: `async def`, or a plain function that only hands on what it awaits. Whom it
    holds for (`only`, see `layer`) is none of its business: it does not see other calls.

    A layer that must act between calls may have one more, `async def background(self, send,
    world)`. One that asks experts besides the world's own knowledge names them in `asks` ("judge",
    "classifier", "predictor", "evaluator", "conclusion"): live these are functions of the user's.
    """

    def __call__(self, call: Call, send: Send, world: World) -> Awaitable[Outcome]: ...


T = TypeVar("T")
registry: dict[str, type] = {}
"""Layers by kind. The only registry; plug-ins add to it through `layer`."""


def layer(kind: str) -> Callable[[type[T]], type[T]]:
    """Register a dataclass as the layer that policy files call `kind`, and give it the parameter
    `only`: the targets for which alone it holds."""

    def register(cls: type[T]) -> type[T]:
        known = registry.get(kind)
        if known is not None and (known.__module__, known.__qualname__) != (
            cls.__module__,
            cls.__qualname__,
        ):
            raise ValueError(
                f"layer kind {kind!r} is taken by {known.__module__}.{known.__qualname__}"
            )
        cls.kind = kind  # type: ignore[attr-defined]
        registry[kind] = made = with_only(cls)
        return made

    return register


def stack(layers: Mapping[str, Policy], send: Send, view: Callable[[str], World]) -> Send:
    """One `send` that passes through all layers, the first of the mapping outermost; `view(name)`
    is each layer's world. Calls to targets that a layer does not hold for go past it."""
    for name, policy in reversed(list(layers.items())):
        world, only = view(name), only_of(policy)
        within = _bound(policy, send, world)
        send = _parted(Concern(only), within, send, world) if only else within
    return send


def _parted(concerns: Concern, within: Send, past: Send, world: World) -> Send:
    def through(call: Call) -> Awaitable[Outcome]:
        return within(call) if concerns(call, world) else past(call)

    return through


def _bound(policy: Policy, send: Send, world: World) -> Send:
    call_policy = policy.__call__
    method: Any = getattr(call_policy, "__func__", None)
    if isinstance(method, FunctionType) and _takes_four(method.__code__):
        # an ordinary method: a copy of it that has `send` and `world` as defaults does what
        # `through` does, and saves a call
        code, known = method.__code__, method.__globals__
        copy = FunctionType(code, known, code.co_name, (send, world), method.__closure__)
        return MethodType(copy, call_policy.__self__)  # type: ignore[attr-defined]

    def through(call: Call) -> Awaitable[Outcome]:
        return call_policy(call, send, world)

    return through


def _takes_four(code: CodeType) -> bool:
    """Its parameters are `self`, the call, the send and the world, and nothing else."""
    various = code.co_kwonlyargcount or code.co_flags & (CO_VARARGS | CO_VARKEYWORDS)
    return code.co_argcount == 4 and not various


def restricts(layer: Any) -> bool:
    """Whether a layer may say who must not see a request (`World.forbid`)."""
    return bool(getattr(layer, "restricts", False))


def background_work(
    layers: Mapping[str, Any], send: Send, view: Callable[[str], World]
) -> Iterator[Coroutine[Any, Any, None]]:
    """What layers do between calls, outermost first: their `background`, each with the `send` and
    the world that the layer itself has."""
    for place, (name, policy) in enumerate(layers.items()):
        if hasattr(policy, "background"):
            inner = dict(list(layers.items())[place + 1 :])
            yield policy.background(stack(inner, send, view), view(name))


def formula(layers: Mapping[str, Any]) -> str:
    """The nesting in words: `fallback(breaker(retry[first](timeout(send))))`, with the targets for
    which alone a layer holds."""
    names = [
        f"{name}[{', '.join(only)}]" if (only := only_of(layer)) else name
        for name, layer in layers.items()
    ]
    return "(".join([*names, "send"]) + ")" * len(layers)
