"""How many processor instructions does one request cost? They repeat to a few units, whatever else
the machine does, so small changes show.

Needs valgrind. Each program runs twice under it, with 12,000 and with 4,000 requests; the
difference cancels start-up. a: bare loop, b: textbook SimPy, c: simroute, all of one model; d, e:
`circuit_breaker` in `steady`, half of it streamed, and the bound of that. `--only c` counts one.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from model import RATE

STEADY = {"PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}
"""What else would differ from run to run: the order of sets, and threads that wait by turning."""
MANY, FEW = 12_000, 4_000
PROGRAMS = {
    "a": "bare.run",
    "b": "textbook.run",
    "c": "model.in_simroute",
    "d": "model.played_steady",
    "e": "model.bound_of_steady",
}


def count(program: str, requests: int) -> tuple[int, int]:
    """(instructions, requests that came) of a process that runs `program` for so many requests."""
    module, function = program.split(".")
    code = f"import {module}; print({module}.{function}({requests / RATE}).requests)"
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    done = subprocess.run(
        [*command, sys.executable, "-X", "frozen_modules=on", "-c", code],
        capture_output=True,
        cwd=Path(__file__).parent,
        env=os.environ | STEADY,
        text=True,
        check=True,
    )
    counted = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    if counted is None:
        sys.exit(f"valgrind says nothing of instructions:\n{done.stderr}")
    return int(counted[1].replace(",", "")), int(done.stdout)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--only", choices=PROGRAMS)
    options = words.parse_args()
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not there (apt install valgrind)")
    for key, program in PROGRAMS.items():
        if options.only in (None, key):
            (many, more), (few, fewer) = count(program, MANY), count(program, FEW)
            each = (many - few) / (more - fewer)
            print(f"{key}  {program:<22}{each / 1000:8.1f} thousand instructions a request")


if __name__ == "__main__":
    main()
