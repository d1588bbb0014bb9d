# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""What other codes and assignments of rows would do for the pages of a forest.

  page_codes.py BASE.npy QUERY.npy [--rows N] [--queries N] [--seed S]

Simulates one flat level of leaves (k-means, nearest leaves first, estimates from
codes, exact distances of the best), so that only what is compared differs:

  1, 2, 4 bit   codes of so many bits a component, relative to the leaf's centroid
                (RaBitQ and its extension: Gao and others, SIGMOD 2024 and 2025)
  soar          1-bit codes, each row in a second leaf, too, whose residual is
                about orthogonal to that of the first (Sun and others, NeurIPS
                2023); a row counts again in each
  nearest two   the same, in the two nearest leaves
  fp16, int8    exact distances from rows of such components

Prints recall@10 by cosine distance. Needs numpy alone.
"""

import argparse
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Numbers = NDArray[np.int64]
_K = 10
_LEAF_ROWS = 64
_ROUNDS = 10
_SOAR_LAMBDA = 1.0


def nearest_centroids(rows: Matrix, centroids: Matrix, count: int) -> Numbers:
    """Returns the `count` nearest centroids of each row, nearest first."""
    half = (centroids ** 2).sum(axis=1) / 2
    found = np.empty((len(rows), count), np.int64)
    for first in range(0, len(rows), 4096):
        scores = half - rows[first:first + 4096] @ centroids.T
        part = np.argpartition(scores, count, axis=1)[:, :count]
        order = np.take_along_axis(scores, part, 1).argsort(axis=1)
        found[first:first + 4096] = np.take_along_axis(part, order, 1)
    return found


def kmeans(rows: Matrix, count: int, random: np.random.Generator) -> Matrix:
    centroids = rows[random.choice(len(rows), count, replace=False)]
    for _ in range(_ROUNDS):
        leaf = nearest_centroids(rows, centroids, 1)[:, 0]
        sums = np.zeros_like(centroids)
        np.add.at(sums, leaf, rows)
        sizes = np.bincount(leaf, minlength=count)[:, None]
        centroids = np.where(sizes > 0, sums / np.maximum(sizes, 1), centroids)
    return centroids.astype(np.float32)


def quantized(units: Matrix, bits: int) -> Matrix:
    """Returns the codes nearest in angle, of odd integers, by trying scales."""
    if bits == 1:
        return np.where(units >= 0, 1, -1).astype(np.float32)
    top = 2 ** bits - 1
    best = np.full(len(units), -2.0, np.float32)
    codes = np.empty_like(units)
    deviation = 1 / units.shape[1] ** 0.5
    for reach in np.linspace(1.5, 4.0, 11):
        step = 2 * reach * deviation / (top + 1)
        tried = np.clip(2 * np.floor(units / step) + 1, -top, top)
        cosine = (tried * units).sum(axis=1) / np.linalg.norm(tried, axis=1)
        better = cosine > best
        codes[better], best[better] = tried[better], cosine[better]
    return codes


class Pages:
    """Leaves of rows, and a code for each row in each of its leaves."""

    def __init__(self, rows: Matrix, centroids: Matrix, leaves: list[Numbers],
                 rotation: Matrix, bits: int) -> None:
        self._centroids, self._rotation = centroids, rotation
        owner = np.concatenate(leaves)
        self._row = np.tile(np.arange(len(rows)), len(leaves))
        order = owner.argsort(kind="stable")
        self._row, owner = self._row[order], owner[order]
        self._ends = np.searchsorted(owner, np.arange(len(centroids) + 1))
        residual = (rows[self._row] - centroids[owner]) @ rotation
        self._length = np.linalg.norm(residual, axis=1)
        units = residual / np.maximum(self._length, 1e-12)[:, None]
        self._codes = quantized(units, bits).astype(np.int8)
        aligned = (self._codes * units).sum(axis=1)
        self._factor = self._length / np.maximum(aligned, 1e-12)
        self._constant = self._length ** 2 / 2 + (
            (residual @ rotation.T) * centroids[owner]).sum(axis=1)

    def best(self, query: Matrix, budget: int, rerank: int) -> Numbers:
        """Returns the rows of the best estimates among `budget` scanned."""
        centroid_scores = ((self._centroids ** 2).sum(axis=1) / 2 -
                           self._centroids @ query)
        places: list[Numbers] = []
        scores: list[Matrix] = []
        turned = query @ self._rotation
        taken = 0
        for leaf in centroid_scores.argsort():
            first, last = self._ends[leaf], self._ends[leaf + 1]
            estimate = (self._constant[first:last] + centroid_scores[leaf] -
                        self._factor[first:last] *
                        (self._codes[first:last] @ turned))
            places.append(np.arange(first, last))
            scores.append(estimate)
            taken += last - first
            if taken >= budget:
                break
        all_scores = np.concatenate(scores)
        order = all_scores.argsort()[:2 * rerank]
        found = self._row[np.concatenate(places)[order]]
        _, once = np.unique(found, return_index=True)
        return found[np.sort(once)][:rerank]


def recall(pages: Pages, rows: Matrix, queries: Matrix, truth: Numbers,
           budget: int, rerank: int) -> float:
    hits = 0
    for query, near in zip(queries, truth):
        found = pages.best(query, budget, rerank)
        nearest = found[(rows[found] @ query).argsort()[::-1][:_K]]
        hits += len(np.intersect1d(nearest, near))
    return hits / truth.size


def soar_leaves(rows: Matrix, centroids: Matrix, first: Numbers) -> Numbers:
    """Returns the second leaf of each row by the loss of SOAR, section 3.3."""
    second = np.empty_like(first)
    near = nearest_centroids(rows, centroids, 32)
    for row, candidates in enumerate(near):
        residual = rows[row] - centroids[first[row]]
        unit = residual / max(float(np.linalg.norm(residual)), 1e-12)
        other = rows[row] - centroids[candidates]
        loss = (other ** 2).sum(axis=1) + _SOAR_LAMBDA * (other @ unit) ** 2
        loss[candidates == first[row]] = np.inf
        second[row] = candidates[loss.argmin()]
    return second


def storage_recalls(rows: Matrix, queries: Matrix,
                    truth: Numbers) -> Iterator[tuple[str, float, float]]:
    """Yields recall and largest error of a distance by way of storage."""
    peak = np.abs(rows).max(axis=1, keepdims=True) / 127
    for name, kept in (("fp16", rows.astype(np.float16).astype(np.float32)),
                       ("int8", np.rint(rows / peak) * peak)):
        products = queries @ kept.T
        found = np.argpartition(-products, _K, axis=1)[:, :_K]
        hits = sum(len(np.intersect1d(a, b)) for a, b in zip(found, truth))
        error = float(np.abs(products - queries @ rows.T).max())
        yield name, hits / truth.size, error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("base")
    parser.add_argument("query")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random = np.random.default_rng(options.seed)
    rows, queries = (np.load(path)[:count].astype(np.float32) for path, count
                     in ((options.base, options.rows),
                         (options.query, options.queries)))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    truth = np.argpartition(-(queries @ rows.T), _K, axis=1)[:, :_K]
    centroids = kmeans(rows, len(rows) // _LEAF_ROWS, random)
    rotation, _ = np.linalg.qr(random.standard_normal((rows.shape[1],) * 2))
    rotation = rotation.astype(np.float32)
    near = nearest_centroids(rows, centroids, 2)
    first = near[:, 0]
    kinds = [("1 bit", [first], 1), ("2 bit", [first], 2),
             ("4 bit", [first], 4), ("nearest two", [first, near[:, 1]], 1),
             ("soar", [first, soar_leaves(rows, centroids, first)], 1)]
    print("%d rows of %d, %d queries, recall@10" % (*rows.shape, len(queries)))
    print("%-12s %6s %7s" % ("", "bytes", "rerank"), "".join(
        "%8s" % ("%g %%" % share) for share in (0.5, 1, 2, 4, 8)))
    for name, leaves, bits in kinds:
        pages = Pages(rows, centroids, leaves, rotation, bits)
        for rerank in (20, 60, 200):
            recalls = [recall(pages, rows, queries, truth,
                              int(len(rows) * share / 100), rerank)
                       for share in (0.5, 1, 2, 4, 8)]
            print("%-12s %6d %7d" % (
                name, len(leaves) * (rows.shape[1] * bits // 8 + 12), rerank),
                "".join("%8.4f" % value for value in recalls), flush=True)
    for name, value, error in storage_recalls(rows, queries, truth):
        print("%-12s recall@10 of an exact search %.4f, largest error of a "
              "distance %.1e" % (name, value, error))


if __name__ == "__main__":
    main()
