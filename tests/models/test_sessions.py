"""Conversations: their turns, pauses and prompts, against logs of chats and agents."""

import csv
import json
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simroute.models import spec
from simroute.models.random import Streams
from simroute.models.sessions import Conversations, draw_turns
from simroute.models.weather import Weather

Make = Callable[..., Weather]
CHAT = spec.Sessions(1.78, think=spec.Pause(median=56.0, sigma=1.53), next="clock")
"""As calibrated to RAGPulse."""
AGENTS = {"magagent": (29.8, 11.0), "miniswe": (20.1, 4.4), "taubench": (19.6, 2.0)}
"""Agent -> mean turns and shape, by moments of LMCache's traces."""


def turns(sessions: spec.Sessions, blocks: int = 5) -> np.ndarray:
    return np.concatenate([draw_turns(sessions, Streams(1, 0), k) for k in range(blocks)])


@pytest.fixture(scope="module")
def ragpulse(shared: Path) -> dict[str, list[dict[str, Any]]]:
    """Its requests by session, in order of time."""
    path = shared / "data/ragpulse.jsonl"
    if not path.exists():
        pytest.skip("no data")
    sessions = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            request = json.loads(line)
            sessions[request["session_id"]].append(request)
    return sessions


@pytest.fixture(scope="module")
def agents(shared: Path) -> dict[str, list[list[dict[str, float]]]]:
    """Sessions of each agent."""
    path = shared / "data/agent_sessions_derived.csv"
    if not path.exists():
        pytest.skip("no data")
    sessions: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    with path.open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            key = row.pop("agent"), row.pop("session_id")
            sessions[key].append({name: float(value) for name, value in row.items()})
    found = defaultdict(list)
    for (agent, _), rows in sessions.items():
        found[agent].append(rows)
    return found


@given(st.floats(1.01, 60), st.floats(0.3, 20))
@settings(max_examples=20)
def test_turns_have_the_stated_mean_and_the_spread_of_a_negative_binomial(
    mean: float, shape: float
) -> None:
    """Mean m, variance (m - 1) + (m - 1)^2 / shape; within 5 sd of 20,480 conversations (the sd of
    a mean), the variance within 25 %."""
    drawn = turns(spec.Sessions(mean, shape))
    variance = (mean - 1) + (mean - 1) ** 2 / shape
    assert drawn.min() >= 1
    assert drawn.mean() == pytest.approx(mean, abs=5 * np.sqrt(variance / len(drawn)))
    if variance > 1:
        assert drawn.var() == pytest.approx(variance, rel=0.25)


def test_chats_have_as_many_turns_as_ragpulse(ragpulse: dict[str, list[dict[str, Any]]]) -> None:
    """A geometric law of mean 1.78: the shares of 1 to 6 turns are within .03 of the log's."""
    seen = np.bincount([len(session) for session in ragpulse.values()])
    drawn = np.bincount(turns(CHAT))
    for k in range(1, 7):
        assert drawn[k] / drawn.sum() == pytest.approx(seen[k] / seen.sum(), abs=0.03)


def test_pauses_of_chats_are_those_of_ragpulse_within_a_factor_of_two(
    ragpulse: dict[str, list[dict[str, Any]]],
) -> None:
    """Gaps between turns at p10, p50, p90: the log has 15, 40, 302 s, its lognormal by moments 7.9,
    56, 398."""
    gaps = np.concatenate(
        [np.diff(sorted(float(r["timestamp"]) for r in each)) for each in ragpulse.values()]
    )
    known = Conversations(CHAT, Streams(1, 0), np.zeros(1))
    drawn = np.concatenate([known.pauses(k) for k in range(5)])
    ratio = np.quantile(drawn, (0.1, 0.5, 0.9)) / np.quantile(gaps[gaps > 0], (0.1, 0.5, 0.9))
    assert ((ratio > 0.5) & (ratio < 2)).all()


@pytest.mark.parametrize("agent", AGENTS)
def test_agents_have_as_many_turns_as_theirs(
    agent: str, agents: dict[str, list[list[dict[str, float]]]]
) -> None:
    """Mean within 4 sd of the some 20 sessions that there are, spread within 12 %."""
    seen = np.array([len(session) for session in agents[agent]])
    drawn = turns(spec.Sessions(*AGENTS[agent]))
    assert drawn.mean() == pytest.approx(seen.mean(), abs=4 * seen.std(ddof=1) / np.sqrt(len(seen)))
    assert drawn.std() == pytest.approx(seen.std(), rel=0.12)


def test_the_prefix_of_an_agents_prompts_is_that_of_mini_swe(
    weather: Make, agents: dict[str, list[list[dict[str, float]]]]
) -> None:
    """First prompt, growth a turn and turns of the log (characters as tokens) give its share of
    input that an earlier turn began with as well, .936, within .03."""
    rows = agents["miniswe"]
    every = [row for session in rows for row in session]
    share = sum(r["best_prior_common_prefix_chars"] for r in every) / sum(
        r["input_chars"] for r in every
    )
    first = np.mean([session[0]["input_chars"] for session in rows])
    growth = np.mean([b["input_chars"] - a["input_chars"] for s in rows for a, b in pairwise(s)])
    kind = spec.Task(
        system_prompt=round(first),
        input_tokens=spec.Lengths(growth / 2, 0.0),
        output_tokens=spec.Lengths(growth / 2, 0.0),
    )
    load = spec.Workload(
        rate=50.0,
        sessions=spec.Sessions(*AGENTS["miniswe"], spec.Pause(median=1.1, sigma=0.4), "clock"),
        tasks={"agent": kind},
    )
    total = shared = 0
    for block in weather(load, horizon=2000.0).blocks():
        assert block.context_tokens is not None
        assert block.system_tokens is not None
        total += int(block.input_tokens.sum())
        later = block.context_tokens > 0  # the log looks at earlier turns of the session only
        shared += int((block.context_tokens + block.system_tokens)[later].sum())
    assert shared / total == pytest.approx(share, abs=0.03)


def test_prompts_hold_what_was_said_before(weather: Make) -> None:
    """With the turns of a conversation in order, each prompt is the system prompt, all earlier
    input and answers, and what is new: the lengths that it has where prompts do not grow."""
    sessions = spec.Sessions(6.0, think=spec.Pause(median=20.0, sigma=1.0), next="clock")
    kinds = {"chat": spec.Task(system_prompt=700), "code": spec.Task(system_prompt=1300)}
    rows = []
    for grows in (True, False):
        made = spec.Workload(
            rate=10.0,
            sessions=spec.Sessions(6.0, think=sessions.think, next="clock", grows=grows),
            tasks=kinds,
        )
        blocks = list(weather(made, horizon=1500.0).blocks())
        assert len(blocks) > 2
        rows.append(
            {
                name: np.concatenate([getattr(block, name) for block in blocks])
                for name in ("arrival", "session", "task", "input_tokens", "output_tokens")
            }
        )
    grown, plain = rows
    system = np.array([700, 1300])[plain["task"]]
    said: dict[int, int] = defaultdict(int)
    for k, session in enumerate(grown["session"].tolist()):
        assert grown["input_tokens"][k] == plain["input_tokens"][k] + said[session]
        said[session] += int(plain["input_tokens"][k] - system[k] + plain["output_tokens"][k])
    assert (np.diff(grown["arrival"]) >= 0).all()
    kinds_of = set(zip(grown["session"].tolist(), grown["task"].tolist(), strict=True))
    assert len(kinds_of) == len(said)  # a conversation is about one thing


def test_a_long_conversation_forgets_its_beginning(weather: Make) -> None:
    """No more than `context` tokens of the turns before."""
    sessions = spec.Sessions(50.0, think=spec.Pause(median=1.0), next="clock", context=5000.0)
    for block in weather(spec.Workload(rate=20.0, sessions=sessions)).blocks():
        assert block.context_tokens is not None
        assert block.context_tokens.max() == 5000


def test_the_rate_counts_requests(weather: Make) -> None:
    """At 20/s, conversations of 4 turns bring 20 requests a second: counts of 4,000 s within 4 sd
    (variance times the second moment of turns over their mean, 7)."""
    sessions = spec.Sessions(4.0, think=spec.Pause(median=1.0), next="clock")
    found = weather(spec.Workload(rate=20.0, sessions=sessions), horizon=4000.0).arrivals()
    assert len(found) == pytest.approx(80_000, abs=4 * np.sqrt(7 * 80_000) + 60)
