"""Outages that cannot be what they say: one line each, with file, line, key and remedy."""

from pathlib import Path

import pytest

from simroute.config.loading import load
from simroute.errors import InputError

FILE = """horizon: 1d
workload: {{{load}}}
deployments: {{c: {{provider: acme, model: m, price: {{input: 1, output: 1}}, errors: {{{err}}}}}}}
outages:
  x: {{provider: acme, {keys}}}
"""


@pytest.mark.parametrize(
    ("keys", "key", "said"),
    [
        ("after_requests: 10, start: 1h, end: 2h", "x", "or mean_between for random ones"),
        ("start: 1h, end: 2h, stationary: true", "x.stationary", "give mean_between"),
        ("start: 1h, end: 2h, depth: {full: 0.5}", "x.depth.full", "give mean_between"),
        ("mean_between: 1h, starts: {hours: [1, 2]}", "x.starts.hours", "expected 24 weights"),
        ("mean_between: 1h, also: [acne]", "x.also", "did you mean acme?"),
        ("start: 1h, end: 2h, status: refusd", "x.status", "one of refused, unreachable, reset"),
        ("mean_between: 1h, flapping: {bad: 1ms, fair: 1ms}", "x", "flapping changes about"),
    ],
)
def test_an_outage_that_cannot_be_is_refused(
    tmp_path: Path, keys: str, key: str, said: str
) -> None:
    """The line of the outage, its key, and what to write instead."""
    path = tmp_path / "s.yaml"
    path.write_text(FILE.format(load="rate: 0.01", err="500: 0.01", keys=keys))
    with pytest.raises(InputError) as raised:
        load("run", str(path), ["direct"], [])
    (line,) = raised.value.lines
    assert f"s.yaml:5: outages.{key}: " in line
    assert said in line


def test_what_is_counted_by_requests_needs_a_rate_and_a_cut_has_a_key_of_its_own(
    tmp_path: Path,
) -> None:
    """Callers in a closed loop make no arrivals beforehand; `truncated` is no kind of error."""
    path = tmp_path / "s.yaml"
    path.write_text(
        FILE.format(load="callers: {count: 3}", err="500: 0.1", keys="after_requests: 5")
    )
    with pytest.raises(InputError, match=r"outages\.x\.after_requests: cannot be told before"):
        load("run", str(path), ["direct"], [])
    path.write_text(FILE.format(load="rate: 1", err="truncated: 0.1", keys="mean_between: 1h"))
    with pytest.raises(InputError, match="truncated is a key of the deployment's own"):
        load("run", str(path), ["direct"], [])
