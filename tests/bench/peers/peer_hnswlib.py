# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""hnswlib, the graph that most vector databases start from."""

import time
from typing import Any

import hnswlib
import numpy as np

from peer import GRAPH_BREADTHS, Peer, Setting, choose, chunks
from vectors import Matrix, Ordinals

_M = 16
_EF_CONSTRUCTION = 200


class Hnswlib(Peer):
    """knn_query() with one thread is a plain loop over the queries."""

    name = "hnswlib"
    label = "hnswlib M 16"
    build_options = {"M": _M, "ef_construction": _EF_CONSTRUCTION}
    is_loop_inside = True

    def __init__(self, metric: str, dimension: int, threads: int) -> None:
        super().__init__(metric, dimension, threads)
        space = choose(metric, {"cosine": "cosine", "euclidean": "l2",
                                "dot": "ip"}, "hnswlib")
        self._index: Any = hnswlib.Index(space=space, dim=dimension)

    def build(self, rows: Matrix) -> float:
        start = time.perf_counter()
        self._index.init_index(max_elements=len(rows), M=_M,
                               ef_construction=_EF_CONSTRUCTION,
                               random_seed=1)
        for part in chunks(len(rows), self.threads):
            self._index.add_items(rows[part],
                                  np.arange(part.start, part.stop),
                                  num_threads=self.threads)
            self.progress(part.stop)
        return time.perf_counter() - start

    def size_bytes(self) -> int:
        return int(self._index.index_file_size())

    def lines(self) -> list[list[Setting]]:
        return [[{"ef": ef} for ef in GRAPH_BREADTHS]]

    def configure(self, setting: Setting, k: int) -> None:
        self._index.set_ef(max(setting["ef"], k))

    def prepare(self, queries: Matrix) -> None:
        self._queries = queries
        self._each = list(queries.reshape(len(queries), 1, -1))

    def search(self, k: int) -> Ordinals:
        found, _ = self._index.knn_query(self._queries, k=k, num_threads=1)
        return found.astype(np.int64)

    def search_one(self, query_number: int, k: int) -> None:
        self._index.knn_query(self._each[query_number], k=k, num_threads=1)
