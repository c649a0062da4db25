"""What holds during service is decided when service begins: against a fluid limit, hand-made cases,
and a plain event loop of the same draws."""

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import count

import numpy as np
import pytest

from simroute.config.configuration import Configuration
from simroute.core import Judge, Outcome
from simroute.experiment.run import replicate
from simroute.ledger import OUTCOMES, Ledger
from simroute.models import spec
from simroute.models.blocks import Inputs
from simroute.models.weather import Weather
from simroute.policies.fallback import Fallback
from simroute.policies.timeout import Timeout
from simroute.testing.script import Step, play
from simroute.traces import Trace
from simroute.worlds.sim import SimWorld

STEADY = spec.Latency(
    base=0.01, per_1k_input=0.0, per_output_token=0.0, sigma=0.0, token_sigma=0.0, error=0.01
)


def ran(made, layers, trace=None, seed=1):
    """The world of a scenario after its run, and all rows of requests and attempts as columns, in
    the order of requests."""
    chunks = {"requests": [], "attempts": [], "events": []}
    world = SimWorld(
        Weather(made, seed, 0, Inputs(trace)),
        [layers],
        Ledger([lambda table, chunk: chunks[table].append(chunk)]),
    )
    world.run()
    rows = {
        t: {name: np.concatenate([c[name] for c in chunks[t]]) for name in chunks[t][0]}
        for t in ("requests", "attempts")
    }
    order = np.argsort(rows["attempts"]["request_id"], kind="stable")
    rows["attempts"] = {name: column[order] for name, column in rows["attempts"].items()}
    return world, rows


def slowed():
    """One server of 100 calls a second, 3.33 times as slow from 60 to 80 s."""
    outage = spec.Outage(deployment="a", start=60.0, end=80.0, error_share=0.0, slow_down=3.33)
    server = spec.Deployment(
        "c",
        "m",
        price=spec.PriceList(1, 1),
        latency=STEADY,
        limits=spec.Limits(concurrency=1, queue=10_000),
    )
    return spec.Scenario(
        {"a": server}, horizon=130.0, outages={"slow": outage}, gateway=spec.Gateway(overhead=0.0)
    )


def test_a_queue_that_a_slow_spell_left_is_worked_off_at_full_speed_from_its_end_on():
    """A call each 1/70 s: (70 - 100/3.33) x 20 s = 799 wait at 80 s; at 100 - 70 a second they are
    gone after 26.6 s, and below 20 after 26.0."""
    arrival = np.arange(1, 9000) / 70.0
    _, rows = ran(
        slowed(), {}, Trace(arrival, np.ones(len(arrival), int), np.ones(len(arrival), int))
    )
    end = np.sort(rows["requests"]["end_s"])
    at = np.arange(80.0, 125.0, 0.05)
    waiting = np.searchsorted(arrival, at, "right") - np.searchsorted(end, at, "right")
    assert waiting[0] == pytest.approx((70 - 100 / 3.33) * 20, abs=2)
    assert at[waiting < 20][0] - 80.0 == pytest.approx(((70 - 100 / 3.33) * 20 - 20) / 30, abs=0.15)
    assert at[waiting < 2][0] - 80.0 == pytest.approx((70 - 100 / 3.33) * 20 / 30, abs=0.15)


ERROR, HANG, CUT = 0.5, 9.0, 0.15
STEPS = (0.0, 200.0, 420.0), (3.0, 1.0, 2.0)
"""From when on a token costs how many USD per million, in and out."""


def rough(slots, room, abandoned):
    """400 s in which the only server fails, is slow, hangs and changes its price; half of the
    answers are streamed, some are cut."""
    outages = {
        "errors": spec.Outage(
            deployment="a", start=60.0, end=120.0, error_share=0.5, status=529, slow_down=2.0
        ),
        "hangs": spec.Outage(
            deployment="a", start=250.0, end=300.0, error_share=0.1, status=500, hang_share=0.1
        ),
    }
    steps = {
        f"s{i}": spec.PriceStep(at, usd, usd)
        for i, (at, usd) in enumerate(zip(*STEPS, strict=True))
        if at
    }
    server = spec.Deployment(
        "c",
        "m",
        price=spec.PriceList(3, 3),
        price_steps=steps,
        latency=spec.Latency(error=ERROR),
        truncated=CUT,
        errors={503: 0.02},
        limits=spec.Limits(concurrency=slots, queue=room),
    )
    load = spec.Workload(rate=1.2, streamed=0.5)
    return spec.Scenario(
        {"a": server},
        horizon=430.0,
        workload=load,
        outages=outages,
        abandoned=abandoned,
        hang_limit=HANG,
    )


class Loop:
    """The same queue by hand: one heap; ends before deadlines of the same instant; each request
    (status, when its caller knew, nano-USD)."""

    def __init__(self, made, sky, limit, stops):
        self.model, self.limit, self.stops = sky.deployments["a"], limit, stops
        self.slots, self.room = (
            made.deployments["a"].limits.concurrency,
            made.deployments["a"].limits.queue,
        )
        self.heap, self.line, self.number, self.busy = [], deque(), count(), 0
        self.known, self.bill, self.first, self.began, self.fate = {}, {}, {}, {}, {}
        (block,) = sky.blocks()
        self.block, self.lists, self.draws = block, block.lists, self.model.draw_lists(block, 0)
        for i, arrival in enumerate(self.lists.arrival):
            heappush(self.heap, (arrival, -1, next(self.number), "comes", i))
        while self.heap:
            now, _, _, what, i = heappop(self.heap)
            getattr(self, what)(now, i)

    def push(self, when, what, i, late=0):
        heappush(self.heap, (when, late, next(self.number), what, i))

    def comes(self, now, i):
        if self.limit is not None:
            self.push(now + self.limit, "late", i, 1)
        if self.busy < self.slots:
            self.begin(now, i)
        elif len(self.line) < self.room:
            self.line.append(i)
        else:
            self.fate[i] = (503, 0.0, -1.0)
            self.push(now + self.draws.error_s[i], "refused", i)

    def begin(self, now, i):
        self.busy, self.began[i], draws = self.busy + 1, now, self.draws
        state, _ = self.model.conditions(now)
        if draws.u_outcome[i] < state.failure_share:
            status = state.failure_status(draws.u_outcome[i])
            self.fate[i] = (status or 504, 0.0, -1.0)
            self.push(now + (draws.error_s[i] * state.slow_down if status else HANG), "ends", i)
            return
        first, decode = draws.ttft[i] * state.slow_down, draws.decode[i] * state.slow_down
        cut = self.lists.streamed[i] and draws.u_truncation[i] < CUT
        self.fate[i] = (502 if cut else 200, first, decode)
        if self.lists.streamed[i] and i not in self.known:
            self.push(now + first, "begins", i)
        self.push(
            now + (first + (decode * draws.u_truncation[i] / CUT if cut else decode)), "ends", i
        )

    def begins(self, now, i):
        if i not in self.known:
            self.first[i] = now - self.lists.arrival[i]

    def refused(self, now, i):
        self.known.setdefault(i, (503, now))
        self.bill[i] = 0

    def ends(self, now, i):
        if i in self.bill:  # it was stopped
            return
        self.pay(now, i)
        self.known.setdefault(i, (self.fate[i][0], now))
        self.leave(now)

    def leave(self, now):
        self.busy -= 1
        if self.line:
            self.begin(now, self.line.popleft())

    def late(self, now, i):
        if i in self.known:
            return
        self.known[i] = (408, now)
        if not self.stops or i not in self.began:
            if self.stops and i in self.line:
                self.line.remove(i)
                self.bill[i] = 0
            return
        self.pay(now, i)
        self.leave(now)

    def pay(self, now, i):
        _, first, decode = self.fate[i]
        if decode < 0:
            self.bill[i] = 0
            return
        tokens = self.lists.output_tokens[i]
        if now < self.began[i] + (first + decode):
            tokens = int(tokens * max(0.0, (now - self.began[i] - first) / decode))
        usd = STEPS[1][bisect_right(STEPS[0], self.began[i]) - 1]
        self.bill[i] = round(1000 * usd) * (self.lists.input_tokens[i] + tokens)


@pytest.mark.parametrize("limit", [None, 4.0])
@pytest.mark.parametrize("abandoned", ["runs_on", "stops"])
@pytest.mark.parametrize(("slots", "room"), [(1, 3), (2, 1000), (3, 0)])
def test_a_plain_event_loop_of_the_same_draws_comes_to_the_same(slots, room, abandoned, limit):
    """Outcome, end, first token and bill of each request, to the bit: queues, slow spells, errors,
    hangs, cuts, price steps, time-outs."""
    made = rough(slots, room, abandoned)
    by_hand = Loop(made, Weather(made, 1, 0), limit, abandoned == "stops")
    _, rows = ran(made, {} if limit is None else {"timeout": Timeout(limit)})
    requests, size = rows["requests"], len(rows["requests"]["end_s"])
    assert size > 400
    assert requests["end_s"].tolist() == [by_hand.known[i][1] for i in range(size)]
    assert (requests["outcome"] == 0).tolist() == [by_hand.known[i][0] == 200 for i in range(size)]
    assert requests["cost_nano"].tolist() == [by_hand.bill[i] for i in range(size)]
    told = [None if np.isnan(t) else t for t in requests["ttft_s"].tolist()]
    assert told == [by_hand.first.get(i) for i in range(size)]
    assert {200, 502, 504, 529} <= {status for status, *_ in by_hand.fate.values()}
    assert (limit is None) == (499 not in rows["attempts"]["status"])
    waited = [by_hand.began[i] > by_hand.lists.arrival[i] for i in by_hand.began]
    assert any(waited) == (room > 0)


def test_a_streamed_call_that_fails_after_its_wait_is_repaired_elsewhere():
    """The second call waits for A's only slot until 2 s, fails at 2.5 s without a first token, and
    B answers at 3.5 s."""
    script = {"a": [Step(2.0, first=1.0), Step(0.5, 503)], "b": [Step(1.0, first=0.25)]}
    log = play(
        {"fallback": Fallback(("a", "b"))},
        script,
        [0.0, 1.0],
        streamed=True,
        limits=spec.Limits(concurrency=1, queue=5),
    )
    assert (log.requests[0], log.requests[1]) == (("ok", "a", 2.0), ("ok", "b", 2.5))
    assert log.rows["requests"][0]["ttft_s"].tolist() == [1.0, 1.75]


@pytest.mark.parametrize("abandoned", ["runs_on", "stops"])
def test_a_call_given_up_in_the_queue_is_answered_elsewhere(abandoned):
    """The second call waits behind a hang, leaves A after 2 s, and B answers at 3.5 s: 2 s after it
    was first sent it was sent where it succeeded."""
    log = play(
        {"fallback": Fallback(("a", "b")), "timeout": Timeout(2.0)},
        {"a": [Step(9.0, 503)], "b": [Step(0.5)]},
        [0.0, 1.0],
        limits=spec.Limits(concurrency=1, queue=5),
        abandoned=abandoned,
    )
    assert log.requests[1] == ("ok", "b", 2.5)
    assert sorted(row["failover_s"].tolist() for row in log.rows["requests"]) == [[2.0, 2.0]]


@pytest.mark.parametrize(
    ("abandoned", "end", "billed"), [("runs_on", 7.0, 1000 * 1000 + 100 * 2000), ("stops", 3.0, 0)]
)
def test_a_streamed_call_given_up_in_the_queue_runs_on_unread_or_leaves(abandoned, end, billed):
    """It would begin at 4 s and take 3; its caller leaves at 3 s."""
    script, limits = (
        {"a": [Step(4.0, first=1.0), Step(3.0, first=1.0)]},
        spec.Limits(concurrency=1, queue=5),
    )
    log = play(
        {"timeout": Timeout(9.0, 2.0)},
        script,
        [0.0, 1.0],
        streamed=True,
        limits=limits,
        abandoned=abandoned,
    )
    assert log.attempts[1] == (1.0, "a", 1, 499, end)
    assert log.requests[1] == ("failed", "", 2.0)
    assert log.rows["requests"][0]["cost_nano"].tolist() == [1000 * 1000 + 100 * 2000, billed]


def priced(slots):
    """A call of ten seconds at 1 s and one at 2 s; 1,000 tokens in and 100 out at $1, from 5 s on
    at $3 per million."""
    server = spec.Deployment(
        "c",
        "m",
        price=spec.PriceList(1, 1),
        price_steps={"rise": spec.PriceStep(5.0, 3, 3)},
        latency=spec.Latency(10.0, 0.0, 0.0, 0.0, 0.0),
        limits=spec.Limits(concurrency=slots, queue=5),
    )
    made = spec.Scenario({"a": server}, horizon=20.0, gateway=spec.Gateway(overhead=0.0))
    _, rows = ran(made, {}, Trace(np.array([1.0, 2.0]), np.full(2, 1000), np.full(2, 100)))
    return rows["requests"]["cost_nano"].tolist()


def test_a_call_is_billed_at_the_price_when_it_was_sent_on():
    """Both span the step at 5 s. Without slots both are billed the old price; with one, the second
    begins at 11 s and is billed the new one."""
    assert priced(None) == [1_100_000, 1_100_000]
    assert priced(1) == [1_100_000, 3_300_000]


@pytest.mark.parametrize(
    ("streamed", "at", "tokens"), [(False, 3.0, 0), (True, 3.0, 0), (True, 5.0, 100)]
)
def test_without_a_time_per_token_a_call_stopped_before_its_first_token_is_billed_its_input_only(
    streamed, at, tokens
):
    """All 100 tokens come at 4 s; who stops it at 3 s pays the input, who stops waiting later had
    the whole answer."""
    log = play(
        {"timeout": Timeout(at)},
        {"a": [Step(4.0, first=4.0)]},
        streamed=streamed,
        abandoned="stops",
    )
    assert log.rows["requests"][0]["cost_nano"].tolist() == [1000 * 1000 + tokens * 2000]


@dataclass
class Judged:
    """Has every answer judged, for a dollar a verdict, and gives it or not."""

    gives: bool

    async def __call__(self, call, send, world):
        outcome = await send(call)
        await world.judge(call, outcome, Judge(usd=1.0))
        return outcome if self.gives else Outcome.rejected("judged")


@pytest.mark.parametrize(
    ("gives", "wasted"), [(True, 0), (False, 10**9 + 1000 * 1000 + 100 * 2000)]
)
def test_what_a_judge_costs_is_waste_where_the_request_fails(gives, wasted):
    """The verdict and the answer of a request that gets nothing are both billed for nothing."""
    log = play({"judged": Judged(gives)}, {"a": [Step(1.0)]})
    requests = log.rows["requests"][0]
    assert requests["cost_nano"].tolist() == [10**9 + 1000 * 1000 + 100 * 2000]
    assert requests["wasted_nano"].tolist() == [wasted]


def test_a_prompt_beyond_a_provider_s_whole_minute_is_refused_and_told():
    """1,000 tokens in and 100 out at 900 a minute: 429 at once, for a reason of its own, without a
    time to come back."""
    log = play({}, {"a": [Step(1.0)]}, limits=spec.Limits(tpm=900))
    attempts = log.rows["attempts"][0]
    assert (
        attempts["status"].tolist(),
        np.isnan(attempts["retry_after_s"]).tolist(),
        attempts["cost_nano"].tolist(),
    ) == ([429], [True], [0])
    assert log.requests[0][0] == "failed"


def test_utilisation_is_at_most_one_however_long_the_drain_is():
    """200 calls of one second at a single slot in 10 s are worked off in 200: busy for the whole
    horizon, and no more."""
    server = spec.Deployment(
        "c",
        "m",
        price=spec.PriceList(1, 1),
        latency=spec.Latency(1.0, 0.0, 0.0, 0.0, 0.0),
        limits=spec.Limits(concurrency=1, queue=500),
    )
    made = spec.Scenario(
        {"a": server},
        horizon=10.0,
        workload=spec.Workload(rate=20.0),
        gateway=spec.Gateway(overhead=0.0),
    )
    found = replicate(Configuration("run", "test", made, {"policy": {}}), "policy", 0).by["target"][
        "a"
    ]["utilisation"]
    assert 0.9 < found <= 1.0
    idle = replace(made, workload=spec.Workload(rate=0.3))
    world, rows = ran(idle, {})
    busy = sum(
        max(0.0, min(end, 10.0) - max(end - 1.0, start))
        for start, end in zip(*(rows["attempts"][n] for n in ("start_s", "end_s")), strict=True)
    )
    assert world.upstreams["a"].busy_seconds == pytest.approx(busy)


def test_a_truncated_request_has_the_tokens_that_came():
    """1 s to the first token, .01 s each: a cut at a share c of the way leaves int(c x 400), a
    total time-out of 3 s the 200 of its two seconds."""
    pace = spec.Latency(
        base=1.0, per_1k_input=0.0, per_output_token=0.01, sigma=0.0, token_sigma=0.0
    )
    server = spec.Deployment("c", "m", price=spec.PriceList(0, 1e6), latency=pace, truncated=0.5)
    made = spec.Scenario(
        {"a": server},
        horizon=400.0,
        workload=spec.Workload(streamed=1.0),
        gateway=spec.Gateway(overhead=0.0),
    )
    trace = Trace(np.arange(1, 41) * 10.0, np.full(40, 10), np.full(40, 400))
    for layers, whole in (({}, 400), ({"timeout": Timeout(total=3.0)}, None)):
        _, rows = ran(made, layers, trace)
        requests, attempts = rows["requests"], rows["attempts"]
        cut = requests["outcome"] == OUTCOMES.index("truncated")
        early = attempts["status"] == 502
        assert 0 < early.sum() < len(early)
        spent = requests["end_s"] - requests["arrival_s"]
        assert requests["output_tokens"][cut].tolist() == [
            int(min(400, 100 * (s - 1.0) + 1e-6)) for s in spent[cut]
        ]
        assert set(requests["output_tokens"][~cut].tolist()) <= {whole}
        assert np.array_equal(requests["output_tokens"][early], attempts["output_tokens"][early])
    assert set(requests["output_tokens"][~early].tolist()) == {200}
