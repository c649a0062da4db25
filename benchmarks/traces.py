"""How fast a long trace is read, and in how much memory: python benchmarks/traces.py [ROWS]

Rows are of the plain format, in order of time. The bare loop is csv.reader over the same file in
the same run, so that the ratio does not depend on the machine. Wanted: 200,000 rows/s, 1 GB at
most, and 3 ms for an object in a file of its own.
"""

from __future__ import annotations

import csv
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from simroute.traces import read

PART = 100_000
UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in which this system counts a process's memory."""


def written(path: Path, rows: int) -> None:
    """Poisson arrivals, five a second."""
    rng, now = np.random.default_rng(1), 0.0
    with path.open("w", encoding="utf-8") as file:
        file.write("arrival_s,input_tokens,output_tokens\n")
        for start in range(0, rows, PART):
            many = min(PART, rows - start)
            arrival = now + np.cumsum(rng.exponential(0.2, many))
            now = float(arrival[-1])
            sizes = rng.integers(1, 4000, many), rng.integers(1, 900, many)
            file.writelines(
                f"{t:.6f},{asked},{given}\n"
                for t, asked, given in zip(arrival, *sizes, strict=True)
            )


def bare(path: Path) -> float:
    """Seconds of csv.reader alone."""
    began = time.perf_counter()
    with path.open(encoding="utf-8", newline="") as file:
        for _ in csv.reader(file):
            pass
    return time.perf_counter() - began


def peak_mib() -> float:
    """Of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT / 2**20


def one_a_file(folder: Path, many: int = 2000) -> float:
    """Milliseconds that an object in a file of its own costs more than a line of one file, in the
    same run."""
    rows = [
        json.dumps({"arrival_s": second, "input_tokens": 100, "output_tokens": 10}) + "\n"
        for second in range(many)
    ]
    (folder / "lines.jsonl").write_text("".join(rows), encoding="utf-8")
    apart = [folder / f"{place}.json" for place in range(many)]
    for path, row in zip(apart, rows, strict=True):
        path.write_text(row, encoding="utf-8")
    took = []
    for paths in ([folder / "lines.jsonl"], apart):
        began = time.perf_counter()
        read(paths)
        took.append(time.perf_counter() - began)
    return (took[1] - took[0]) / many * 1000


def main() -> None:
    """Write, read both ways, print."""
    rows = int(float(sys.argv[1])) if len(sys.argv) > 1 else 10_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.csv"
        written(path, rows)
        before = peak_mib()
        loop = bare(path)
        began, cpu = time.perf_counter(), time.process_time()
        table = read([path])
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
        assert table.requests == rows
        peak, apart = peak_mib(), one_a_file(Path(folder))
    print(f"{rows:,} rows, {rows / took:,.0f} rows/s ({rows / cpu:,.0f} a second of CPU)")
    print(f"{took / loop:.1f} times as long as csv.reader alone ({rows / loop:,.0f} rows/s)")
    print(f"peak {peak:,.0f} MiB (before reading {before:,.0f} MiB)")
    print(f"an object in a file of its own takes {apart:.2f} ms longer than a line")


if __name__ == "__main__":
    main()
