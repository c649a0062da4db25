"""Known formats, one file each: a module with the names that `Format` asks for. A new one is a new
file and its name in `KNOWN`."""

from __future__ import annotations

import difflib
from importlib import import_module
from pathlib import Path
from typing import Literal, Protocol, cast

from simroute.traces.raw_text import Record, TraceError, Unfold
from simroute.traces.records import RecordSample, unwrap_data

FORMAT_NAMES = (
    "aiperf",
    "azure",
    "bailian",
    "bedrock",
    "burstgpt",
    "canonical",
    "cloudflare",
    "helicone",
    "langfuse",
    "litellm_payload",
    "litellm_spend",
    "logfire",
    "mooncake",
    "openrouter",
    "openrouter_activity",
    "otel",
    "plain",
    "portkey",
    "ragpulse",
    "rows",
    "servegen",
    "timed",
)

Clock = Literal["utc", "relative_s", "relative_ms", "ns"]


class Format(Protocol):
    """How a log is read: a module with these names.

    COLUMNS maps canonical columns to SQL over the log's own fields, which are all texts; it may use
    the macros of `simroute.traces.sql`. Beside the canonical columns there may be:

    time, end, first_token: texts on the log's clock; time, when the request came, is required.
    trace: a text; rows with equal ones may be attempts at one request (`attempts`).
    sends: how many sends the row says that its request had, those with rows of their own included.
    nth: a number that rises from attempt to attempt, 0 for the first.
    parent: the request_id of the turn before, where the log links turns in this way.
    inside: the request_id of the span around it (`nesting`); the first reason in SKIP is then that
        of spans that are passed through on the way to another around them.
    after_s: for a row without a time, seconds after the end of its session's turn before (`turns`).

    A format may also have:

    PARTS: name -> SQL over the log's fields and over parts before it, for COLUMNS and SKIP to use.
    SKIP: why a row is no request -> SQL that tells it; such rows are counted, and are no errors.
    TICK_S: arrivals that are all multiples of that many seconds are spread over each of them.
    source(path, run): SQL for the rows of a Parquet file, with `file_row_number`, for a format of
        several files; `run` executes a query.
    unfold(record): the rows in a record of the file; without it, those in `data` of an API's
        answer, or the record itself. SHEETS: true where it takes apart rows of CSV files as well.
    """

    ABOUT: str
    """One line: which product's log it is, and which of its files or exports."""
    FIELDS: tuple[str, ...]
    """The fields of the log that are read: nothing else is."""
    CLOCK: Clock
    """utc: dates or seconds, milliseconds … since 1970; relative: a number since the start of the
    trace; ns: either, in nanoseconds."""
    COLUMNS: dict[str, str]

    @staticmethod
    def recognises(sample: RecordSample) -> bool:
        """Whether these keys and records are of this format."""


def all_formats() -> dict[str, Format]:
    """All formats by name."""
    return {
        name: cast(Format, import_module(f"simroute.traces.formats.{name}"))
        for name in FORMAT_NAMES
    }


def find_format(name: str) -> Format:
    """The format of that name. Raises TraceError."""
    if name not in FORMAT_NAMES:
        near = difflib.get_close_matches(name, FORMAT_NAMES, 1)
        raise TraceError(
            f"--format {name}: no format is called so; "
            f"{f'did you mean {near[0]}?' if near else 'known: ' + ', '.join(FORMAT_NAMES)}"
        )
    return all_formats()[name]


def recognise_format(path: Path, sample: RecordSample) -> str:
    """The name of the one format that knows this content. Raises TraceError when none does, or
    several."""
    names = [name for name, form in all_formats().items() if form.recognises(sample)]
    if len(names) == 1:
        return names[0]
    if names:
        raise TraceError(f"{path}: could be {' or '.join(names)}; say which with --format")
    if not sample.keys and sample.container == "json":
        raise TraceError(
            f"{path}: holds no whole object of JSON (cut off?); expected one object a line, or "
            f"an array of them"
        )
    if not sample.keys:
        raise TraceError(f"{path}: no rows; a trace needs at least one request")
    keys = ", ".join(sorted(sample.keys))
    raise TraceError(
        f"{path}: row 1: unknown columns {keys[:120]!r}; see `simroute list formats`, or "
        f"describe them with --mapping FILE"
    )


def unfold_function(form: Format) -> Unfold:
    """How a format takes records apart: its own `unfold`, or the usual way."""
    own: Unfold = getattr(form, "unfold", unwrap_data)
    return own


__all__ = ["KNOWN", "Format", "Record", "Sample", "known", "named", "recognised", "unfolding"]
