"""BurstGPT, all releases. Seconds since midnight of the first day; an answer of 0 tokens is a
failure, whose status is not told.

Elapsed time (version 3) goes to the last token. Session ID is empty for API calls. Model is ChatGPT
(GPT-3.5) or GPT-4.
"""

from simroute.traces.records import RecordSample

ABOUT = (
    "BurstGPT (HPMLL): a university's Azure OpenAI traffic, with or without sessions and "
    "elapsed times"
)
FIELDS = (
    "Timestamp",
    "Session ID",
    "Elapsed time",
    "Model",
    "Request tokens",
    "Response tokens",
    "Log Type",
)
CLOCK = "relative_s"
COLUMNS = {
    "time": '"Timestamp"',
    "input_tokens": 'whole("Request tokens")',
    "output_tokens": 'whole("Response tokens")',
    "model": 'word("Model")',
    "failed": 'whole("Response tokens") = 0',
    "latency_s": 'num("Elapsed time")',
    "session": 'word("Session ID")',
    "feature": 'word("Log Type")',
}


def recognises(sample: RecordSample) -> bool:
    """Tell the format by its columns' names, which both versions share."""
    return {"Timestamp", "Model", "Request tokens", "Response tokens", "Log Type"} <= sample.keys
