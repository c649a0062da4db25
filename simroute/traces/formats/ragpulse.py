"""RAGPulse. Seconds since the start, as texts. hash_ids name the parts of a prompt: system prompt,
passages, history, web search, user input."""

from simroute.traces.records import RecordSample

ABOUT = "RAGPulse: a university's question answering over documents, with the parts of each prompt"
FIELDS = ("timestamp", "input_length", "output_length", "hash_ids", "session_id")
CLOCK = "relative_s"
PROMPT = ("sys_prompt", "passages_ids", "history", "web_search", "user_input")
COLUMNS = {
    "time": "timestamp",
    "input_tokens": "whole(input_length)",
    "output_tokens": "whole(output_length)",
    "session": "word(session_id)",
    "blocks": " || ".join(
        f"coalesce(TRY_CAST(part(hash_ids, '$.{name}') AS BIGINT[]), [])" for name in PROMPT
    ),
}


def recognises(sample: RecordSample) -> bool:
    """Tell the format by hash_ids that name parts of a prompt."""
    return set(FIELDS) <= sample.keys and all(
        "sys_prompt" in (record.get("hash_ids") or ()) for record in sample.records
    )
