"""Named settings of a layer, as data: the parameters of a product that people know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import wraps
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class Preset(NamedTuple):
    """What a layer does under a name. settings: parameters that differ from the defaults; version:
    of what they are; source: where they stand; differs: what the product does besides, and this
    layer does not; example: parameters that it has no default for, and a usual value is taken."""

    settings: Mapping[str, Any]
    version: str
    source: str
    differs: tuple[str, ...] = ()
    example: str = ""


Presets = Mapping[str, Preset]
Implied = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Parameter that is given -> parameter of the preset that would keep it from acting -> what is set
instead, so that it does act."""


def with_presets(presets: Presets, implied: Implied) -> Callable[[type[T]], type[T]]:
    """A dataclass whose parameter `preset` names one of these. A parameter that is given beats the
    preset; what is not given is the preset's, else the default."""

    def decorate(cls: type[T]) -> type[T]:
        plain = cls.__init__
        names = [field.name for field in fields(cls) if field.init]  # type: ignore[arg-type]

        @wraps(plain)
        def init(self: T, *values: Any, **given: Any) -> None:
            given = dict(zip(names, values, strict=False)) | given
            name = given.get("preset")
            if name is not None and name not in presets:
                raise ValueError(f"preset: there is no {name!r}, only {', '.join(presets)}")
            plain(self, **(given if name is None else _settings(presets[name], implied, given)))

        cls.__init__ = init  # type: ignore[assignment, method-assign]
        cls.presets = presets  # type: ignore[attr-defined]
        return cls

    return decorate


def _settings(preset: Preset, implied: Implied, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a layer with this preset, of which some are given."""
    follows: dict[str, Any] = {}
    for key in given.keys() & implied.keys():
        for present, instead in implied[key].items():
            if present in preset.settings:
                follows |= instead
    return {**preset.settings, **follows, **given}
