"""Who asks for what: the weights of users, and which task a request of a feature is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from simroute.models import spec

MOST_USERS = 10_000
"""Of a number of users: each has figures of its own."""


def user_weights(load: spec.Workload) -> dict[str, float]:
    """Name -> weight. A number of users are user-001, user-002 … by Zipf's law: the k-th asks
    k^-`users_exponent` times as often as the first."""
    if not isinstance(load.users, int):
        return load.users
    width = max(3, len(str(load.users)))
    weights = np.power(np.arange(1, load.users + 1, dtype=float), -load.users_exponent).tolist()
    return {f"user-{place:0{width}}": weight for place, weight in enumerate(weights, 1)}


def is_by_feature(tasks: Sequence[spec.Task]) -> bool:
    """Whether any task has a share by feature."""
    return any(isinstance(task.share, dict) for task in tasks)


def task_weight(task: spec.Task, feature: str) -> float:
    """The weight of a task among the requests of a feature; 0 of a feature that its shares leave
    out."""
    return task.share.get(feature, 0.0) if isinstance(task.share, dict) else task.share


def task_weights(tasks: Sequence[spec.Task], features: Sequence[str]) -> np.ndarray:
    """Weights by feature and task. A feature of a log of which no task has a share has those of all
    features together."""
    weights = np.array([[task_weight(task, name) for task in tasks] for name in features], float)
    together = [
        sum(task.share.values()) if isinstance(task.share, dict) else task.share for task in tasks
    ]
    return np.where(weights.any(axis=1, keepdims=True), weights, together)


def task_shares(load: spec.Workload) -> dict[str, float]:
    """Task -> its share of all requests, in a scenario without a trace."""
    tasks = list(load.tasks.values())
    weights = task_weights(tasks, list(load.features) or [""])
    totals = weights.sum(axis=1, keepdims=True)
    shares = np.divide(weights, totals, out=np.zeros_like(weights), where=totals > 0)
    features = np.array(list(load.features.values()) or [1.0])
    mix = features @ shares / (features.sum() or 1.0)
    return dict(zip(load.tasks, mix.tolist(), strict=True))


def streamed_shares(tasks: Sequence[spec.Task], load: spec.Workload) -> np.ndarray:
    """The share of each task's requests that is streamed."""
    return np.array([load.streamed if task.streamed is None else task.streamed for task in tasks])


def streamed_share(load: spec.Workload) -> float:
    """The share of all requests that is streamed, in a scenario without a trace."""
    if all(task.streamed is None for task in load.tasks.values()):
        return load.streamed
    shares = np.array(list(task_shares(load).values()))
    return float(shares @ streamed_shares(list(load.tasks.values()), load))


def pick(weights: Sequence[float], size: int, draw: Callable[[], np.ndarray]) -> np.ndarray:
    """The place of one of the weights for each of `size` requests; draws uniforms in [0, 1) only
    where there is a choice."""
    if len(weights) < 2:
        return np.zeros(size, np.int32)
    chosen = np.searchsorted(cumulative(np.array(weights, float)), draw(), side="right")
    return np.minimum(chosen, len(weights) - 1).astype(np.int32)


def pick_by_row(weights: np.ndarray, row: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """The place of a weight for each uniform, of the weights in the `row` of a table."""
    bounds = np.array([cumulative(each) for each in weights])
    chosen = (bounds[row] <= uniform[:, None]).sum(axis=1)
    return np.asarray(np.minimum(chosen, weights.shape[1] - 1), np.int32)


def cumulative(weights: np.ndarray) -> np.ndarray:
    """Sums of the weights, as shares of all."""
    total = np.cumsum(weights)
    return np.asarray(total / total[-1])
