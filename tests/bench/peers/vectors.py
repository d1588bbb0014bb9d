# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Reads and writes files of vectors, and finds true neighbors.

Distances are smaller for nearer rows whatever the metric: 1 - cos for cosine,
squared for euclidean, the negated inner product for dot.
"""

import hashlib
import os
import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Ordinals = NDArray[np.int64]

METRICS = ("cosine", "euclidean", "dot")
TRUTH_COUNT = 100

# Libraries compute in fp32: rows that are equally far but for its rounding
# are equal answers.
_TOLERANCE = 1e-6
# Candidates by fp32 products, beyond those wanted, that exact distances choose
# among.
_SPARE_COUNT = 50
_BLOCK_FLOATS = 1 << 26


def say(text: str) -> None:
    """Prints a line of progress to standard error."""
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)


def fail(text: str) -> "SystemExit":
    """Returns what to raise to end with a message and exit code 2."""
    print("bench: " + text, file=sys.stderr, flush=True)
    return SystemExit(2)


def read_vectors(path: str, row_count_max: int | None = None) -> Matrix:
    """Returns the rows of a .npy (fp16 or fp32) or .fvecs file as fp32."""
    if path.endswith(".npy"):
        rows = _read_npy(path)
    elif path.endswith(".fvecs"):
        rows = _read_fvecs(path)
    else:
        raise fail("%s is neither .npy nor .fvecs" % path)
    if rows.shape[0] == 0 or rows.shape[1] == 0:
        raise fail("%s holds no rows" % path)
    matrix = np.ascontiguousarray(rows[:row_count_max], dtype=np.float32)
    if not np.isfinite(matrix).all():
        raise fail("%s holds a component that is not finite" % path)
    return matrix


def _read_npy(path: str) -> NDArray[Any]:
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise fail("%s: %s" % (path, error.strerror)) from error
    except ValueError as error:
        raise fail("%s is not a .npy of numbers" % path) from error
    if rows.ndim != 2 or rows.dtype not in (np.float16, np.float32):
        raise fail("%s is %s of shape %s, expected fp16 or fp32 of two "
                   "dimensions" % (path, rows.dtype, rows.shape))
    return rows


def _read_fvecs(path: str) -> NDArray[Any]:
    try:
        words = np.fromfile(path, dtype="<i4")
    except OSError as error:
        raise fail("%s: %s" % (path, error.strerror)) from error
    stride = int(words[0]) + 1 if len(words) > 0 else 0
    if stride < 2 or len(words) % stride != 0:
        raise fail("%s is not whole rows of .fvecs" % path)
    rows = words.reshape(-1, stride)
    if not (rows[:, 0] == stride - 1).all():
        raise fail("%s has rows of several dimensions" % path)
    return rows[:, 1:].view("<f4")


def normalised(rows: Matrix) -> Matrix:
    """Returns the rows at length 1; those of length 0 stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def file_digest(path: str) -> str:
    """Returns what tells this file's content from any other's."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError as error:
        raise fail("%s: %s" % (path, error.strerror)) from error


def distances(metric: str, rows: Matrix, queries: Matrix,
              ordinals: Ordinals) -> NDArray[np.float64]:
    """Returns the distance of each query to each of its rows, in fp64.

    An ordinal below 0 stands for no row and is infinitely far.
    """
    result = np.full(ordinals.shape, np.inf)
    for query, (vector, numbers) in enumerate(zip(queries, ordinals)):
        found = numbers >= 0
        near = rows[numbers[found]].astype(np.float64)
        wide = vector.astype(np.float64)
        if metric == "euclidean":
            result[query, found] = ((near - wide) ** 2).sum(axis=1)
        elif metric == "dot":
            result[query, found] = -(near @ wide)
        else:
            scale = np.linalg.norm(near, axis=1) * np.linalg.norm(wide)
            result[query, found] = 1 - near @ wide / np.maximum(scale, 1e-300)
    return result


def true_distances(metric: str, rows: Matrix,
                   queries: Matrix) -> NDArray[np.float64]:
    """Returns each query's TRUTH_COUNT smallest distances, ascending."""
    products_of = normalised(rows) if metric == "cosine" else rows
    half_squares = (np.einsum("ij,ij->i", rows, rows) / 2
                    if metric == "euclidean" else None)
    wanted = min(TRUTH_COUNT + _SPARE_COUNT, len(rows))
    candidates = np.empty((len(queries), wanted), dtype=np.int64)
    step = max(1, _BLOCK_FLOATS // len(rows))
    for first in range(0, len(queries), step):
        scores = queries[first:first + step] @ products_of.T
        if half_squares is not None:
            scores -= half_squares
        candidates[first:first + step] = np.argpartition(
            scores, len(rows) - wanted, axis=1)[:, len(rows) - wanted:]
    exact = np.sort(distances(metric, rows, queries, candidates), axis=1)
    return exact[:, :TRUTH_COUNT]


def load_truth(metric: str, base_path: str, query_path: str,
               folder: str) -> NDArray[np.float64]:
    """Returns true_distances() of two files, kept in `folder` once found."""
    path = os.path.join(folder, "truth-%s-%s-%s.npy" % (
        metric, file_digest(base_path), file_digest(query_path)))
    if not os.path.exists(path):
        say("comparing all queries with all rows")
        rows, queries = read_vectors(base_path), read_vectors(query_path)
        if rows.shape[1] != queries.shape[1]:
            raise fail("%s has %d components, %s has %d" % (
                query_path, queries.shape[1], base_path, rows.shape[1]))
        truth = true_distances(metric, rows, queries)
        np.save(path + ".part.npy", truth)
        os.replace(path + ".part.npy", path)
    return np.load(path, allow_pickle=False)


def recall(truth: NDArray[np.float64], found: NDArray[np.float64],
           k: int) -> float:
    """Returns the share of the k nearest that is among the first k found.

    `found` has the distances of what was found; a row is right when it is at
    most as far as the k-th true neighbor, so that equal distances are equal
    answers.
    """
    k = min(k, truth.shape[1])
    limit = truth[:, k - 1:k]
    limit = limit + _TOLERANCE * np.maximum(1, np.abs(limit))
    return float((found[:, :k] <= limit).sum() / (len(truth) * k))


def without_repeats(ordinals: Ordinals) -> Ordinals:
    """Returns a copy in which what a query found before is -1."""
    result = ordinals.copy()
    for row in result:
        _, first = np.unique(row, return_index=True)
        repeated = np.ones(len(row), dtype=bool)
        repeated[first] = False
        row[repeated] = -1
    return result
