"""Azure's LLM inference traces. TIMESTAMP has seven digits and no zone in 2023 (taken as UTC), six
and +00:00 in 2024."""

from simroute.traces.records import RecordSample

ABOUT = "Azure LLM inference traces 2023 and 2024 (AzurePublicDataset)"
FIELDS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
CLOCK = "utc"
COLUMNS = {
    "time": '"TIMESTAMP"',
    "input_tokens": 'whole("ContextTokens")',
    "output_tokens": 'whole("GeneratedTokens")',
}


def recognises(sample: RecordSample) -> bool:
    """Tell the format by its three columns."""
    return set(FIELDS) <= sample.keys
