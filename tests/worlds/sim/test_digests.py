"""The tool that compares what runs leave sees every bit of it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import digests
from simroute.config import catalogue
from simroute.metrics import Evidence, Figures

CHUNK = {
    "end_s": np.array([1.0, 2.5, 0.0]),
    "status": np.array([200, 503, 200], np.int32),
    "probe": np.array([False, True, False]),
    "detail": np.array(["status=503", "", "to=b"], object),
}


def digest(*chunks: dict[str, Any]) -> digests.Digest:
    columns = digests.Columns()
    for chunk in chunks:
        columns("attempts", chunk)
    return columns.digest()


def changed(name: str, value: Any) -> dict[str, Any]:
    column = CHUNK[name].copy()
    column[2] = value
    return CHUNK | {name: column}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("end_s", np.nextafter(0.0, 1.0)),
        ("end_s", -0.0),
        ("status", 201),
        ("probe", True),
        ("detail", "to=c"),
    ],
)
def test_one_bit_of_one_column_changes_the_digest_of_that_column_alone(name: str, value: Any):
    """The smallest float, a sign of zero, a status, a flag, a letter."""
    before, after = digest(CHUNK), digest(changed(name, value))
    assert {part for part in before if before[part] != after[part]} == {f"attempts.{name}"}


@pytest.mark.parametrize(
    "chunk",
    [
        dict(reversed(CHUNK.items())),
        CHUNK | {"status": CHUNK["status"].astype(np.int64)},
        {name: column for name, column in CHUNK.items() if name != "probe"},
        CHUNK | {"more": CHUNK["probe"]},
    ],
)
def test_order_types_and_names_of_columns_are_digested(chunk: dict[str, Any]):
    """Another order, a wider type, one column less, one more."""
    assert digest(chunk) != digest(CHUNK)


def test_chunks_may_be_cut_elsewhere():
    """The same rows in one chunk and in two."""
    parts = [{name: column[part] for name, column in CHUNK.items()} for part in ([0], [1, 2])]
    assert digest(*parts) == digest(CHUNK)


def figures(**parts: Any) -> Figures:
    evidence = Evidence({"parts": np.array([1, 2])}, {"turns": [[1.0, "opened"]]})
    known: dict[str, Any] = {"metrics": {"success_rate": 0.5}, "pooled": {}, "by": {}}
    known |= {"minutes": [[1], [1]], "events": {}, "evidence": evidence}
    return Figures(**known | parts)


@pytest.mark.parametrize(
    "other",
    [
        figures(metrics={"success_rate": float(np.nextafter(0.5, 1.0))}),
        figures(by={"target": {"a": {"attempts": 1.0}}}),
        figures(minutes=[[1], [0]]),
        figures(events={"opened": 1}),
        figures(evidence=Evidence({"parts": np.array([1, 3])}, {"turns": [[1.0, "opened"]]})),
        figures(evidence=Evidence({"parts": np.array([1, 2])}, {"turns": [[1.0, "closed"]]})),
    ],
)
def test_metrics_evidence_and_story_are_digested(other: Figures):
    """Each of them, changed in one place."""
    assert digests.digest_figures(other) != digests.digest_figures(figures())


@pytest.mark.parametrize(
    "play",
    [
        lambda: digests.packaged("cascade_mmlu", "direct", ["scenario.horizon=2m"]),
        lambda: digests.own("hedge", "steady", ["scenario.horizon=2m", *digests.SLOTS]),
        lambda: digests.scripted("two timeouts", True, "stops"),
    ],
)
def test_the_same_run_has_the_same_digest(play: Callable[[], digests.Digest]):
    """A packaged policy, layers that no package has, a script: each played twice."""
    assert play() == play()


def test_differences_name_the_run_and_what_differs():
    """Two runs, one of them with another column and without a story."""
    one = {"a": {"attempts.end_s": "1", "story": "2"}, "b": {"metrics": "3"}}
    other = {"a": {"attempts.end_s": "0"}, "b": {"metrics": "3"}}
    assert digests.differences(one, other) == ["a: attempts.end_s, story"]
    assert digests.differences(one, one) == []


def test_every_packaged_policy_meets_every_packaged_scenario():
    """So a new one is in the comparison as soon as it is packaged."""
    names = {name for name in catalogue.list_names("scenarios") if "/" not in name}
    assert set(digests.SHORT) == names
    pairs = len(digests.SHORT) * len(digests.PACKAGED)
    assert len(digests.RUNS) > pairs
