"""What all tests share."""

import gc
import math
import os
import sys
from collections.abc import Iterator
from copy import deepcopy
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("reproducible", derandomize=True, deadline=None, database=None)
settings.load_profile("reproducible")

ROOT = Path(__file__).parent.parent
os.environ.pop("COLUMNS", None)  # what is printed must not depend on who starts the tests


gc.disable()  # what is imported and collected stays, so that there is nothing to find


def pytest_collection_finish() -> None:
    """Collections of garbage begin."""
    gc.enable()


_file = None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What is there before the first test of a file stays until the end, as the modules and the
    tests do: collections of garbage pass over it."""
    global _file
    if item.path != _file:
        _file = item.path
        gc.collect()
        gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def frozen_for_good() -> Iterator[None]:
    """A simulation would unfreeze, at its end, what is frozen above, and the collector would look
    at all of it again."""
    kept = SimpleNamespace(
        isenabled=gc.isenabled,
        disable=gc.disable,
        enable=gc.enable,
        freeze=lambda: None,
        unfreeze=lambda: None,
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("simroute.worlds.sim.kernel.gc", kept)
        yield


@pytest.fixture(scope="session", autouse=True)
def composed_once() -> Iterator[None]:
    """Hydra composes the same files with the same overrides once; each caller gets a copy."""
    from simroute.config import overrides

    compose, results = overrides._hydra, {}

    def once(data: dict[str, Any], words: list[str]) -> dict[str, Any]:
        key = repr((data, words))
        if key not in results:
            results[key] = compose(data, words)
        return deepcopy(results[key])

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(overrides, "_hydra", once)
        yield


@pytest.fixture(scope="session", autouse=True)
def looked_up_once() -> Iterator[None]:
    """What is installed is looked up once for each place to look: a command in this process asks
    three times, and each asks hundreds of packages."""
    look_up, results = metadata.entry_points, {}

    def once(**wanted: Any) -> Any:
        key = (*sys.path, repr(wanted))
        if key not in results:
            results[key] = look_up(**wanted)
        return results[key]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(metadata, "entry_points", once)
        yield


@pytest.fixture(scope="session", autouse=True)
def unhurried() -> Iterator[None]:
    """Commands in this process write no lines of progress into their logs, however slow the machine
    is."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("simroute.cli.work_log.BETWEEN", math.inf)
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of public data and vectors beside the checkout; tests that need it are skipped
    where it is absent."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("no ../shared folder with data and vectors")
    return folder
