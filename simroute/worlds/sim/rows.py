"""Rows of requests in the simulated world: packed one by one, handed on as columns of a block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simroute.ledger import OUTCOMES, Ledger, RowFormat

REQUEST: dict[str, Any] = {
    "end_s": np.float64,
    "target": np.int32,
    "ttft_s": np.float64,
    "cost_nano": np.int64,
    "quality": np.float64,
    "ungraded": np.bool_,
}
"""What is known of any request when it has closed; its block knows the rest."""
PLAIN: dict[str, tuple[Any, Any]] = {
    "seen_tokens": (np.int64, -1),  # that the caller has seen; -1: all of the answer
    "outcome": (np.int8, OUTCOMES.index("ok")),
    "error": (np.int32, 0),
    "attempts": (np.int32, 1),
    "wasted_nano": (np.int64, 0),
    "cached": (np.int8, 0),
    "false_hit": (np.bool_, False),
    "failover_s": (np.float64, np.nan),
    "forbidden": (np.bool_, False),
    "cause": (np.int32, 0),
}
"""The rest, and what it is of a request that was answered by its only send."""
REQUEST_ROW = RowFormat(REQUEST)
DETAIL_ROW = RowFormat({name: kind for name, (kind, _) in PLAIN.items()})


def emit_requests(
    ledger: Ledger, block: Any, rows: list[bytes], details: Mapping[int, bytes]
) -> None:
    """Hands the rows of a block whose requests have all closed to the ledger, as columns. details:
    by place in the block, `DETAIL_ROW` of those that are not `PLAIN`."""
    closed = REQUEST_ROW.columns(rows)
    for name, (kind, value) in PLAIN.items():
        closed[name] = np.full(block.size, value, kind)
    if details:
        places = np.fromiter(details, np.int64)
        for name, column in DETAIL_ROW.columns(list(details.values())).items():
            closed[name][places] = column
    tokens = closed["seen_tokens"]
    chunk = {
        "request_id": np.arange(block.first, block.first + block.size),
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
    ledger.emit("requests", chunk)
