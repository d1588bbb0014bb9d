#!/usr/bin/env python3
# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""How much of what a provider allows a push gets out of it.

A simulated provider (simulated_provider.py) stands before copsed:

  latency   400 ms for each request, 256 texts a request, 8 in flight: the
            ceiling is 5,120 texts a second. A push of 100,000 documents, from
            the start of `copse push` to its commit, must reach 90 % of it.
  limits    600 requests and 200,000 tokens a minute, and two pushes at once.
            Of the requests less than 0.5 % may be refused, and more than 90 %
            of the limit must be used that binds: tokens, or requests where they
            are small. The limits come from the settings, or from headers alone.
  memory    a million documents in one push, a provider that takes 20 ms for a
            request: RssAnon of copsed, sampled each second, must stay below
            500 MB. Only measured when it is named; takes some ten minutes.

The cases of limits run at the same time, each with a daemon of its own, and
take about five minutes. With --scale their minutes last 60 / SCALE seconds and
copse is told SCALE times the limits. What copse saves up while it waits (50 ms
of requests, 2 s of tokens) is a larger share of such a minute, so more is
refused than in real time.

  check_throughput.py BUILD_FOLDER [--documents N] [--scale SCALE] [CASE...]

CASE is one of latency, tokens, requests, headers, memory; the first four are
measured unless some are named. --documents goes with latency and memory. Prints a table and one JSON object; exits 1 if an aim is missed.
"""

import argparse
import concurrent.futures
import json
import os
import random
import sys
import tempfile
import threading
import time

from copse_daemon import Daemon
from process_memory import MemorySamples
from simulated_provider import Limits, SimulatedProvider

DIMENSION = 128
LATENCY = 0.4
BATCH = 256
IN_FLIGHT = 8
REQUESTS_PER_MINUTE = 600
TOKENS_PER_MINUTE = 200000
LATENCY_DOCUMENTS = 100000
LIMITED_DOCUMENTS = 10000
MEMORY_DOCUMENTS = 1000000
UTILISATION_MIN = 0.9
REFUSED_MAX = 0.005
RSS_ANON_MAX_MB = 500

# Texts of a request, whether copse is told the limits, whether headers tell.
LIMITED_CASES = {"tokens": (64, True, False), "requests": (4, True, False),
                 "headers": (4, False, True)}


def make_lines(count, name, seed):
    """Returns `count` insertions of about 240 bytes of text each."""
    source = random.Random(seed)
    words = ["".join(source.choice("abcdefghijklmnopqrstuvwxyz")
                     for _ in range(source.randint(2, 10)))
             for _ in range(5000)]
    lines = []
    for number in range(count):
        text = "%s %d %s" % (name, number, " ".join(source.choices(words, k=34)))
        lines.append(json.dumps({"op": "Inserted", "string": text,
                                 "id": "%s/%d" % (name, number)}))
    return ("\n".join(lines) + "\n").encode()


class Daemons:
    """A daemon with a fresh folder in front of `provider`."""

    def __init__(self, build_folder, provider, settings):
        self.work = tempfile.TemporaryDirectory(prefix="copse-throughput-")
        config = os.path.join(self.work.name, "copsed.yaml")
        with open(config, "w") as file:
            file.write("embedding:\n")
            for name, value in dict(settings, dialect="openai", model="sim",
                                    url=provider.url,
                                    dimension=DIMENSION).items():
                file.write("  %s: %s\n" % (name, value))
            file.write("free_space_min_bytes: 1MiB\n")
        self.daemon = Daemon(build_folder, arguments=["--config", config])

    def __enter__(self):
        return self.daemon.__enter__()

    def __exit__(self, *arguments):
        self.daemon.__exit__(*arguments)
        self.work.cleanup()


def push_all(daemon, jobs):
    """Pushes `jobs`, from domain to lines, at once; returns seconds of each."""
    seconds, failures = {}, []

    def push(domain, lines):
        began = time.monotonic()
        try:
            daemon.copse("push", domain, "--commit", "c1", "--branch", "main",
                         "-", stdin=lines)
        except Exception as error:  # Told by the main thread.
            failures.append("%s: %s" % (domain, error))
        seconds[domain] = time.monotonic() - began

    for domain in jobs:
        daemon.copse("domain", "create", domain)
    threads = [threading.Thread(target=push, args=job) for job in jobs.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise SystemExit("a push failed: " + "; ".join(failures))
    return seconds


def measure_latency(options):
    documents = options.documents or LATENCY_DOCUMENTS
    lines = make_lines(documents, "latency", seed=1)
    with SimulatedProvider(DIMENSION, LATENCY) as provider:
        settings = {"batch_text_count_max": BATCH, "concurrency_max": IN_FLIGHT}
        with Daemons(options.build_folder, provider, settings) as daemon:
            seconds = push_all(daemon, {"latency": lines})["latency"]
        summary = provider.summary()
    ceiling = BATCH * IN_FLIGHT / LATENCY
    rate = documents / seconds
    return dict(summary, case="latency", documents=documents,
                provider_seconds=summary["seconds"], seconds=round(seconds, 2),
                texts_per_second=round(rate), ceiling=round(ceiling), utilisation=round(rate / ceiling, 4),
                refused_share=0.0)


def measure_memory(options):
    documents = options.documents or MEMORY_DOCUMENTS
    lines = make_lines(documents, "memory", seed=4)
    with SimulatedProvider(DIMENSION, 0.02) as provider:
        settings = {"batch_text_count_max": BATCH, "concurrency_max": IN_FLIGHT}
        with Daemons(options.build_folder, provider, settings) as daemon:
            samples = MemorySamples(daemon.process.pid)
            samples.start()
            seconds = push_all(daemon, {"memory": lines})["memory"]
            samples.stop()
        summary = provider.summary()
    return dict(summary, case="memory", documents=documents,
                provider_seconds=summary["seconds"], seconds=round(seconds, 2),
                texts_per_second=round(documents / seconds), ceiling=None,
                utilisation=None, refused_share=0.0,
                rss_anon_max_mb=max(samples.megabytes),
                rss_anon_mb=samples.thinned(40))


def measure_limited(options, case):
    batch, is_told, tells = LIMITED_CASES[case]
    limits = Limits(REQUESTS_PER_MINUTE, TOKENS_PER_MINUTE, options.scale)
    half = LIMITED_DOCUMENTS // 2
    jobs = {name: make_lines(half, name, seed)
            for seed, name in ((2, "first"), (3, "second"))}
    settings = {"batch_text_count_max": batch, "concurrency_max": 32}
    if is_told:
        settings["requests_per_minute"] = int(REQUESTS_PER_MINUTE * options.scale)
        settings["tokens_per_minute"] = int(TOKENS_PER_MINUTE * options.scale)
    with SimulatedProvider(DIMENSION, 0.1, limits, tells) as provider:
        with Daemons(options.build_folder, provider, settings) as daemon:
            seconds = push_all(daemon, jobs)
        summary = provider.summary()
    minutes = summary["seconds"] * options.scale / 60
    used = {"requests": summary["requests"] / minutes / REQUESTS_PER_MINUTE,
            "tokens": summary["tokens"] / minutes / TOKENS_PER_MINUTE}
    return dict(summary, case=case, documents=LIMITED_DOCUMENTS,
                texts_per_second=round(summary["texts"] / summary["seconds"]),
                ceiling=None, used={k: round(v, 4) for k, v in used.items()},
                utilisation=round(max(used.values()), 4),
                refused_share=round(summary["refused"] / summary["requests"], 5),
                job_seconds={k: round(v, 2) for k, v in seconds.items()})


def misses_of(row):
    misses = []
    if row.get("rss_anon_max_mb", 0) >= RSS_ANON_MAX_MB:
        misses.append("%s: RssAnon went up to %.0f MB, expected less than %d" % (
            row["case"], row["rss_anon_max_mb"], RSS_ANON_MAX_MB))
    if row["utilisation"] is not None and row["utilisation"] < UTILISATION_MIN:
        misses.append("%s: %.1f %% of the limit are used, expected %.0f %%" % (
            row["case"], 100 * row["utilisation"], 100 * UTILISATION_MIN))
    if row["refused_share"] >= REFUSED_MAX:
        misses.append("%s: %.2f %% were refused, expected less than %.1f %%" % (
            row["case"], 100 * row["refused_share"], 100 * REFUSED_MAX))
    if row["repeated"]:
        misses.append("%s: %d texts were sent again" % (row["case"],
                                                        row["repeated"]))
    if row["texts"] != row["documents"] + 1:  # A domain embeds a text, too.
        misses.append("%s: %d texts were sent, expected %d" % (
            row["case"], row["texts"], row["documents"] + 1))
    return misses


def print_table(rows):
    form = "%-10s %9s %9s %9s %9s %9s %10s %10s"
    print(form % ("CASE", "DOCUMENTS", "REQUESTS", "REFUSED", "SECONDS",
                  "TEXTS/S", "IN FLIGHT", "OF LIMIT"))
    for row in rows:
        print(form % (row["case"], row["documents"], row["requests"],
                      "%.2f %%" % (100 * row["refused_share"]),
                      "%.2f" % row["seconds"], row["texts_per_second"],
                      row["in_flight_max"],
                      "-" if row["utilisation"] is None else
                      "%.1f %%" % (100 * row["utilisation"])))
        if "rss_anon_max_mb" in row:
            print("RssAnon, MB: %s; most %s" % (
                " ".join("%.0f" % value for value in row["rss_anon_mb"]),
                row["rss_anon_max_mb"]))


def main():
    cases = ["latency"] + list(LIMITED_CASES)
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build_folder")
    parser.add_argument("cases", nargs="*", metavar="CASE", default=cases)
    parser.add_argument("--documents", type=int)
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_args()
    for case in options.cases:
        if case not in cases + ["memory"]:
            parser.error("CASE is '%s', expected one of %s" %
                         (case, ", ".join(cases + ["memory"])))
    rows = [measure(options) for case, measure in
            (("latency", measure_latency), ("memory", measure_memory))
            if case in options.cases]
    limited = [case for case in options.cases if case in LIMITED_CASES]
    with concurrent.futures.ThreadPoolExecutor(len(LIMITED_CASES)) as pool:
        rows += pool.map(lambda case: measure_limited(options, case), limited)
    misses = [miss for row in rows for miss in misses_of(row)]
    print_table(rows)
    print(json.dumps({"scale": options.scale, "rows": rows, "misses": misses},
                     indent=2))
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
