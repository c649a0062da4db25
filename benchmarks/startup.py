"""How long does `simroute --help` keep somebody waiting? Wanted: 150 ms at most, with compiled
bytecode."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "simroute --help": [str(Path(sys.executable).with_name("simroute")), "--help"],
}
ROUNDS = 21


def main() -> None:
    compiled = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for turn in range(ROUNDS + 1):  # the first compiles
        for name, command in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run(command, env=compiled, stdout=subprocess.DEVNULL, check=True)
            if turn > 0:
                seconds[name].append(time.perf_counter() - start)
    for name, taken in seconds.items():
        print(f"{name}: {1000 * statistics.median(taken):.0f} ms (median of {ROUNDS})")


if __name__ == "__main__":
    main()
