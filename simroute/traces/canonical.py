"""The plainest trace: arrival_s, input_tokens, output_tokens."""

from __future__ import annotations

COLUMNS = ("arrival_s", "input_tokens", "output_tokens")
TICKS = 1


def row(fields: list[str]) -> tuple[float, int, int]:
    """(seconds, input tokens, output tokens)."""
    return float(fields[0]), int(fields[1]), int(fields[2])
