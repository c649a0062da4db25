"""The Router's strategies, each over what it has counted. Time and chance are passed in.

What a strategy knows of a group it keeps under the name that a caller used, as the Router does: a
group and another name of it know nothing of each other.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from simroute.gateways.litellm.cooldowns import MINUTE, minute_of
from simroute.gateways.litellm.deployment import Deployment

COUNTED_FOR = 600.0
"""Seconds for which a least-busy map of calls under way lives."""
COUNTED_FOR_LATER = 3600.0
TIMED_OUT = 1000.0
"""Seconds a token that a timeout counts for."""


class Lots:
    """Chance of one selection, drawn from numbers in [0, 1) as far as there is a choice."""

    def __init__(self, draw: Callable[[], float]) -> None:
        self._draw = draw

    def among(self, count: int) -> int:
        """One of so many."""
        return int(self._draw() * count) if count > 1 else 0

    def by_weight(self, weights: Sequence[float]) -> int:
        """One of them, by its share of the sum, which is no less than every weight's."""
        if len(weights) == 1:
            return 0
        left = self._draw() * sum(weights)
        for place, weight in enumerate(weights):
            left -= weight
            if left < 0:
                return place
        return len(weights) - 1

    def mixed(self, names: list[str]) -> list[str]:
        """The same in another order, where a later draw does not make up for it."""
        return names


class Choice(NamedTuple):
    """One selection. asked: the group's name as its caller has it; group: its own name; names: who
    is left; tokens: of the prompt; price: USD per token, in and out together."""

    now: float
    asked: str
    group: str
    names: list[str]
    tokens: int
    streamed: bool
    lots: Lots
    price: Callable[[str], float]


class Answer(NamedTuple):
    """A complete one. seconds: all of it; first: to its first token, of a stream; tokens, out: all
    that it used, and those of the answer."""

    seconds: float
    first: float | None
    tokens: int
    out: int


class Known(NamedTuple):
    """What a strategy is told. ttl, samples: seconds of latency-based maps, and answers in them;
    buffer: the share of the best that is as good; late: as from 1.106 on."""

    deployments: Mapping[str, Deployment]
    buffer: float
    ttl: float
    samples: int
    late: bool


class Strategy:
    """Whom of a group the Router asks. `choose` gives None where the strategy itself has nobody."""

    counts = True
    """Whether it has to be told how calls go."""
    says_rate_limit = False
    """Whether it refuses with a 429 of its own, not as where nobody is left."""

    def __init__(self, known: Known) -> None:
        self._known = known

    @abstractmethod
    def choose(self, choice: Choice) -> str | None: ...

    def admits(self, now: float, name: str) -> bool:
        """Whether a call that has its slot may be made; it is made then."""
        return True

    def began(self, now: float, asked: str, name: str) -> None:
        """A call is made."""

    def ended(self, now: float, asked: str, name: str) -> None:
        """It succeeded or failed."""

    def answered(self, now: float, asked: str, name: str, answer: Answer) -> None:
        """A complete answer came."""

    def timed_out(self, now: float, asked: str, name: str) -> None:
        """None came in time; other failures say nothing of its speed."""


class Shuffle(Strategy):
    """By lot; the first that is left says by which weight (from 1.106 on, the first weight that any
    of them has)."""

    counts = False

    def choose(self, choice: Choice) -> str:
        """Raises ZeroDivisionError where all that are left weigh nothing (1.83)."""
        names, known = choice.names, self._known.deployments
        for key in ("weight", "rpm", "tpm"):
            if self._known.late:
                weights = [getattr(known[name], key) or 0.0 for name in names]
                if any(weights):
                    return names[choice.lots.by_weight(weights)]
            elif getattr(known[names[0]], key) is not None:
                weights = [getattr(known[name], key) or 0.0 for name in names]
                if not sum(weights):
                    raise ZeroDivisionError
                return names[choice.lots.by_weight(weights)]
        return names[choice.lots.among(len(names))]


class Expiring:
    """Maps by a key, each of which lives for some seconds from when it was first kept."""

    def __init__(self, life: float) -> None:
        self._life = life
        self._maps: dict[Hashable, tuple[float, dict[str, Any]]] = {}

    def get(self, now: float, key: Hashable) -> dict[str, Any]:
        """The one that lives, to be changed in place, or an empty one that nobody keeps."""
        end, found = self._maps.get(key, (now, {}))
        return found if now <= end else {}

    def keep(self, now: float, key: Hashable, made: dict[str, Any]) -> None:
        """A map that has been changed."""
        end = self._maps[key][0] if key in self._maps else now - 1.0
        self._maps[key] = (now + self._life if now > end else end), made


class LeastBusy(Strategy):
    """The fewest calls under way, in 1.83 cooled deployments included: where one of these has the
    fewest, any other is asked. Later counts live each by itself, and are never below nought."""

    def __init__(self, known: Known) -> None:
        super().__init__(known)
        self._maps = Expiring(COUNTED_FOR_LATER if known.late else COUNTED_FOR)

    def choose(self, choice: Choice) -> str:
        if self._known.late:
            return min(choice.names, key=lambda name: self._of(choice.now, choice.asked, name))
        under_way = self._maps.get(choice.now, choice.asked)
        for name in choice.names:
            under_way.setdefault(name, 0)
        least = min(under_way, key=under_way.__getitem__)
        if least in choice.names:
            return least
        return choice.names[choice.lots.among(len(choice.names))]

    def began(self, now: float, asked: str, name: str) -> None:
        self._add(now, asked, name, 1)

    def ended(self, now: float, asked: str, name: str) -> None:
        self._add(now, asked, name, -1)

    def _of(self, now: float, asked: str, name: str) -> int:
        counts: dict[str, int] = self._maps.get(now, (asked, name))
        return counts.get(name, 0)

    def _add(self, now: float, asked: str, name: str, number: int) -> None:
        if self._known.late:
            count = self._of(now, asked, name) + number
            self._maps.keep(now, (asked, name), {name: max(0, count)})
            return
        under_way = self._maps.get(now, asked)
        under_way[name] = under_way.get(name, 0) + number
        self._maps.keep(now, asked, under_way)


@dataclass(slots=True)
class Record:
    """Of one deployment: seconds a token of its latest answers, those of streams to their first one
    (from 1.106 on seconds to it), and what a minute has used."""

    speeds: list[float] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)
    minute: float = -1.0
    tokens: int = 0
    calls: int = 0

    def use(self, minute: float, tokens: int) -> None:
        """One more answer."""
        if self.minute != minute:
            self.minute, self.tokens, self.calls = minute, 0, 0
        self.tokens, self.calls = self.tokens + tokens, self.calls + 1

    def has_room(self, minute: float, tokens: int, limits: Deployment) -> bool:
        """Whether a prompt of so many tokens may still be sent in this minute."""
        used, calls = (self.tokens, self.calls) if self.minute == minute else (0, 0)
        fits = not limits.tpm or used + tokens <= limits.tpm
        return fits and (not limits.rpm or calls + 1 <= limits.rpm)


class Cheapest(Strategy):
    """The lowest price; of equal ones the one that was known first."""

    def __init__(self, known: Known) -> None:
        super().__init__(known)
        self._maps = Expiring(self._life(known))

    def _life(self, known: Known) -> float:
        return MINUTE

    def choose(self, choice: Choice) -> str | None:
        records = self._records(choice)
        names = self._with_room(choice, records, list(records))
        return min(names, key=choice.price) if names else None

    def _records(self, choice: Choice) -> dict[str, Record]:
        """Of all that are known, in the order in which they became so."""
        records: dict[str, Record] = self._maps.get(choice.now, choice.asked)
        for name in choice.names:
            if name not in records:
                records[name] = Record(speeds=[0.0])
        return records

    def _with_room(
        self, choice: Choice, records: Mapping[str, Record], names: list[str]
    ) -> list[str]:
        """Those of them that are left, and may be asked in this minute."""
        limits, left = self._known.deployments, set(choice.names)
        minute = minute_of(choice.now)
        return [
            name
            for name in names
            if name in left and records[name].has_room(minute, choice.tokens, limits[name])
        ]

    def answered(self, now: float, asked: str, name: str, answer: Answer) -> None:
        records = self._maps.get(now, asked)
        record = records.setdefault(name, Record())
        record.use(minute_of(now), answer.tokens)
        self._learn(record, answer)
        self._maps.keep(now, asked, records)

    def _learn(self, record: Record, answer: Answer) -> None:
        """What else an answer teaches."""


class Fastest(Cheapest):
    """The fewest seconds a token, on average. Who has been left to choose from before its first
    answer keeps a nought among its samples."""

    def _life(self, known: Known) -> float:
        return known.ttl

    def choose(self, choice: Choice) -> str | None:
        records = self._records(choice)
        mixed = choice.lots.mixed(list(records))
        left = self._with_room(choice, records, mixed)
        means = {name: mean_of(records[name], choice.streamed) for name in left}
        order = sorted(left, key=means.__getitem__)
        if not order:
            return None
        best = means[order[0]]
        near = [name for name in order if means[name] <= best + self._known.buffer * best]
        return near[choice.lots.among(len(near))]

    def _learn(self, record: Record, answer: Answer) -> None:
        out = answer.out
        self._note(record.speeds, answer.seconds / out if out > 0 else answer.seconds)
        if answer.first is not None and (out > 0 or self._known.late):
            self._note(record.firsts, answer.first / (1 if self._known.late else out))

    def timed_out(self, now: float, asked: str, name: str) -> None:
        records = self._maps.get(now, asked)
        self._note(records.setdefault(name, Record()).speeds, TIMED_OUT)
        self._maps.keep(now, asked, records)

    def _note(self, samples: list[float], seconds: float) -> None:
        if len(samples) >= self._known.samples:
            del samples[0]
        samples.append(seconds)


def mean_of(record: Record, streamed: bool) -> float:
    """Seconds a token; of streams to the first token, where that is known."""
    samples = record.firsts if streamed and record.firsts else record.speeds
    return sum(samples) / len(samples) if samples else 0.0


class LeastUsed(Strategy):
    """The fewest tokens in answers of the present minute (usage-based-routing)."""

    def __init__(self, known: Known) -> None:
        super().__init__(known)
        self._maps: dict[str, tuple[float, dict[str, list[int]]]] = {}

    def _used(self, minute: float, key: str) -> dict[str, list[int]]:
        """Tokens and calls by deployment, in this minute."""
        of, found = self._maps.get(key, (-1.0, {}))
        return found if of == minute else {}

    def choose(self, choice: Choice) -> str | None:
        used = self._used(minute_of(choice.now), choice.group)
        for name in choice.names:
            used.setdefault(name, [0, 0])
        left = set(choice.names)
        names = [name for name in used if name in left and self._has_room(choice, name, used[name])]
        return min(names, key=lambda name: used[name][0]) if names else None

    def _has_room(self, choice: Choice, name: str, used: Sequence[int]) -> bool:
        """It stops one call before the limit, but never before the first."""
        limits, (tokens, calls) = self._known.deployments[name], used
        if limits.tpm is not None and tokens + choice.tokens > limits.tpm:
            return False
        return limits.rpm is None or not calls or calls + 1 < limits.rpm

    def answered(self, now: float, asked: str, name: str, answer: Answer) -> None:
        minute = minute_of(now)
        used = self._used(minute, asked)
        mine = used.setdefault(name, [0, 0])
        mine[0] += answer.tokens
        mine[1] += 1
        self._maps[asked] = minute, used


class LeastUsedNow(LeastUsed):
    """The same, its calls counted as they are made (usage-based-routing-v2); from 1.106 on, what a
    stream uses does not count."""

    says_rate_limit = True

    def __init__(self, known: Known) -> None:
        super().__init__(known)
        self._minutes: dict[str, tuple[float, int, int]] = {}

    def choose(self, choice: Choice) -> str | None:
        minute = minute_of(choice.now)
        used = {name: self._of(minute, name) for name in choice.names}
        names = [name for name in used if self._has_room(choice, name, used[name])]
        if not names:
            return None
        fewest = min(used[name][0] for name in names)
        least = [name for name in names if used[name][0] == fewest]
        return least[choice.lots.among(len(least))]

    def _of(self, minute: float, name: str) -> tuple[int, int]:
        """Tokens and calls of a deployment in this minute."""
        of, tokens, calls = self._minutes.get(name, (minute, 0, 0))
        return (tokens, calls) if of == minute else (0, 0)

    def admits(self, now: float, name: str) -> bool:
        minute, rpm = minute_of(now), self._known.deployments[name].rpm
        tokens, calls = self._of(minute, name)
        if rpm is not None and calls >= rpm:
            return False
        self._minutes[name] = minute, tokens, calls + 1
        return rpm is None or calls + 1 <= rpm

    def answered(self, now: float, asked: str, name: str, answer: Answer) -> None:
        if self._known.late and answer.first is not None:
            return
        minute = minute_of(now)
        tokens, calls = self._of(minute, name)
        self._minutes[name] = minute, tokens + answer.tokens, calls


STRATEGIES: dict[str, type[Strategy]] = {
    "simple-shuffle": Shuffle,
    "least-busy": LeastBusy,
    "usage-based-routing-v2": LeastUsedNow,
    "usage-based-routing": LeastUsed,
    "latency-based-routing": Fastest,
    "cost-based-routing": Cheapest,
}
