"""`--assert`: what must hold of a study, on the unfavourable bound."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping

from simroute.errors import InputError, nearest
from simroute.metrics import METRICS
from simroute.statistics.intervals import Interval

COMPARE = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
ASSERTION = re.compile(r"(?:([^:<>=]+):)?\s*([A-Za-z0-9_]+)\s*(>=|<=|>|<)\s*([-+0-9.eE]+)")


def failed_assertions(
    intervals: Mapping[str, Mapping[str, Interval]], assertions: list[str]
) -> list[str]:
    """A line for each assertion that does not hold on the unfavourable bound, with that bound. One
    replication has no bound, so that nothing holds."""
    failed: list[str] = []
    for text in assertions:
        policy, metric, sign, bound = parse_assertion(text, list(intervals))
        for each in [policy] if policy else list(intervals):
            interval = intervals[each][metric]
            value = interval.low if sign.startswith(">") else interval.high
            if value is None or not COMPARE[sign](value, bound):
                failed.append(
                    f"{each}: {metric} {sign} {bound:g} does not hold: {_bound(interval, value)}"
                )
    return failed


def _bound(interval: Interval, value: float | None) -> str:
    """The bound in words, or why there is none."""
    if interval.mean is None:
        return "no value"
    if value is None:
        return (
            f"{interval.mean:.6g} in one replication, which gives no bound; take more "
            f"--replications"
        )
    return f"{value:.6g}"


def parse_assertion(text: str, policies: list[str]) -> tuple[str | None, str, str, float]:
    """Read METRIC>=NUMBER or POLICY:METRIC>=NUMBER: (policy or None for all, metric, sign, bound).
    Raises InputError."""
    match = ASSERTION.fullmatch(text.strip())
    if match is None:
        raise InputError(
            f"--assert {text!r}: expected METRIC>=NUMBER or POLICY:METRIC>=NUMBER, such as "
            f"success_rate>=0.999"
        )
    policy, metric, sign, number = match.groups()
    if metric not in METRICS:
        raise InputError(
            f"--assert {text!r}: no metric is called {metric!r}; {nearest(metric, METRICS)}"
        )
    if policy is not None and policy not in policies:
        raise InputError(
            f"--assert {text!r}: no policy is called {policy!r}; {nearest(policy, policies)}"
        )
    try:
        return policy, metric, sign, float(number)
    except ValueError:
        raise InputError(f"--assert {text!r}: {number!r} is not a number") from None
