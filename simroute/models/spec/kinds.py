"""Kinds of values that several sections of a scenario share."""

from __future__ import annotations

from typing import Annotated

from simroute.core.params import Range, Unit

Sigma = Annotated[float, Unit("sd of log"), Range(0, 5)]
ErrorStatus = Annotated[int, Unit("status"), Range(400, 599)]
Correlation = Annotated[float, Unit("correlation"), Range(-1, 1)]
