"""`--assert`: what must hold of a study, on the unfavourable bound."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from simroute.errors import InputError, nearest
from simroute.metrics import METRICS
from simroute.statistics.intervals import Interval

COMPARE = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
ASSERTION = re.compile(
    r"(?:([^:<>=]+):)?\s*([A-Za-z0-9_]+(?:\.[^<>=]*[^<>=\s])?)\s*(>=|<=|>|<)\s*([-+0-9.eE]+)"
)


class JudgedAssertion(NamedTuple):
    """An assertion about a policy, and what came of it."""

    policy: str
    metric: str
    sign: str
    bound: float
    interval: Interval

    @property
    def judged(self) -> float | None:
        """The unfavourable end of the interval, by which it is judged; None without one."""
        return self.interval.low if self.sign.startswith(">") else self.interval.high

    @property
    def holds(self) -> bool:
        """Whether the unfavourable end meets it. One replication has none, so that nothing
        holds."""
        return self.judged is not None and COMPARE[self.sign](self.judged, self.bound)

    def __str__(self) -> str:
        holds = "holds" if self.holds else "does not hold"
        return f"{self.policy}: {self.metric} {self.sign} {self.bound:g} {holds}: {self._why()}"

    def _why(self) -> str:
        """The value, and the bound by which it is judged, or why there is none."""
        if self.interval.mean is None:
            return "no value"
        if self.judged is None:
            return (
                f"{self.interval.mean:.6g} in one replication, which gives no bound; take more "
                f"--replications"
            )
        end = "lower" if self.sign.startswith(">") else "upper"
        judged = f"judged by its {end} bound (95 %), which is {self.judged:.6g}"
        return f"{self.interval.mean:.6g}, {judged}"


def judge_assertions(
    intervals: Mapping[str, Mapping[str, Interval]], assertions: list[str]
) -> list[JudgedAssertion]:
    """Each assertion of each policy that it is about, in their order. Raises InputError."""
    judged = []
    for text in assertions:
        known = next(iter(intervals.values()))
        policy, metric, sign, bound = parse_assertion(text, list(intervals), known)
        judged += [
            JudgedAssertion(each, metric, sign, bound, intervals[each][metric])
            for each in ([policy] if policy else intervals)
        ]
    return judged


def parse_assertion(
    text: str, policies: list[str], metrics: Iterable[str] = METRICS
) -> tuple[str | None, str, str, float]:
    """Read METRIC>=NUMBER or POLICY:METRIC>=NUMBER: (policy or None for all, metric, sign, bound).
    `metrics`: those of the run, which has more where tasks have promises of their own. Raises
    InputError."""
    match = ASSERTION.fullmatch(text.strip())
    if match is None:
        raise InputError(
            f"--assert {text!r}: expected METRIC>=NUMBER or POLICY:METRIC>=NUMBER, such as "
            f"success_rate>=0.999"
        )
    policy, metric, sign, number = match.groups()
    if metric not in metrics:
        raise InputError(
            f"--assert {text!r}: no metric is called {metric!r}; {nearest(metric, metrics)}"
        )
    if policy is not None and policy not in policies:
        raise InputError(
            f"--assert {text!r}: no policy is called {policy!r}; {nearest(policy, policies)}"
        )
    try:
        return policy, metric, sign, float(number)
    except ValueError:
        raise InputError(f"--assert {text!r}: {number!r} is not a number") from None
