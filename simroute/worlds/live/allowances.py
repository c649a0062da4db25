"""What providers' headers say of their limits: OpenAI's and Anthropic's words, which others use
too."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from simroute.core import Allowance

KINDS = "requests", "tokens", "input-tokens", "output-tokens"
SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|[hms])")


def read_allowances(headers: Mapping[str, str]) -> dict[str, Allowance]:
    """By kind, those of which the headers say what is left. What cannot be read is not said."""
    told = {}
    for kind in KINDS:
        for head, tail in (("x-ratelimit-", f"-{kind}"), (f"anthropic-ratelimit-{kind}-", "")):
            left = _number(headers.get(f"{head}remaining{tail}", ""))
            if not math.isnan(left):
                granted = _number(headers.get(f"{head}limit{tail}", ""))
                reset = _seconds(headers.get(f"{head}reset{tail}", ""), headers.get("Date", ""))
                told[kind] = Allowance(granted, left, reset)
    return told


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def _seconds(text: str, date: str) -> float:
    """Of a duration such as 6m0s, of a number, or from the answer's own date to a date."""
    if not text:
        return math.nan
    parts = PART.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * SECONDS[unit] for number, unit in parts)
    if not math.isnan(number := _number(text)):
        return number
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return max(0.0, (moment - parsedate_to_datetime(date)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return math.nan
