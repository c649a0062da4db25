"""`workload` as it is written, what concerns the callers themselves: crowds, users who wait for
their answers, give up and ask again, conversations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from simroute.core.params import Doc, Factor, When


@dataclass(frozen=True)
class Spike:
    """A crowd that comes and goes: the rate is so many times as high for a while, whatever the
    hour. Where spikes overlap, their factors multiply."""

    start: Annotated[When, Doc("when it begins: 2h, or 30%")]
    end: Annotated[When, Doc("when it is over")]
    factor: Annotated[Factor, Doc("of the rate meanwhile; below 1: fewer than usual")] = 3.0
