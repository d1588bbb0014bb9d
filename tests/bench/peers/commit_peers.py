# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""How other libraries keep an index of each commit.

LanceDB has versions: a commit is merge_insert, delete, a tag and optimize.
Annoy and hnswlib have none: each commit is an index built anew, in a file.
"""

import abc
import os
import shutil
import time
from typing import Any, ClassVar

import numpy as np

from commit_changes import Change, Population, text_of
from vectors import Matrix, Ordinals

os.environ.setdefault("LANCE_LOG", "error")  # Read when it is imported.


def allocated_bytes(folder: str) -> int:
    """Returns the size on disk of all files of `folder`, each once."""
    sizes: dict[int, int] = {}
    for parent, _, files in os.walk(folder):
        for name in files:
            status = os.stat(os.path.join(parent, name))
            sizes[status.st_ino] = status.st_blocks * 512
    return sum(sizes.values())


class CommitPeer(abc.ABC):
    """A chain of commits in a folder; begin(), then commit() for each."""

    name: ClassVar[str]
    # Commits that are measured of each kind: as many as asked for, or fewer.
    commit_count_max: ClassVar[int] = 1 << 30

    def __init__(self, vectors: Matrix, folder: str, threads: int) -> None:
        self.vectors = vectors
        self.folder = folder
        self.threads = threads

    @abc.abstractmethod
    def begin(self, population: Population) -> float:
        """Makes the first commit and returns its seconds."""

    @abc.abstractmethod
    def commit(self, change: Change, population: Population) -> None:
        """Makes the next commit, after which there are `population`."""

    @abc.abstractmethod
    def search(self, queries: Matrix, k: int) -> Ordinals:
        """Returns the rows found at the last commit, -1 where none."""


class LanceDb(CommitPeer):
    """One table; IVF_RQ, whose codes have one bit a component, as copse's."""

    name = "lancedb"
    _PROBES = 20
    _REFINE = 10

    def __init__(self, vectors: Matrix, folder: str, threads: int) -> None:
        super().__init__(vectors, folder, threads)
        import lancedb
        import lancedb.index
        self._lancedb = lancedb
        self._table: Any = None
        self._commits = 0

    def begin(self, population: Population) -> float:
        first = self.folder + "-first"
        seconds = 0.0
        if not os.path.exists(first):
            start = time.perf_counter()
            self._make_first(first + "-part", population)
            seconds = time.perf_counter() - start
            os.rename(first + "-part", first)
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(first, self.folder)
        self._table = self._lancedb.connect(self.folder).open_table("rows")
        return seconds

    def _make_first(self, folder: str, population: Population) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        index = self._lancedb.index
        table = self._lancedb.connect(folder).create_table(
            "rows", data=self._batch(list(population.live),
                                     list(population.live.values())))
        table.create_index("id", config=index.BTree())
        table.create_index("vector", config=index.IvfRq(
            distance_type="cosine",
            num_partitions=int(len(population.live) ** 0.5)))

    def commit(self, change: Change, population: Population) -> None:
        table = self._table
        if change.upserted:
            table.merge_insert("id").when_matched_update_all() \
                .when_not_matched_insert_all() \
                .execute(self._batch(change.upserted, change.rows))
        table.delete("id IN (%s)" % ",".join(
            "'%d'" % document for document in change.deleted))
        table.optimize()
        self._commits += 1
        table.tags.create("c%d" % self._commits, table.version)

    def search(self, queries: Matrix, k: int) -> Ordinals:
        found = np.full((len(queries), k), -1, dtype=np.int64)
        for row, query in zip(found, queries):
            rows = self._table.search(query).distance_type("cosine") \
                .nprobes(self._PROBES).refine_factor(self._REFINE).limit(k) \
                .select(["row", "_distance"]).to_arrow()["row"].to_numpy()
            row[:len(rows)] = rows
        return found

    def _batch(self, documents: list[int], rows: list[int]) -> Any:
        import pyarrow
        vectors = pyarrow.FixedSizeListArray.from_arrays(
            pyarrow.array(self.vectors[rows].ravel()), self.vectors.shape[1])
        return pyarrow.table({
            "id": pyarrow.array([str(document) for document in documents]),
            "row": pyarrow.array(rows, pyarrow.int64()), "vector": vectors,
            "text": pyarrow.array([text_of(row) for row in rows])})


class _Rebuilt(CommitPeer):
    """An index built anew for each commit."""

    commit_count_max = 3

    def __init__(self, vectors: Matrix, folder: str, threads: int) -> None:
        super().__init__(vectors, folder, threads)
        self._rows = np.empty(0, dtype=np.int64)
        self._commits = 0

    def begin(self, population: Population) -> float:
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        return 0.0

    def commit(self, change: Change, population: Population) -> None:
        self._rows = population.rows()
        self._commits += 1
        self.build(self.vectors[self._rows],
                   os.path.join(self.folder, "c%d" % self._commits))

    @abc.abstractmethod
    def build(self, vectors: Matrix, path: str) -> None:
        """Builds an index of `vectors` and writes it to `path`."""

    def to_rows(self, found: Ordinals) -> Ordinals:
        """Returns the rows of what the last index found."""
        return np.where(found >= 0, self._rows[found], -1)


class AnnoyRebuilt(_Rebuilt):
    """10 trees."""

    name = "annoy"
    _TREES = 10
    _SEARCH_COUNT = 20000

    def build(self, vectors: Matrix, path: str) -> None:
        import annoy
        self._index: Any = annoy.AnnoyIndex(vectors.shape[1], "angular")
        self._index.set_seed(1)
        for number, vector in enumerate(vectors):
            self._index.add_item(number, vector)
        self._index.build(self._TREES, n_jobs=self.threads)
        self._index.save(path)

    def search(self, queries: Matrix, k: int) -> Ordinals:
        found = np.full((len(queries), k), -1, dtype=np.int64)
        for row, query in zip(found, queries):
            numbers = self._index.get_nns_by_vector(query, k,
                                                    self._SEARCH_COUNT)
            row[:len(numbers)] = numbers
        return self.to_rows(found)


class HnswlibRebuilt(_Rebuilt):
    """M 16, efConstruction 200."""

    name = "hnswlib"
    _BREADTH = 64

    def build(self, vectors: Matrix, path: str) -> None:
        import hnswlib
        self._index: Any = hnswlib.Index(space="cosine", dim=vectors.shape[1])
        self._index.init_index(max_elements=len(vectors), M=16,
                               ef_construction=200, random_seed=1)
        self._index.add_items(vectors, num_threads=self.threads)
        self._index.save_index(path)

    def search(self, queries: Matrix, k: int) -> Ordinals:
        self._index.set_ef(self._BREADTH)
        found, _ = self._index.knn_query(queries, k=k, num_threads=1)
        return self.to_rows(found.astype(np.int64))


COMMIT_PEERS = {peer.name: peer
                for peer in (LanceDb, AnnoyRebuilt, HnswlibRebuilt)}
