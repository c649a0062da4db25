"""Who embeds questions for semantic caches: an async function, or a deployment."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from simroute.live.deployments import Fleet

Embedder = Callable[[list[str]], Awaitable[Any]]


class Meanings:
    """What was embedded, which stays over reloads as long as the same one embeds.

    embedder: a function; else a deployment with `embeddings` does it. price: USD for a million
    tokens that the function is given.
    """

    def __init__(self, embedder: Embedder | None, price: float) -> None:
        self._embedder, self._price = embedder, price
        self._semantics: Any = None
        self._whose: Any = None

    def mistakes(self, fleet: Fleet) -> list[str]:
        """What is wrong with it, in front of these deployments."""
        if self._embedder is None:
            return []
        problems = [
            f"{name}.embeddings: Gateway(embedder=…) embeds already; leave out one of them"
            for name in fleet.embedder
        ]
        if not callable(self._embedder):
            problems.append("embedder: expected an async function of a list of texts")
        if not (isinstance(self._price, int | float) and 0 <= self._price < math.inf):
            problems.append("embedder_price: expected USD for a million tokens, from 0 on")
        return problems

    def exist(self, fleet: Fleet) -> bool:
        """Whether anybody embeds."""
        return self._embedder is not None or bool(fleet.embedder)

    def of(self, layers: Mapping[str, Any], fleet: Fleet) -> tuple[Any, Any]:
        """What finds similar questions for these layers, and the connections that it has; None
        where no layer asks for it."""
        if not any(map(is_semantic, layers.values())):
            return None, None
        from simroute.live.embeddings import Embeddings  # numpy, for those who need it
        from simroute.live.semantics import Semantics

        embed: Any = self._embedder
        whose, price, connections = embed, self._price, None
        for endpoint, listed in fleet.embedder.values():
            embed = connections = Embeddings(endpoint)
            whose, price = (endpoint.base_url, endpoint.model), listed.input
        if self._semantics is None or whose != self._whose:
            self._semantics, self._whose = Semantics(embed, price), whose
        self._semantics.embed, self._semantics.price = embed, price
        return self._semantics, connections


def is_semantic(layer: Any) -> bool:
    """Whether a layer compares meanings."""
    return bool(layer.kind == "cache" and layer.match != "exact")


def notes(layers: Mapping[str, Any], fleet: Fleet) -> list[str]:
    """What whoever starts them should know."""
    known = any(target.knows_repeats for target in fleet.targets.values())
    keyed = [] if known else [n for n, e in layers.items() if getattr(e, "idempotency_key", False)]
    return [
        *(
            f"{name}.idempotency_key: no deployment has an idempotency_header, so none is sent"
            for name in keyed
        ),
        *_of_thresholds(layers),
    ]


def _of_thresholds(layers: Mapping[str, Any]) -> list[str]:
    return [
        f"{name}.threshold: {layer.threshold:g} was simulated with other embeddings than yours; "
        "docs/live.md shows how to measure one's own"
        for name, layer in layers.items()
        if is_semantic(layer)
    ]
