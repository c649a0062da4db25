"""Logs of real traffic, read in any known format (one file each, under `formats`) as a table of
requests in order of time."""

from simroute.traces.detection import ReadOptions
from simroute.traces.importer import read
from simroute.traces.playback.in_memory import Trace, read_outcomes, read_trace
from simroute.traces.raw_text import TraceError
from simroute.traces.table import RequestTable

__all__ = [
    "ReadOptions",
    "RequestTable",
    "Trace",
    "TraceError",
    "read",
    "read_outcomes",
    "read_trace",
]
