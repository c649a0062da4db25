"""Alibaba's Bailian (Qwen) usage traces. Seconds since the start; hash_ids are blocks of 16 tokens
of the prompt. A chat_id is one turn; turns are one session with the turn that they go on from
(parent_chat_id, -1 at the beginning).
"""

from simroute.traces.records import RecordSample

ABOUT = "Alibaba Bailian (Qwen) usage traces: chats by turn and kind, with blocks of prompts"
FIELDS = (
    "chat_id",
    "parent_chat_id",
    "timestamp",
    "input_length",
    "output_length",
    "type",
    "hash_ids",
)
CLOCK = "relative_s"
COLUMNS = {
    "time": "timestamp",
    "request_id": "word(chat_id)",
    "parent": "nullif(word(parent_chat_id), '-1')",
    "input_tokens": "whole(input_length)",
    "output_tokens": "whole(output_length)",
    "task": "word(type)",
    "blocks": "TRY_CAST(hash_ids AS BIGINT[])",
}


def recognises(sample: RecordSample) -> bool:
    """Tell the format by chats with parents."""
    return {
        "chat_id",
        "parent_chat_id",
        "timestamp",
        "input_length",
        "output_length",
    } <= sample.keys
