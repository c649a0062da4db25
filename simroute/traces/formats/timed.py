"""A log of one's own whose columns have the canonical names, with dates: `time`, input_tokens,
output_tokens, and any others of them.

`time`, `end` and `first_token` are dates, or seconds, milliseconds … since 1970; rows with one
`trace` are attempts at one request.
"""

from simroute.traces.formats import plain
from simroute.traces.records import RecordSample

ABOUT = (
    "time, input_tokens, output_tokens and any other canonical column (CSV or JSONL of one's own)"
)
FIELDS = ("time", "end", "first_token", "trace", *plain.FIELDS[1:])
CLOCK = "utc"
COLUMNS = plain.COLUMNS | {
    "time": '"time"',
    "end": 'word("end")',
    "first_token": "word(first_token)",
    "trace": "word(trace)",
}


def recognises(sample: RecordSample) -> bool:
    """Tell the format by its three columns."""
    return {"time", "input_tokens", "output_tokens"} <= sample.keys and not {
        "arrival_s",
        "arrival_ns",
    } & sample.keys
