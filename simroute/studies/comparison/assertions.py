"""`--assert`: what must hold of a study, on the unfavourable bound."""

from __future__ import annotations

import re
from collections.abc import Mapping

from simroute.errors import InputError, nearest
from simroute.metrics import METRICS
from simroute.statistics.intervals import Interval

ASSERTION = re.compile(r"(?:([^:<>=]+):)?\s*([A-Za-z0-9_]+)\s*(>=|<=|>|<)\s*([-+0-9.eE]+)")


def failed_assertions(
    intervals: Mapping[str, Mapping[str, Interval]], assertions: list[str]
) -> list[str]:
    """Those that do not hold on the unfavourable bound, each with what was found; one replication
    has no bound, so that nothing holds."""
    lost: list[str] = []
    for text in assertions:
        policy, name, sign, bound = parse_assertion(text, list(intervals))
        for each in [policy] if policy else list(intervals):
            found = intervals[each][name]
            value = found.low if sign.startswith(">") else found.high
            if (
                value is None
                or not {
                    ">=": value >= bound,
                    "<=": value <= bound,
                    ">": value > bound,
                    "<": value < bound,
                }[sign]
            ):
                lost.append(
                    f"{each}: {name} {sign} {bound:g} does not hold: {_unfavourable(found, value)}"
                )
    return lost


def _unfavourable(found: Interval, value: float | None) -> str:
    if found.mean is None:
        return "no value"
    return (
        f"{value:.6g}"
        if value is not None
        else f"{found.mean:.6g} in one replication, which gives no bound; take more --replications"
    )


def parse_assertion(text: str, policies: list[str]) -> tuple[str | None, str, str, float]:
    """(policy or None for all, metric, sign, bound). Raises InputError."""
    match = ASSERTION.fullmatch(text.strip())
    if match is None:
        raise InputError(
            f"--assert {text!r}: expected METRIC>=NUMBER or POLICY:METRIC>=NUMBER, such as "
            f"success_rate>=0.999"
        )
    policy, name, sign, number = match.groups()
    if name not in METRICS:
        raise InputError(
            f"--assert {text!r}: no metric is called {name!r}; {nearest(name, METRICS)}"
        )
    if policy is not None and policy not in policies:
        raise InputError(
            f"--assert {text!r}: no policy is called {policy!r}; {nearest(policy, policies)}"
        )
    try:
        return policy, name, sign, float(number)
    except ValueError:
        raise InputError(f"--assert {text!r}: {number!r} is not a number") from None
