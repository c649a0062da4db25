"""How much of a bare loop's speed is left, and how much a textbook SimPy program would give away?

One model three times on the same draws, by turns: (a) a bare `heapq` loop, (b) textbook SimPy, (c)
simroute with full ledgers and metrics. Each makes the weather anew, which is timed alone as well.
Ratios are medians over rounds of the ratio within a round. Seconds are those of the processor, so
that other programs count less; the garbage collector is on, and starts each run from the same
state.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Callable

import bare
import textbook
from model import RATE, TARGETS, Count, in_simroute, weather


def alone(horizon: float) -> Count:
    """The weather and nothing else: arrivals, and the draws of every request's first call to the
    first target."""
    made, requests = weather(horizon), 0
    for block in made.blocks():
        made.deployments[TARGETS[0]].draw_lists(block, 0)
        requests += block.size
    return Count(requests, 0, 0)


PROGRAMS: dict[str, tuple[str, Callable[[float], Count]]] = {
    "a": ("bare heapq loop", bare.run),
    "b": ("textbook SimPy", textbook.run),
    "c": ("simroute, full ledgers", in_simroute),
    "w": ("(weather alone)", alone),
}


def timed(program: Callable[[float], Count], horizon: float) -> tuple[float, Count]:
    """Processor seconds, and what came of it."""
    gc.collect()
    gc.freeze()
    start = time.process_time()
    found = program(horizon)
    return time.process_time() - start, found


def agreed(found: dict[str, Count]) -> Count:
    """The count that all three programs came to; SystemExit when they did not."""
    counts = {key: found[key] for key in "abc"}
    if len(set(counts.values())) > 1:
        sys.exit(
            "not the same model: " + ", ".join(f"{key}: {count}" for key, count in counts.items())
        )
    return counts["a"]


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--requests", type=int, default=100_000)
    words.add_argument("--rounds", type=int, default=5)
    given = words.parse_args()
    horizon = given.requests / RATE
    for _, program in PROGRAMS.values():
        program(horizon / 20)  # imports, first-time caches
    seconds: dict[str, list[float]] = {key: [] for key in PROGRAMS}
    count = Count(0, 0, 0)
    for _ in range(given.rounds):
        found = {}
        for key, (_, program) in PROGRAMS.items():
            taken, found[key] = timed(program, horizon)
            seconds[key].append(taken)
        count = agreed(found)
    print(
        f"{count.requests:,} requests, {count.successes:,} successes, {count.attempts:,} "
        f"attempts in all three; median of {given.rounds} rounds"
    )
    for key, (name, _) in PROGRAMS.items():
        print(
            f"  {key}  {name:<24}{count.requests / statistics.median(seconds[key]):>12,.0f} "
            f"requests/s"
        )
    for other, wanted in (("a", 0.30), ("b", 2.5)):
        ratio = statistics.median(
            theirs / ours for ours, theirs in zip(seconds["c"], seconds[other], strict=True)
        )
        print(f"  c / {other} = {ratio:.2f}  (wanted: at least {wanted})")


if __name__ == "__main__":
    main()
