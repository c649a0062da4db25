"""A long log through `simroute replay`: how fast beside the kernel alone, and with how much memory?

`python benchmarks/replay.py [ROWS]` makes a log of so many requests (default a million; 10,000,000
takes some minutes) at four deployments, and replays it under `failover` in parts. The kernel's
speed is that of the same policy on made-up traffic at four modelled deployments, in the same run.
Wanted: at least 60 % of it while playing, and 1 GiB at most.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in which this system counts a process's memory."""
MODELS = {
    "openai/gpt-4o": 0.4,
    "anthropic/claude-sonnet-4-0": 0.3,
    "openai/gpt-4o-mini": 0.2,
    "google/gemini-2.5-flash": 0.1,
}
RATE = 20.0


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.parquet"
        written(log, rows)
        print(f"a log of {rows:,} requests, {log.stat().st_size / 2**20:.0f} MiB")
        kernel = alone()
        print(f"the kernel alone: {kernel:,.0f} requests/s")
        for what in ("played", "command"):
            print(
                subprocess.run(
                    [sys.executable, __file__, what, str(log), str(rows), str(kernel)],
                    check=True,
                    capture_output=True,
                    text=True,
                ).stdout,
                end="",
            )


def written(log: Path, rows: int) -> None:
    """Poisson arrivals, lognormal tokens, a time to the first token and one for each token after
    it, and one call in two hundred that fails."""
    import duckdb

    edges, steps = 0.0, []
    for name, share in MODELS.items():
        edges += share
        steps.append(f"WHEN u < {edges:.3f} THEN '{name}'")
    duckdb.execute("SELECT setseed(0.5)")
    duckdb.execute(
        "COPY (SELECT CAST(1756684800e9 + sum(gap) OVER (ORDER BY n) * 1e9 AS BIGINT) AS "
        "arrival_ns, CAST(n AS VARCHAR) AS request_id,"
        " input_tokens, output_tokens, split_part(who, '/', 1) AS provider, split_part(who, '/', "
        "2) AS model, bad AS failed,"
        " CASE WHEN bad THEN 500 ELSE 200 END AS status, 0.4 * exp(0.3 * z1) + output_tokens * "
        "0.01 AS latency_s, 0.4 * exp(0.3 * z1) AS ttft_s,"
        " CAST(n % 5000 AS VARCHAR) AS user FROM (SELECT *, CASE "
        + " ".join(steps)
        + f" ELSE '{next(iter(MODELS))}' END AS who,"
        " CAST(greatest(1, exp(6.9 + 0.9 * z2)) AS BIGINT) AS input_tokens, CAST(greatest(1, "
        "exp(4.8 + 0.8 * z3)) AS BIGINT) AS output_tokens FROM"
        f" (SELECT range AS n, -ln(1 - random()) / {RATE} AS gap, random() AS u, random() < "
        f"0.005 AS bad,"
        " sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()) AS z1, sqrt(-2 * ln(1 - "
        "random())) * cos(2 * pi() * random()) AS z2,"
        f" sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()) AS z3 FROM range({rows})))) TO "
        f"'{log}' (FORMAT parquet, COMPRESSION zstd)"
    )


def alone() -> float:
    """Requests a second of the same policy without any trace."""
    from simroute.config.loading import load
    from simroute.experiment.run import replicate

    made = load(
        "run", "steady", ["failover"], [f"scenario.workload.rate={RATE}", "scenario.horizon=5000"]
    )
    start = time.perf_counter()
    figures = replicate(made, "failover", 0)
    return (figures.metrics["requests"] or 0.0) / (time.perf_counter() - start)


def played(log: str, rows: int, kernel: float) -> None:
    """Reading, then one replication of one policy."""
    from simroute.config.from_trace import TraceSource, load_replay
    from simroute.experiment.run import replicate

    start = time.perf_counter()
    made = load_replay(TraceSource(log), None, ["failover"], [])
    read = time.perf_counter()
    replicate(made, "failover", 0)
    stop = time.perf_counter()
    pace = rows / (stop - read)
    print(
        f"read in {read - start:.0f} s ({rows / (read - start):,.0f}/s); played at "
        f"{pace:,.0f}/s, {pace / kernel:.2f} of the kernel; {memory()}"
    )


def command(log: str, rows: int, kernel: float) -> None:
    """All of it: calibration, one policy, report, in eight parts on two cores."""
    from simroute.cli import main as run

    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        try:
            run(
                [
                    "replay",
                    log,
                    "policy=failover",
                    "--replications",
                    "1",
                    "--windows",
                    "8",
                    "--workers",
                    "2",
                    "--out",
                    folder,
                    "--quiet",
                ]
            )
        except SystemExit as ended:
            if ended.code:
                raise
        print(f"the whole command, two policies: {time.perf_counter() - start:.0f} s; {memory()}")


def memory() -> str:
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT / 2**20
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * UNIT / 2**20
    return f"peak memory {own:,.0f} MiB" + (f", of a worker {workers:,.0f} MiB" if workers else "")


if __name__ == "__main__":
    if sys.argv[1:2] in (["played"], ["command"]):
        {"played": played, "command": command}[sys.argv[1]](
            sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
        )
    else:
        main()
