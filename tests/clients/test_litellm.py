"""The unmodified LiteLLM Router as a client of the fake providers, in an outage."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from servers import mock, run

pytestmark = pytest.mark.live_clients

HERE = Path(__file__).parent
LOCK = HERE / "litellm.txt"


@pytest.fixture(scope="module")
def python():
    """That of an environment with LiteLLM, which is made where it is not there."""
    named = os.environ.get("SIMROUTE_LITELLM")
    if named is None:
        pytest.skip("LiteLLM has an environment of its own: make test-live")
    folder = Path(named).absolute()
    made, stamp = folder / "bin" / "python", folder / "installed.txt"
    if not (stamp.is_file() and stamp.read_bytes() == LOCK.read_bytes()):
        install(folder, made)
        stamp.write_bytes(LOCK.read_bytes())
    return made


def install(folder, made):
    uv = shutil.which("uv")
    if uv is not None:
        commands = [
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder],
            [uv, "pip", "install", "--python", made, "--require-hashes", "-r", LOCK],
        ]
    else:
        commands = [
            [sys.executable, "-m", "venv", "--clear", folder],
            [made, "-m", "pip", "install", "--require-hashes", "-r", LOCK],
        ]
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            told = done.stderr.strip()
            assert "hash" not in told.lower(), told
            pytest.skip(f"LiteLLM cannot be installed: {told.splitlines()[-1][:200]}")


def test_its_router_survives_an_outage_of_a_fake_provider(python):
    """Ten answers of the first model; in the outage one failed send, after which it lets that model
    cool down for a minute, and twenty answers of its fallback."""

    async def main():
        async with mock() as url, aiohttp.ClientSession(url) as session:
            there = await asyncio.create_subprocess_exec(
                python,
                *("-I", HERE / "router.py", url),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            out, errors = await there.communicate()
            async with session.get("/control") as counts:
                return out, errors.decode(), await counts.json()

    out, errors, counts = run(main(), 180)
    assert out, errors
    answered = json.loads(out.splitlines()[-1])
    assert answered == ["claude-sonnet-4-0"] * 10 + ["gpt-4o"] * 20, errors
    assert counts["claude-sonnet"] == {"200": 10, "529": 1}
    assert counts["gpt-4o"] == {"200": 20}
