# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Measures copse's join of near rows beside a search for each row in hnswlib.

  build/bench-venv/bin/python tests/bench/peers/run_duplicates.py \\
      [--base FILE] [--rows N] [--distances D,...] [--neighbors K] [--ef N,...]

`copse_bench duplicates` compares all rows with all and says how many pairs are
true. hnswlib then searches for the --neighbors nearest of each row, in one
thread, with each --ef; of what it finds, the pairs within each distance count.
A table goes to standard output, progress to standard error.

Exit codes: 0 done, 1 a program failed, 2 wrong usage or bad input.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np

from peer_hnswlib import Hnswlib
from vectors import Matrix, fail, read_vectors, say

_ROOT = os.path.normpath(os.path.join(os.path.dirname(
    os.path.abspath(__file__)), "..", "..", ".."))
# fp32 distances of two libraries differ by so much.
_ROUNDING = 1e-6


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--base", default=os.path.join(
        _ROOT, "..", "shared", "data", "minilm_base.npy"),
                        help="rows: .npy or .fvecs; those of ../shared/data "
                        "unless given")
    parser.add_argument("--rows", type=int, help="only the first so many rows")
    parser.add_argument("--distances", default="0.05,0.1",
                        help="cosine distances; 0.05,0.1 unless given")
    parser.add_argument("--neighbors", type=int, default=10,
                        help="neighbors of each row, 10 unless given")
    parser.add_argument("--ef", default="16,32,64,128",
                        help="breadths of hnswlib; 16,32,64,128 unless given")
    parser.add_argument("--program", default=os.path.join(
        _ROOT, "build", "release", "tests", "bench", "copse_bench"),
                        help="copse_bench; the release build unless given")
    arguments = parser.parse_args()
    try:
        arguments.distances = [float(text)
                               for text in arguments.distances.split(",")]
        arguments.ef = [int(text) for text in arguments.ef.split(",")]
    except ValueError as error:
        raise fail("--distances or --ef: %s" % error) from error
    if min(arguments.neighbors, arguments.rows or 2, *arguments.ef) < 1:
        raise fail("--neighbors, --rows and --ef are at least 1")
    return arguments


def run_copse(arguments: argparse.Namespace, base: str) -> dict[str, Any]:
    command = [arguments.program, "duplicates", "--base", base, "--distances",
               ",".join("%g" % distance for distance in arguments.distances),
               "--json"]
    say("copse: " + " ".join(command))
    report: dict[str, Any] = json.loads(subprocess.run(
        command, stdout=subprocess.PIPE, check=True).stdout)
    return report


def count_pairs(vectors: Matrix, found: np.ndarray[Any, Any],
                distance: float) -> int:
    """Returns how many pairs of a row and one it found are within."""
    rows = np.repeat(np.arange(len(vectors)), found.shape[1])
    others = found.reshape(-1)
    pairs = np.unique(np.stack([np.minimum(rows, others),
                                np.maximum(rows, others)], axis=1), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    products = np.einsum("ij,ij->i", vectors[pairs[:, 0]],
                         vectors[pairs[:, 1]])
    return int(np.count_nonzero(1 - products <= distance + _ROUNDING))


def main() -> int:
    arguments = parse_arguments()
    vectors = read_vectors(arguments.base, arguments.rows)
    vectors = vectors / np.maximum(
        np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)
    with tempfile.TemporaryDirectory() as folder:
        base = os.path.join(folder, "base.npy")
        np.save(base, vectors)
        report = run_copse(arguments, base)
    print("%-28s %9s %9s %8s %9s" % ("", "distance", "pairs", "recall",
                                     "seconds"))
    truth = {}
    for result in report["results"]:
        if result["changed"] == 0:
            truth[result["distance"]] = result["pairs"]
        label = "join of %s" % (result["changed"] or "all")
        print("copse %-22s %9g %9d %8.4f %9.3f" % (
            label, result["distance"], result["pairs"], result["recall"],
            result["seconds"]))
    peer = Hnswlib("cosine", vectors.shape[1], os.cpu_count() or 1)
    peer.progress = lambda count: say("hnswlib: %d rows" % count)
    peer.build(vectors)
    peer.prepare(vectors)
    for breadth in arguments.ef:
        peer.configure({"ef": breadth}, arguments.neighbors)
        start = time.perf_counter()
        found = peer.search(arguments.neighbors)
        seconds = time.perf_counter() - start
        for distance in arguments.distances:
            pairs = count_pairs(vectors, found, distance)
            print("hnswlib %-20s %9g %9d %8.4f %9.3f" % (
                "ef %d" % max(breadth, arguments.neighbors), distance,
                truth[distance], pairs / max(1, truth[distance]), seconds))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as failed:
        say("copse_bench: exit code %d" % failed.returncode)
        sys.exit(1)
