# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""voyager, a descendant of hnswlib, with hnswlib's parameters."""

import time
from typing import Any

import numpy as np
import voyager

from peer import GRAPH_BREADTHS, Peer, Setting, choose, chunks
from vectors import Matrix, Ordinals

_M = 16
_EF_CONSTRUCTION = 200


class _ByteCounter:
    """A file that keeps nothing but the number of bytes written."""

    def __init__(self) -> None:
        self.count = 0

    def write(self, data: bytes) -> int:
        self.count += len(data)
        return len(data)

    def seekable(self) -> bool:
        return False

    def seek(self, offset: int, whence: int = 0) -> int:
        raise OSError("a counter cannot seek")

    def tell(self) -> int:
        return self.count


class Voyager(Peer):
    """query() with one thread is a plain loop over the queries."""

    name = "voyager"
    label = "voyager M 16"
    build_options = {"M": _M, "ef_construction": _EF_CONSTRUCTION,
                     "storage": "Float32"}
    is_loop_inside = True

    def __init__(self, metric: str, dimension: int, threads: int) -> None:
        super().__init__(metric, dimension, threads)
        space = choose(metric, {"cosine": "Cosine", "euclidean": "Euclidean",
                                "dot": "InnerProduct"}, "voyager")
        self._space = getattr(voyager.Space, space)
        self._breadth = 0

    def build(self, rows: Matrix) -> float:
        start = time.perf_counter()
        self._index: Any = voyager.Index(
            self._space, num_dimensions=self.dimension, M=_M,
            ef_construction=_EF_CONSTRUCTION, random_seed=1,
            max_elements=len(rows),
            storage_data_type=voyager.StorageDataType.Float32)
        for part in chunks(len(rows), self.threads):
            self._index.add_items(rows[part],
                                  ids=list(range(part.start, part.stop)),
                                  num_threads=self.threads)
            self.progress(part.stop)
        return time.perf_counter() - start

    def size_bytes(self) -> int:
        file = _ByteCounter()
        self._index.save(file)
        return file.count

    def lines(self) -> list[list[Setting]]:
        return [[{"query_ef": breadth} for breadth in GRAPH_BREADTHS]]

    def configure(self, setting: Setting, k: int) -> None:
        self._breadth = max(setting["query_ef"], k)

    def prepare(self, queries: Matrix) -> None:
        self._queries = queries
        self._each = list(queries)

    def search(self, k: int) -> Ordinals:
        found, _ = self._index.query(self._queries, k=k, num_threads=1,
                                     query_ef=self._breadth)
        return found.astype(np.int64)

    def search_one(self, query_number: int, k: int) -> None:
        self._index.query(self._each[query_number], k=k, num_threads=1,
                          query_ef=self._breadth)
