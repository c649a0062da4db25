"""The data of pictures: counts over time and by size, which add up, and the story of one
replication."""

from __future__ import annotations

import io
import json
import math
import zlib
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
        """Returns compressed bytes, which `unpack` reads: a line of JSON with the story and the
        name, type and shape of each array, and the arrays. An .npz of so many takes longer."""
        arrays = [(name, np.ascontiguousarray(array)) for name, array in self.counts.items()]
        heads = [(name, array.dtype.str, array.shape) for name, array in arrays]
        head = json.dumps([self.story, heads], allow_nan=False).encode()
        return zlib.compress(b"\n".join([head, b"".join(each.tobytes() for _, each in arrays)]), 3)

    @classmethod
    def unpack(cls, raw: bytes) -> Evidence:
        """Reads what `pack` wrote, or an .npz of earlier versions; executes nothing in it."""
        if raw.startswith(b"PK"):
            return cls._from_npz(raw)
        head, _, rest = zlib.decompress(raw).partition(b"\n")
        (story, heads), at, counts = json.loads(head), 0, {}
        for name, kind, shape in heads:
            size = np.dtype(kind).itemsize * math.prod(shape)
            if np.dtype(kind).kind not in "biuf" or at + size > len(rest):
                raise ValueError(f"{name}: no array of numbers")
            counts[name] = np.frombuffer(rest[at : at + size], kind).reshape(shape).copy()
            at += size
        return cls(counts, story)

    @classmethod
    def _from_npz(cls, raw: bytes) -> Evidence:
        with np.load(io.BytesIO(raw), allow_pickle=False) as arrays:
            counts = {
                name.removeprefix("n_"): arrays[name] for name in arrays.files if name != "story"
            }
            return cls(counts, json.loads(arrays["story"].tobytes()))
