"""Logs of real traffic: read in any known format (one file each, under `formats`), as a table of
requests in order of time."""

from simroute.traces.importer import Wish, read
from simroute.traces.playback.in_memory import Trace, read_outcomes, read_trace
from simroute.traces.raw_text import TraceError
from simroute.traces.table import Table

__all__ = ["Table", "Trace", "TraceError", "Wish", "read", "read_outcomes", "read_trace"]
