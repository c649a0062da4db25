"""Readers of real logs. One format, one file: a module with `MATCHES` (its header) and `row(fields)`."""

from simroute.traces.reader import Trace, TraceError, read_outcomes, read_trace

__all__ = ["Trace", "TraceError", "read_outcomes", "read_trace"]
