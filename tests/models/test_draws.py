"""What a call meets at a deployment: pure functions of (seed, replication, stream, request, target,
n)."""

from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import pytest

from simroute.models import spec
from simroute.models.blocks import RequestLists
from simroute.models.deployment import DrawLists
from simroute.models.weather import Weather

Make = Callable[..., Weather]
PRICE = spec.PriceList(3, 15)


def deployment(provider: str = "acme", model: str = "m-1", **fields: Any) -> spec.Deployment:
    return spec.Deployment(provider, model, price=PRICE, **fields)


def column(
    weather: Weather, name: str, target: str = "a", n: int = 0, blocks: int = 12
) -> np.ndarray:
    model = weather.deployments[target]
    return np.concatenate(
        [getattr(model.draw_lists(block, n), name) for block in islice(weather.blocks(), blocks)]
    )


def test_draws_do_not_depend_on_the_order_of_asking(weather: Make) -> None:
    """Block 3 at its second call is the same when asked first, last, twice, or after other
    targets."""
    fields: dict[str, Any] = {
        "horizon": 2000.0,
        "deployments": {"a": deployment(), "b": deployment("other")},
    }
    one, other = weather(**fields), weather(**fields)
    blocks = list(one.blocks())
    first = one.deployments["a"].draw_lists(blocks[3], 1)
    for model in other.deployments.values():
        for n in (0, 2, 1):
            for block in reversed(list(other.blocks())):
                model.draw_lists(block, n)
    assert other.deployments["a"].draw_lists(list(other.blocks())[3], 1) == first
    assert one.deployments["a"].draw_lists(blocks[3], 1) == first


def test_draws_do_not_depend_on_the_rest_of_the_scenario(weather: Make) -> None:
    """Another deployment, before or after it, an outage, a limit or another horizon changes no draw
    and no request."""
    plain = weather(deployments={"a": deployment()}, horizon=1000.0)
    outage = spec.Outage(provider="acme", mean_between=100.0)
    limited = deployment(limits=spec.Limits(rpm=10))
    rich = weather(
        deployments={"b": deployment("z"), "a": limited, "c": deployment("y")},
        outages={"o": outage},
        horizon=3000.0,
    )
    block, longer = next(plain.blocks()), next(rich.blocks())
    for name in RequestLists.__annotations__:
        assert getattr(longer.lists, name) == getattr(block.lists, name)
    assert rich.deployments["a"].draw_lists(longer, 0) == plain.deployments["a"].draw_lists(
        block, 0
    )


def test_call_target_seed_and_replication_all_matter(weather: Make) -> None:
    """Coins of any two of them are uncorrelated: within 4.5 / sqrt(n)."""
    two = {"a": deployment(), "b": deployment()}
    base, size = {"deployments": two, "horizon": 5000.0}, 10 * 4096
    coins = [
        column(weather(**base), "u_outcome", blocks=10),
        column(weather(**base), "u_outcome", n=1, blocks=10),
        column(weather(**base), "u_outcome", "b", blocks=10),
        column(weather(**base, seed=2), "u_outcome", blocks=10),
        column(weather(**base, replication=1), "u_outcome", blocks=10),
    ]
    correlations = np.corrcoef(coins)[np.triu_indices(5, 1)]
    assert (abs(correlations) < 4.5 / np.sqrt(size)).all()


def test_draws_are_lists_of_floats_as_long_as_the_block(weather: Make) -> None:
    """A short last block has short draws, and they begin like those of a full one."""
    short, full = weather(horizon=100.0), weather(horizon=1000.0)
    few = short.deployments["a"].draw_lists(next(short.blocks()), 0)
    many = full.deployments["a"].draw_lists(next(full.blocks()), 0)
    for name in DrawLists._fields:
        assert all(type(value) is float for value in getattr(few, name))
        assert getattr(many, name)[: len(few.u_outcome)] == getattr(few, name)
    assert len(few.u_outcome) == next(short.blocks()).size < 4096 == len(many.u_outcome)


def test_time_to_first_token_is_lognormal_around_base_and_input(weather: Make) -> None:
    """log((ttft - overhead) / (base + per 1k input * input / 1000)): mean 0 within 4 sigma /
    sqrt(n), sd sigma within 4 sigma / sqrt(2n)."""
    latency = spec.Latency(base=0.6, per_1k_input=0.26, sigma=0.5)
    scene = weather(
        deployments={"a": deployment(latency=latency)},
        gateway=spec.Gateway(overhead=0.02),
        horizon=1e4,
    )
    tokens = np.concatenate([block.input_tokens for block in islice(scene.blocks(), 12)])
    logs = np.log((column(scene, "ttft") - 0.02) / (0.6 + 0.26 * tokens / 1000))
    assert logs.mean() == pytest.approx(0, abs=4 * 0.5 / np.sqrt(len(logs)))
    assert logs.std() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(2 * len(logs)))


def test_decoding_takes_a_lognormal_time_for_each_output_token(weather: Make) -> None:
    """One draw an answer: log(decode / tokens / per token) has mean 0 and sd token_sigma within 4
    sd; first tokens' r within 4.5 / sqrt(n)."""
    latency = spec.Latency(per_output_token=0.0142, token_sigma=0.2)
    scene = weather(deployments={"a": deployment(latency=latency)}, horizon=1e4)
    tokens = np.concatenate([block.output_tokens for block in islice(scene.blocks(), 12)])
    logs = np.log(column(scene, "decode") / tokens / 0.0142)
    assert logs.mean() == pytest.approx(0, abs=4 * 0.2 / np.sqrt(len(logs)))
    assert logs.std() == pytest.approx(0.2, abs=4 * 0.2 / np.sqrt(2 * len(logs)))
    base = (
        np.concatenate([block.input_tokens for block in islice(scene.blocks(), 12)])
        * latency.per_1k_input
        / 1000
        + latency.base
    )
    assert abs(np.corrcoef(logs, np.log(column(scene, "ttft") / base))[0, 1]) < 4.5 / np.sqrt(
        len(logs)
    )


def test_without_spread_times_are_the_stated_medians(weather: Make) -> None:
    """Sigma 0: base + input + overhead, tokens times time per token, and the time of an error."""
    task = spec.Task(input_tokens=spec.Lengths(2000, 0), output_tokens=spec.Lengths(100, 0))
    latency = spec.Latency(
        base=0.5, per_1k_input=0.1, per_output_token=0.01, sigma=0, token_sigma=0, error=0.3
    )
    scene = weather(
        spec.Workload(tasks={"t": task}),
        deployments={"a": deployment(latency=latency)},
        gateway=spec.Gateway(overhead=0.005),
    )
    draws = scene.deployments["a"].draw_lists(next(scene.blocks()), 0)
    assert draws.ttft[0] == pytest.approx(0.705)
    assert draws.decode[0] == pytest.approx(1.0)
    assert draws.error_s[0] == pytest.approx(0.305)


def test_coins_and_cuts_are_uniform(weather: Make) -> None:
    """Kolmogorov-Smirnov at 1 % (1.63 / sqrt(n)), and independent of each other and of quality
    within 4.5 / sqrt(n)."""
    scene = weather(horizon=1e4)
    coin, cut, quality = (column(scene, name) for name in ("u_outcome", "u_truncation", "quality"))
    steps = np.arange(1, len(coin) + 1) / len(coin)
    for values in (coin, cut):
        assert abs(np.sort(values) - steps).max() < 1.63 / np.sqrt(len(coin))
    assert (
        abs(np.corrcoef([coin, cut, quality])[np.triu_indices(3, 1)]) < 4.5 / np.sqrt(len(coin))
    ).all()


def test_background_calls_have_draws_of_their_own(weather: Make) -> None:
    """Blocks of pings differ by replica and number, ask for one token, and share nothing with
    requests."""
    scene = weather(horizon=1000.0)
    model = scene.deployments["a"]
    blocks = [
        next(scene.blocks()),
        scene.ping_block(0, 0),
        scene.ping_block(0, 1),
        scene.ping_block(1, 0),
    ]
    assert len({model.draw_lists(block, 0).u_outcome[0] for block in blocks}) == 4
    assert set(blocks[1].lists.input_tokens) == set(blocks[1].lists.output_tokens) == {1}
    assert not set(blocks[1].lists.question) & set(blocks[0].lists.question)


def test_families_are_the_first_word_of_the_model(weather: Make) -> None:
    """gpt-4o is a gpt and claude-sonnet-4 a claude, unless the scenario says otherwise; deployments
    keep their order."""
    given = {
        "x": deployment(model="gpt-4o"),
        "b": deployment(model="claude-sonnet-4"),
        "a": deployment(model="gpt-4o", family="mini"),
    }
    models = weather(deployments=given).deployments
    assert list(models) == ["x", "b", "a"]
    assert [model.target.family for model in models.values()] == ["gpt", "claude", "mini"]
    assert [model.target.name for model in models.values()] == ["x", "b", "a"]
