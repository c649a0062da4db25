"""Rows of the simulated world, as the ledger keeps them."""

from __future__ import annotations

import numpy as np

from simroute.ledger import Ledger
from simroute.worlds.sim.upstream import OpenBlock


def emit_requests(ledger: Ledger, held: OpenBlock) -> None:
    """Hand a block whose requests have all closed to the ledger, as columns."""
    block = held.block
    (
        end,
        came,
        outcome,
        error,
        target,
        attempts,
        ttft,
        cost,
        wasted,
        quality,
        cached,
        false_hit,
        failover,
        ungraded,
        forbidden,
    ) = zip(*held.rows, strict=True)
    ends, tokens = np.array(end), np.array(came, np.int64)
    chunk = {
        "request_id": np.arange(block.first, block.first + block.size),
        "replica": block.replica,
        "arrival_s": block.arrival,
        "end_s": ends,
        "task": block.task,
        "user": block.user,
        "feature": block.feature,
        "session": block.session,
        "input_tokens": block.input_tokens,
        "output_tokens": np.where(tokens < 0, block.output_tokens, tokens),
        "outcome": np.array(outcome, np.int8),
        "error": np.array(error, np.int32),
        "target": np.array(target, np.int32),
        "attempts": np.array(attempts, np.int32),
        "latency_s": ends - block.arrival,
        "ttft_s": np.array(ttft),
        "cost_nano": np.array(cost, np.int64),
        "wasted_nano": np.array(wasted, np.int64),
        "quality": np.array(quality),
        "cached": np.array(cached, np.int8),
        "false_hit": np.array(false_hit, bool),
        "streamed": block.streamed,
        "failover_s": np.array(failover),
        "ungraded": np.array(ungraded, bool),
        "forbidden": np.array(forbidden, bool),
    }
    if block.team is not None:
        chunk["team"] = block.team
    held.draws.clear()
    ledger.emit("requests", chunk)
