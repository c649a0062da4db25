"""Commands in the process of the tests: what they would say and how they would end, without a
second start."""

from __future__ import annotations

import io
import subprocess
from contextlib import ExitStack, redirect_stderr, redirect_stdout

import pytest

from simroute.cli import main
from simroute.core import registry


def ran(
    *words: str, errors: bool = True, output: bool = True, together: bool = False
) -> subprocess.CompletedProcess[str]:
    """As if it had been started with pipes for (`output`) stdout and (`errors`) stderr, or with one
    for both (`together`); layers of --plugin are forgotten afterwards."""
    out, err = (
        io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2)
    )
    before = dict(registry)
    with ExitStack() as stack:
        if output:
            stack.enter_context(redirect_stdout(out))
        if errors:
            stack.enter_context(redirect_stderr(out if together else err))
        left = stack.enter_context(pytest.raises(SystemExit))
        main(list(words))
    for kind in [
        kind for kind, cls in registry.items() if not cls.__module__.startswith("simroute.")
    ]:
        registry.pop(kind)
    registry.update(before)
    return subprocess.CompletedProcess(
        words, left.value.code, *(each.buffer.getvalue().decode() for each in (out, err))
    )
