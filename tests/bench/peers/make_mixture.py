# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Makes many rows that are spread as a few real ones are.

  make_mixture.py --base FILE --rows N --out FILE.npy [--seed S]
      [--dtype fp16|fp32]

Up to the number of rows of the base, its first rows as they are. Beyond it, all
rows of the base come first, normalised, and each further row is
(1 - w) x + w y, normalised, for a random row x of the base, y one of the 50
rows of the base nearest to x by angle, and w uniform in [0.3, 0.7]. The same
input and seed give the same file on the same machine: where two rows are
equally near but for rounding, another machine's linear algebra may choose the
other.
"""

import argparse
import concurrent.futures
import os

import numpy as np
from numpy.typing import DTypeLike

from vectors import (Matrix, Ordinals, fail, normalised, read_vectors, say)

NEAREST_COUNT = 50
WEIGHT_MIN, WEIGHT_MAX = 0.3, 0.7

_SCORE_COUNT = 1 << 25  # Of one block of products, as a number of floats.
_BLOCK_ROWS = 1 << 14


def nearest(rows: Matrix, count: int) -> Ordinals:
    """Returns for each normalised row the `count` others nearest to it.

    They are sorted by ordinal. REQUIRES: count < len(rows).
    """
    found = np.empty((len(rows), count), dtype=np.int64)
    step = max(1, _SCORE_COUNT // len(rows))

    def fill(first: int) -> int:
        scores = rows[first:first + step] @ rows.T
        own = np.arange(len(scores))
        scores[own, first + own] = -np.inf
        found[first:first + step] = np.sort(np.argpartition(
            scores, len(rows) - count, axis=1)[:, len(rows) - count:], axis=1)
        return first

    said = 0
    # Choosing the nearest takes as long as the products and one thread only.
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for first in pool.map(fill, range(0, len(rows), step)):
            if first - said >= len(rows) // 10:
                said = first
                say("nearest rows of %d of %d rows" % (first, len(rows)))
    return found


def mixtures(rows: Matrix, neighbors: Ordinals, count: int,
             random: np.random.Generator) -> Matrix:
    """Returns `count` mixtures of normalised rows and their neighbors."""
    sources = random.integers(len(rows), size=count)
    partners = neighbors[sources, random.integers(neighbors.shape[1],
                                                  size=count)]
    weights = random.uniform(WEIGHT_MIN, WEIGHT_MAX, (count, 1))
    return normalised(((1 - weights) * rows[sources]
                       + weights * rows[partners]).astype(np.float32))


def write_mixture(base: Matrix, row_count: int, seed: int, dtype: DTypeLike,
                  path: str) -> None:
    """Writes a .npy of `row_count` rows: the base's first ones, or mixtures."""
    part = path + ".part.npy"
    rows = normalised(base) if row_count > len(base) else base
    out = np.lib.format.open_memmap(part, mode="w+", dtype=dtype,
                                    shape=(row_count, rows.shape[1]))
    kept = min(row_count, len(rows))
    out[:kept] = rows[:kept]
    if row_count > kept:
        if len(rows) <= NEAREST_COUNT:
            raise fail("mixtures need more than %d rows, the base has %d" % (
                NEAREST_COUNT, len(rows)))
        neighbors = nearest(rows, NEAREST_COUNT)
        for first in range(kept, row_count, _BLOCK_ROWS):
            count = min(_BLOCK_ROWS, row_count - first)
            out[first:first + count] = mixtures(
                rows, neighbors, count, np.random.default_rng([seed, first]))
    out.flush()
    os.replace(part, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--base", required=True)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dtype", choices=("fp16", "fp32"), default="fp16")
    arguments = parser.parse_args()
    if arguments.rows < 1 or arguments.seed < 0:
        raise fail("--rows is %d and --seed %d, expected at least 1 and 0" % (
            arguments.rows, arguments.seed))
    write_mixture(read_vectors(arguments.base), arguments.rows, arguments.seed,
                  np.float16 if arguments.dtype == "fp16" else np.float32,
                  arguments.out)


if __name__ == "__main__":
    main()
