# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs copse_bench and checks the recall that it reports."""

import json
import os
import subprocess
from typing import Any

import numpy as np

from vectors import distances, load_truth, read_vectors, recall, say

_K = 10
# copse_bench compares fp32 distances with fp32 distances.
_RECALL_DIFFERENCE_MAX = 0.001


class CopseBenchError(Exception):
    """copse_bench failed, or reported what is not so."""


def run_copse(program: str, base_path: str, query_path: str, metric: str,
              threads: int, more: list[str], work: str) -> dict[str, Any]:
    """Returns the report of `copse_bench index`; raises CopseBenchError."""
    neighbors_path = os.path.join(work, "copse-neighbors.npy")
    command = [program, "index", "--base", base_path, "--query", query_path,
               "--metric", metric, "--threads", str(threads), "--k", str(_K),
               "--neighbors", neighbors_path, "--json", *more]
    say("copse: " + " ".join(command))
    # Progress goes to our standard error.
    result = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if result.returncode != 0:
        raise CopseBenchError("exit code %d" % result.returncode)
    report = json.loads(result.stdout)
    _check_recall(report, base_path, query_path, metric, neighbors_path, work)
    return {"library": "copse", "label": "copse", **report}


def _check_recall(report: dict[str, Any], base_path: str, query_path: str,
                  metric: str, neighbors_path: str, work: str) -> None:
    """Computes the recall again from the ordinals that were found."""
    truth = load_truth(metric, base_path, query_path, work)
    rows, queries = read_vectors(base_path), read_vectors(query_path)
    found = np.load(neighbors_path, allow_pickle=False).astype(np.int64)
    results = report["results"]
    if found.shape != (len(results), len(queries), _K):
        raise CopseBenchError("%s has shape %s, expected %s" % (
            neighbors_path, found.shape, (len(results), len(queries), _K)))
    for number, (result, ordinals) in enumerate(zip(results, found)):
        again = recall(truth, distances(metric, rows, queries, ordinals), _K)
        if abs(again - result["recall_at_10"]) > _RECALL_DIFFERENCE_MAX:
            raise CopseBenchError(
                "recall@10 of setting %d is %.4f, reported as %.4f" % (
                    number, again, result["recall_at_10"]))
