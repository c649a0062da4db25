"""What may be written, as a tree: the fields that dataclasses declare with the markers of
`core.params`, read once from their annotations.

Validation, the JSON Schema, `describe`, completion, overrides and the search for names read this
tree; none of them looks at an annotation.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from simroute.core.params import Doc, Grammar, Range, Unit


class Scalar(NamedTuple):
    """A single value.

    type: bool, int, float or str; float also where a text may stand for the number ("30%").
    unit: as declared, such as "s"; empty without one. choices: the only values, if not empty.
    read: understands a text, or raises ValueError.
    """

    type: Any
    unit: str = ""
    ranges: tuple[Range, ...] = ()
    choices: tuple[Any, ...] = ()
    read: Callable[[str], Any] | None = None

    @property
    def is_number(self) -> bool:
        """Whether it is always a number, never a text in its place."""
        return self.type in (int, float) and self.unit not in ("when", "start", "error")


class Form(NamedTuple):
    """What may stand in one place: a scalar, the keys of a dataclass (`record`), a mapping of
    `entries` under keys (`key`), a list of `items`, or, where it is `optional`, nothing.

    A union has several of them, such as one share, or a share for each task. doc: one line.
    """

    scalar: Scalar | None = None
    record: type | None = None
    key: Scalar | None = None
    entries: Form | None = None
    items: Form | None = None
    optional: bool = False
    doc: str = ""

    @property
    def unit(self) -> str:
        """Of the scalar; empty without one."""
        return "" if self.scalar is None else self.scalar.unit

    @property
    def keys(self) -> list[str]:
        """The keys of the record, in order; none of a mapping, whose keys are free."""
        return [] if self.record is None else [field.name for field in declared_fields(self.record)]

    def inside(self, key: str) -> Form | None:
        """The form below a key, None where there is no such key."""
        if self.entries is not None:
            return self.entries
        if self.record is None:
            return None
        forms = (field.form for field in declared_fields(self.record) if field.name == key)
        return next(forms, None)


class Field(NamedTuple):
    """A field of a dataclass. make_default: None where a value is required."""

    name: str
    form: Form
    make_default: Callable[[], Any] | None

    @property
    def default(self) -> Any:
        """The default; `dataclasses.MISSING` where a value is required."""
        return MISSING if self.make_default is None else self.make_default()


def declared_fields(cls: type) -> tuple[Field, ...]:
    """The fields of a dataclass that a file may set."""
    if cls not in _READ:
        hints = get_type_hints(cls, include_extras=True)
        _READ[cls] = tuple(
            Field(field.name, _form(hints[field.name]), _default(field))
            for field in fields(cls)
            if field.init
        )
    return _READ[cls]


_READ: dict[type, tuple[Field, ...]] = {}


def find(cls: type, path: tuple[str, ...] | list[str]) -> Form | None:
    """The form at a key path below a dataclass, None where there is no such key."""
    form: Form | None = Form(record=cls)
    for key in path:
        form = None if form is None else form.inside(key)
    return form


def _default(field: Any) -> Callable[[], Any] | None:
    if field.default_factory is not MISSING:
        return field.default_factory  # type: ignore[no-any-return]
    return None if field.default is MISSING else lambda: field.default


def _form(hint: Any) -> Form:
    form, doc = Form(), ""
    for bare, marks in _alternatives(hint, ()):
        doc = doc or next((mark.text for mark in marks if isinstance(mark, Doc)), "")
        origin = get_origin(bare)
        if bare is type(None):
            form = form._replace(optional=True)
        elif is_dataclass(bare):
            form = form._replace(record=cast("type", bare))
        elif origin is dict:
            key, value = get_args(bare)
            form = form._replace(key=_form(key).scalar, entries=_form(value))
        elif origin is tuple:
            form = form._replace(items=_form(get_args(bare)[0]))
        elif form.scalar is None:  # a second one is the same unit, written in another way
            form = form._replace(scalar=_scalar(bare, marks))
    return form._replace(doc=doc)


def _alternatives(hint: Any, outer: tuple[Any, ...]) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Each type of a union with its markers, those around the union last."""
    bare, *marks = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    if get_origin(bare) in (Union, types.UnionType):
        for part in get_args(bare):
            yield from _alternatives(part, (*marks, *outer))
    else:
        yield bare, (*marks, *outer)


def _scalar(bare: Any, marks: tuple[Any, ...]) -> Scalar:
    return Scalar(
        bare,
        next((mark.name for mark in marks if isinstance(mark, Unit)), ""),
        tuple(mark for mark in marks if isinstance(mark, Range)),
        get_args(bare) if get_origin(bare) is Literal else (),
        next((mark.read for mark in marks if isinstance(mark, Grammar)), None),
    )
