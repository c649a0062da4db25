"""Plain data in, dataclass instances out: strict pydantic models made from the declared fields, and
their errors as messages with file, line, key and remedy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Union

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

from simroute.config.fields import Form, declared_fields, find
from simroute.config.scalars import displayed, scalar_check
from simroute.config.yaml_reader import Document, KeyPath
from simroute.errors import InputError, nearest

BRANCHES = ("<map>", "<value>", "<none>", "[key]")
"""Steps of pydantic's error locations that are no keys."""
MOST_ROUNDS = 8
"""Leaving out a key may show that another one is missing, as deep as files are."""


def build(cls: type, data: Any, document: Document, base: KeyPath = ()) -> Any:
    """An instance of the dataclass `cls` from plain data that stands at `base` in a document.

    Raises InputError with every mistake.
    """
    if not isinstance(data, dict):
        raise InputError(
            f"{document.where(base)}: {'.'.join(base) or 'file'}: expected keys and values, "
            f"found {displayed(data)}"
        )
    try:
        return _instance(strict_model(cls).model_validate(data))
    except ValidationError as error:
        raise InputError(
            *[_message(cls, each, document, base) for each in error.errors(include_url=False)]
        ) from None


def build_valid_part(
    cls: type, data: Any, document: Document
) -> tuple[Any, list[str], list[KeyPath]]:
    """As much of an instance as can be read, so that mistakes of the whole come together with those
    of single keys.

    Returns the instance (None if nothing can be read), every mistake, and the paths that were left
    out for them.
    """
    try:
        return build(cls, data, document), [], []
    except InputError as error:
        problems = list(error.lines)
    left_out: list[KeyPath] = []
    for _ in range(MOST_ROUNDS):
        try:
            return _instance(strict_model(cls).model_validate(data)), problems, left_out
        except ValidationError as error:
            for problem in error.errors(include_url=False, include_input=False):
                path = _key_path(problem)
                path = path[:-1] if problem["type"] == "missing" else path
                if not path:
                    return None, problems, left_out
                left_out.append(path)
                data = _without(data, path)
    return None, problems, left_out


def _without(data: Any, path: KeyPath) -> Any:
    """A copy of plain data without what stands at `path`; a list is left out as a whole, since the
    places of its items would change."""
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
    """The pydantic model of a dataclass: no unknown keys, values checked by `scalars` alone."""
    members: dict[str, Any] = {
        name: (
            _annotation(form),
            ... if make_default is None else PydanticField(default_factory=make_default),
        )
        for name, form, make_default in declared_fields(cls)
    }
    config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)
    model: type[BaseModel] = create_model(cls.__name__, __config__=config, **members)
    model.__origin__ = cls  # type: ignore[attr-defined]
    return model


def _annotation(form: Form) -> Any:
    """The type for pydantic. Branches of a union are tagged, so that errors are about the branch
    that was meant."""
    if form.items is not None:
        items: Any = tuple[_annotation(form.items), ...]  # type: ignore[misc]
        return items | None if form.optional else items
    check = None if form.scalar is None else scalar_check(form.scalar)
    nested = _nested_annotation(form)
    if nested is None:
        assert check is not None
        return Annotated[Any, PlainValidator(_or_none(check) if form.optional else check)]
    branches: list[Any] = [Annotated[nested, Tag("<map>")]]
    if check is not None:
        branches.append(Annotated[Any, PlainValidator(check), Tag("<value>")])
    if form.optional:
        branches.append(Annotated[None, Tag("<none>")])
    if len(branches) == 1:
        return nested

    def branch(value: Any) -> str:
        if form.optional and value is None:
            return "<none>"
        is_map = check is None or isinstance(value, (dict, BaseModel)) or is_dataclass(value)
        return "<map>" if is_map else "<value>"

    return Annotated[Union[tuple(branches)], Discriminator(branch)]  # noqa: UP007


def _nested_annotation(form: Form) -> Any:
    """The model of a record or the type of a mapping, None where the form has neither."""
    if form.record is not None:
        return strict_model(form.record)
    if form.key is None or form.entries is None:
        return None
    key = Annotated[Any, PlainValidator(scalar_check(form.key, key=True))]
    return dict[key, _annotation(form.entries)]  # type: ignore[valid-type,misc]


def _or_none(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else check(value)


def _key_path(problem: Any) -> KeyPath:
    return tuple(str(part) for part in problem["loc"] if part not in BRANCHES)


WHOLE = "a whole gateway is a policy, such as policy=litellm (simroute list policies)"


def _message(cls: type, problem: Any, document: Document, base: KeyPath) -> str:
    path = _key_path(problem)
    kind = problem["type"]
    if kind == "extra_forbidden":
        above = find(cls, path[:-1])
        near = nearest(path[-1], [] if above is None else above.keys)
        no_preset = path == ("preset",) and hasattr(cls, "kind")
        text = f"unknown key; {f'presets are of breaker; {WHOLE}' if no_preset else near}"
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


def _instance(value: Any) -> Any:
    if isinstance(value, BaseModel):
        cls = value.__origin__  # type: ignore[attr-defined]
        given = value.model_fields_set  # the others' defaults are the class's own, or a preset's
        return cls(
            **{
                name: _instance(getattr(value, name))
                for name in type(value).model_fields
                if name in given
            }
        )
    if isinstance(value, dict):
        return {key: _instance(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return tuple(_instance(item) for item in value)
    return value


def plain(value: Any) -> Any:
    """Dataclasses as plain data, with every key."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value) if f.init}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    return value
