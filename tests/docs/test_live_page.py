"""Every command of docs/live.md, in order, as a reader would type them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "live.md"
READY = """
ready() { for i in $(seq 100); do curl -s -o /dev/null "$1" && return; sleep 0.2; done; exit 9; }
"""


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
def test_the_page_s_commands_survive_an_outage(tmp_path: Path) -> None:
    """The six answers come from another company than the one that is down, the last of them without
    asking it."""
    script = "set -em\n" + READY
    for block in re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        script += block
        if block.rstrip().endswith("&"):
            port = 4020 if "simroute mock" in block else 4010
            script += f"ready http://127.0.0.1:{port}/control\n"
    folder = Path(sys.executable).parent
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    targets = re.findall(r"x-simroute-target: (\S+)", done.stdout)
    sends = re.findall(r"x-simroute-attempts: (\d+)", done.stdout)
    assert targets[0] == "claude-sonnet"
    assert len(targets) == 7
    assert "claude-sonnet" not in targets[1:]
    assert int(sends[1]) > int(sends[-1]) == 1
    assert '"state": "opened"' in done.stdout
    assert "breaker_opened" in done.stdout  # of the table of parity


EMBED = """
VECTORS = {"a": [1.0, 0.0], "b": [0.96, 0.28], "c": [0.9, 0.44], "d": [0.0, 2.0]}
async def embed(texts):
    return [VECTORS[text] for text in texts]
"""


def test_a_threshold_is_measured_by_the_page_s_script(tmp_path: Path) -> None:
    """Cosines of .96, .898 and 0 to a: two pairs of the same meaning and two of another."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (script,) = (block for block in blocks if "pairs.csv" in block)
    (tmp_path / "mine.py").write_text(EMBED)
    (tmp_path / "pairs.csv").write_text("a,b,yes\na,d,yes\na,c,no\nd,a,no\n")
    (tmp_path / "measure.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "measure.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    lines = [line.split() for line in done.stdout.splitlines()[1:]]
    assert lines == [
        ["0.80", "1/2", "1/2"],
        ["0.85", "1/2", "1/2"],
        ["0.90", "1/2", "0/2"],
        ["0.95", "1/2", "0/2"],
        ["0.97", "0/2", "0/2"],
        ["0.99", "0/2", "0/2"],
    ]
