"""Layers of other packages (entry points) and of a file that the user names."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path

from simroute.experiment.errors import InputError


def load_plugins(files: Iterable[Path]) -> None:
    """Import them, so that their layers are registered; worker processes do it again. Raises InputError."""
    from importlib.metadata import entry_points

    for point in entry_points(group="simroute.policies"):
        point.load()
    for file in files:
        module = importlib.util.spec_from_file_location(f"simroute_plugin_{file.stem}", file)
        if not file.is_file() or module is None or module.loader is None:
            raise InputError(f"--plugin {file}: not a Python file")
        made = importlib.util.module_from_spec(module)
        sys.modules[made.__name__] = made
        try:
            module.loader.exec_module(made)
        except Exception as error:
            raise InputError(f"--plugin {file}: {type(error).__name__}: {error}") from None
