"""The breakers that items may be of: libraries, meshes and gateways."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from simroute.testing.conformance.breakers.fields import FIELDS, IDLE
from simroute.testing.conformance.breakers.gateways import GATEWAYS
from simroute.testing.conformance.breakers.libraries import LIBRARIES
from simroute.testing.conformance.breakers.meshes import MESHES
from simroute.testing.conformance.breakers.rehearsal import Family
from simroute.testing.conformance.spelling import plain, read_fields
from simroute.testing.conformance.verdict import Config, Inexpressible, Malformed, is_number, short

FAMILIES: dict[str, Family] = {**LIBRARIES, **MESHES, **GATEWAYS}
OTHER_NAMES = {
    "polly": "polly_v8",
    "pollyv8": "polly_v8",
    "failsafe": "failsafe_go",
    "r4j": "resilience4j",
    "sonygobreaker": "gobreaker",
    "agentcore": "bedrock_agentcore",
    "heliconerust": "helicone",
}
"""What a family is called besides, as `plain`."""
NAMES = {plain(name): name for name in FAMILIES} | OTHER_NAMES


def family_named(name: object) -> str:
    """As we call it. Raises Inexpressible for one that is not known."""
    if plain(name) not in NAMES:
        raise Inexpressible(f"the family {name}")
    return NAMES[plain(name)]


def configuration_of(family: str, given: Config) -> Config:
    """What is given and the family's defaults. Raises Inexpressible for a field that it does not
    have, Malformed for a value that is none."""
    read = read_fields(family, FIELDS[family], IDLE, given)
    for side_by_side in ("hosts", "targets", "group_size"):  # their number, or they themselves
        if isinstance(read.get(side_by_side), list):
            read[side_by_side] = len(read[side_by_side])
    for name in read["given"]:
        _check(family, name, read[name])
    return read


KINDS = {"allowed_fails_policy": dict, "failure_status_codes": list}
ABOVE_ZERO = ("snapshot_s", "sampling_s")
LISTED = ("finagle", "mark_dead_s"), ("polly_v8", "break_s"), ("resilience4j", "wait_s")
"""Times that may be a list, one after another."""


def _check(family: str, name: str, value: Any) -> None:
    """A value is of its default's kind; a truth may be a number too."""
    default = FIELDS[family][name].default
    if name.endswith("_s") and isinstance(value, list):
        if (family, name) not in LISTED or not all(map(_is_figure, value)):
            raise Malformed(f"{name}: is no list of times")
        wrong = not value and family != "finagle"
    elif name in KINDS:
        wrong = not isinstance(value, KINDS[name])
    elif name.endswith("_s") or default is None:
        is_word = name == "window" and isinstance(value, str)
        wrong = not (_is_figure(value) or is_word) or (name in ABOVE_ZERO and value <= 0)
    elif isinstance(default, str):
        wrong = not isinstance(value, str)
    else:
        wrong = not (is_number(value) or (isinstance(default, bool) and isinstance(value, bool)))
        wrong = wrong or (type(default) is int and value % 1 != 0) or value != value
    if wrong:
        raise Malformed(f"{name}: {short(value)} is no value of it")


def _is_figure(value: Any) -> bool:
    return isinstance(value, (int, float, Fraction)) and value == value
