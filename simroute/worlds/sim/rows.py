"""Rows of requests in the simulated world: packed one by one, handed on as columns of a block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simroute.ledger import CACHED, OUTCOMES, Ledger, SparseFormat

REQUEST_ROW = SparseFormat(
    {
        "end_s": np.float64,
        "seen_tokens": np.int64,  # that the caller has seen; -1: all of the answer
        "outcome": np.int8,
        "error": np.int32,
        "target": np.int32,
        "attempts": np.int32,
        "ttft_s": np.float64,
        "cost_nano": np.int64,
        "wasted_nano": np.int64,
        "quality": np.float64,
        "cached": np.int8,
        "false_hit": np.bool_,
        "failover_s": np.float64,
        "ungraded": np.bool_,
        "forbidden": np.bool_,
        "cause": np.int32,
    },
    {
        "seen_tokens": -1,
        "outcome": OUTCOMES.index("ok"),
        "error": 0,
        "attempts": 1,
        "wasted_nano": 0,
        "cached": CACHED["no"],
        "false_hit": False,
        "failover_s": np.nan,
        "forbidden": False,
        "cause": 0,
    },
)
"""What is known of a request when it has closed; its block knows the rest. Usual is one that was
answered by its only send."""


def emit_requests(
    ledger: Ledger, block: Any, rows: list[bytes], details: Mapping[int, bytes], **more: Any
) -> None:
    """Hands the rows of a block whose requests have all closed to the ledger, as columns. details:
    by place in the block, of the unusual ones. more: columns that not every run has."""
    closed = REQUEST_ROW.columns(rows, details)
    tokens = closed["seen_tokens"]
    chunk = {
        "request_id": block.first + block.places,
        "replica": block.replica,
        "arrival_s": block.arrival,
        "end_s": closed["end_s"],
        "task": block.task,
        "user": block.user,
        "feature": block.feature,
        "session": block.session,
        "input_tokens": block.input_tokens,
        "output_tokens": np.where(tokens < 0, block.output_tokens, tokens),
        "outcome": closed["outcome"],
        "error": closed["error"],
        "target": closed["target"],
        "attempts": closed["attempts"],
        "latency_s": closed["end_s"] - block.arrival,
        "ttft_s": closed["ttft_s"],
        "cost_nano": closed["cost_nano"],
        "wasted_nano": closed["wasted_nano"],
        "quality": closed["quality"],
        "cached": closed["cached"],
        "false_hit": closed["false_hit"],
        "streamed": block.streamed,
        "failover_s": closed["failover_s"],
        "ungraded": closed["ungraded"],
        "forbidden": closed["forbidden"],
        "cause": closed["cause"],
    }
    if block.team is not None:
        chunk["team"] = block.team
    ledger.emit("requests", chunk | more)
