# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Changes of documents, commit by commit, as `copse_bench commits` makes them:
as many, in the same parts and orders, though not the same ones."""

import dataclasses

import numpy as np

from vectors import Matrix, Ordinals

ORDERS = ("scattered", "clustered")
_FIRST_SHARE = 0.9
_SEED = 1
_WORD_COUNT = 40


@dataclasses.dataclass
class Change:
    """One commit: documents to delete, and those that get a row."""

    deleted: list[int]
    upserted: list[int]
    rows: list[int]


class Population:
    """Which documents there are, and which rows of `vectors` they have."""

    def __init__(self, vectors: Matrix) -> None:
        self._vectors = vectors
        self._random = np.random.default_rng(_SEED)
        order = self._random.permutation(len(vectors)).tolist()
        count = int(len(vectors) * _FIRST_SHARE)
        self._spare: list[int] = order[count:]
        self.live: dict[int, int] = dict(enumerate(order[:count]))
        self._next = count

    def next(self, count: int, order: str) -> Change:
        """Deletes, replaces and inserts `count` documents in equal parts."""
        third = max(count // 3, 1)
        gone, new = self._choose(2 * third, order)
        change = Change(gone[:third],
                        gone[third:] + list(range(self._next,
                                                  self._next + third)), new)
        self._next += third
        freed = [self.live.pop(document) for document in gone]
        self.live.update(zip(change.upserted, change.rows))
        taken = set(new)
        self._spare = [row for row in self._spare if row not in taken] + freed
        return change

    def rows(self) -> Ordinals:
        """Returns the rows of all documents."""
        return np.fromiter(self.live.values(), np.int64, len(self.live))

    def _choose(self, count: int, order: str) -> tuple[list[int], list[int]]:
        documents, spare = list(self.live), self._spare
        if order == "scattered":
            return ([documents[i] for i in self._random.choice(
                        len(documents), count, replace=False)],
                    [spare[i] for i in self._random.choice(
                        len(spare), count, replace=False)])
        center = self._vectors[self._random.choice(self.rows())]
        live = self._distances(center, self.rows())
        free = self._distances(center, np.array(spare))
        return ([documents[i] for i in np.argsort(live, kind="stable")[:count]],
                [spare[i] for i in np.argsort(free, kind="stable")[:count]])

    def _distances(self, center: Matrix, rows: Ordinals) -> Matrix:
        return ((self._vectors[rows] - center) ** 2).sum(axis=1)


def text_of(row: int) -> str:
    """Returns a text of about 250 bytes."""
    words = np.random.default_rng(row).integers(0, 4000, _WORD_COUNT)
    return " ".join("word%d" % word for word in words)
