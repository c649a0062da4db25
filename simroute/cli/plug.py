"""Layers of a user's own, loaded before anything is read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def plugged(files: Iterable[Path]) -> None:
    """Import them (lazily, since `--help` must stay light)."""
    from simroute.config.plugins import load_plugins

    load_plugins(files)
