"""A scenario fitted to a long log: seconds, and the most memory at once.

`python benchmarks/fit.py [ROWS]` makes the log of `benchmarks/replay.py` (default a million
requests at four deployments) and runs `simroute fit` on it. Wanted: 10 s on an idle machine and
600 MiB at most.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from replay import memory, written


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.parquet"
        written(log, rows)
        print(f"a log of {rows:,} requests, {log.stat().st_size / 2**20:.0f} MiB")
        # a process of its own: making the log takes memory too
        subprocess.run([sys.executable, __file__, "fit", str(log)], check=True)


def fit(log: str) -> None:
    """The whole command in this process."""
    from simroute.cli import main as run

    places = [str(Path(log).with_name(name)) for name in ("fitted.yaml", "fitted.html")]
    start = time.perf_counter()
    try:
        run(["fit", log, "--output", places[0], "--report", places[1], "--quiet"])
    except SystemExit as ended:
        if ended.code:
            raise
    took = time.perf_counter() - start
    print(f"fitted in {took:.1f} s ({time.process_time():.1f} s of the processor); {memory()}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["fit"]:
        fit(sys.argv[2])
    else:
        main()
