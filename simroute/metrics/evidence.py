"""What pictures are drawn from: counts over time and by size, and the story of one replication. A
fold like the metrics, mergeable by addition."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Evidence:
    """`counts`: integer arrays by name, which add up over replications; `story`: plain data of this
    replication alone."""

    counts: dict[str, np.ndarray] = field(default_factory=dict)
    story: dict[str, Any] = field(default_factory=dict)

    def merge(self, other: Evidence) -> None:
        """Add another replication's counts; the story stays the first one's."""
        for name, array in other.counts.items():
            self.counts[name] = self.counts[name] + array if name in self.counts else array

    def pack(self) -> bytes:
        """As compressed bytes, which `unpack` reads back."""
        file = io.BytesIO()
        story = np.frombuffer(json.dumps(self.story, allow_nan=False).encode(), np.uint8)
        np.savez_compressed(
            file,
            allow_pickle=False,
            story=story,
            **{f"n_{name}": array for name, array in self.counts.items()},
        )
        return file.getvalue()

    @classmethod
    def unpack(cls, raw: bytes) -> Evidence:
        """What `pack` wrote. Nothing in it is executed."""
        with np.load(io.BytesIO(raw), allow_pickle=False) as held:
            counts = {name.removeprefix("n_"): held[name] for name in held.files if name != "story"}
            return cls(counts, json.loads(held["story"].tobytes()))
