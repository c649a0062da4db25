"""The conformance runner's Router beside a plain one, over settings and outcomes that are made up;
the unmodified one is in tests/originals."""

from copy import deepcopy

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from simroute.testing import clock
from simroute.testing.conformance.router.runs import compare_run
from tests.originals.litellm_items import items
from tests.testing.plain_router import Chance, PlainRouter

PROFILES = st.sampled_from(("1.83", "1.106", "1.109"))

OWN = 0.001
"""Seconds."""


async def played(item, profile):
    return await PlainRouter(item, profile).play()


def staggered(item):
    """The same, but that each answer takes some milliseconds of its own, of which no sums are
    alike. Which of two that wait for one moment goes first depends on the event loop; that is
    compared with the original alone."""
    item = deepcopy(item)
    answers = [answer for script in item["upstream"].values() for answer in script]
    for place, answer in enumerate(answers):
        answer["latency"] += OWN * 2**0.5 * (place + 1) ** 0.5
    return item


def compare(item, profile):
    item = staggered(item)
    try:
        made = clock.run(played(item, profile))
    except Chance:
        reject()
    compare_run(item, made, profile)


@settings(max_examples=60, deadline=None)
@given(items(), PROFILES)
def test_made_up_runs_are_those_of_a_plain_router(item, profile):
    """Each send, each end and its class, to the millisecond."""
    compare(item, profile)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(items(), PROFILES)
def test_many_made_up_runs_are_those_of_a_plain_router(item, profile):
    """The same more often."""
    compare(item, profile)
