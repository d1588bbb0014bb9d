# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a library has to offer to be measured beside copse.

One subclass for each library and way of building; `peer_catalog.py` names
them all.
"""

import abc
from collections.abc import Callable, Iterator
from typing import ClassVar

from vectors import Matrix, Ordinals

Setting = dict[str, int]


class Unsupported(Exception):
    """The library cannot do what is asked; the message says why."""


class Peer(abc.ABC):
    """An index of one library over one set of rows.

    Used in this order: the constructor, build(), prepare(), and then for each
    setting configure() and any number of searches. Searches use one thread.
    """

    name: ClassVar[str]
    # What the table calls it, and how the index is built.
    label: str
    build_options: dict[str, int | str]
    # Whether search() handles one query after the other inside the library, so
    # that it tells the speed of single queries without Python's share. If not,
    # single queries are timed around search_one().
    is_loop_inside: ClassVar[bool] = False
    # Whether search() gains from many queries at once and counts as a second
    # mode, "batch".
    has_batch_mode: ClassVar[bool] = False

    def __init__(self, metric: str, dimension: int, threads: int) -> None:
        """Raises Unsupported when the library lacks the metric."""
        self.metric = metric
        self.dimension = dimension
        self.threads = threads
        # Said once rows have been added; may be replaced.
        self.progress: Callable[[int], None] = lambda row_count: None

    @abc.abstractmethod
    def build(self, rows: Matrix) -> float:
        """Builds the index and returns the seconds that it took."""

    @abc.abstractmethod
    def size_bytes(self) -> int:
        """Returns the size of the index with all that it needs to search."""

    @abc.abstractmethod
    def lines(self) -> list[list[Setting]]:
        """Returns settings to sweep, each line of them by rising effort."""

    @abc.abstractmethod
    def configure(self, setting: Setting, k: int) -> None:
        """Makes the next searches, for `k` neighbors each, use `setting`."""

    @abc.abstractmethod
    def prepare(self, queries: Matrix) -> None:
        """Takes the queries that all searches are for."""

    @abc.abstractmethod
    def search(self, k: int) -> Ordinals:
        """Returns what all queries find, -1 where nothing; one call."""

    @abc.abstractmethod
    def search_one(self, query_number: int, k: int) -> None:
        """Searches for one query, at the least cost that Python allows."""


def choose(metric: str, names: dict[str, str], library: str) -> str:
    """Returns the library's name of the metric; raises Unsupported."""
    if metric not in names:
        raise Unsupported("%s has no metric %s" % (library, metric))
    return names[metric]


def chunks(row_count: int, threads: int) -> Iterator[slice]:
    """Yields slices to add rows by, so that progress can be said.

    They are large beside the number of threads: none waits for the others
    for long.
    """
    step = max(5000 * threads, row_count // 20)
    for first in range(0, row_count, step):
        yield slice(first, min(first + step, row_count))


# Candidates of a search in a graph.
GRAPH_BREADTHS = (10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112,
                  128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 1024,
                  1536, 2048, 3072, 4096)
