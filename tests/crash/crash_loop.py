#!/usr/bin/env python3
# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Kills copsed with SIGKILL in every phase of a push and of a start, many times.

Each round starts the daemon on the same data folder, pushes a commit to each of
two branches at once, kills the daemon in a chosen phase, starts it again and
checks, against a model that is kept here, that

* every commit whose push was acknowledged is there, whole;
* every commit whose push was accepted, the daemon makes by itself;
* every other commit is there whole or not at all;
* `copse verify` finds every checksum of pages, live sets and rows correct;
* branches are at a commit that their last pushes explain.

  crash_loop.py BUILD_FOLDER [--rounds 110] [--seed 1] [--json]

Phases: receiving (operations still arrive), embedding (a request to the
provider is out), appending (the Nth write of a segment, of checks or of the
log), last-batch (the Nth sync of the log), accepted (right after the server
said that the push is a job), acknowledged (right after the push said done),
start-up (the Nth change of any file while the daemon starts).
"""

import argparse
import collections
import http.server
import json
import os
import random
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

PHASES = ("receiving", "embedding", "appending", "last-batch", "accepted",
          "acknowledged", "start-up")
WORDS = """oak beech birch alder maple willow larch cedar ash elm hazel rowan harbour tide
quay mast keel sail rudder anchor lantern buoy reef dune delta fjord""".split()
DIMENSION = 32


class Provider(http.server.BaseHTTPRequestHandler):
    """An embedding API whose vectors follow from the text alone."""

    protocol_version = "HTTP/1.1"
    asked = threading.Event()    # Set when a request has come in.
    blocked = threading.Event()  # While set, requests wait.
    released = threading.Event()

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if Provider.blocked.is_set():
            Provider.asked.set()
            Provider.released.wait(60)
        send_embeddings(self, map(self.vector, body["input"]), 1)

    @staticmethod
    def vector(text):
        source = random.Random(text)
        vector = [source.gauss(0, 1) for _ in range(DIMENSION)]
        norm = sum(x * x for x in vector) ** 0.5
        return [x / norm for x in vector]


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        pass  # The daemon was killed while it spoke to us.


class Model:
    """What should be there: the documents of each commit."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.commits = {}        # commit -> {id: text}, whole and acknowledged
        self.heads = {"a": None, "b": None}
        self.count = 0

    def next_commit(self, branch, size):
        """Returns a commit ID, its parent, its lines and its documents."""
        self.count += 1
        parent = self.heads[branch]
        documents = dict(self.commits[parent]) if parent else {}
        lines = []
        for _ in range(size):
            document_id = "doc-%d" % self.random.randrange(400)
            if document_id in documents and self.random.random() < 0.2:
                del documents[document_id]
                lines.append({"op": "Deleted", "id": document_id})
                continue
            text = " ".join(self.random.choices(WORDS, k=12)) + \
                " %d" % self.random.randrange(10 ** 9)
            op = "Changed" if document_id in documents else "Inserted"
            documents[document_id] = text
            lines.append({"op": op, "id": document_id, "string": text,
                          "type": "Note"})
        return "c%d" % self.count, parent, lines, documents


class Push:
    """One `copse push` in a process of its own."""

    def __init__(self, daemon, branch, commit, parent, lines, documents):
        self.branch, self.commit, self.documents = branch, commit, documents
        self.output = ""
        self.lines = [(json.dumps(line) + "\n").encode() for line in lines]
        command = [daemon.cli, "--server", daemon.addresses["grpc_address"],
                   "push", "crash", "--commit", commit, "--branch", branch]
        if parent:
            command += ["--parent", parent]
        self.process = subprocess.Popen(command + ["-"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)

    def send(self, count=None):
        """Sends `count` lines, or all and the end of the input."""
        try:
            for line in self.lines[:count]:
                self.process.stdin.write(line)
            self.process.stdin.flush()
            if count is None:
                self.process.stdin.close()
        except (BrokenPipeError, ConnectionResetError):
            pass

    def wait(self):
        """Returns whether the push was acknowledged."""
        try:
            self.process.stdin.close()
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.output += self.process.stdout.read().decode(errors="replace")
        return self.process.wait(60) == 0

    def is_accepted(self):
        return "accepted as job" in self.output

    def wait_until_accepted(self):
        for line in self.process.stdout:
            self.output += line.decode(errors="replace")
            if self.is_accepted():
                return


class CrashLoop:
    def __init__(self, options):
        self.options = options
        self.work = tempfile.mkdtemp(prefix="copse-crash-")
        self.data = os.path.join(self.work, "data")
        self.arm = os.path.join(self.work, "armed")
        self.shim = find_library(options.build_folder)
        self.model = Model(options.seed)
        self.random = random.Random(options.seed + 1)
        self.counts = collections.Counter()
        self.killed = collections.Counter()
        self.survived_whole = 0
        self.failures = []
        self.server = Server(("127.0.0.1", 0), Provider)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.config = os.path.join(self.work, "copsed.yaml")
        with open(self.config, "w") as file:
            file.write("embedding:\n  dialect: openai\n  url: http://127.0.0.1:%d/v1\n"
                       "  model: test\n  dimension: %d\n"
                       "free_space_min_bytes: 1MiB\n"
                       "forest:\n  row_count_min: 200\n  leaf_row_count: 16\n"
                       "  fan_out: 8\n" %
                       (self.server.server_address[1], DIMENSION))

    def daemon(self, env=None):
        return Daemon(self.options.build_folder, data=self.data,
                      arguments=["--config", self.config], env=env)

    def kill_settings(self, phase):
        """Returns the environment that makes the shim kill in `phase`."""
        if phase == "appending":
            call, path = self.random.choice(
                [("pwrite", "vectors-"), ("pwrite", "checks-"), ("write", ".log"),
                 ("sync", "vectors-"), ("sync", "checks-")])
            number = self.random.randint(1, 3)
        elif phase == "last-batch":
            call, path = self.random.choice([("sync", ".log"), ("write", ".log")])
            number = self.random.randint(1, 6)
        else:
            call, path, number = "any", self.data, self.random.randint(1, 25)
        env = {"LD_PRELOAD": self.shim, "COPSE_KILL_CALL": call,
               "COPSE_KILL_PATH": path, "COPSE_KILL_NUMBER": str(number)}
        if phase != "start-up":
            env["COPSE_KILL_ARM"] = self.arm
        return env

    def run(self):
        with self.daemon() as daemon:
            daemon.copse("domain", "create", "crash")
            commit, parent, lines, documents = self.model.next_commit("a", 600)
            push = Push(daemon, "a", commit, parent, lines, documents)
            push.send()
            if not push.wait():
                raise SystemExit("the first push failed: " + push.output)
            self.model.commits[commit] = documents
            self.model.heads["a"] = self.model.heads["b"] = commit
            daemon.copse("branch", "set", "crash", "b", commit)
        for number in range(self.options.rounds):
            self.round(PHASES[number % len(PHASES)])
            if not self.options.quiet:
                print("\r%d of %d rounds, %d failures" % (
                    number + 1, self.options.rounds, len(self.failures)),
                    end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        self.server.shutdown()
        shutil.rmtree(self.work, ignore_errors=True)
        return {"seed": self.options.seed, "rounds": dict(self.counts),
                "killed_in_phase": dict(self.killed),
                "commits_acknowledged": len(self.model.commits),
                "unacknowledged_but_whole": self.survived_whole,
                "failures": self.failures}

    def round(self, phase):
        self.counts[phase] += 1
        if os.path.exists(self.arm):
            os.unlink(self.arm)
        if phase == "start-up":
            self.crash_start()
            pushes = []
        else:
            pushes = self.crash_push(phase)
        with self.daemon() as daemon:
            self.check(daemon, phase, pushes)

    def crash_start(self):
        daemon = self.daemon(self.kill_settings("start-up"))
        try:
            daemon.start()
        except SystemExit:
            self.killed["start-up"] += 1
            return
        daemon.stop(9)

    def crash_push(self, phase):
        shim = phase in ("appending", "last-batch")
        daemon = self.daemon(self.kill_settings(phase) if shim else None)
        daemon.start()
        pushes = [Push(daemon, branch, *self.model.next_commit(
            branch, self.random.randint(1, 120))) for branch in ("a", "b")]
        if phase == "embedding":
            Provider.asked.clear()
            Provider.released.clear()
            Provider.blocked.set()
        if shim:
            open(self.arm, "w").close()
        if phase == "receiving":
            for push in pushes:
                push.send(self.random.randint(0, len(push.lines)))
        else:
            for push in pushes:
                push.send()
        if phase == "embedding" and not Provider.asked.wait(30):
            self.failures.append("embedding: the provider was not asked")
        if phase == "accepted":
            for push in pushes:
                push.wait_until_accepted()
            time.sleep(self.random.uniform(0, 0.02))
        if phase in ("receiving", "embedding", "accepted"):
            daemon.stop(9)
            self.killed[phase] += 1
        Provider.blocked.clear()
        Provider.released.set()
        acknowledged = [push.wait() for push in pushes]
        if shim:
            died = daemon.process.poll() == -9
            self.killed[phase] += died
        daemon.stop(9)
        if phase == "acknowledged":
            self.killed[phase] += all(acknowledged)
        daemon.log.close()
        shutil.rmtree(daemon.work, ignore_errors=True)
        return list(zip(pushes, acknowledged))

    def wait_for_jobs(self, daemon, phase):
        """Waits until the jobs that the crash interrupted have ended."""
        for job in daemon.json("job", "list", "crash", "-n", "100")["jobs"]:
            if job["state"] in ("queued", "running", "waiting"):
                try:
                    daemon.copse("job", "watch", job["job_id"])
                except CopseError as error:
                    self.failures.append("%s: job %s: %s" % (
                        phase, job["job_id"], error))

    def check(self, daemon, phase, pushes):
        self.wait_for_jobs(daemon, phase)
        listed = {commit["commit"] for commit in
                  daemon.json("log", "crash")["commits"]}
        for push, acknowledged in pushes:
            if acknowledged or push.commit in listed:
                self.survived_whole += not acknowledged
                self.model.commits[push.commit] = push.documents
                self.model.heads[push.branch] = push.commit
            if acknowledged and push.commit not in listed:
                self.failures.append("%s: commit %s was acknowledged and is lost" %
                                     (phase, push.commit))
            if push.is_accepted() and push.commit not in listed:
                self.failures.append("%s: commit %s was accepted and not made" %
                                     (phase, push.commit))
        for commit in listed - set(self.model.commits):
            self.failures.append("%s: commit %s is unknown" % (phase, commit))
        recent = [push.commit for push, _ in pushes if push.commit in listed]
        older = self.random.sample(sorted(self.model.commits),
                                   min(2, len(self.model.commits)))
        for commit in set(recent + older) & listed:
            self.check_commit(daemon, phase, commit)
        heads = {branch["branch"]: branch["head_commit"] for branch in
                 daemon.json("branch", "list", "crash")["branches"]}
        if heads != self.model.heads:
            self.failures.append("%s: branches are at %s, expected %s" %
                                 (phase, heads, self.model.heads))
        try:
            daemon.copse("verify", "crash")
        except CopseError as error:
            self.failures.append("%s: verify: %s" % (phase, error))

    def check_commit(self, daemon, phase, commit):
        expected = self.model.commits[commit]
        lines = daemon.copse("export", "crash", "--commit", commit).splitlines()
        ids = {json.loads(line)["id"] for line in lines}
        if ids != set(expected):
            self.failures.append("%s: commit %s holds other documents: %s" % (
                phase, commit, sorted(ids ^ set(expected))[:5]))
            return
        if not ids:
            return
        found = daemon.json("get", "crash", "--commit", commit, *sorted(ids))
        texts = {document["id"]: document.get("text")
                 for document in found["documents"]}
        if texts != expected:
            self.failures.append("%s: commit %s holds other texts" % (phase, commit))


def find_library(build_folder):
    for folder, _, files in os.walk(build_folder):
        if "libkill_at_call.so" in files:
            return os.path.abspath(os.path.join(folder, "libkill_at_call.so"))
    raise SystemExit("libkill_at_call.so is not built in " + build_folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build_folder")
    parser.add_argument("--rounds", type=int, default=110)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quiet", action="store_true")
    options = parser.parse_args()
    find_program(options.build_folder, "copsed")
    result = CrashLoop(options).run()
    print(json.dumps(result, indent=2))
    return 1 if result["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
