"""What is wrong with a policy, told to its author: the rules of the contract, each tried on a
scripted upstream."""

from __future__ import annotations

import ast
import copy
import inspect
import sys
import textwrap
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from simroute.core import Call, Outcome, Send, World
from simroute.policies.timeout import Timeout
from simroute.testing.script import PlayLog, Script, Step, collect_log, play, scripted_world

FORBIDDEN = (
    "time",
    "datetime",
    "random",
    "asyncio",
    "simpy",
    "numpy",
    "threading",
    "secrets",
    "uuid",
)


def check_policy(policy: Any) -> list[str]:
    """Mistakes of a layer, one sentence each; empty when none was found.

    Looks for: clocks, randomness or event loops of its own; awaiting or swallowing a cancellation;
    leaking what it holds; not being deterministic; breaking a streamed answer; raising or returning
    something else than an Outcome; changing a call or an outcome, which others hold as well.
    """
    checks: tuple[Callable[[Any], list[str]], ...] = (
        _imports,
        _outcome,
        _values,
        _deterministic,
        _cancellation,
        _leak,
        _streaming,
    )
    mistakes: list[str] = []
    for check in checks:
        for line in check(policy):
            if line not in mistakes:
                mistakes.append(line)
    return mistakes


SCRIPT: Script = {
    "a": [Step(0.31, 503), Step(0.7), Step(0.2, 429, 1.0), Step(1.1), Step(0.4, 500)],
    "b": [Step(0.53), Step(0.2, 529)],
}
ARRIVALS = [0.0, 0.4, 1.1, 2.3, 2.9, 40.0, 40.1, 41.0, 80.0, 81.0]


def _imports(policy: Any) -> list[str]:
    """Names of forbidden modules that the class's own code uses."""
    try:
        source = inspect.getsource(type(policy))
    except (OSError, TypeError):
        return []
    space = vars(sys.modules[type(policy).__module__])
    names = {
        node.id
        for node in ast.walk(ast.parse(textwrap.dedent(source)))
        if isinstance(node, ast.Name)
    }
    used = {name: space[name] for name in names if name in space}
    mistakes = []
    for name, value in sorted(used.items()):
        module = (
            value.__name__ if inspect.ismodule(value) else getattr(value, "__module__", None) or ""
        ).split(".")[0]
        if module in FORBIDDEN:
            mistakes.append(
                f"uses {name} of the module {module}: time, chance and waiting belong to the "
                f"world (now, sleep, within, first, uniform)"
            )
    return mistakes


def _outcome(policy: Any) -> list[str]:
    try:
        log = play({"policy": policy}, SCRIPT, ARRIVALS)
    except Exception as error:
        return [f"raises {type(error).__name__}: {error}; return an Outcome instead"]
    return [] if len(log.requests) == len(ARRIVALS) else ["some requests never end"]


class _Witness:
    """A layer that does nothing but remember what calls and outcomes were when it saw them."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, Any]] = []

    def __deepcopy__(self, _: Any) -> _Witness:
        return self

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        self.seen.append((call, copy.copy(call)))
        outcome = await send(call)
        self.seen.append((outcome, copy.copy(outcome)))
        return outcome


def _values(policy: Any) -> list[str]:
    """Whether it sets fields of calls or outcomes, its own or those of layers around it."""
    witness = _Witness()
    try:
        for streamed in (False, True):
            layers = {"outside": witness, "policy": policy, "inside": witness}
            play(layers, SCRIPT, ARRIVALS, streamed=streamed)
    except Exception:
        return []
    return [
        f"sets {field.name} of {type(now).__name__}: others hold it as well; make another, as by "
        f"call.to(target) or dataclasses.replace"
        for now, before in witness.seen
        for field in fields(now)
        if getattr(now, field.name) is not getattr(before, field.name)
    ]


def _deterministic(policy: Any) -> list[str]:
    try:
        first, second = (play({"policy": policy}, SCRIPT, ARRIVALS) for _ in range(2))
    except Exception:
        return []
    same = first.attempts == second.attempts and first.requests == second.requests
    return (
        []
        if same
        else [
            "gives other results for the same seed: draw by world.uniform, and keep no state "
            "outside the object"
        ]
    )


def _cancellation(policy: Any) -> list[str]:
    for seconds in (0.05, 0.3, 0.9):
        try:
            play(
                {"timeout": Timeout(seconds), "policy": policy},
                {"a": [Step(5.0)], "b": [Step(5.0)]},
                ARRIVALS,
            )
        except RuntimeError as error:
            if "finally" in str(error):
                return [
                    "awaits in `finally`, or catches its own cancellation: release in `finally`, "
                    "without await, and let it pass"
                ]
        except Exception:
            return []
    return []


def _leak(policy: Any) -> list[str]:
    """After calls that were cancelled in it, the policy must still let calls through."""
    many = [i * 3.0 for i in range(40)]
    calm = [*many, 1000.0, 5000.0, 90_000.0]
    try:
        built, log = scripted_world(
            {"timeout": Timeout(1.0), "policy": policy},
            {"a": [Step(9.0)] * 400 + [Step(0.1)], "b": [Step(9.0)] * 400},
            calm,
            streamed=False,
        )
        fresh = play(
            {"timeout": Timeout(1.0), "policy": policy}, {"a": [Step(0.1)], "b": [Step(0.1)]}, [0.0]
        )
        built.script({"a": [Step(9.0)], "b": [Step(9.0)]})
        _calm_after(built, 900.0)
        built.run()
        last = collect_log(built, log).requests[len(calm) - 1]
    except Exception:
        return []
    if fresh.requests[0][0] == "ok" and last[0] != "ok":
        return [
            "leaks: after calls that were cancelled inside it, it refuses calls for ever; give "
            "permits and slots back in `finally`"
        ]
    return []


def _calm_after(built: Any, when: float) -> None:
    def weather() -> Any:
        yield built.env.timeout(when)
        built.script({"a": [Step(0.1)], "b": [Step(0.1)]})

    built.env.process(weather())


def _streaming(policy: Any) -> list[str]:
    try:
        log: PlayLog = play(
            {"policy": copy.deepcopy(policy)},
            {"a": [Step(3.0, first=1.0)], "b": [Step(3.0, first=1.0)]},
            streamed=True,
        )
    except Exception as error:
        return [
            f"fails on a streamed answer ({type(error).__name__}: {error}): `outcome.rest` may "
            f"be awaited, handed on or wrapped"
        ]
    outcome, _, latency = log.requests[0]
    if outcome == "ok" and latency < 3.0 - 1e-9:
        return [
            "breaks streaming: it returns a streamed answer as complete; hand `outcome.rest` on, "
            "or await it"
        ]
    return []


__all__ = ["check_policy"]
