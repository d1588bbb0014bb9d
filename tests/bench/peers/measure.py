# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Builds and sweeps one peer and writes what it measured as JSON.

  measure.py NAME --base FILE --query FILE --metric M --threads N --work DIR
      --out FILE

A process of its own for each peer. `cpu_share` is how much of a core the timed
searches had: below 1, other programs took the rest and the speed is too low.
Exit codes: 0 done, 2 bad input, 3 the
library cannot do what is asked (the reason is on standard output).
"""

import argparse
import importlib.metadata
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peer import Peer, Setting, Unsupported
from peer_catalog import PACKAGES, PEER_NAMES, load
from report import LEVELS
from vectors import (METRICS, Matrix, distances, load_truth, read_vectors,
                     recall, say, without_repeats)

EXIT_UNSUPPORTED = 3
NEIGHBOR_COUNT = 10
_WIDE_COUNT = 100

# A setting is timed for at least this long.
_SECONDS_MIN = 1.0
_PASS_COUNT_MIN = 3
# What costs more than this a query is of no use to anyone.
_PASS_SECONDS_MAX = 60.0
# A line of settings ends with the table, or when more effort twice found no
# more.
_RECALL_ENOUGH = max(LEVELS)
_RECALL_GAIN_MIN = 0.00005
_STALL_COUNT_MAX = 2

Result = dict[str, Any]


def time_passes(run: Callable[[], float]) -> float:
    """Returns the median of the seconds that run() returns."""
    seconds = [run()]
    while sum(seconds) < _SECONDS_MIN or (
            len(seconds) < _PASS_COUNT_MIN and seconds[0] < _SECONDS_MIN):
        seconds.append(run())
    return float(np.median(seconds))


class Sweep:
    """Measures settings of one built peer."""

    def __init__(self, peer: Peer, rows: Matrix, queries: Matrix,
                 truth: NDArray[np.float64]) -> None:
        self._peer = peer
        self._rows = rows
        self._queries = queries
        self._truth = truth
        peer.prepare(queries)

    def run(self) -> list[Result]:
        """Returns the results of all lines of settings, for each mode."""
        results: list[Result] = []
        for line in self._peer.lines():
            best, stall_count = 0.0, 0
            for setting in line:
                measured = self._measure(setting)
                results.extend(measured)
                reached = measured[0]["recall_at_10"]
                is_stalled = reached - best < _RECALL_GAIN_MIN
                stall_count = stall_count + 1 if is_stalled else 0
                best = max(best, reached)
                if (best >= _RECALL_ENOUGH or stall_count == _STALL_COUNT_MAX
                        or measured[0]["queries_per_second"]
                        < len(self._queries) / _PASS_SECONDS_MAX):
                    break
        return results

    def _measure(self, setting: Setting) -> list[Result]:
        recalls = self._recalls(setting)
        self._peer.configure(setting, NEIGHBOR_COUNT)
        each: list[NDArray[np.int64]] = []
        cpu_start, start = time.process_time(), time.perf_counter()

        def run_each() -> float:
            each.append(self._time_each())
            return float(each[-1].sum()) / 1e9

        def run_all() -> float:
            begin = time.perf_counter()
            self._peer.search(NEIGHBOR_COUNT)
            return time.perf_counter() - begin

        seconds = {"single": time_passes(run_all if self._peer.is_loop_inside
                                         else run_each)}
        if not each:
            run_each()
        if self._peer.has_batch_mode:
            seconds["batch"] = time_passes(run_all)
        cpu_share = ((time.process_time() - cpu_start)
                     / (time.perf_counter() - start))
        microseconds = np.concatenate(each) / 1e3
        results = []
        for mode, median in seconds.items():
            result: Result = {"mode": mode, "options": setting, **recalls}
            result["queries_per_second"] = len(self._queries) / median
            result["cpu_share"] = cpu_share
            if mode == "single":
                result["p50_us"] = float(np.percentile(microseconds, 50))
                result["p99_us"] = float(np.percentile(microseconds, 99))
            results.append(result)
            say("%s %s %s: recall@10 %.4f, %.0f queries/s" % (
                self._peer.name, mode, setting, result["recall_at_10"],
                result["queries_per_second"]))
        return results

    def _recalls(self, setting: Setting) -> Result:
        """These searches warm up, too."""
        recalls: Result = {}
        for k, counts in ((_WIDE_COUNT, (_WIDE_COUNT,)),
                          (NEIGHBOR_COUNT, (1, NEIGHBOR_COUNT))):
            k = min(k, len(self._rows))
            self._peer.configure(setting, k)
            ordinals = without_repeats(self._peer.search(k))
            found = distances(self._peer.metric, self._rows, self._queries,
                              ordinals)
            for count in counts:
                recalls["recall_at_%d" % count] = recall(self._truth, found,
                                                         count)
        return recalls

    def _time_each(self) -> NDArray[np.int64]:
        """Returns the nanoseconds of each query, one after the other."""
        nanoseconds = np.empty(len(self._queries), dtype=np.int64)
        search_one, clock = self._peer.search_one, time.perf_counter_ns
        for number in range(len(nanoseconds)):
            start = clock()
            search_one(number, NEIGHBOR_COUNT)
            nanoseconds[number] = clock() - start
        return nanoseconds


def measure(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Returns the whole report of one peer; raises Unsupported."""
    rows = read_vectors(arguments.base)
    queries = read_vectors(arguments.query)
    peer_class = load(name)
    peer = peer_class(arguments.metric, rows.shape[1], arguments.threads)
    truth = load_truth(arguments.metric, arguments.base, arguments.query,
                       arguments.work)
    say("%s: building over %d rows with %d threads" % (
        name, len(rows), arguments.threads))
    start = time.perf_counter()
    peer.progress = lambda count: say("%s: %d of %d rows after %.0f s" % (
        name, count, len(rows), time.perf_counter() - start))
    build_seconds = peer.build(rows)
    total = peer.size_bytes() / len(rows)
    say("%s: built in %.1f s, %.0f bytes a row" % (name, build_seconds, total))
    return {
        "library": name,
        "label": peer.label,
        "version": importlib.metadata.version(PACKAGES[name]),
        "rows": len(rows),
        "dimension": rows.shape[1],
        "queries": len(queries),
        "metric": arguments.metric,
        "threads": arguments.threads,
        "search_threads": 1,
        "k": NEIGHBOR_COUNT,
        "options": peer.build_options,
        "build_seconds": build_seconds,
        "bytes_per_vector": total - 4 * rows.shape[1],
        "total_bytes_per_vector": total,
        "results": Sweep(peer, rows, queries, truth).run(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", choices=PEER_NAMES)
    parser.add_argument("--base", required=True)
    parser.add_argument("--query", required=True)
    parser.add_argument("--metric", choices=METRICS, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--work", required=True, help="keeps the truth")
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    try:
        report = measure(arguments.name, arguments)
    except Unsupported as reason:
        print(reason)
        return EXIT_UNSUPPORTED
    with open(arguments.out, "w", encoding="utf-8") as file:
        json.dump(report, file, indent=2)
        file.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
