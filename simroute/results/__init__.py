"""What a run leaves behind, as tables that people read. The only place that knows databases; data frames are made here too."""

from simroute.results.journal import Header, Journal, JournalError
from simroute.results.rows import COLUMNS, TABLES, Frames, join
from simroute.results.sheet import sheet

__all__ = ["COLUMNS", "TABLES", "Frames", "Header", "Journal", "JournalError", "join", "sheet"]
