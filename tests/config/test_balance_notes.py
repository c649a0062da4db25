"""Keys of `balance` that would change nothing are told, with what to write instead."""

import pytest

from simroute.config.advice import setting_notes
from simroute.gauges.measure import Avoid, Measure
from simroute.policies.balance import Balance


def notes(**fields):
    return setting_notes({"spread": Balance(**fields)}, {}, None)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"measure": Measure("price"), "exponent": 2.0, "avoid": Avoid()},
        {"pick": "two", "measure": Measure("latency", "peak", 30.0, unknown=0.25, busy=True)},
        {"pick": "best", "measure": Measure("token_time", "last", samples=10, timed_out=1000.0)},
        {"pick": "hash", "key": "user", "weights": {"a": 0.9}, "bound": 1.25},
        {"sticky": 60.0, "key": "user", "pick": "turns"},
        {"prefer": {"latency": 3.0}, "measure": Measure(quantile=0.9)},
    ],
)
def test_what_means_something_is_not_spoken_of(fields):
    """Rules as they are used, each with the keys that it looks at."""
    assert notes(**fields) == []


@pytest.mark.parametrize(
    ("fields", "start"),
    [
        ({"pick": "best", "measure": Measure("price"), "weights": {"a": 1.0}}, "weights: is not"),
        ({"pick": "turns", "exponent": 2.0}, "exponent: is not looked at with pick: turns"),
        ({"slack": 0.1}, "slack: is not looked at with pick: chance; leave it out, or write pick:"),
        ({"bound": 2.0}, "bound: is not"),
        ({"key": "user"}, "key: nothing is kept together"),
        ({"pick": "two"}, "measure.of: pick: two compares nothing"),
        ({"pick": "turns", "measure": Measure("price")}, "measure.of: is not looked at"),
        ({"statuses": (500,)}, "statuses: nobody else is asked"),
        ({"require": {"nothing": 2.0}}, "require.nothing: nobody differs"),
        ({"prefer": {"price": {"p50": 2.0}}}, "prefer.price: only times have quantiles"),
        ({"prefer": {"latency": {}}}, "prefer.latency: bounds nothing"),
        (
            {"measure": Measure(quantile=0.9), "prefer": {"latency": {"p50": 2.0}}},
            "measure.quantile: no quantile is asked for",
        ),
        ({"measure": Measure("price", memory=9.0)}, "measure.memory: is of times, and price"),
        (
            {"pick": "best", "measure": Measure("latency", samples=3)},
            "measure.samples: is not looked at with average: fading; leave it out, or write "
            "average: last or average: quantile",
        ),
        (
            {"pick": "best", "measure": Measure("latency", quantile=0.9)},
            "measure.quantile: no quantile is asked for",
        ),
    ],
)
def test_what_changes_nothing_is_told_with_its_remedy(fields, start):
    """One line for each such key."""
    (note,) = notes(**fields)
    assert note.startswith(f"spread.{start}")
