"""Points that fill a cube evenly: Sobol's sequence, scrambled by a key.

Direction numbers: Joe and Kuo (2008), new-joe-kuo-6. Scrambling: Matoušek's random linear one with
a digital shift (1998).
"""

from __future__ import annotations

import numpy as np

from simroute.models.random import Streams

BITS = 30
JOE_KUO = (
    (1, 0, (1,)),
    (2, 1, (1, 3)),
    (3, 1, (1, 3, 1)),
    (3, 2, (1, 1, 1)),
    (4, 1, (1, 1, 3, 3)),
    (4, 4, (1, 3, 5, 13)),
    (5, 2, (1, 1, 5, 5, 17)),
    (5, 4, (1, 1, 5, 5, 5)),
    (5, 7, (1, 1, 7, 11, 19)),
    (5, 11, (1, 1, 5, 1, 1)),
    (5, 13, (1, 1, 1, 3, 11)),
    (5, 14, (1, 3, 5, 5, 31)),
    (6, 1, (1, 3, 3, 9, 7, 49)),
    (6, 13, (1, 1, 1, 15, 21, 21)),
    (6, 16, (1, 3, 1, 13, 27, 49)),
    (6, 19, (1, 1, 1, 15, 7, 5)),
    (6, 22, (1, 3, 1, 15, 13, 25)),
    (6, 25, (1, 1, 5, 5, 19, 61)),
    (7, 1, (1, 3, 7, 11, 23, 15, 103)),
    (7, 4, (1, 3, 7, 13, 13, 15, 69)),
)
"""(degree, coefficients, first direction numbers) of every dimension but the first."""
MAX_DIMENSIONS = len(JOE_KUO) + 1


def direction_numbers(dimension: int) -> list[int]:
    """The direction numbers of a dimension, as BITS-bit integers."""
    if dimension == 0:
        return [1 << (BITS - 1 - i) for i in range(BITS)]
    degree, coefficients, first = JOE_KUO[dimension - 1]
    m = list(first)
    for i in range(degree, BITS):
        new = m[i - degree] ^ (m[i - degree] << degree)
        for k in range(1, degree):
            if coefficients >> (degree - 1 - k) & 1:
                new ^= m[i - k] << k
        m.append(new)
    return [m[i] << (BITS - 1 - i) for i in range(BITS)]


def sobol_points(
    dimensions: int, start: int, count: int, seed: int | None
) -> list[tuple[float, ...]]:
    """Points start … start + count - 1 of the sequence; without a seed not scrambled."""
    columns = []
    for dimension in range(dimensions):
        numbers, shift = direction_numbers(dimension), 0
        if seed is not None:
            numbers, shift = _scramble(
                numbers, Streams(seed, 0).block("tune", "sobol", dimension, block=0)
            )
        columns.append(
            [_number(index ^ (index >> 1), numbers, shift) for index in range(start, start + count)]
        )
    return list(zip(*columns, strict=True)) if columns else []


def _number(gray: int, numbers: list[int], shift: int) -> float:
    bits, index = shift, 0
    while gray:
        if gray & 1:
            bits ^= numbers[index]
        gray >>= 1
        index += 1
    return bits / (1 << BITS)


def _scramble(numbers: list[int], draws: np.random.Generator) -> tuple[list[int], int]:
    """Each bit of an output gets a random mixture of the higher ones."""
    rows = []
    for place in range(BITS):  # of the most significant bit first
        above = int(draws.integers(0, 1 << place)) if place else 0
        rows.append(((above << 1) | 1) << (BITS - 1 - place))
    mixed = [
        sum(
            ((row & number).bit_count() & 1) << (BITS - 1 - place) for place, row in enumerate(rows)
        )
        for number in numbers
    ]
    return mixed, int(draws.integers(0, 1 << BITS))
