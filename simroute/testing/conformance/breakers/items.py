"""Items of breaker.json: a library's configuration as our parameters, and its steps played on a
`BreakerState`.

A step has a time (s), an event, and what is expected after it. Events: `permit` (somebody asks);
`success`, `failure`, `slow`, `slow_failure` (a call ended; `dur` tells how long it took, `status`
what it was answered, `token` whose result it is, `retry_after` how long to wait); `ignored` (it
was cancelled, or is excluded); `unknown` (nothing is said about such a result); `observe`; `manual`
(`what` is done by hand, with `arg`). `host` or `target` says at which of several it is.
"""

from __future__ import annotations

from typing import Any

from simroute.testing.conformance.breakers.families import FAMILIES, configuration_of, family_named
from simroute.testing.conformance.breakers.rehearsal import TOOK, Group
from simroute.testing.conformance.spelling import plain
from simroute.testing.conformance.verdict import (
    Config,
    Differs,
    Malformed,
    list_of,
    object_of,
    short,
    skip_if_nothing,
    skip_unknown,
    skip_unread,
)

OF_ITEMS = "family", "config", "steps"
OF_STEPS = {
    *("t", "event", "what", "arg", "repeat", "expect", "token", "origin", "error"),
    *("host", "target", "deployment", "status", "status_code", "code"),
    *("retry_after", "retry_after_s", "open_for", "open_until", *TOOK),
}
"""What items and steps may say."""


def play_breaker(item: Config) -> None:
    """Play the item; raises `Differs` or `Inexpressible`."""
    name = family_named(item["family"])
    family, config = FAMILIES[name], configuration_of(name, object_of(item, "config"))
    skip_unread(item, OF_ITEMS, "an item with a family")
    steps = _steps(item)
    group = Group(len({_who(step) for step in steps} - {None}))
    for number, step in enumerate(steps, 1):
        skip_unknown(step, OF_STEPS, "a step")
        who = _who(step)
        if who is None and group and _is_sweep(step):
            who = next(iter(group))
        if who not in group:
            group[who] = family.play(family, config, group)
        try:
            group[who].play(step)
        except (Differs, Malformed) as wrong:
            raise type(wrong)(f"step {number}: {wrong}") from None
    skip_if_nothing([step for step in steps if step.get("expect")])


def _steps(item: Config) -> list[Config]:
    """Its steps. Raises Malformed where one is none."""
    steps = list_of(item, "steps")
    for number, step in enumerate(steps, 1):
        if not isinstance(step, dict):
            raise Malformed(f"step {number} is no object")
        if not isinstance(step.get("expect") or {}, dict):
            raise Malformed(f"step {number}: what is expected is no object")
        if isinstance(_who(step), (list, dict)):
            raise Malformed(f"step {number}: {short(_who(step))} is no name")
    return steps


def _who(step: Config) -> Any:
    """At which of several something happens."""
    return step.get("host", step.get("target", step.get("deployment")))


def _is_sweep(step: Config) -> bool:
    """Whether all of them are looked at."""
    return "sweep" in (plain(step.get("event", "")), plain(step.get("what", "")))
