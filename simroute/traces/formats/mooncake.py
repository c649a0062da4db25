"""Mooncake's traces, and others written like them. Milliseconds since the start; where all of them
are multiples of 3 s, requests are spread evenly over each tick. hash_ids are blocks of 512 tokens
of the prompt; some or all rows may lack them, and other fields are not read.
"""

from simroute.traces.records import RecordSample

ABOUT = (
    "Mooncake (Kimi), and AIPerf's traces like it: arrivals and lengths, with or without "
    "blocks of prompts"
)
FIELDS = ("timestamp", "input_length", "output_length", "hash_ids")
CLOCK = "relative_ms"
TICK_S = 3
COLUMNS = {
    "time": "timestamp",
    "input_tokens": "whole(input_length)",
    "output_tokens": "whole(output_length)",
    "blocks": "TRY_CAST(hash_ids AS BIGINT[])",
}


def recognises(sample: RecordSample) -> bool:
    """Tell the format by its names for time and lengths; Bailian's rows have a chat_id beside them,
    RAGPulse's an object for hash_ids, AIPerf's sessions a name."""
    listed = all(isinstance(record.get("hash_ids"), list | str | None) for record in sample.records)
    return (
        {"timestamp", "input_length", "output_length"} <= sample.keys
        and not {"chat_id", "session_id", "delay"} & sample.keys
        and listed
    )
