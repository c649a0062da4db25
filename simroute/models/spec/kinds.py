"""Kinds of values that several sections of a scenario share."""

from __future__ import annotations

from typing import Annotated, Literal

from simroute.core.params import Range, Unit

Sigma = Annotated[float, Unit("sd of log"), Range(0, 5)]
ErrorStatus = Annotated[int, Unit("status"), Range(400, 599)]
ErrorKind = Literal[
    "refused",
    "unreachable",
    "reset",
    "hang",
    "invalid_body",
    "content_filter",
    "context_length",
    "quota",
]
"""Failures that have a name of their own: `models/error_kinds.py`."""
AnyError = Annotated[int | str, Unit("error"), Range(400, 599)]
"""A status, or an `ErrorKind`."""
Correlation = Annotated[float, Unit("correlation"), Range(-1, 1)]
