"""Logs made from known scenarios, by the models alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from simroute.fitting.sample import Calls
from simroute.models import spec
from simroute.models.weather import Weather
from simroute.statistics.estimate import Estimate

PRICE = spec.PriceList(1, 1)


def arrivals(load: spec.Workload, horizon: float, replication: int = 0) -> np.ndarray:
    """Seconds of the requests of a workload."""
    scene = spec.Scenario(deployments={}, horizon=horizon, workload=load)
    return np.concatenate(
        [np.zeros(0), *(block.arrival for block in Weather(scene, 1, replication).blocks())]
    )


def log(
    horizon: float,
    rate: float = 2.0,
    replication: int = 0,
    outages: dict[str, spec.Outage] | None = None,
    streamed: bool = True,
    **fields: Any,
) -> Calls:
    """What a deployment answers when every request is sent to it once."""
    made = spec.Deployment("p", "m", price=PRICE, **fields)
    load, gateway = spec.Workload(rate=rate), spec.Gateway(overhead=0.0)
    scene = Weather(
        spec.Scenario(
            {"a": made}, horizon=horizon, workload=load, gateway=gateway, outages=outages or {}
        ),
        1,
        replication,
    )
    model, found = scene.deployments["a"], []
    for block in scene.blocks():
        drawn = model.draw_arrays(block, 0)
        states = [model.conditions(t)[0] for t in block.arrival.tolist()]
        slow = np.array([state.slow_down for state in states])
        status = np.array(
            [
                state.failure_status(coin) if coin < state.failure_share else 200
                for state, coin in zip(states, drawn.u_outcome.tolist(), strict=True)
            ]
        )
        ttft = drawn.ttft * slow
        whole = np.where(status == 200, ttft + drawn.decode * slow, drawn.error_s)
        found.append(
            (
                block.arrival,
                block.input_tokens,
                block.output_tokens,
                whole,
                ttft if streamed else ttft * np.nan,
                status,
            )
        )
    return Calls(*(np.concatenate(column) for column in zip(*found, strict=True)))


def held(found: dict[str, Estimate], truth: dict[str, float]) -> Iterable[bool]:
    """For each true value, whether its interval holds it."""
    return [found[key].contains(value) for key, value in truth.items()]
