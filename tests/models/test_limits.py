"""What a provider's rate limit can never grant is refused at any time."""

import math
from typing import Literal

import pytest

from simroute.models import spec
from simroute.models.limits import RateLimit


@pytest.mark.parametrize("charge", ["reserve", "estimate", "generated"])
def test_a_prompt_larger_than_the_whole_tpm_is_refused_for_ever(
    charge: Literal["reserve", "estimate", "generated"],
) -> None:
    """Also long after the last call, and without a time to come back; one that fits exactly
    passes."""
    limit = RateLimit(spec.Limits(tpm=1000, charge=charge))
    assert [limit.take(now, 1001, 0, 0) for now in (0.0, 60.0, 1e6)] == [math.inf] * 3
    assert limit.take(1e6, 1000, 0, 0) is None
