"""Small scenarios for tests of the models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from simroute.models import spec
from simroute.models.blocks import Inputs
from simroute.models.weather import Weather

PRICE = spec.PriceList(3, 15)


def deployment(provider: str = "acme", model: str = "m-1", **fields: Any) -> spec.Deployment:
    """A deployment with a price of its own, so that no catalogue is asked."""
    return spec.Deployment(provider, model, **({"price": PRICE} | fields))


@pytest.fixture
def weather() -> Callable[..., Weather]:
    """Weather over a workload; scenario fields by name, `seed` and `replication`, and files already
    read."""

    def make(
        workload: spec.Workload | None = None,
        seed: int = 1,
        replication: int = 0,
        files: dict[str, Any] | None = None,
        **fields: Any,
    ) -> Weather:
        fields = {
            "deployments": {"a": deployment()},
            "workload": workload or spec.Workload(rate=10),
        } | fields
        return Weather(spec.Scenario(**fields), seed, replication, Inputs(**(files or {})))

    return make
