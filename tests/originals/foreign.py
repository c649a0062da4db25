"""Originals in environments of their own, by the interpreter of each."""

import json
import os
import subprocess

ASKED = "import sys; from importlib.metadata import version as v; print(*map(v, sys.argv[1:]))"


def versions(python, *packages):
    """(those of the packages, why there are none): one of the two is empty."""
    told = subprocess.run([python, "-c", ASKED, *packages], capture_output=True, text=True)
    return told.stdout.split(), told.stderr.strip().rpartition("\n")[2]


class Process:
    """One that plays items, one after another: a line in, a line out."""

    def __init__(self, python, script):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        plain = {key: v for key, v in os.environ.items() if not key.lower().endswith("_proxy")}
        self._process = subprocess.Popen(
            [python, script], **pipes, stderr=subprocess.DEVNULL, text=True, env=plain
        )

    def play(self, item):
        self._process.stdin.write(json.dumps(item) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self):
        self._process.stdin.close()
        self._process.wait()
