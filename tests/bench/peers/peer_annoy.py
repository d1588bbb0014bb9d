# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Annoy, a forest of random hyperplanes."""

import os
import tempfile
import time
from typing import Any, ClassVar

import annoy
import numpy as np

from peer import Peer, Setting, choose
from vectors import Matrix, Ordinals

_SEARCH_COUNTS = tuple(round(250 * 2 ** (step / 2)) for step in range(26))


class _Annoy(Peer):
    """Takes rows and queries one by one only.

    Queries are lists made beforehand: reading one takes some 5 us of
    milliseconds. The seconds that adding rows through Python takes are not
    counted.
    """

    tree_count: ClassVar[int]

    def __init__(self, metric: str, dimension: int, threads: int) -> None:
        super().__init__(metric, dimension, threads)
        name = choose(metric, {"cosine": "angular", "euclidean": "euclidean",
                               "dot": "dot"}, "annoy")
        self._index: Any = annoy.AnnoyIndex(dimension, name)
        self._search_count = 0

    def build(self, rows: Matrix) -> float:
        self._index.set_seed(1)
        for number, row in enumerate(rows):
            self._index.add_item(number, row)
        self.progress(len(rows))
        start = time.perf_counter()
        self._index.build(self.tree_count, n_jobs=self.threads)
        return time.perf_counter() - start

    def size_bytes(self) -> int:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "index.ann")
            self._index.save(path)
            return os.path.getsize(path)

    def lines(self) -> list[list[Setting]]:
        return [[{"search_k": count} for count in _SEARCH_COUNTS]]

    def configure(self, setting: Setting, k: int) -> None:
        self._search_count = max(setting["search_k"], k)

    def prepare(self, queries: Matrix) -> None:
        self._each = queries.tolist()

    def search(self, k: int) -> Ordinals:
        found = np.full((len(self._each), k), -1, dtype=np.int64)
        for row, query in zip(found, self._each):
            numbers = self._index.get_nns_by_vector(query, k,
                                                    self._search_count)
            row[:len(numbers)] = numbers
        return found

    def search_one(self, query_number: int, k: int) -> None:
        self._index.get_nns_by_vector(self._each[query_number], k,
                                      self._search_count)


class Annoy10(_Annoy):
    """10 trees."""

    name = "annoy-10"
    label = "annoy 10 trees"
    tree_count = 10
    build_options = {"trees": tree_count}


class Annoy50(_Annoy):
    """50 trees."""

    name = "annoy-50"
    label = "annoy 50 trees"
    tree_count = 50
    build_options = {"trees": tree_count}
