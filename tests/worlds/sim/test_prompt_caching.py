"""Providers that keep beginnings of prompts: what is read, when, for how much, and what a failover
loses."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simroute.metrics import Figures
from simroute.models import spec
from simroute.models.prompt_cache import Part, PromptCache
from simroute.policies.fallback import Fallback
from simroute.policies.retry import Retry
from simroute.studies.bound.clairvoyant import clairvoyant_figures
from simroute.studies.bound.gap import KEPT, bound_label
from tests.worlds.sim.test_callers import Rows, played
from tests.worlds.sim.test_conversations import by_session

FREE = spec.PromptCache(minimum=0)
CLAUDE = spec.PriceList(3.0, 15.0, 0.3, 3.75)
STEADY = spec.Latency(base=0.5, per_1k_input=0.2, per_output_token=0.001, sigma=0.0)


def deployment(name: str = "c", **fields: Any) -> spec.Deployment:
    made = {"price": CLAUDE, "prompt_cache": FREE, "latency": STEADY} | fields
    return spec.Deployment(name, f"m-{name}", **made)


def agents(system: int = 3000, **fields: Any) -> spec.Workload:
    """Agents of some twelve turns."""
    sessions = spec.Sessions(12.0, 4.0, spec.Pause(median=1.1, sigma=0.4))
    kind = spec.Task(
        system_prompt=system,
        input_tokens=spec.Lengths(300.0, 0.5),
        output_tokens=spec.Lengths(200.0, 0.5),
    )
    made = {"rate": 1.0, "sessions": sessions, "tasks": {"agent": kind}} | fields
    return spec.Workload(**made)


def sent(rows: Rows) -> dict[str, np.ndarray]:
    """Sends with the session of their request."""
    asked, attempts = rows["requests"], rows["attempts"]
    place = np.searchsorted(asked["request_id"], attempts["request_id"])
    return attempts | {"session": asked["session"][place], "arrival_s": asked["arrival_s"][place]}


# -- the cache by itself ---------------------------------------------------------------------------


def test_what_is_read_is_there_from_the_first_token_on_and_for_its_lifetime() -> None:
    """Ready at 2 s, kept for 300 s from each use."""
    cache = PromptCache(FREE)
    prompt = [Part("system", 1000), Part("talk", 500)]
    cache.keep(0.0, 2.0, prompt)
    assert cache.known(1.9, prompt) == 0
    assert cache.known(2.0, prompt) == 1500
    assert cache.known(300.0, prompt) == 1500
    assert cache.known(300.1, prompt) == 0
    cache.keep(250.0, 251.0, [Part("system", 1000)])
    assert cache.known(500.0, prompt) == 1000


def test_a_longer_prompt_is_known_as_far_as_it_was_until_the_rest_is_ready() -> None:
    """500 tokens of a conversation, then 900."""
    cache = PromptCache(FREE)
    cache.keep(0.0, 1.0, [Part("talk", 500)])
    cache.keep(10.0, 12.0, [Part("talk", 900)])
    assert cache.known(11.0, [Part("talk", 900)]) == 500
    assert cache.known(12.0, [Part("talk", 900)]) == 900
    assert cache.known(12.0, [Part("talk", 700)]) == 700


def test_minimum_and_steps() -> None:
    """Nothing below 1,024 tokens, and whole steps of 128."""
    cache = PromptCache(spec.PromptCache(minimum=1024, step=128))
    cache.keep(0.0, 0.0, [Part("short", 1000)])
    cache.keep(0.0, 0.0, [Part("long", 2000)])
    assert cache.known(1.0, [Part("short", 1000)]) == 0
    assert cache.known(1.0, [Part("long", 2000)]) == 15 * 128
    assert cache.known(1.0, [Part("long", 1000)]) == 0


@pytest.mark.parametrize("name", ["K02", "K04"])
def test_k02_k04_lru_and_sliding_lifetime_under_zipf(shared: Any, name: str) -> None:
    """Parts of one token asked for by Zipf's law: the hit ratios of an LRU of 1,000 and of a
    lifetime refreshed on use, within 4 sd of 200,000 after a warm-up of 100,000."""
    forms = json.loads((shared / "vectors/closed_forms.json").read_text())["oracles"]
    form = next(form for form in forms if form["id"] == name)
    params, n = form["params"], 200_000
    rules = spec.PromptCache(lifetime=1e12, minimum=0, size=params.get("C"))
    figure = "hit_ratio"
    if name == "K04":
        rules, figure = spec.PromptCache(lifetime=params["ttl"], minimum=0), "hit_sliding"
    weights = np.arange(1, params["N"] + 1) ** -params["alpha"]
    draw = np.random.default_rng(11)
    keys = draw.choice(params["N"], n + 100_000, p=weights / weights.sum()).tolist()
    cache, hits, now = PromptCache(rules), 0, 0.0
    for k, key in enumerate(keys):
        now += 1.0 / params.get("lam", 50.0)
        part = [Part(key, 1)]
        hits += k >= 100_000 and cache.known(now, part) == 1
        cache.keep(now, now, part)
    check = form["check"][figure]
    tolerance = check["tol_abs"] * math.sqrt(check["n"] / n)
    assert hits / n == pytest.approx(form["expected"][figure], abs=tolerance)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 100),
            st.lists(st.tuples(st.integers(0, 8), st.integers(1, 50)), min_size=1, max_size=4),
        ),
        max_size=40,
    ),
    st.integers(1, 200),
)
def test_a_cache_never_holds_more_than_its_size_nor_reads_more_than_was_sent(
    uses: list[tuple[float, list[tuple[int, int]]]], size: int
) -> None:
    """Any prompts: the tokens held are those of its entries and fit, and what is read is no more
    than the longest prompt of that beginning."""
    cache, now = PromptCache(spec.PromptCache(lifetime=200.0, minimum=0, size=size)), 0.0
    longest: dict[int, int] = {}
    for pause, parts in uses:
        now += pause
        prompt = [Part(key, tokens) for key, tokens in dict(parts).items()]
        read = cache.known(now, prompt)
        assert read <= sum(min(tokens, longest.get(key, 0)) for key, tokens, _ in prompt)  # type: ignore[call-overload]
        cache.keep(now, now, prompt)
        for key, tokens, _ in prompt:
            longest[key] = max(tokens, longest.get(key, 0))  # type: ignore[index,call-overload]
        assert 0 <= cache.held <= size
        assert cache.held == sum(entry.grown for entry in cache._entries.values())


# -- in the world ----------------------------------------------------------------------------------


def test_each_turn_reads_what_the_one_before_it_sent() -> None:
    """One deployment, no failures: a turn reads the whole prompt before it, the first of a session
    the system prompt; bills are those of the price list, read by read."""
    figures, rows = played(agents(), deployments={"a": deployment()}, horizon=600.0)
    sends = by_session(sent(rows))
    same = sends["session"][1:] == sends["session"][:-1]
    gap = (sends["start_s"][1:] - sends["start_s"][:-1])[same]
    assert gap.max() < 300
    assert np.array_equal(sends["cached_tokens"][1:][same], sends["input_tokens"][:-1][same])
    first = np.flatnonzero(np.concatenate([[True], ~same]))
    warm = first[sends["start_s"][first] > sends["start_s"].min() + 5]
    assert set(sends["cached_tokens"][warm].tolist()) == {3000}
    read, whole = sends["cached_tokens"], sends["input_tokens"]
    # femto-USD a token: 3 for input, .3 read, 3.75 written, 15 for output
    bill = (300 * read + 3750 * (whole - read) + 15_000 * sends["output_tokens"] + 500) // 1
    assert np.abs(sends["cost_nano"] - bill).max() <= 500
    share = read.sum() / whole.sum()
    assert figures.metrics["prompt_cached_share"] == pytest.approx(share)
    plain, _ = played(agents(), deployments={"a": deployment(prompt_cache=None)}, horizon=600.0)
    assert plain.metrics["prompt_cached_share"] == 0.0


def test_a_first_token_comes_sooner_by_what_need_not_be_read() -> None:
    """.5 s and .2 s a thousand tokens, of which a read one saves 40 %: to the microsecond."""
    load = agents(streamed=1.0)
    _, rows = played(load, deployments={"a": deployment()}, horizon=600.0)
    asked, sends = rows["requests"], sent(rows)
    order = np.argsort(sends["request_id"])
    read, whole = (sends[name][order] for name in ("cached_tokens", "input_tokens"))
    expected = 0.5 + 0.2 * (whole - 0.4 * read) / 1000
    assert asked["ttft_s"] == pytest.approx(expected, abs=1e-6)


def test_a_failover_finds_a_cold_cache_and_the_way_back_an_older_one() -> None:
    """Two deployments, the first down from 200 to 400 s: during that every session that has not
    been at the second reads at most the system prompt there."""
    target = {"a": deployment("one"), "b": deployment("two")}
    outage = {"o": spec.Outage(provider="one", start=200.0, end=400.0, error_share=1.0)}
    figures, rows = played(
        agents(),
        {"fallback": Fallback(("a", "b"))},
        deployments=target,
        outages=outage,
        horizon=600.0,
    )
    sends = sent(rows)
    there = sends["target"] == 1
    assert sends["start_s"][there].min() >= 200
    seen: set[int] = set()
    order = np.argsort(sends["start_s"], kind="stable")
    for k in order[there[order]].tolist():
        session = int(sends["session"][k])
        if session not in seen:
            assert sends["cached_tokens"][k] in (0, 3000)
        seen.add(session)
    failed = sends["status"] != 200
    assert failed.any()
    assert not sends["cached_tokens"][failed].any()
    assert (figures.metrics["prompt_cache_saved_usd"] or 0) > 0


def agent_study(cached: bool) -> Figures:
    """Agents with system prompts of 10,000 tokens on a Claude's prices and default latency."""
    target = deployment(prompt_cache=spec.PromptCache() if cached else None, latency=spec.Latency())
    load = agents(10_000, streamed=1.0, rate=0.5)
    return played(load, deployments={"a": target}, horizon=3600.0)[0]


def test_do_not_break_the_cache() -> None:
    """arXiv 2601.06007: agents with system prompts of 10,000 tokens cost 41 to 80 % less, and
    begin 13 to 31 % sooner."""
    plain, cached = agent_study(False), agent_study(True)
    cost, ttft = (
        1 - (cached.metrics[name] or 0) / (plain.metrics[name] or 1)
        for name in ("cost_per_1k_requests_usd", "ttft_p95_s")
    )
    assert 0.41 <= cost <= 0.80
    assert 0.13 <= ttft <= 0.31


def test_limits_may_leave_out_what_is_read() -> None:
    """100,000 input tokens a minute: with reads free, agents that send twice that pass."""
    refused = []
    for rule in ("free", "full"):
        limits = spec.Limits(itpm=100_000, cached=rule)  # type: ignore[arg-type]
        target = {"a": deployment(limits=limits)}
        figures, rows = played(agents(rate=0.7), deployments=target, horizon=600.0)
        refused.append(figures.metrics["rate_limited"])
    assert rows["attempts"]["input_tokens"].sum() > 0
    assert refused[1] > 10 * max(1, refused[0])


def test_the_bound_is_one_as_if_nothing_was_forgotten() -> None:
    """By the clock, so that all policies meet the same requests: cost and success of the bound are
    no worse than a policy's, in each of three kinds of weather."""
    from simroute.config.configuration import Configuration

    load = agents(sessions=spec.Sessions(12.0, 4.0, spec.Pause(median=3.0), "clock"))
    for errors in ({}, {500: 0.05}, {500: 0.3}):
        target = {"a": deployment("one", errors=errors), "b": deployment("two")}
        made = spec.Scenario(
            target, horizon=600.0, workload=load, gateway=spec.Gateway(overhead=0.0)
        )
        assert bound_label(made) == KEPT
        layers = {"fallback": Fallback(("a", "b")), "retry": Retry(attempts=2)}
        figures, _ = played(load, layers, deployments=target, horizon=600.0)
        best = clairvoyant_figures(Configuration("run", "t", made, {"policy": layers}), 0)[0]
        assert (best["success_rate"] or 0) >= (figures.metrics["success_rate"] or 0)
        assert (best["cost_usd"] or 0) <= (figures.metrics["cost_usd"] or 0)


@settings(max_examples=15, deadline=None)
@given(
    lifetime=st.floats(0.1, 1000),
    minimum=st.integers(0, 5000),
    step=st.integers(1, 512),
    size=st.one_of(st.none(), st.floats(1, 1e6)),
    saves=st.floats(0, 1),
    abandoned=st.sampled_from(["stops", "runs_on"]),
)
def test_any_rules_conserve_tokens_and_money(
    lifetime: float, minimum: int, step: int, size: float | None, saves: float, abandoned: str
) -> None:
    """Read tokens are whole steps of the input, bills of sends are those of requests, whoever gives
    up and asks again."""
    rules = spec.PromptCache(lifetime, minimum, step, size, saves)
    target = {"a": deployment(prompt_cache=rules, errors={500: 0.1}), "b": deployment("two")}
    load = agents(patience=spec.Pause(mean=2.0), again=spec.AskAgain(0.5))
    layers = {"fallback": Fallback(("a", "b"))}
    _, rows = played(load, layers, deployments=target, horizon=120.0, abandoned=abandoned)
    sends = rows["attempts"]
    read = sends["cached_tokens"]
    assert (read <= sends["input_tokens"]).all()
    mine = read[sends["target"] == 0]
    assert (mine % step == 0).all()
    assert ((mine == 0) | (mine >= minimum - step)).all()
    assert int(sends["cost_nano"].sum()) == int(rows["requests"]["cost_nano"].sum())


@pytest.mark.parametrize(("lifetime", "share"), [(1e12, 0.37), (300.0, 0.29)])
def test_mooncakes_conversations_are_read_again_as_published(
    shared: Any, lifetime: float, share: float
) -> None:
    """An hour of 12,031 prompts in blocks of 512 tokens: 37 % of input tokens with a cache that
    never forgets, 29 % with five minutes refreshed on use, within half a point."""
    path = shared / "data/mooncake_conversation.jsonl"
    if not path.exists():
        pytest.skip("no data")
    rules = spec.PromptCache(lifetime=lifetime, minimum=0)
    at_once = spec.Latency(base=0.0, per_1k_input=0.0, per_output_token=0.0)
    load = spec.Workload(trace=str(path))
    figures, _ = played(
        load,
        deployments={"a": deployment(prompt_cache=rules, latency=at_once)},
        horizon=3700.0,
    )
    assert figures.metrics["prompt_cached_share"] == pytest.approx(share, abs=0.005)
