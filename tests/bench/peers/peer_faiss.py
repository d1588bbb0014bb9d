# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""faiss' inverted files with fast-scan codes, re-ranked by the fp32 rows.

search_one() calls the C++ method by its address: faiss' own Python wrapper
would add several microseconds to each query.
"""

import time
from typing import Any, ClassVar

import faiss
import numpy as np

from peer import Peer, Setting, Unsupported
from vectors import Matrix, Ordinals, normalised

_PROBE_COUNTS = (4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512,
                 768, 1024)


class _Faiss(Peer):
    """An index made by index_factory(), re-ranked outside of the codes.

    Cosine is the inner product of normalised rows: at equal probes it finds
    more of these than the Euclidean distance, since the clustering is
    spherical then.
    """

    has_batch_mode = True
    factory: str
    rerank_counts: ClassVar[tuple[int, ...]]

    def __init__(self, metric: str, dimension: int, threads: int) -> None:
        super().__init__(metric, dimension, threads)
        measure = (faiss.METRIC_L2 if metric == "euclidean"
                   else faiss.METRIC_INNER_PRODUCT)
        try:
            self._index: Any = faiss.index_factory(dimension, self.factory,
                                                   measure)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise Unsupported("faiss cannot make %s of %d dimensions: %s" % (
                self.factory, dimension, reason)) from error
        self._inverted = faiss.extract_index_ivf(self._index.base_index)

    def build(self, rows: Matrix) -> float:
        if len(rows) < self._inverted.nlist:
            raise Unsupported("%s needs at least %d rows" % (
                self.factory, self._inverted.nlist))
        faiss.omp_set_num_threads(self.threads)
        start = time.perf_counter()
        if self.metric == "cosine":
            rows = normalised(rows)
        self._index.train(rows)
        self._index.add(rows)
        seconds = time.perf_counter() - start
        faiss.omp_set_num_threads(1)
        return seconds

    def size_bytes(self) -> int:
        size = 0

        def count(data: bytes) -> int:
            nonlocal size
            size += len(data)
            return len(data)

        faiss.write_index(self._index, faiss.PyCallbackIOWriter(count))
        return size

    def lines(self) -> list[list[Setting]]:
        counts = [count for count in _PROBE_COUNTS
                  if count <= self._inverted.nlist]
        return [[{"nprobe": count, "rerank_count": rerank_count}
                 for count in counts] for rerank_count in self.rerank_counts]

    def configure(self, setting: Setting, k: int) -> None:
        self._inverted.nprobe = setting["nprobe"]
        self._index.k_factor = max(1.0, setting["rerank_count"] / k)

    def prepare(self, queries: Matrix) -> None:
        self._queries = (normalised(queries) if self.metric == "cosine"
                         else queries)
        self._each = [faiss.swig_ptr(query) for query in self._queries]
        self._outputs: dict[int, tuple[Any, ...]] = {}

    def search(self, k: int) -> Ordinals:
        _, found = self._index.search(self._queries, k)
        return found

    def search_one(self, query_number: int, k: int) -> None:
        if k not in self._outputs:
            # The arrays stay with their addresses.
            distances, found = np.empty(k, np.float32), np.empty(k, np.int64)
            self._outputs[k] = (distances, found, faiss.swig_ptr(distances),
                                faiss.swig_ptr(found))
        _, _, distances_at, found_at = self._outputs[k]
        self._index.search_c(1, self._each[query_number], k,
                             distances_at, found_at)


class FaissPq(_Faiss):
    """4-bit product quantisation, two components a code."""

    name = "faiss-pq"
    rerank_counts = (20, 30, 50, 100)

    def __init__(self, metric: str, dimension: int, threads: int) -> None:
        if dimension % 2 != 0:
            raise Unsupported("codes of two components need an even dimension")
        # The same codes for other dimensions than 384, too.
        self.factory = "IVF1024,PQ%dx4fs,RFlat" % (dimension // 2)
        self.label = "faiss " + self.factory
        self.build_options = {"factory": self.factory}
        super().__init__(metric, dimension, threads)


class FaissRabitq(_Faiss):
    """One bit a component. A rotation first gained nothing on embeddings."""

    name = "faiss-rabitq"
    label = "faiss IVF1024,RaBitQfs,RFlat"
    factory = "IVF1024,RaBitQfs,RFlat"
    build_options = {"factory": factory}
    rerank_counts = (30, 50, 100, 200)
