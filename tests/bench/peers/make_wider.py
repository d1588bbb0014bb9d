# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Makes rows of more components that are spread about as real ones are.

  make_wider.py --base FILE --query FILE --dimension D --out FOLDER [--seed S]

Each row of either file is turned into D components by one random orthogonal
map, which keeps all angles; then noise of a third of its length is added in a
random direction, a new one for each row, so that every component counts. Writes
base-D.npy and query-D.npy, in fp16 and of unit length.
"""

import argparse
import os

import numpy as np

from vectors import Matrix, fail, normalised, read_vectors, say

_NOISE = 1 / 3
_BLOCK_ROWS = 1 << 14


def wider(rows: Matrix, turn: Matrix, random: np.random.Generator) -> Matrix:
    """Returns `rows` in the space of `turn`, with noise, at length 1."""
    noise = random.standard_normal((len(rows), turn.shape[1]), dtype=np.float32)
    return normalised(normalised(rows) @ turn + _NOISE * normalised(noise))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--base", required=True)
    parser.add_argument("--query", required=True)
    parser.add_argument("--dimension", type=int, required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    random = np.random.default_rng(arguments.seed)
    base = read_vectors(arguments.base)
    if arguments.dimension < base.shape[1]:
        raise fail("--dimension is %d, expected at least the %d of --base" % (
            arguments.dimension, base.shape[1]))
    square = random.standard_normal((arguments.dimension, base.shape[1]))
    turn = np.linalg.qr(square)[0].T.astype(np.float32)
    os.makedirs(arguments.out, exist_ok=True)
    for name, rows in (("base", base), ("query", read_vectors(arguments.query))):
        path = os.path.join(arguments.out, "%s-%d.npy" % (
            name, arguments.dimension))
        say("writing " + path)
        np.save(path, np.concatenate([
            wider(rows[first:first + _BLOCK_ROWS], turn, random)
            .astype(np.float16)
            for first in range(0, len(rows), _BLOCK_ROWS)]))


if __name__ == "__main__":
    main()
