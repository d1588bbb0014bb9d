# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Measures what a commit costs copse and other libraries: one table.

  ./dev bench commit-peers [--rows N] [--commits N] [--shares S,...]

copse runs `copse_bench commits`. LanceDB makes a commit by merge_insert, delete,
optimize and a tag; Annoy and hnswlib, which have no versions, build an index of
everything, three times. Results are kept in the folder of --out, a file for each
library and kind of commit, and measured again with --fresh only.

Exit codes: 0 done, 1 a library failed, 2 wrong usage or bad input.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from typing import Any

import numpy as np

from commit_changes import ORDERS, Population
from commit_peers import COMMIT_PEERS, allocated_bytes
from vectors import (Matrix, distances, fail, file_digest, read_vectors,
                     recall, say, true_distances)

_ROOT = os.path.normpath(os.path.join(os.path.dirname(
    os.path.abspath(__file__)), "..", "..", ".."))
_K = 10
# copse's recall is taken where it scans so much of all rows.
_COPSE_BUDGET = 0.05


def parse_arguments() -> argparse.Namespace:
    data = os.path.join(_ROOT, "..", "shared", "data")
    parser = argparse.ArgumentParser(
        prog="./dev bench commit-peers", description=__doc__.split("\n")[0])
    parser.add_argument("--base", default=os.path.join(data, "minilm_base.npy"),
                        help="rows: .npy or .fvecs; those of ../shared/data "
                        "unless given")
    parser.add_argument("--query", default=os.path.join(
        data, "minilm_query.npy"), help="queries: the same formats")
    parser.add_argument("--rows", type=int, help="only the first so many rows")
    parser.add_argument("--commits", type=int, default=50,
                        help="commits of each kind, 50 unless given")
    parser.add_argument("--shares", default="0.0001,0.001,0.01,0.1",
                        help="shares of the documents that commits change; "
                        "0.0001,0.001,0.01,0.1 unless given")
    parser.add_argument("--threads", type=int, default=os.cpu_count(),
                        help="threads of copse, Annoy and hnswlib, all unless "
                        "given; LanceDB takes all")
    parser.add_argument("--only", default=",".join(("copse", *COMMIT_PEERS)),
                        metavar="NAMES", help="libraries to measure")
    parser.add_argument("--out", default=os.path.join(
        _ROOT, "build", "bench", "commits"), help="folder of the results")
    parser.add_argument("--fresh", action="store_true",
                        help="measure again what is there already")
    parser.add_argument("--program", default=os.path.join(
        _ROOT, "build", "release", "tests", "bench", "copse_bench"),
                        help="copse_bench; the release build unless given")
    arguments = parser.parse_args()
    arguments.only = arguments.only.split(",")
    for name in arguments.only:
        if name != "copse" and name not in COMMIT_PEERS:
            raise fail("--only names '%s', expected some of copse, %s" % (
                name, ", ".join(COMMIT_PEERS)))
    try:
        arguments.shares = [float(share)
                            for share in arguments.shares.split(",")]
    except ValueError as error:
        raise fail("--shares: %s" % error) from error
    if not all(0 < share <= 0.1 for share in arguments.shares):
        raise fail("--shares are above 0 and at most 0.1")
    if min(arguments.commits, arguments.threads, arguments.rows or 1) < 1:
        raise fail("--commits, --threads and --rows are at least 1")
    os.makedirs(arguments.out, exist_ok=True)
    return arguments


def use_row_count(arguments: argparse.Namespace) -> None:
    """Replaces the base by a file of its first --rows rows."""
    if arguments.rows is None:
        return
    path = os.path.join(arguments.out, "base-%d.npy" % arguments.rows)
    np.save(path, read_vectors(arguments.base, arguments.rows))
    arguments.base = path


def run_copse(arguments: argparse.Namespace, share: float) -> dict[str, Any]:
    """Returns the report of `copse_bench commits`, with both orders."""
    command = [arguments.program, "commits", "--base", arguments.base,
               "--query", arguments.query, "--shares", str(share), "--commits",
               str(arguments.commits), "--threads", str(arguments.threads),
               "--folder", os.path.join(arguments.out, "copse"), "--json"]
    say("copse: " + " ".join(command))
    report: dict[str, Any] = json.loads(subprocess.run(
        command, stdout=subprocess.PIPE, check=True).stdout)
    return report


def row_of_copse(report: dict[str, Any], order: str) -> dict[str, Any]:
    run = next(run for run in report["results"] if run["order"] == order)
    found = next(found["recall_at_10"] for found in run["recalls"]
                 if found["scan_budget"] == _COPSE_BUDGET)
    return {"median_seconds": run["median_seconds"],
            "p99_seconds": run["p99_seconds"], "bytes": run["folder_bytes"],
            "full_seconds": report["full_seconds"], "recall_at_10": found}


def measure_peer(name: str, arguments: argparse.Namespace, vectors: Matrix,
                 queries: Matrix, share: float, order: str) -> dict[str, Any]:
    folder = os.path.join(arguments.out, name)
    peer = COMMIT_PEERS[name](vectors, folder, arguments.threads)
    population = Population(vectors)
    full_seconds = peer.begin(population)
    before = allocated_bytes(folder)
    change_count = max(int(share * len(population.live)), 3)
    commit_count = min(arguments.commits, peer.commit_count_max)
    seconds = []
    for number in range(commit_count):
        change = population.next(change_count, order)
        start = time.perf_counter()
        peer.commit(change, population)
        seconds.append(time.perf_counter() - start)
        say("%s: commit %d of %d, %.3f s" % (name, number + 1, commit_count,
                                             seconds[-1]))
    size_bytes = (allocated_bytes(folder) - before) / commit_count
    truth = true_distances("cosine", vectors[population.rows()], queries)
    found = distances("cosine", vectors, queries, peer.search(queries, _K))
    shutil.rmtree(folder)
    return {"median_seconds": float(np.median(seconds)),
            "p99_seconds": float(np.quantile(seconds, 0.99)),
            "bytes": size_bytes, "full_seconds": full_seconds,
            "recall_at_10": recall(truth, np.sort(found, axis=1), _K)}


def measure_or_reuse(name: str, arguments: argparse.Namespace,
                     data: tuple[Matrix, Matrix], share: float, order: str,
                     inputs: dict[str, Any],
                     reports: dict[float, dict[str, Any]]) -> dict[str, Any]:
    """Returns what --out keeps of the same inputs, or a new measurement."""
    path = os.path.join(arguments.out, "%s-%g-%s.json" % (name, share, order))
    if not arguments.fresh and os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            kept = json.load(file)
        if kept["inputs"] == inputs:
            return kept
    if name == "copse":
        if share not in reports:
            reports[share] = run_copse(arguments, share)
        measured = row_of_copse(reports[share], order)
    else:
        measured = measure_peer(name, arguments, *data, share, order)
    measured = {"library": name, "share": share, "order": order, **measured,
                "inputs": inputs}
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump(measured, file, indent=2)
    os.replace(path + ".part", path)
    return measured


def to_table(results: list[dict[str, Any]]) -> str:
    lines = ["%8s %10s  %-8s %10s %10s %9s %12s %9s %8s" % (
        "share", "order", "library", "median ms", "p99 ms", "x copse",
        "bytes", "x copse", "recall")]
    reference: dict[tuple[float, str], dict[str, Any]] = {
        (result["share"], result["order"]): result
        for result in results if result["library"] == "copse"}
    for result in results:
        base = reference.get((result["share"], result["order"]), result)
        lines.append("%6.2f %% %10s  %-8s %10.2f %10.2f %9.1f %12.0f %9.1f "
                     "%8.4f" % (
                         100 * result["share"], result["order"],
                         result["library"], 1e3 * result["median_seconds"],
                         1e3 * result["p99_seconds"],
                         result["median_seconds"] / base["median_seconds"],
                         result["bytes"], result["bytes"] / base["bytes"],
                         result["recall_at_10"]))
    lines += ["", "recall@10 after the last commit: of copse where it scans %g "
              "%% of the rows," % (100 * _COPSE_BUDGET),
              "of the others at one setting each (commit_peers.py)."]
    return "\n".join(lines) + "\n"


def main() -> int:
    arguments = parse_arguments()
    use_row_count(arguments)
    data = (read_vectors(arguments.base), read_vectors(arguments.query))
    inputs = {"files": [file_digest(arguments.base),
                        file_digest(arguments.query)],
              "commits": arguments.commits, "threads": arguments.threads}
    reports: dict[float, dict[str, Any]] = {}
    results, is_failed = [], False
    for share in arguments.shares:
        for order in ORDERS:
            for name in arguments.only:
                try:
                    results.append(measure_or_reuse(
                        name, arguments, data, share, order, inputs, reports))
                except (subprocess.CalledProcessError, RuntimeError,
                        OSError) as error:
                    is_failed = True
                    say("%s failed: %s" % (name, error))
    table = to_table(results)
    with open(os.path.join(arguments.out, "table.txt"), "w",
              encoding="utf-8") as file:
        file.write(table)
    print(table, end="")
    return 1 if is_failed else 0


if __name__ == "__main__":
    sys.exit(main())
