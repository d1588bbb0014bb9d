# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Measures copse beside other libraries: one table and one plot.

  ./dev bench [--base FILE --query FILE] [--rows N] [--only NAME,...]

Each library runs in a process of its own, one after the other, on the same
rows, queries and threads. What one measured is kept in the folder of --out and
taken again when nothing that it depends on has changed; --fresh measures it
anew. The table goes to standard output, progress to standard error.

Exit codes: 0 done, 1 a library failed, 2 wrong usage or bad input.
"""

import argparse
import importlib.metadata
import json
import os
import subprocess
import sys
from typing import Any

import numpy as np

from copse_program import CopseBenchError, run_copse
from make_mixture import write_mixture
from measure import EXIT_UNSUPPORTED
from peer_catalog import PACKAGES, PEER_NAMES
from report import REFERENCE, write_report
from vectors import (METRICS, fail, file_digest, load_truth, read_vectors, say)

_HERE = os.path.dirname(os.path.abspath(__file__))
_ROOT = os.path.normpath(os.path.join(_HERE, "..", "..", ".."))
_NAMES = (REFERENCE, *PEER_NAMES)
# Raised when measurements are made in another way.
_METHOD = 1
_MIXTURE_SEED = 1


class Failed(Exception):
    """A library was not measured although it should have been."""


class Skipped(Exception):
    """A library cannot do what is asked."""


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./dev bench", description=__doc__.split("\n")[0])
    parser.add_argument("--base", help="rows: .npy (fp16, fp32) or .fvecs; "
                        "those of ../shared/data unless given")
    parser.add_argument("--query", help="queries: the same formats")
    parser.add_argument("--rows", type=int, help="measure with this many rows: "
                        "the first ones, or mixtures of them")
    parser.add_argument("--metric", choices=METRICS, default="cosine",
                        help="cosine unless given")
    parser.add_argument("--threads", type=int, default=os.cpu_count(),
                        help="threads of every build, all unless given; "
                        "searches use one")
    parser.add_argument("--only", default=",".join(_NAMES), metavar="NAMES",
                        help="libraries to measure: " + ",".join(_NAMES))
    parser.add_argument("--out", help="folder of the results; build/bench, or "
                        "build/bench/N with --rows N, unless given")
    parser.add_argument("--fresh", action="store_true",
                        help="measure again what is there already")
    parser.add_argument("--program", default=os.path.join(
        _ROOT, "build", "release", "tests", "bench", "copse_bench"),
                        help="copse_bench; the release build unless given")
    parser.add_argument("--copse", default="", metavar="ARGUMENTS",
                        help="more arguments for copse_bench, as one word")
    arguments = parser.parse_args()
    _complete(arguments)
    return arguments


def _complete(arguments: argparse.Namespace) -> None:
    """Checks the arguments and fills in what follows from others."""
    data = os.path.join(_ROOT, "..", "shared", "data")
    if arguments.base is None and arguments.query is None:
        arguments.base = os.path.join(data, "minilm_base.npy")
        arguments.query = os.path.join(data, "minilm_query.npy")
        if not os.path.exists(arguments.base):
            raise fail("no vectors to measure with: pass --base FILE --query "
                       "FILE, each .npy or .fvecs")
    if arguments.base is None or arguments.query is None:
        raise fail("--base and --query go together")
    if arguments.threads < 1 or (arguments.rows or 1) < 1:
        raise fail("--threads and --rows are at least 1")
    arguments.only = arguments.only.split(",")
    for name in arguments.only:
        if name not in _NAMES:
            raise fail("--only names '%s', expected some of %s" % (
                name, ", ".join(_NAMES)))
    if arguments.out is None:
        arguments.out = os.path.join(_ROOT, "build", "bench", *(
            [str(arguments.rows)] if arguments.rows else []))
    arguments.work = os.path.join(arguments.out, "work")
    os.makedirs(arguments.work, exist_ok=True)


def use_row_count(arguments: argparse.Namespace) -> None:
    """Replaces the base by a file of --rows rows, kept once made."""
    if arguments.rows is None:
        return
    path = os.path.join(arguments.work, "base-%d-%s.npy" % (
        arguments.rows, file_digest(arguments.base)))
    if not os.path.exists(path):
        say("making %d rows" % arguments.rows)
        write_mixture(read_vectors(arguments.base), arguments.rows,
                      _MIXTURE_SEED, np.float16, path)
    arguments.base = path


def inputs_of(name: str, arguments: argparse.Namespace,
              files: list[str]) -> dict[str, Any]:
    """Returns all that a measurement depends on, but for the machine."""
    inputs: dict[str, Any] = {"files": files, "metric": arguments.metric,
                              "threads": arguments.threads, "method": _METHOD}
    if name == REFERENCE:
        inputs["program"] = file_digest(arguments.program)
        inputs["arguments"] = arguments.copse
    else:
        inputs["version"] = importlib.metadata.version(PACKAGES[name])
    return inputs


def measure(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Returns a new measurement; raises Skipped or Failed."""
    if name == REFERENCE:
        try:
            return run_copse(arguments.program, arguments.base,
                             arguments.query, arguments.metric,
                             arguments.threads, arguments.copse.split(),
                             arguments.work)
        except CopseBenchError as error:
            raise Failed(str(error)) from error
    path = os.path.join(arguments.work, name + ".json")
    result = subprocess.run(
        [sys.executable, os.path.join(_HERE, "measure.py"), name,
         "--base", arguments.base, "--query", arguments.query,
         "--metric", arguments.metric, "--threads", str(arguments.threads),
         "--work", arguments.work, "--out", path],
        stdout=subprocess.PIPE, check=False, text=True,
        env={**os.environ, "OMP_NUM_THREADS": str(arguments.threads)})
    if result.returncode == EXIT_UNSUPPORTED:
        raise Skipped(result.stdout.strip())
    if result.returncode != 0:
        raise Failed("exit code %d" % result.returncode)
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def measure_or_reuse(name: str, arguments: argparse.Namespace,
                     files: list[str]) -> dict[str, Any]:
    """Returns the measurement kept in --out if it still holds, or a new one."""
    path = os.path.join(arguments.out, name + ".json")
    inputs = inputs_of(name, arguments, files)
    if not arguments.fresh and os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            kept = json.load(file)
        if kept.get("inputs") == inputs:
            say("%s: measured before, see %s" % (name, path))
            return kept
    measured = {**measure(name, arguments), "inputs": inputs}
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump(measured, file, indent=2)
        file.write("\n")
    os.replace(path + ".part", path)
    return measured


def main() -> int:
    arguments = parse_arguments()
    use_row_count(arguments)
    files = [file_digest(path) for path in (arguments.base, arguments.query)]
    load_truth(arguments.metric, arguments.base, arguments.query,
               arguments.work)
    measurements, skipped, is_failed = [], {}, False
    for name in arguments.only:
        try:
            measurements.append(measure_or_reuse(name, arguments, files))
        except Skipped as reason:
            skipped[name] = str(reason)
        except Failed as reason:
            skipped[name] = "failed: %s" % reason
            is_failed = True
            say("%s failed: %s" % (name, reason))
    print(write_report(measurements, skipped, arguments.out), end="")
    say("table and plot are in %s" % arguments.out)
    return 1 if is_failed else 0


if __name__ == "__main__":
    sys.exit(main())
