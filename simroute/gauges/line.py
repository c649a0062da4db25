"""Who is next where more come than can be let in: by urgency, then by turns."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated, Generic, Literal, NamedTuple, Protocol, TypeVar

from simroute.core.params import Count, Doc, Factor, Name, Unit

Who = Literal["none", "user", "feature", "task", "session"]
Urgency = Annotated[int, Unit("count")]
T = TypeVar("T")


class Asks(Protocol):
    """What a line looks at of a request."""

    @property
    def user(self) -> str: ...
    @property
    def feature(self) -> str: ...
    @property
    def task(self) -> str: ...
    @property
    def session(self) -> str: ...


@dataclass(frozen=True)
class Order:
    """In which order those go who wait: the most urgent first; of them whoever's share is least
    used, each in proportion to a weight; of equals the first to come.

    Turns are start-time fair queueing (Goyal, Vin and Cheng 1996): as long as all of them wait,
    each is let in by its weight, whoever asks most; who comes after a pause has saved nothing up.
    """

    fair: Annotated[Who, Doc("whose calls take turns; none: first come, first served")] = "none"
    weights: Annotated[
        dict[Name, Factor], Doc("shares of those that are not 1, by name: a weight of 2 goes twice")
    ] = field(default_factory=dict)
    urgent: Annotated[Who, Doc("whose names `classes` has")] = "none"
    classes: Annotated[dict[Name, Urgency], Doc("the lower goes first; those not named have 0")] = (
        field(default_factory=dict)
    )
    most: Annotated[
        Count | None,
        Doc(
            "calls that may wait: beyond it the least urgent is refused, of those the latest of "
            "whom most wait; none: any number"
        ),
    ] = None


class Place(NamedTuple):
    """urgency, whose share it is of, number of arrival, how much of the share it takes."""

    urgency: int
    who: str
    number: int
    size: float


class Line(Generic[T]):
    """Those who wait, each a value of its own such as a gate."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self._places: dict[T, Place] = {}
        self._waiting: Counter[str] = Counter()
        self._used: dict[str, float] = {}  # of its share, by whom
        self._virtual, self._number = 0.0, 0

    def __len__(self) -> int:
        return len(self._places)

    def join(self, waiting: T, request: Asks, size: float = 1.0) -> T | None:
        """Waits from now on; returns who must go for it, perhaps itself."""
        order, self._number = self.order, self._number + 1
        urgency = order.classes.get(getattr(request, order.urgent, ""), 0)
        who: str = getattr(request, order.fair, "")
        if not self._waiting[who]:
            self._used[who] = max(self._used.get(who, 0.0), self._virtual)
        self._waiting[who] += 1
        self._places[waiting] = Place(urgency, who, self._number, size)
        if order.most is None or len(self._places) <= order.most:
            return None
        last = max(self._places, key=self._dispensable)
        self.leave(last)
        return last

    def leave(self, waiting: T) -> bool:
        """Waits no more, and has used nothing; returns whether it did wait."""
        place = self._places.pop(waiting, None)
        if place is not None:
            self._waiting[place.who] -= 1
        return place is not None

    def begin_anew(self) -> None:
        """Nobody waits, and nobody is being served: what was used is forgotten."""
        self._waiting, self._used, self._virtual = Counter(), {}, 0.0

    def next(self) -> T:
        """Who goes first; there must be one."""
        return min(self._places, key=self._rank)

    def pop(self) -> T:
        """The same, who waits no more, and has used its share."""
        first = self.next()
        place = self._places[first]
        self._virtual = self._used[place.who]
        self._used[place.who] += place.size / self._weight(place.who)
        self.leave(first)
        return first

    def _rank(self, waiting: T) -> tuple[int, float, int]:
        place = self._places[waiting]
        return place.urgency, self._used[place.who], place.number

    def _dispensable(self, waiting: T) -> tuple[int, float, int]:
        """The greatest is the first to be refused: the least urgent, of those who wait in greatest
        number for their share the last to come."""
        place = self._places[waiting]
        return (
            place.urgency,
            self._waiting[place.who] / self._weight(place.who),
            place.number,
        )

    def _weight(self, who: str) -> float:
        return self.order.weights.get(who, 1.0)
