"""Layers of other packages (entry points) and of a file that the user names."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path

from simroute.errors import InputError


def load_plugins(files: Iterable[Path]) -> None:
    """Import installed plug-ins and these files, so that their layers are registered; worker
    processes do the same. Raises InputError."""
    from importlib.metadata import entry_points

    for point in entry_points(group="simroute.policies"):
        point.load()
    for file in files:
        spec = importlib.util.spec_from_file_location(f"simroute_plugin_{file.stem}", file)
        if not file.is_file() or spec is None or spec.loader is None:
            raise InputError(f"--plugin {file}: not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module.__name__] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise InputError(f"--plugin {file}: {type(error).__name__}: {error}") from None


def plugin_versions(files: Iterable[Path]) -> tuple[tuple[str, str], ...]:
    """(file name, SHA-256) of each file, and (name, version) of each installed package, that layers
    may come from, in order."""
    from importlib.metadata import entry_points

    packages = {
        (point.dist.name, point.dist.version)
        for point in entry_points(group="simroute.policies")
        if point.dist is not None
    }
    return tuple(
        sorted(
            {
                *packages,
                *((file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files),
            }
        )
    )
