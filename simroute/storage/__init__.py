"""What a run leaves behind, as tables that people read. The only place that knows databases; data
frames are made here too."""

from simroute.storage.csv_text import format_csv
from simroute.storage.replication_journal import Header, Journal, JournalError
from simroute.storage.rows import COLUMNS, TABLES, Frames, join_parts

__all__ = [
    "COLUMNS",
    "TABLES",
    "Frames",
    "Header",
    "Journal",
    "JournalError",
    "format_csv",
    "join_parts",
]
