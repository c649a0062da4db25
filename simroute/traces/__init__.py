"""Readers of real logs. One format, one file: a module with `COLUMNS` (its header), `TICKS` (of its clock, to the second) and `row(fields)`."""

from simroute.traces.reader import Trace, TraceError, read_outcomes, read_trace

__all__ = ["Trace", "TraceError", "read_outcomes", "read_trace"]
