"""Packages that may be absent, and take long to import: who collects the tests does not wait for
them."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest


class Later:
    """A package that is imported when something of it is first wanted."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, wanted: str) -> Any:
        return getattr(import_module(self._name), wanted)


def later(name: str, reason: str) -> Later:
    """The package, or the tests of the module are skipped."""
    if find_spec(name) is None:
        pytest.skip(reason, allow_module_level=True)
    return Later(name)
