"""The model of a semantic cache's neighbours beside published hit rates and wrong answers (shares
of all requests)."""

from __future__ import annotations

from typing import Any

import numpy as np
from generated import table

from simroute.models.similarity import Similarity

QUORA_SIZES = {1_000: 0.003, 5_000: 0.011, 20_000: 0.036, 60_000: 0.077, 134_000: 0.123}
QUORA = {0.80: 0.182, 0.95: 0.023, 0.99: 0.0026}
QUORA_ENTRIES = 191_000
"""Where the model says at .80 what was published for it."""
SEARCH = {0.80: (0.856, 0.343), 0.95: (0.390, 0.079), 0.99: (0.109, 0.014)}
SEARCHED = Similarity(wrong=0.995, growth=0.0, reach=1.622)
REPEATED = 0.735
"""The share of search queries that have a right neighbour, and the density of wrong ones there, as
fitted (see simroute.models.similarity)."""
GRID = (np.arange(300) + 0.5) / 300


def measured() -> dict[str, Any]:
    """Figures by name, each with what was published."""
    found = {
        f"quora@{size}": said(Similarity().false_share(size, 0.8), share)
        for size, share in QUORA_SIZES.items()
    }
    found |= {
        f"quora@{cosine}": said(Similarity().false_share(QUORA_ENTRIES, cosine), share)
        for cosine, share in QUORA.items()
    }
    for cosine, (hits, wrong) in SEARCH.items():
        ours = searched(cosine)
        found[f"search@{cosine}"] = {
            **said(ours[1], wrong),
            "hits": {"mean": ours[0], "low": None, "high": None},
            "published_hits": {"mean": hits, "low": None, "high": None},
        }
    return found


def said(ours: float, published: float) -> dict[str, Any]:
    return {
        name: {"mean": value, "low": None, "high": None}
        for name, value in (("wrong", ours), ("published_wrong", published))
    }


def searched(cosine: float) -> tuple[float, float]:
    """Hits and wrong answers among search queries, over an even grid of both chances."""
    shares = np.zeros(2)
    for same, weight, pairs in (
        (True, REPEATED, [(u, v) for u in GRID for v in GRID]),
        (False, 1 - REPEATED, [(0.5, v) for v in GRID]),
    ):
        near = [SEARCHED.nearest(1, same, u, v) for u, v in pairs]
        shares += weight * np.mean(
            [(found >= cosine, found >= cosine and not right) for right, found in near], axis=0
        )
    return float(shares[0]), float(shares[1])


def shown(record: dict[str, Any]) -> str:
    """Both tables."""
    found = record["figures"]

    def percent(name: str, metric: str) -> str:
        return (
            f"{100 * found[name][metric]['mean']:.2g} %"
            if found[name][metric]["mean"] < 0.01
            else f"{100 * found[name][metric]['mean']:.1f} %"
        )

    names = {f"quora@{size}": f"Quora, {size:,} entries, cosine 0.80" for size in QUORA_SIZES}
    names |= {f"quora@{cosine}": f"Quora, cosine {cosine:.2f}" for cosine in QUORA} | {
        f"search@{c}": f"search queries, cosine {c:.2f}" for c in SEARCH
    }
    rows = []
    for name, words in names.items():
        hits = (
            [percent(name, metric) for metric in ("published_hits", "hits")]
            if "hits" in found[name]
            else ["", ""]
        )
        rows.append(
            (words, *(percent(name, metric) for metric in ("published_wrong", "wrong")), *hits)
        )
    heads = ("corpus", "wrong answers, published", "the model", "hits, published", "the model")
    return "\n\n".join(
        [
            "The model of neighbours beside what was published, as shares of all requests:",
            table(heads, rows),
        ]
    )
