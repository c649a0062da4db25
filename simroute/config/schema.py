"""What may be written, from the dataclasses that declare it: strict pydantic models, plain data in,
dataclass instances out."""

from __future__ import annotations

import types
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    PlainValidator,
    Tag,
    ValidationError,
    create_model,
)
from pydantic import Field as PydanticField

from simroute.config.scalars import displayed, range_text, scalar_check
from simroute.config.yaml_reader import Document
from simroute.core.params import Doc, Range, Unit
from simroute.errors import InputError, nearest

BRANCHES = ("<map>", "<value>", "<none>", "[key]")


class Parameter(NamedTuple):
    """One key, as `describe` shows it."""

    key: str
    kind: str
    range: str
    default: str
    doc: str


def build(cls: type, data: Any, document: Document, base: tuple[str, ...] = ()) -> Any:
    """An instance of the dataclass `cls` from plain data. Raises InputError with every mistake."""
    if not isinstance(data, dict):
        raise InputError(
            f"{document.where(base)}: {'.'.join(base) or 'file'}: expected keys and values, "
            f"found {displayed(data)}"
        )
    try:
        return _instance(strict_model(cls).model_validate(data))
    except ValidationError as error:
        raise InputError(
            *[_line(cls, problem, document, base) for problem in error.errors(include_url=False)]
        ) from None


def build_valid_part(
    cls: type, data: Any, document: Document
) -> tuple[Any, list[str], list[tuple[str, ...]]]:
    """As much of it as can be read, so that what only the whole can tell is told together with what
    single keys say wrongly.

    Returns the instance (None if nothing can be read), every mistake, and the paths of what was
    left out for them.
    """
    try:
        return build(cls, data, document), [], []
    except InputError as error:
        problems = list(error.lines)
    left_out: list[tuple[str, ...]] = []
    for _ in range(MOST_ROUNDS):
        try:
            return _instance(strict_model(cls).model_validate(data)), problems, left_out
        except ValidationError as error:
            for problem in error.errors(include_url=False, include_input=False):
                path = tuple(str(part) for part in problem["loc"] if part not in BRANCHES)
                path = path[:-1] if problem["type"] == "missing" else path
                if not path:
                    return None, problems, left_out
                left_out.append(path)
                data = _without(data, path)
    return None, problems, left_out


MOST_ROUNDS = 8
"""Leaving out a key may show that another one is missing, as deep as files are."""


def _without(data: Any, path: tuple[str, ...]) -> Any:
    """A copy of plain data that lacks what stands at `path`; of a list all of it, since places
    would move."""
    if not isinstance(data, dict):
        return None
    key = next((key for key in data if str(key) == path[0]), None)
    if len(path) == 1 or not isinstance(data.get(key), dict):
        return {other: value for other, value in data.items() if other != key}
    return {
        other: _without(value, path[1:]) if other == key else value for other, value in data.items()
    }


@cache
def strict_model(cls: type) -> type[BaseModel]:
    """The strict model of a dataclass."""
    hints = get_type_hints(cls, include_extras=True)
    made: dict[str, Any] = {}
    for f in fields(cls):
        if f.init:
            default = (
                PydanticField(default_factory=f.default_factory)
                if f.default_factory is not MISSING
                else f.default
            )
            made[f.name] = (_translated(hints[f.name]), ... if default is MISSING else default)
    config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)
    built: type[BaseModel] = create_model(cls.__name__, __config__=config, **made)
    built.__origin__ = cls  # type: ignore[attr-defined]
    return built


def _translated(kind: Any) -> Any:
    bare, marks = unwrap(kind)
    origin = get_origin(bare)
    if is_dataclass(bare):
        return strict_model(bare)  # type: ignore[arg-type]
    if origin is dict:
        key, value = get_args(bare)
        checked = PlainValidator(scalar_check(*unwrap(key), key=True))
        return dict[Annotated[Any, checked], _translated(value)]  # type: ignore[misc]
    if origin is tuple:
        return tuple[_translated(get_args(bare)[0]), ...]  # type: ignore[misc]
    if origin in (Union, types.UnionType):
        return _union(list(get_args(bare)), marks)
    return Annotated[Any, PlainValidator(scalar_check(bare, marks))]


def _union(parts: list[Any], marks: tuple[Any, ...]) -> Any:
    optional = type(None) in parts
    parts = [part for part in parts if part is not type(None)]
    nested = [
        part
        for part in parts
        if is_dataclass(unwrap(part)[0]) or get_origin(unwrap(part)[0]) is dict
    ]
    leaves = [part for part in parts if part not in nested]
    if not nested:
        bare, own = unwrap(leaves[0])
        check = scalar_check(bare, (*own, *marks))
        return Annotated[
            Any, PlainValidator(lambda value: None if optional and value is None else check(value))
        ]
    choices: list[Any] = [Annotated[_translated(nested[0]), Tag("<map>")]]
    choices += [Annotated[_translated(part), Tag("<value>")] for part in leaves[:1]]
    choices += [Annotated[None, Tag("<none>")]] if optional else []

    def which(value: Any) -> str:
        if optional and value is None:
            return "<none>"
        return (
            "<map>"
            if isinstance(value, (dict, BaseModel)) or is_dataclass(value) or not leaves
            else "<value>"
        )

    if len(choices) == 1:
        return choices[0]
    return Annotated[Union[tuple(choices)], Discriminator(which)]  # noqa: UP007


def unwrap(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    """The type inside `Annotated`, and its markers."""
    if get_origin(kind) is Annotated:
        bare, *marks = get_args(kind)
        return bare, tuple(marks)
    return kind, ()


def _line(cls: type, problem: Any, document: Document, base: tuple[str, ...]) -> str:
    path = tuple(str(part) for part in problem["loc"] if part not in BRANCHES)
    kind = problem["type"]
    if kind == "extra_forbidden":
        text = f"unknown key; {nearest(path[-1], keys(cls, path[:-1]))}"
    elif kind == "missing":
        text = "is required"
    elif kind == "value_error":
        text = str(problem["ctx"]["error"])
    elif kind.startswith(("dict", "model", "union_tag")):
        text = f"expected keys and values, found {displayed(problem['input'])}"
    elif kind.startswith("tuple"):
        text = f"expected a list, found {displayed(problem['input'])}"
    else:
        text = str(problem["msg"])
    return f"{document.where((*base, *path))}: {'.'.join((*base, *path))}: {text}"


def keys(cls: type, path: tuple[str, ...]) -> list[str]:
    """Names of the keys at a path below `cls`."""
    inside = inner(cls, path)
    return (
        [f.name for f in fields(inside) if f.init]
        if inside is not None and is_dataclass(inside)
        else []
    )


def inner(kind: Any, path: tuple[str, ...]) -> Any:
    """The type found by following keys from `kind`; None where there is no such key."""
    for name in path:
        bare = _plain(kind)
        inside = get_type_hints(bare, include_extras=True) if is_dataclass(bare) else {}
        kind = get_args(bare)[1] if get_origin(bare) is dict else inside.get(name)
        if kind is None:
            return None
    return _plain(kind)


def _plain(kind: Any) -> Any:
    bare, _ = unwrap(kind)
    if get_origin(bare) in (Union, types.UnionType):
        parts = [unwrap(part)[0] for part in get_args(bare)]
        return next(
            (part for part in parts if is_dataclass(part) or get_origin(part) is dict), parts[0]
        )
    return bare


def _instance(value: Any) -> Any:
    if isinstance(value, BaseModel):
        cls = value.__origin__  # type: ignore[attr-defined]
        return cls(**{name: _instance(getattr(value, name)) for name in type(value).model_fields})
    if isinstance(value, dict):
        return {key: _instance(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return tuple(_instance(item) for item in value)
    return value


def plain(value: Any) -> Any:
    """Dataclasses as plain data, every key spelled out."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value) if f.init}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    return value


def parameters(cls: type, prefix: str = "", given: Any = None) -> list[Parameter]:
    """Every key of a dataclass, nested ones included, with unit, range, default (as in `given`) and
    what it does."""
    rows: list[Parameter] = []
    hints = get_type_hints(cls, include_extras=True)
    for f in fields(cls):
        if not f.init:
            continue
        bare, marks = unwrap(hints[f.name])
        key = prefix + f.name
        value = (
            getattr(given, f.name)
            if given is not None
            else f.default_factory()
            if f.default_factory is not MISSING
            else f.default
        )
        doc = next((mark.text for mark in marks if isinstance(mark, Doc)), "")
        rows.append(
            Parameter(key, _kind(hints[f.name]), _ranges(hints[f.name]), _default(value), doc)
        )
        nested = _plain(bare)
        if get_origin(nested) is dict:
            nested, key = _plain(get_args(nested)[1]), key + ".NAME"
        if is_dataclass(nested):
            kind: Any = nested
            rows += parameters(kind, key + ".", value if isinstance(value, kind) else None)
    return rows


def _marks(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    bare, marks = unwrap(kind)
    if get_origin(bare) in (Union, types.UnionType):
        part, own = unwrap(get_args(bare)[0])
        return part, (*own, *marks)
    return bare, marks


def _kind(kind: Any) -> str:
    bare, marks = _marks(kind)
    unit = next((mark.name for mark in marks if isinstance(mark, Unit)), "")
    if get_origin(bare) is Literal:
        return " | ".join(map(str, get_args(bare)))
    if get_origin(bare) is tuple:
        return f"list of {_kind(get_args(bare)[0])}"
    if get_origin(bare) is dict:
        key, value = get_args(bare)
        return f"{_kind(key)} → {_kind(value)}"
    if is_dataclass(bare):
        return "keys"
    return unit or getattr(bare, "__name__", str(bare))


def _ranges(kind: Any) -> str:
    return ", ".join(range_text(mark) for mark in _marks(kind)[1] if isinstance(mark, Range))


def _default(value: Any) -> str:
    if value is MISSING:
        return "required"
    if value is None:
        return "none"
    if is_dataclass(value) or (
        isinstance(value, dict) and any(is_dataclass(item) for item in value.values())
    ):
        return ""
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(str, value))}]"
    return (
        f"{value:g}"
        if isinstance(value, float)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )
