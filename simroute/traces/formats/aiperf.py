"""AIPerf's traces with sessions: rows like Mooncake's with a `session_id`. A turn has a `timestamp`
(ms since the start), or a `delay`: ms after the end of its session's turn before, in the order of
the file. How long that took is not told: it is taken as 0, and said. Lengths are those of the row;
what a session adds to its prompts is not in them. hash_ids are blocks of the prompt.
"""

from simroute.traces.records import RecordSample

ABOUT = "AIPerf's session traces: arrivals and lengths, turns a delay after the one before"
FIELDS = ("session_id", "timestamp", "delay", "input_length", "output_length", "hash_ids")
CLOCK = "relative_ms"
COLUMNS = {
    "time": '"timestamp"',
    "after_s": "num(delay) / 1000",
    "input_tokens": "whole(input_length)",
    "output_tokens": "whole(output_length)",
    "session": "word(session_id)",
    "blocks": "TRY_CAST(hash_ids AS BIGINT[])",
}


def recognises(sample: RecordSample) -> bool:
    """Tell the format by sessions beside lengths; RAGPulse's have an object for hash_ids."""
    listed = all(isinstance(record.get("hash_ids"), list | str | None) for record in sample.records)
    named = {"session_id", "input_length"} <= sample.keys and bool(
        {"timestamp", "delay"} & sample.keys
    )
    return named and "chat_id" not in sample.keys and listed
