"""Declared fields are read from annotations once, whatever way a union is written."""

from dataclasses import MISSING, dataclass, field
from typing import Annotated, Literal

import pytest

from simroute.config.fields import Form, Scalar, declared_fields, find
from simroute.core.params import Doc, Name, Range, Share, TargetName, Unit, When


@dataclass
class Inner:
    """A nested one."""

    size: Annotated[int, Unit("count"), Range(low=1), Doc("how many")] = 3


@dataclass
class Outer:
    """One field of each form."""

    target: Annotated[TargetName, Doc("where to")]
    start: Annotated[When | None, Doc("when")] = None
    mode: Annotated[Literal["fast", "slow"] | None, Doc("how")] = "fast"
    inner: Inner | None = None
    by_name: dict[Name, Inner] = field(default_factory=dict)
    quality: Annotated[Share | dict[Name, Share] | None, Doc("how good")] = 0.9
    names: tuple[TargetName, ...] = ()
    state: int = field(default=0, init=False)


def forms() -> dict[str, Form]:
    return {each.name: each.form for each in declared_fields(Outer)}


def test_a_scalar_has_type_unit_ranges_and_choices():
    """Markers inside a union come before those around it."""
    share = Scalar(float, "share", (Range(0, 1),))
    assert forms()["target"] == Form(Scalar(str, "target"), doc="where to")
    assert forms()["start"] == Form(Scalar(float, "when"), optional=True, doc="when")
    assert forms()["mode"].scalar.choices == ("fast", "slow")
    assert forms()["quality"] == Form(
        share, key=Scalar(str, "name"), entries=Form(share), optional=True, doc="how good"
    )
    assert forms()["names"].items == Form(Scalar(str, "target"))


def test_only_what_a_file_may_set_is_a_field():
    """A field of the dataclass's own state is none."""
    assert "state" not in forms()


def test_defaults_are_made_anew():
    """Nobody's mapping is anybody else's."""
    defaults = {each.name: each for each in declared_fields(Outer)}
    assert defaults["target"].default is MISSING
    assert defaults["quality"].default == 0.9
    assert defaults["by_name"].default is not defaults["by_name"].default


@pytest.mark.parametrize(
    ("path", "unit"),
    [("inner.size", "count"), ("by_name.any.size", "count"), ("quality.chat", "share")],
)
def test_a_path_leads_through_records_and_mappings(path, unit):
    """Any name is a key of a mapping."""
    assert find(Outer, path.split(".")).unit == unit


@pytest.mark.parametrize("path", ["nothing", "inner.nothing", "target.below", "names.first"])
def test_a_path_to_nothing_finds_nothing(path):
    """A scalar and a list have no keys."""
    assert find(Outer, path.split(".")) is None
