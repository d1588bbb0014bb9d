#!/usr/bin/env python3
# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""How many searches a second copsed serves over HTTP and gRPC.

A domain of 100,000 MiniLM rows is searched by vectors, for texts whose vectors
are cached. copsed has one core, its client the other. Next to it: searches a
second of one thread with the same data folder and no server.

  check_load.py BUILD_FOLDER rates [--seconds N]
  check_load.py BUILD_FOLDER steady [--seconds N]

`rates` prints searches a second and latencies of each door, with 16 and, over
HTTP, with 1,000 connections; more than half of the rate without a server is
wanted. `steady` sends searches of all kinds, similar documents, suggestions,
duplicates and pushes for --seconds (1800), with RssAnon of copsed once a
second, of which the caches, write buffers and loaded commits that have budgets
are taken off: the last tenth must not be above the second one by more than 5 %.

Needs wrk, and serve_bench in BUILD_FOLDER. The rows are those of the folder
COPSE_SHARED_DIR, or of `shared` beside the source folder. Exits 1 if an aim is
missed, and 77 without rows.
"""

import argparse
import array
import base64
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from copse_daemon import Daemon, find_program
from process_memory import MemorySamples
from simulated_provider import SimulatedProvider

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
SHARED = os.path.normpath(os.environ.get("COPSE_SHARED_DIR") or
                          os.path.join(ROOT, "..", "shared"))
SKIPPED = 77
DOMAIN, COMMIT = "load/rows", "c1"
WORDS = ("kestrel heron osprey cutter plank harbour pilot rudder anchor mast "
         "sail deck keel buoy tide reef").split()

WRK_SCRIPT = """
local number = 0
request = function()
  number = (number + 1) % QUERY_COUNT
  return wrk.format("GET", string.format(
      "/search?domain=DOMAIN&commit=COMMIT&mode=vector&count=10&q=query%%20%d",
      number))
end
done = function(summary, latency, requests)
  io.write(string.format(
      '{"searches": %d, "searches_per_second": %f, "p50_ms": %f, ' ..
      '"p99_ms": %f, "errors": %d}\\n',
      summary.requests, summary.requests / summary.duration * 1e6,
      latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
      summary.errors.status + summary.errors.connect + summary.errors.read +
      summary.errors.write + summary.errors.timeout))
end
"""


class Rows:
    """The float16 rows of an .npy file."""

    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        size = struct.unpack_from("<H", data, 8)[0]
        header = data[10:10 + size].decode()
        shape = re.search(r"'shape': \((\d+), (\d+)\)", header)
        assert "'<f2'" in header and shape, header
        self.count, self.dimension = map(int, shape.groups())
        self.data, self.offset = data, 10 + size

    def base64(self, number):
        row = struct.unpack_from("<%de" % self.dimension, self.data,
                                 self.offset + 2 * self.dimension * number)
        return base64.b64encode(array.array("f", row).tobytes()).decode()


class RowProvider(SimulatedProvider):
    """Embeds "row N ..." and "query N ..." as the rows of two files."""

    def __init__(self, base, query):
        super().__init__(base.dimension, 0.0)
        self.rows = {"row": base, "query": query}

    def vectors(self, texts, tokens):
        items = []
        for index, text in enumerate(texts):
            words = text.split()
            rows = self.rows.get(words[0])
            vector = (self.pool[index] if rows is None or len(words) < 2 else
                      rows.base64(int(words[1]) % rows.count))
            items.append('{"object":"embedding","index":%d,"embedding":"%s"}'
                         % (index, vector))
        return ('{"object":"list","data":[%s],"usage":{"prompt_tokens":%d,'
                '"total_tokens":%d}}' % (",".join(items), tokens,
                                         tokens)).encode()


def document_line(number):
    words = " ".join(WORDS[(number * step) % len(WORDS)] for step in (1, 3, 7))
    return json.dumps({"op": "Inserted", "id": "doc/%06d" % number,
                       "string": "row %d %s" % (number, words)})


def wait_for_index(daemon):
    """Returns when the index of the commit has been made in the background."""
    while not any(job["kind"] == "fold" and job["state"] == "succeeded"
                  for job in daemon.json("job", "list")["jobs"]):
        time.sleep(0.1)


class Load:
    """A folder with the rows pushed, and daemons over it."""

    def __init__(self, options, base, query, provider):
        self.options, self.query = options, query
        self.work = tempfile.mkdtemp(prefix="copse-load-")
        self.data = os.path.join(self.work, "data")
        self.config = os.path.join(self.work, "copsed.yaml")
        with open(self.config, "w") as file:
            file.write("embedding:\n  dialect: openai\n  model: rows\n"
                       "  url: %s\n  dimension: %d\n"
                       "free_space_min_bytes: 1MiB\nlog_level: warning\n"
                       % (provider.url, base.dimension))
        lines = "\n".join(map(document_line, range(base.count))) + "\n"
        with self.daemon() as daemon:
            daemon.copse("push", DOMAIN, "--commit", COMMIT, "--branch", "main",
                         "--create", "-", stdin=lines.encode())
            wait_for_index(daemon)
        self.script = os.path.join(self.work, "search.lua")
        with open(self.script, "w") as file:
            file.write(WRK_SCRIPT.replace("QUERY_COUNT", str(query.count))
                       .replace("DOMAIN", DOMAIN).replace("COMMIT", COMMIT))

    def daemon(self):
        return Daemon(self.options.build_folder, data=self.data,
                      arguments=["--config", self.config])

    def close(self):
        shutil.rmtree(self.work, ignore_errors=True)

    def bench(self, *arguments, core):
        program = find_program(self.options.build_folder, "serve_bench")
        output = subprocess.run(
            ["taskset", "-c", str(core), program] + list(arguments),
            check=True, capture_output=True, text=True).stdout
        return json.loads(output)

    def wrk(self, daemon, connections, seconds):
        output = subprocess.run(
            # An answer that takes longer than 2 s is an error for wrk unless it
            # is told otherwise; here it is only slow.
            ["taskset", "-c", "1", "wrk", "-t1", "-c%d" % connections,
             "-d%ds" % seconds, "--timeout", "60s", "-s", self.script, "-H",
             "Authorization: Basic " + base64.b64encode(b"admin:root").decode(),
             "http://" + daemon.addresses["http_address"]],
            check=True, capture_output=True, text=True).stdout
        return json.loads(output.strip().split("\n")[-1])


def measure_rates(load):
    seconds = load.options.seconds or 10
    rows = [dict(load.bench(
        "store", "--data", load.data, "--domain", DOMAIN, "--commit", COMMIT,
        "--query", os.path.join(SHARED, "data", "minilm_query.npy"),
        "--seconds", str(seconds), core=0), door="no server", errors=0)]
    with load.daemon() as daemon:
        subprocess.run(["taskset", "-apc", "0", str(daemon.process.pid)],
                       check=True, stdout=subprocess.DEVNULL)
        load.wrk(daemon, 16, 2)  # Fills the cache.
        for connections in (16, 1000):
            rows.append(dict(load.wrk(daemon, connections, seconds),
                             door="HTTP, %d connections" % connections))
        rows.append(dict(load.bench(
            "grpc", "--address", daemon.addresses["grpc_address"], "--domain",
            DOMAIN, "--commit", COMMIT, "--texts", str(load.query.count),
            "--seconds", str(seconds), core=1), door="gRPC, 16 in flight",
            errors=0))
    misses = []
    for row in rows:
        row["share"] = round(row["searches_per_second"] /
                             rows[0]["searches_per_second"], 3)
        if row["share"] < 0.5:
            misses.append("%s: %.1f %% of the rate without a server, expected "
                          "50" % (row["door"], 100 * row["share"]))
        if row["errors"]:
            misses.append("%s: %d errors" % (row["door"], row["errors"]))
    form = "%-24s %12s %9s %9s %8s"
    print(form % ("DOOR", "SEARCHES/S", "P50 MS", "P99 MS", "SHARE"))
    for row in rows:
        print(form % (row["door"], "%.0f" % row["searches_per_second"],
                      "%.2f" % row["p50_ms"], "%.2f" % row["p99_ms"],
                      "%.1f %%" % (100 * row["share"])))
    return {"rows": rows, "misses": misses}


STEADY_TARGETS = [
    "search?domain={d}&commit={c}&mode=vector&q=query%20{n}",
    "search?domain={d}&commit={c}&mode=fts&q={w}&snippet=true",
    "search?domain={d}&commit={c}&mode=hybrid&q=query%20{n}%20{w}&start=20",
    "similar?domain={d}&commit={c}&id=doc/{n:06d}",
    "suggest?domain={d}&commit={c}&q={p}",
    "embeddings?domain={d}&commit={c}&doc_id=doc/{n:06d}",
    "duplicates?domain={d}&commit={c}&threshold=0.01&doc_id=doc/{n:06d}"
    "&target_doc_id=doc/{m:06d}",
    "last-indexed?domain={d}", "search?domain={d}&commit={c}",
]


class Steady:
    """Sends requests of all kinds until it is told to stop."""

    def __init__(self, load, daemon):
        self.load, self.daemon = load, daemon
        self.stopped = threading.Event()
        self.counts, self.wrong = {}, []
        self.lock = threading.Lock()

    def count(self, status, target):
        with self.lock:
            self.counts[status] = self.counts.get(status, 0) + 1
            if status >= 500 or status == 0:
                self.wrong.append((status, target))

    def request(self, connection, method, target, body=None):
        connection.request(method, "/" + target, body, {
            "Authorization": "Basic " + base64.b64encode(b"admin:root").decode(),
            "Content-Type": "application/x-ndjson"})
        response = connection.getresponse()
        response.read()
        self.count(response.status, target)

    def run(self, number):
        import http.client
        host, port = self.daemon.addresses["http_address"].rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=120)
        step = 0
        while not self.stopped.is_set():
            step += 1
            n = (number * 7919 + step * 104729) % self.load.query.count
            target = STEADY_TARGETS[step % len(STEADY_TARGETS)].format(
                d=DOMAIN, c=COMMIT, n=n, m=n + 1, w=WORDS[n % len(WORDS)],
                p=WORDS[n % len(WORDS)][:3])
            try:
                self.request(connection, "GET", target)
                if number == 0 and step % 50 == 0:
                    self.request(connection, "POST",
                                 "push?domain=%s&branch=b%d&parent_commit=%s"
                                 "&target_commit=p%d&stream=true" % (
                                     DOMAIN, step % 5, COMMIT, step),
                                 (document_line(n) + "\n").encode())
                    self.request(connection, "DELETE",
                                 "branch-index?domain=%s&branch=b%d" % (
                                     DOMAIN, (step + 1) % 5))
            except OSError as error:
                self.count(0, "%s: %s" % (target, error))
                connection.close()


def budgeted_bytes(daemon):
    """Returns the memory of caches, write buffers and loaded commits."""
    url = "http://%s/metrics" % daemon.addresses["metrics_address"]
    with urllib.request.urlopen(url, timeout=60) as answer:
        text = answer.read().decode()
    return sum(float(value) for value in re.findall(
        r"^(?:copse_memory_used_bytes\{.*\}|copse_pool_bytes) (.+)$", text,
        re.MULTILINE))


def measure_steady(load):
    seconds = load.options.seconds or 1800
    with load.daemon() as daemon:
        whole = MemorySamples(daemon.process.pid)
        samples = MemorySamples(daemon.process.pid,
                                lambda: budgeted_bytes(daemon))
        steady = Steady(load, daemon)
        threads = [threading.Thread(target=steady.run, args=(number,))
                   for number in range(4)]
        whole.start()
        samples.start()
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        steady.stopped.set()
        for thread in threads:
            thread.join()
        samples.stop()
        whole.stop()
    tenth = max(1, len(samples.megabytes) // 10)
    early = max(samples.megabytes[tenth:2 * tenth])
    late = max(samples.megabytes[-tenth:])
    misses = ["%s: %s" % wrong for wrong in steady.wrong[:10]]
    if late > 1.05 * early:
        misses.append("memory without budget grew from %.1f to %.1f MB" % (
            early, late))
    print("%d s, answers by status: %s" % (seconds, steady.counts))
    for name, found in (("RssAnon", whole), ("without budgets", samples)):
        print("%s, MB: %s" % (name, " ".join(
            "%.0f" % value for value in found.thinned(40))))
    print("most without budgets, MB: second tenth %.1f, last tenth %.1f" % (
        early, late))
    return {"seconds": seconds, "answers": steady.counts,
            "rss_anon_mb": whole.thinned(40),
            "without_budgets_mb": samples.thinned(40), "misses": misses}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build_folder")
    parser.add_argument("what", choices=["rates", "steady"])
    parser.add_argument("--seconds", type=int)
    options = parser.parse_args()
    base, query = (os.path.join(SHARED, "data", "minilm_%s.npy" % name)
                   for name in ("base", "query"))
    if not os.path.exists(base):
        print("SKIPPED: no rows in %s" % base)
        return SKIPPED
    base, query = Rows(base), Rows(query)
    with RowProvider(base, query) as provider:
        load = Load(options, base, query, provider)
        try:
            report = (measure_rates if options.what == "rates" else
                      measure_steady)(load)
        finally:
            load.close()
    print(json.dumps(report, indent=2))
    return 1 if report["misses"] else 0


if __name__ == "__main__":
    sys.exit(main())
