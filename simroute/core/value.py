"""What a value is: a class whose objects nobody changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")

blank: Callable[[type[T]], Any] = object.__new__
"""Makes a value whose fields are then set one by one, all of them: that takes a third of the time
of its constructor. Nobody else sets a field."""


@dataclass_transform(eq_default=True, frozen_default=True)
def value(cls: type[T]) -> type[T]:
    """Makes a dataclass of it. The type checker takes it as frozen, and `check_policy` tells who
    changes one; Python itself does not look, since a send would then take longer."""
    return dataclass(slots=True, unsafe_hash=True)(cls)
