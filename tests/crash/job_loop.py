#!/usr/bin/env python3
# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Kills copsed with SIGKILL again and again while it does one accepted push.

The push is sent once, by `copse push`, which is killed as soon as the server
says that the push is a job. From then on nobody asks for it: the daemon is
killed at a random moment after each start, `--kills` times, and must complete
the commit by itself in the end. The embedding provider, which is slow, counts
how often it was sent each text. Checked is that

* the job is there after each start, and goes on;
* the commit is whole in the end, and `copse verify` finds nothing;
* no text whose vector the daemon had stored is sent again: those that are sent
  more than once are at most those that were in flight at the kills.

Before that, `--early-kills` daemons are killed while pushes are still being
received: nothing of them may remain, and their commits must be free.

  job_loop.py BUILD_FOLDER [--documents 20000] [--kills 50] [--early-kills 10]
"""

import argparse
import collections
import http.server
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "checks"))
from copse_daemon import CopseError, Daemon, find_program  # noqa: E402
from embedding_reply import send_embeddings  # noqa: E402

DIMENSION = 8


class Provider(http.server.BaseHTTPRequestHandler):
    """An embedding API that takes its time."""

    protocol_version = "HTTP/1.1"
    delay = 0.0
    lock = threading.Lock()
    sent = collections.Counter()   # Text -> how often it was asked for.
    requests = []                  # Times of start and end, and how many texts.

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        texts = body["input"]
        request = [time.monotonic(), float("inf"), len(texts)]
        with Provider.lock:
            Provider.sent.update(texts)
            Provider.requests.append(request)
        time.sleep(Provider.delay)
        try:
            send_embeddings(self, map(vector, texts), len(texts))
        finally:
            request[1] = time.monotonic()

    @staticmethod
    def count_in_flight(begin, end):
        """Returns how many texts waited for their vectors, or for these to be
        stored, at some moment from `begin` to `end`."""
        store_time = 0.1
        with Provider.lock:
            return sum(count for start, reply, count in Provider.requests
                       if start <= end and reply >= begin - store_time)


def vector(text):
    source = random.Random(text)
    return [source.gauss(0, 1) for _ in range(DIMENSION)]


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # The daemon was killed while it spoke to us.


class JobLoop:
    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        self.work = tempfile.mkdtemp(prefix="copse-jobs-")
        self.data = os.path.join(self.work, "data")
        self.failures = []
        self.server = Server(("127.0.0.1", 0), Provider)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.config = os.path.join(self.work, "copsed.yaml")
        with open(self.config, "w") as file:
            file.write("embedding:\n  dialect: openai\n"
                       "  url: http://127.0.0.1:%d/v1\n  model: test\n"
                       "  dimension: %d\nfree_space_min_bytes: 1MiB\n" % (
                           self.server.server_address[1], DIMENSION))
        self.lines = os.path.join(self.work, "documents.ndjson")
        with open(self.lines, "w") as file:
            for number in range(options.documents):
                file.write(json.dumps({
                    "op": "Inserted", "id": "doc-%d" % number,
                    "string": "text number %d of many" % number}) + "\n")

    def daemon(self):
        return Daemon(self.options.build_folder, data=self.data,
                      arguments=["--config", self.config])

    def spool(self):
        return os.listdir(os.path.join(self.data, "spool"))

    def command(self, daemon, commit):
        return [daemon.cli, "--server", daemon.addresses["grpc_address"], "push",
                "jobs", "--commit", commit, "--branch", "main", "--root"]

    def run(self):
        with self.daemon() as daemon:
            daemon.copse("domain", "create", "jobs")
        Provider.sent.clear()
        early = [self.kill_early(number)
                 for number in range(self.options.early_kills)]
        Provider.sent.clear()
        result = self.kill_often()
        result["early_kills"] = len(early)
        result["bytes_spooled_at_early_kills"] = early
        result["failures"] = self.failures
        self.server.shutdown()
        shutil.rmtree(self.work, ignore_errors=True)
        return result

    def fail(self, message):
        self.failures.append(message)

    def kill_early(self, number):
        """Kills while operations arrive; returns how much was spooled."""
        commit = "early-%d" % number
        daemon = self.daemon()
        daemon.start()
        push = subprocess.Popen(self.command(daemon, commit) + ["-"],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)
        with open(self.lines, "rb") as file:
            part = file.read(self.random.randint(1, os.path.getsize(self.lines)))
        push.stdin.write(part[:part.rfind(b"\n") + 1])
        push.stdin.flush()
        time.sleep(self.random.uniform(0.05, 0.5))
        spooled = sum(os.path.getsize(os.path.join(self.data, "spool", name))
                      for name in self.spool())
        daemon.stop(9)
        push.stdin.close()
        push.wait(60)
        with self.daemon() as daemon:
            if self.spool():
                self.fail("%s: a spool is left: %s" % (commit, self.spool()))
            if daemon.json("job", "list")["jobs"]:
                self.fail("%s: a job is left" % commit)
            if daemon.json("log", "jobs")["commits"]:
                self.fail("%s: a commit is left" % commit)
            if Provider.sent:
                self.fail("%s: %d texts were embedded for a push that was "
                          "not accepted" % (commit, len(Provider.sent)))
            # The commit is free: an abort claims it, and lets it go again.
            try:
                daemon.copse("push", "jobs", "--commit", commit, "-",
                             stdin=b'{"op":"Abort"}\n')
                self.fail("%s: an aborted push succeeded" % commit)
            except CopseError as error:
                if "PUSH_ABORTED" not in str(error):
                    self.fail("%s: the commit is not free: %s" % (commit, error))
        return spooled

    def accept(self, daemon):
        """Pushes, and leaves when the push is accepted. Returns the job."""
        push = subprocess.Popen(self.command(daemon, "big") + [self.lines],
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for line in push.stderr:
            found = re.search(rb"accepted as job ([0-9a-f]{32})", line)
            if found:
                push.kill()
                push.wait(60)
                return found.group(1).decode()
        raise SystemExit("the push was not accepted")

    def kill_often(self):
        Provider.delay = self.options.delay
        daemon = self.daemon()
        daemon.start()
        job = self.accept(daemon)
        in_flight_count = 0
        kills = 0
        seen = []
        while True:
            time.sleep(self.random.uniform(0.02, self.options.life))
            state = daemon.json("job", "show", job)
            seen.append(state["progress"]["done_count"])
            if state["state"] == "succeeded" or kills == self.options.kills:
                break
            if state["state"] not in ("running", "queued"):
                self.fail("after %d kills the job is %s: %s" % (
                    kills, state["state"], state.get("error")))
                break
            begin = time.monotonic()
            daemon.stop(9)
            in_flight_count += Provider.count_in_flight(begin, time.monotonic())
            kills += 1
            daemon.log.close()
            shutil.rmtree(daemon.work, ignore_errors=True)
            daemon = self.daemon()
            daemon.start()
        Provider.delay = 0.0
        state = json.loads(subprocess.run(
            [daemon.cli, "--server", daemon.addresses["grpc_address"], "--json",
             "job", "watch", job], stdout=subprocess.PIPE).stdout)
        self.check(daemon, state)
        daemon.stop()
        daemon.log.close()
        shutil.rmtree(daemon.work, ignore_errors=True)
        again = sum(count - 1 for count in Provider.sent.values())
        if again > in_flight_count:
            self.fail("%d texts were sent again, but only %d were in flight at "
                      "the kills" % (again, in_flight_count))
        if kills < self.options.kills:
            self.fail("the push was done after %d kills already: make the "
                      "provider slower with --delay" % kills)
        return {"documents": self.options.documents, "kills": kills,
                "attempts": state["attempt_count"], "state": state["state"],
                "texts_sent": sum(Provider.sent.values()),
                "texts_sent_again": again,
                "texts_in_flight_at_kills": in_flight_count,
                "done_when_killed": seen}

    def check(self, daemon, state):
        if state["state"] != "succeeded":
            self.fail("the job has %s: %s" % (state["state"], state.get("error")))
            return
        stats = daemon.json("log", "jobs")["commits"]
        if [commit["document_count"] for commit in stats] != [
                self.options.documents]:
            self.fail("the commits are %s" % stats)
        if len(Provider.sent) != self.options.documents:
            self.fail("%d texts were embedded" % len(Provider.sent))
        if self.spool():
            self.fail("a spool is left: %s" % self.spool())
        try:
            daemon.copse("verify", "jobs")
        except CopseError as error:
            self.fail("verify: %s" % error)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build_folder")
    parser.add_argument("--documents", type=int, default=20000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--early-kills", type=int, default=10)
    parser.add_argument("--delay", type=float, default=0.5,
                        help="seconds that the provider takes for a request")
    parser.add_argument("--life", type=float, default=1.0,
                        help="seconds that a daemon lives at most")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    find_program(options.build_folder, "copsed")
    result = JobLoop(options).run()
    print(json.dumps(result))
    return 1 if result["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
