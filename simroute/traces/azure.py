"""Azure's LLM inference traces of 2023 and 2024: TIMESTAMP (seven digits, no zone, taken as UTC), ContextTokens, GeneratedTokens."""

from __future__ import annotations

from datetime import datetime

COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")


def row(fields: list[str]) -> tuple[float, int, int]:
    """(seconds on some clock, input tokens, output tokens). The seventh digit is kept: datetime has only six."""
    text, _, fraction = fields[0].strip().removesuffix("+00:00").partition(".")
    seconds = (datetime.fromisoformat(text) - datetime(2000, 1, 1)).total_seconds()
    return seconds + (float(f"0.{fraction}") if fraction else 0.0), int(fields[1]), int(fields[2])
