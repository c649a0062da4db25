"""A deployment that behaves as a log says: times resampled from calls of the same hour and a like
size, failures in the windows where they were."""

from __future__ import annotations

import numpy as np

from simroute.models.error_kinds import Failure
from simroute.models.faults import ErrorSteps

NEIGHBOURS = 32
"""A call's time is that of one of so many calls of the log, the nearest in size."""
SCALED = (0.5, 2.0)
"""It is stretched in proportion to size, by no more than this: at the ends of the range all
neighbours are smaller, or all larger."""
ENOUGH = 20
"""Calls in a window, on average, from which on its share of failures is believed."""
WINDOW, HOUR = 300.0, 3600.0


class LatencySamples:
    """Calls that succeeded, sorted by hour and then by size."""

    def __init__(
        self, hour: np.ndarray, size: np.ndarray, ttft: np.ndarray, latency: np.ndarray
    ) -> None:
        order = np.lexsort((size, hour))
        self._hours, self._size, self._ttft, self._latency = (
            hour[order],
            size[order],
            ttft[order],
            latency[order],
        )
        every = np.argsort(size, kind="stable")
        self._all = size[every], ttft[every], latency[every]
        self.rich = {
            int(h)
            for h, n in zip(*np.unique(hour, return_counts=True), strict=True)
            if n >= NEIGHBOURS
        }

    def draw(
        self, hour: np.ndarray, size: np.ndarray, coin: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """(seconds to the first token, NaN where the log has none of that hour; seconds to the end)
        for calls of these hours and sizes. Logs tell a first token of streamed calls alone: where
        the call that is taken has none, it is that of the nearest one in size that has."""
        ttft, latency = np.empty(len(size)), np.empty(len(size))
        for h in np.unique(hour).tolist():
            here = hour == h
            if h in self.rich:
                low, high = np.searchsorted(self._hours, [h, h + 1])
                source = self._size[low:high], self._ttft[low:high], self._latency[low:high]
            else:
                source = self._all
            place = _near(source[0], size[here], coin[here])
            longer = np.clip(size[here] / np.maximum(source[0][place], 1e-9), *SCALED)
            latency[here] = source[2][place] * longer
            ttft[here] = source[1][_nearest(~np.isnan(source[1]), place)]
        return ttft, latency


def _near(sizes: np.ndarray, size: np.ndarray, coin: np.ndarray) -> np.ndarray:
    """One of the NEIGHBOURS places around where each size belongs; where more calls are of just
    that size, one of all these."""
    low, high = np.searchsorted(sizes, size), np.searchsorted(sizes, size, "right")
    width = np.maximum(min(NEIGHBOURS, len(sizes)), high - low)
    start = np.clip((low + high) // 2 - width // 2, 0, len(sizes) - width)
    return np.asarray(start + (coin * width).astype(np.int64))


def _nearest(known: np.ndarray, place: np.ndarray) -> np.ndarray:
    """For each place the nearest one that is known; the place itself where none is."""
    there = np.flatnonzero(known)
    if not len(there):
        return place
    after = np.minimum(np.searchsorted(there, place), len(there) - 1)
    before = np.maximum(after - 1, 0)
    is_nearer = place - there[before] < there[after] - place
    return np.asarray(np.where(is_nearer, there[before], there[after]))


class LoggedBehaviour:
    """How one deployment of a log behaved. errors: in seconds of the trace; known: whether it ever
    answered; pool: its answered calls, None where the log has none; longest_prompt: tokens of the
    longest that it answered."""

    def __init__(
        self, observations: dict[str, np.ndarray], target: int, always: int | None = None
    ) -> None:
        """`always`: the status of a deployment that never answered, so that whatever is sent to it
        fails."""
        mine, answered = observations["target"] == target, ~observations["failed"].astype(bool)
        self.known = bool((mine & answered).any())
        # the times of a deployment that has none are those of all others
        good = mine & answered if self.known else answered
        input_tokens, output_tokens, latency = (
            observations[name][good] for name in ("input_tokens", "output_tokens", "latency_s")
        )
        self.longest_prompt = int(input_tokens.max(initial=0)) if self.known else 0
        self._weights = _weights(input_tokens, output_tokens, latency)
        self.pool = (
            LatencySamples(
                observations["hour"][good],
                self._size(input_tokens, output_tokens),
                observations["ttft_s"][good],
                latency,
            )
            if len(latency)
            else None
        )
        failed = np.sort(observations["latency_s"][mine & observations["failed"].astype(bool)])
        self._failed = failed if len(failed) else np.array([0.3])
        self.errors: ErrorSteps = (
            _errors(observations, target) if always is None else [(0.0, {always: 1.0})]
        )

    def draw_times(
        self,
        when: np.ndarray,
        input_tokens: np.ndarray,
        output_tokens: np.ndarray,
        coin: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(ttft, decode, error) seconds of calls at these seconds of the trace, with so many
        tokens. coin: uniforms, (2, calls)."""
        error = self._failed[(coin[1] * len(self._failed)).astype(np.int64)]
        if self.pool is None:
            return error, np.zeros(len(when)), error
        ttft, latency = self.pool.draw(
            (when / HOUR).astype(np.int64), self._size(input_tokens, output_tokens), coin[0]
        )
        ttft = np.where(np.isnan(ttft), latency, np.minimum(ttft, latency))
        return ttft, latency - ttft, error

    def _size(self, input_tokens: np.ndarray, output_tokens: np.ndarray) -> np.ndarray:
        """Seconds that a call of so many tokens is expected to take. Of logged and of replayed
        calls by the same operations: equal calls are equal to the last bit, and none is taken to be
        larger than its like."""
        base, per_input, per_output = self._weights
        return np.asarray(
            base + per_input * input_tokens.astype(float) + per_output * output_tokens.astype(float)
        )

    def has_enough_calls(self, when: np.ndarray) -> np.ndarray:
        """Whether the log has enough calls of this deployment in the hour of each second of the
        trace."""
        rich = self.pool.rich if self.pool is not None and self.known else set()
        return np.isin((when / HOUR).astype(np.int64), list(rich))


def _weights(
    input_tokens: np.ndarray, output_tokens: np.ndarray, latency: np.ndarray
) -> tuple[float, float, float]:
    """Seconds for a call, for a token in and for one out: least squares, none below 0.

    By sums of products, so that what LAPACK sees are three rows however long the log: over many it
    shares the work among threads, whose number would decide the last bit.
    """
    columns = [np.ones(len(latency)), input_tokens.astype(float), output_tokens.astype(float)]
    scale = np.array([float(column.max(initial=0.0)) or 1.0 for column in columns])
    columns = [column / most for column, most in zip(columns, scale, strict=True)]
    products = np.array(
        [[float((one * other).sum()) for other in (*columns, latency)] for one in columns]
    )
    weights = np.linalg.lstsq(products[:, :3], products[:, 3], rcond=1e-12)[0] / scale
    base, per_input, per_output = np.maximum(weights, 0.0).tolist()
    return base, per_input, per_output


def _errors(observations: dict[str, np.ndarray], target: int) -> ErrorSteps:
    """Shares of failures by status in windows wide enough to tell."""
    mine, bad = observations["calls_target"] == target, observations["failures_target"] == target
    windows, calls = observations["calls_w"][mine], observations["calls_calls"][mine]
    if not len(windows) or not bad.any():
        return [(0.0, {})]
    wide = 1
    while (
        calls.sum() / max(1, len(np.unique(windows // wide))) < ENOUGH and wide < windows.max() + 1
    ):
        wide *= 3
    total: dict[int, int] = {}
    for w, n in zip((windows // wide).tolist(), calls.tolist(), strict=True):
        total[w] = total.get(w, 0) + n
    shares: dict[int, dict[Failure, float]] = {w: {} for w in total}
    places = observations["failures_w"][bad] // wide
    for w, status, n in zip(
        places.tolist(),
        observations["failures_status"][bad].tolist(),
        observations["failures_calls"][bad].tolist(),
        strict=True,
    ):
        shares[w][status] = shares[w].get(status, 0.0) + n / total[w]
    steps: ErrorSteps = [(0.0, {})]
    for w in sorted(total):
        if shares[w] != steps[-1][1]:
            steps.append((w * wide * WINDOW, shares[w]))
    return steps
