"""The data of pictures: counts over time and by size, which add up, and the story of one
replication."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Evidence:
    """counts: integer arrays by name, which add up over replications. story: JSON data of one
    replication."""

    counts: dict[str, np.ndarray] = field(default_factory=dict)
    story: dict[str, Any] = field(default_factory=dict)

    def merge(self, other: Evidence) -> None:
        """Adds the counts of another replication; the story stays."""
        for name, array in other.counts.items():
            self.counts[name] = self.counts[name] + array if name in self.counts else array

    def pack(self) -> bytes:
        """Returns compressed bytes, which `unpack` reads."""
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
        """Reads what `pack` wrote; executes nothing in it."""
        with np.load(io.BytesIO(raw), allow_pickle=False) as arrays:
            counts = {
                name.removeprefix("n_"): arrays[name] for name in arrays.files if name != "story"
            }
            return cls(counts, json.loads(arrays["story"].tobytes()))
