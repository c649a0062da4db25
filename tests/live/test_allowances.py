"""What providers say of their limits, and what a policy makes of it."""

import asyncio
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simroute.core import Allowance
from simroute.live import Gateway
from simroute.mock.refusals import limit_headers
from simroute.worlds.live.allowances import read_allowances
from upstreams import HELLO, Upstream, deployments, whole

MOMENT = 1_700_000_000.0
DATE = {"Date": "Tue, 14 Nov 2023 22:13:20 GMT"}  # the same


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6m0s", 360.0),
        ("1s", 1.0),
        ("120ms", 0.12),
        ("1h0m1.5s", 3601.5),
        ("7.66s", 7.66),
        ("3", 3),
    ],
)
def test_durations_as_openai_and_groq_write_them(text, seconds):
    """Groq's page has 2m59.56s and 7.66s; OpenAI's 6m0s and 1s."""
    headers = {"x-ratelimit-remaining-tokens": "149984", "x-ratelimit-reset-tokens": text}
    told = read_allowances(headers)["tokens"]
    assert (told.left, told.reset) == (149_984.0, pytest.approx(seconds))
    assert math.isnan(told.granted)


def test_dates_as_anthropic_writes_them():
    """Compared with the answer's own date, whatever this machine's clock says."""
    headers = {
        "anthropic-ratelimit-input-tokens-limit": "50000",
        "anthropic-ratelimit-input-tokens-remaining": "49000",
        "anthropic-ratelimit-input-tokens-reset": "2023-11-14T22:13:27Z",
        **DATE,
    }
    assert read_allowances(headers) == {"input-tokens": Allowance(50_000.0, 49_000.0, 7.0)}


@pytest.mark.parametrize("text", ["", "soon", "nan", "inf", "5 apples", "9m?"])
def test_what_cannot_be_read_is_not_said(text):
    """No number of what is left: nothing; a reset that is none: unknown."""
    assert read_allowances({"x-ratelimit-remaining-requests": text}) == {}
    told = read_allowances(
        {"x-ratelimit-remaining-requests": "4", "x-ratelimit-reset-requests": text, **DATE}
    )
    assert math.isnan(told["requests"].reset)


@given(
    st.sampled_from(["openai", "anthropic", "groq"]),
    st.dictionaries(
        st.sampled_from(["requests", "tokens"]),
        st.tuples(st.integers(1, 10**7), st.integers(0, 10**6), st.integers(0, 7200)),
    ),
)
def test_what_the_fake_providers_say_is_read_as_it_was_meant(provider, told):
    """All of their words, of each company."""
    told = {word: (float(a), float(b), float(c)) for word, (a, b, c) in told.items()}
    headers = limit_headers(provider, told, lambda: MOMENT) | DATE
    assert read_allowances(headers) == told


def test_a_gateway_believes_what_it_is_told():
    """Its own limit of a hundred a minute has room; the provider says that nothing is left for a
    minute, so the second call is refused here."""
    said = "x-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 1m0s\r\n"

    async def main(told):
        a = await Upstream(whole(headers=said)).start()
        policy = {"limit": {"rpm": 100, "wait": 0, "told": told}, "timeout": {"total": "5s"}}
        async with Gateway(policy, deployments(a=a)) as gateway:
            statuses = [(await gateway.complete(HELLO)).status for _ in range(2)]
        return statuses, len(a.bodies)

    assert asyncio.run(main(True)) == ([200, 429], 1)
    assert asyncio.run(main(False)) == ([200, 200], 2)
