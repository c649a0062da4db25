"""Answers to what a layer may ask the simulated world besides time: prices, chance, a judge, a
similar earlier question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simroute.core import Allowance, Call, Judge, Logged, Match, Outcome, Price
from simroute.models.questions import BLOCK, plain
from simroute.models.similarity import Similarity
from simroute.models.weather import Weather
from simroute.worlds.periods import Periods
from simroute.worlds.sim.experts import charge, count, is_right
from simroute.worlds.sim.failures import CONNECTION
from simroute.worlds.sim.kernel import Kernel
from simroute.worlds.sim.request import Answer, SimRequest
from simroute.worlds.sim.upstream import Upstream


class Senses:
    """What the world of one run answers. A draw belongs to a request and a name, whatever the order
    of asking."""

    def __init__(
        self, kernel: Kernel, weather: Weather, upstreams: Mapping[str | None, Upstream]
    ) -> None:
        self._kernel, self._weather, self._upstreams = kernel, weather, upstreams
        self._similarity, self._periods = Similarity(), Periods(*weather.calendar)
        self._wordings: dict[int, list[int]] = {}

    def price(self, target: str) -> Price:
        upstream, now = self._upstreams[target], self._kernel.env._now
        if now >= upstream.until:
            upstream.refresh(now)
        return upstream.card.price

    def fits(self, call: Call, target: str) -> bool:
        window = self._weather.deployments[target].sizes.window
        return window is None or call.request.input_tokens <= window

    def allowances(self, target: str) -> Mapping[str, Allowance]:
        limits, now = self._upstreams[target].limits, self._kernel.env._now
        left = {} if limits is None else limits.left(now)
        return {word: Allowance(*facts) for word, facts in left.items()}

    def limit_connection(self, call: Call, seconds: float) -> None:
        request: Any = call.request
        request.asked = {**(request.asked or {}), CONNECTION: seconds}

    def period(self, kind: str, zone: str, reset: str) -> tuple[float, float]:
        return self._periods(self._kernel.env._now, kind, zone, reset)

    def spent(self, call: Call) -> float:
        return call.request.nano / 1e9  # type: ignore[attr-defined, no-any-return]

    def unbilled(self, call: Call) -> Sequence[str]:
        return call.request.unbilled or ()  # type: ignore[attr-defined, no-any-return]

    def logged(self, call: Call) -> Logged | None:
        request: Any = call.request
        route = request.block.lists.route[request.i]
        if route == -2:
            return Logged((), True)
        return (
            Logged(self._weather.fallback_chains[route])
            if 0 <= route < len(self._weather.fallback_chains)
            else None
        )

    def uniform(self, layer: str, stream: str, call: Call) -> float:
        request: Any = call.request
        key = ("policy", layer, stream)
        return self._draw(request, (*key, count(request, key)))

    def _draw(self, request: SimRequest, key: tuple[Any, ...]) -> float:
        """Returns the uniform that belongs to a request and a key, from a block of them."""
        draws = request.block.draws.get(key)
        if draws is None:
            block = request.block.block.first // BLOCK
            draws = request.block.draws[key] = (
                self._weather.streams.block(*key, block=block).random(BLOCK).tolist()
            )
        return draws[request.i]  # type: ignore[no-any-return]

    async def judge(
        self, layer: str, call: Call, outcome: Outcome, judge: Judge, stream: str = ""
    ) -> bool:
        request: Any = call.request
        key: tuple[Any, ...] = ("judge", layer, stream) if stream else ("judge", layer)
        number = count(request, key)  # each judgement is a draw of its own
        charge(request, judge.usd)
        await self._kernel.sleep(judge.latency)
        coin = self._draw(request, key if number == 1 else (*key, number))
        return coin < judge.accepts(is_right(request, outcome))

    def plain_key(self, call: Call, ignored: Sequence[str]) -> int:
        request: Any = call.request
        return plain(request.key, request.question, ignored)

    async def embed(self, call: Call, keys: Mapping[Any, Any]) -> None:
        """Its time is a part of the look-up's."""

    def nearest(self, call: Call, keys: Mapping[Any, Any]) -> Match | None:
        request: Any = call.request
        if not keys:
            return None
        question, wording = request.question, request.key
        said = (
            self._wordings.setdefault(question, [])
            if question < self._weather.repeated_questions
            else []
        )
        words = plain(wording, question)
        same = next(
            (
                held
                for other in said
                if other != wording
                for held in (other, plain(other, question))
                if held in keys
            ),
            None,
        )
        if said is not None and wording not in said:
            said.append(wording)
            # the latest eight wordings of a question are enough to find one that is still cached
            del said[:-8]
        right, cosine = self._similarity.nearest(
            len(keys),
            same is not None,
            self._draw(request, ("similar",)),
            self._draw(request, ("wrong",)),
        )
        if same is not None and plain(same, question) == words:
            return Match(same, 1.0)  # the same words, written otherwise: embedders hardly see it
        if right:
            return Match(same, cosine)
        other = next((key for key in keys if key != wording and key != same), None)
        return Match(other, cosine) if other is not None else None

    def own_answer(self, call: Call, text: str, quality: float) -> Answer:
        request: Any = call.request
        return request.question, quality, True

    def agrees(self, kept: Answer, fresh: Answer) -> bool:
        return kept[0] == fresh[0]

    def may_keep(self, call: Call, outcome: Outcome, any_temperature: bool) -> bool:
        """Not what a filter stopped, nor what ran to the deployment's largest output: as live."""
        request: Any = call.request
        served = request.served
        return not (served and served.error and served.upstream.name == outcome.target)
