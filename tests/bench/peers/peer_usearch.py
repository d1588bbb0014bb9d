# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""usearch, a graph like hnswlib's and built with the same parameters."""

import time
from typing import Any

import numpy as np
from usearch.index import Index

from peer import GRAPH_BREADTHS, Peer, Setting, choose, chunks
from vectors import Matrix, Ordinals

_CONNECTIVITY = 16
_EXPANSION_ADD = 200


class Usearch(Peer):
    """Holds fp32 rows. search() with one thread is a loop over the queries."""

    name = "usearch"
    label = "usearch M 16"
    build_options = {"connectivity": _CONNECTIVITY,
                     "expansion_add": _EXPANSION_ADD, "dtype": "f32"}
    is_loop_inside = True

    def __init__(self, metric: str, dimension: int, threads: int) -> None:
        super().__init__(metric, dimension, threads)
        kind = choose(metric, {"cosine": "cos", "euclidean": "l2sq",
                               "dot": "ip"}, "usearch")
        self._index: Any = Index(ndim=dimension, metric=kind,
                            dtype=self.build_options["dtype"],
                            connectivity=_CONNECTIVITY,
                            expansion_add=_EXPANSION_ADD)

    def build(self, rows: Matrix) -> float:
        start = time.perf_counter()
        for part in chunks(len(rows), self.threads):
            self._index.add(np.arange(part.start, part.stop), rows[part],
                            threads=self.threads)
            self.progress(part.stop)
        return time.perf_counter() - start

    def size_bytes(self) -> int:
        return int(self._index.serialized_length)

    def lines(self) -> list[list[Setting]]:
        return [[{"expansion_search": breadth} for breadth in GRAPH_BREADTHS]]

    def configure(self, setting: Setting, k: int) -> None:
        self._index.expansion_search = max(setting["expansion_search"], k)

    def prepare(self, queries: Matrix) -> None:
        self._queries = queries
        self._each = list(queries)

    def search(self, k: int) -> Ordinals:
        matches = self._index.search(self._queries, k, threads=1)
        found = matches.keys.astype(np.int64)
        counts = np.asarray(matches.counts).reshape(-1, 1)
        found[np.arange(found.shape[1]) >= counts] = -1
        return found

    def search_one(self, query_number: int, k: int) -> None:
        self._index.search(self._each[query_number], k, threads=1)


class UsearchBf16(Usearch):
    """Holds the rows as bf16, which the library prefers itself.

    Its distances are those of rounded rows, and its size beyond fp32 rows is
    below zero since it does without them.
    """

    name = "usearch-bf16"
    label = "usearch M 16, bf16 rows"
    build_options = {**Usearch.build_options, "dtype": "bf16"}
