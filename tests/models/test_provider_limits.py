"""What a provider grants a minute, and when it says to come back."""

import csv
import math
from pathlib import Path

import pytest

from simroute.models import spec
from simroute.models.limits import RateLimit, Tokens


def messages(shared: Path) -> list[dict[str, str]]:
    with (shared / "data/rate_limit_messages.csv").open() as file:
        return list(csv.DictReader(file))


def refused(row: dict[str, str]) -> float:
    """Seconds that our provider asks for in the state that a real one described."""
    limit, used, requested = (int(row[name]) for name in ("limit", "used", "requested"))
    if row["axis"] == "RPM":
        gate = RateLimit(spec.Limits(rpm=limit))
        assert all(gate.take(0.0, 1, 1, 1) is None for _ in range(used))
        wait = gate.take(0.0, 1, 1, 1)
    else:
        gate = RateLimit(spec.Limits(tpm=limit))
        assert gate.take(0.0, used - 1, 1, 1) is None
        wait = gate.take(0.0, requested - 1, 1, 1)
    assert wait is not None
    return wait


def test_retry_after_is_that_of_real_messages_to_the_digit(shared: Path) -> None:
    """Eight public 429 messages: (used + requested - limit) / (limit / 60), to the last digit
    printed."""
    for row in messages(shared):
        digits = len(row["predicted_wait_s"].partition(".")[2])
        assert f"{refused(row):.{digits}f}" == f"{float(row['predicted_wait_s']):.{digits}f}"


def test_retry_after_is_what_openai_and_groq_printed(shared: Path) -> None:
    """OpenAI prints whole milliseconds, cut off; Groq's seconds are within 4 ms, since it counts
    unprinted fractions of tokens."""
    for row in messages(shared):
        stated = float(row["stated_wait_s"])
        if row["provider"] == "openai":
            assert math.floor(refused(row) * 1000 + 1e-6) / 1000 == stated
        else:
            assert refused(row) == pytest.approx(stated, abs=0.004)


def test_who_waits_as_long_as_told_is_let_in(shared: Path) -> None:
    """At Retry-After the call passes; a millisecond earlier it does not."""
    gate = RateLimit(spec.Limits(tpm=50_000))
    assert gate.take(0.0, 47_949, 0, 0) is None
    wait = gate.take(0.0, 3006, 0, 0)
    assert wait is not None
    assert gate.take(wait - 0.001, 3006, 0, 0) == pytest.approx(0.001)
    assert gate.take(wait, 3006, 0, 0) is None


def test_a_refusal_charges_nothing_on_either_axis() -> None:
    """Refused for tokens, the request count stays: both or nothing."""
    gate = RateLimit(spec.Limits(rpm=2, tpm=600))
    assert gate.take(0.0, 500, 0, 0) is None
    assert gate.take(0.0, 500, 0, 0) == pytest.approx(40.0)
    assert gate.take(0.0, 100, 0, 0) is None
    assert gate.take(0.0, 0, 0, 0) == pytest.approx(30.0)


def test_the_longer_wait_counts() -> None:
    """Short of both, Retry-After is the later of the two."""
    gate = RateLimit(spec.Limits(rpm=1, tpm=600))
    assert gate.take(0.0, 600, 0, 0) is None
    assert gate.take(0.0, 100, 0, 0) == pytest.approx(60.0)
    assert RateLimit(spec.Limits(rpm=600, tpm=600)).take(0.0, 600, 0, 0) is None


@pytest.mark.parametrize(
    ("charge", "left"), [("reserve", 400), ("estimate", 850), ("generated", 900)]
)
def test_what_is_charged_at_once_depends_on_the_provider(charge: str, left: int) -> None:
    """100 in, 50 out of at most 500, with a limit of 1,000: the reserve, the estimate, or the input
    alone."""
    gate = RateLimit(spec.Limits(tpm=1000, charge=charge))  # type: ignore[arg-type]
    assert gate.take(0.0, 100, 50, 500) is None
    assert gate.take(0.0, left, 0, 0) is None
    assert gate.take(0.0, 1, 0, 0) == pytest.approx(0.06)


def test_generated_tokens_are_charged_when_they_are_there() -> None:
    """As Anthropic's output tokens: the debt of 50 lowers what is left to 850."""
    gate = RateLimit(spec.Limits(tpm=1000, charge="generated"))
    assert gate.take(0.0, 100, 50, 500) is None
    gate.end(0.0, 0.0, Tokens(100, 50, 500), answered=True)
    assert gate.take(0.0, 851, 0, 0) == pytest.approx(0.06)
    assert gate.take(0.0, 850, 0, 0) is None


def test_a_call_beyond_the_whole_limit_is_refused_for_ever_and_charged_nothing() -> None:
    """More tokens than a minute grants: no wait helps; a call of all of them passes a full
    bucket."""
    gate = RateLimit(spec.Limits(tpm=600))
    assert gate.take(0.0, 601, 0, 0) == math.inf
    assert gate.take(0.0, 600, 0, 0) is None
    assert gate.take(0.0, 600, 0, 0) == pytest.approx(60.0)
    assert gate.take(0.0, 601, 0, 0) == math.inf


def test_calls_at_exactly_the_granted_rate_all_pass() -> None:
    """500 a minute, one every .12 s for two hours."""
    gate = RateLimit(spec.Limits(rpm=500))
    assert all(gate.take(i * 0.12, 1, 1, 1) is None for i in range(60_000))
