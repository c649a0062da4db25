"""Azure's LLM inference traces of 2023 and 2024: TIMESTAMP (seven digits, no zone, taken as UTC), ContextTokens, GeneratedTokens."""

from __future__ import annotations

from datetime import datetime

COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
TICKS = 10_000_000
START = datetime(2000, 1, 1)


def row(fields: list[str]) -> tuple[float, int, int]:
    """(100 ns since 2000, input tokens, output tokens). The seventh digit is kept, in integers: datetime has six, floats lose it."""
    text, _, fraction = fields[0].strip().removesuffix("+00:00").partition(".")
    since = datetime.fromisoformat(text) - START
    ticks = (since.days * 86_400 + since.seconds) * TICKS
    return ticks + (int(f"{fraction:0<7}"[:7]) if fraction else 0), int(fields[1]), int(fields[2])
