"""The plainest trace, for logs of one's own: arrival_s (seconds on any clock), input_tokens,
output_tokens; and any other canonical column."""

from simroute.traces.columns import COLUMNS as ALL
from simroute.traces.formats import canonical
from simroute.traces.formats.mapping_sql import READ
from simroute.traces.records import RecordSample

ABOUT = (
    "arrival_s, input_tokens, output_tokens: the least that a trace needs; any canonical "
    "column beside them"
)
FIELDS = ("arrival_s", *(name for name in ALL if name != "arrival_ns"))
CLOCK = "relative_s"
COLUMNS = (
    canonical.COLUMNS
    | {name: sql.format(f'"{name}"') for name, sql in READ.items()}
    | {"time": "arrival_s"}
)


def recognises(sample: RecordSample) -> bool:
    """Tell the format by its three columns; with an outcome they are the rows of a run."""
    return {"arrival_s", "input_tokens", "output_tokens"} <= sample.keys and not {
        "outcome",
        "arrival_ns",
    } & sample.keys
