#!/usr/bin/env python3
# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Pushes through an OpenAI-compatible provider, and through one that fails.

Real pages go through a replaying server and a proxy that breaks its replies
(fault_proxy.py). With each fault once as a passing and once as a lasting one:

  passing   the push succeeds, and no text that has a vector is sent again
  lasting   the push fails with the provider's status and message and exit code
            1, its commit is not there, earlier commits answer, the daemon
            lives, and the same push succeeds once the fault is over and the
            provider is asked again

A push to a provider that asks to be left alone for an hour waits; it is
cancelled, and made again after a restart.

Each round has a fresh daemon on the same folder, since the retries of all rounds
together would be more than copse allows itself.

Searches are compared with brute force over the server's own vectors, and the
API key must be nowhere: log, metrics, errors, data folder, configuration.

  check_provider.py BUILD_FOLDER [REPLAY_SERVER]

REPLAY_SERVER is replay_embedding_server.py, by default that of the folder
COPSE_SHARED_DIR or of `shared` beside the source folder. Prints a table and one
JSON object; exits 1 if anything is amiss, and 77 without the server.
"""

import argparse
import base64
import collections
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

from copse_daemon import CopseError, Daemon
from fault_proxy import FAULTS, FaultProxy
from replay_pages import (Pages, ReplayServer, apply_operations, commit_pages,
                          to_lines, to_paths)

SKIPPED = 77
KEY = "sk-check-5b0c77e1f4a94d6fa1"
DOMAIN = "pages"
DIMENSION = 384
HISTORY_COMMITS = 24
PAGES_PER_ROUND = 24
BATCH = 8
ATTEMPTS = 4

# What a push must say when the fault lasts, beside the words in the middle.
LASTING = {
    "429": ["answered 429: rate limit reached", "4 attempts failed"],
    "429 retry-after": ["answered 429: rate limit reached", "4 attempts failed"],
    "429 for an hour": ["answered 429: rate limit reached", "to wait 1h"],
    "500": ["answered 500: the model fell over", "4 attempts failed"],
    "401": ["answered 401: incorrect API key", "api_key_env"],
    "malformed JSON": ["answered 200: ", "are not JSON", "4 attempts failed"],
    "too few vectors": ["answered 200: ", " vectors for ", "so it did again"],
    "NaN in base64": ["component 0 is not finite"],
    "NaN in JSON": ["component 0 is not"],
    "wrong dimension": ["answered 200: a vector of 383 dimensions, expected 384",
                        "setting dimension"],
    "closed before the reply": ["did not answer", "4 attempts failed"],
    "closed in the reply": ["answered 200: ", "4 attempts failed"],
}

# These no second attempt can mend, so already a passing one ends the push.
FINAL = ("429 for an hour", "401", "wrong dimension")

# How long the provider may be left alone after a fault, with the settings here;
# one that asked for an hour gets it, or a restart.
ASKED_AGAIN_SECONDS = 5
LEFT_ALONE = "429 for an hour"
WAITING_SECONDS = 60

# After two replies with too few vectors halves are the last chance, and a text
# without a usable vector is sent once more, alone.
PASSING_COUNT = {"too few vectors": 2, "NaN in base64": 1, "NaN in JSON": 1}


class ProviderCheck:
    """Thread safety: none."""

    def __init__(self, options, replay, pages, proxy):
        self.build_folder = options.build_folder
        self.replay, self.pages, self.proxy = replay, pages, proxy
        self.work = tempfile.mkdtemp(prefix="copse-provider-")
        self.data = os.path.join(self.work, "data")
        self.key_file = os.path.join(self.work, "key")
        with open(self.key_file, "w") as file:
            file.write(KEY + "\n")
        with open(options.queries) as file:
            self.queries = [query["text"] for query in json.load(file)]
        self.documents = {}  # commit -> {id: text}
        self.head = None
        self.daemon = None
        self.rows, self.misses, self.outputs = [], [], []
        self.by_status, self.key_setting = collections.Counter(), None
        self.searches = 0

    # ---- Building blocks ----------------------------------------------------

    def expect(self, condition, what):
        if not condition:
            self.misses.append(what)
        return bool(condition)

    def start(self, key_setting):
        """Starts copsed; the key comes from `key_setting`."""
        self.key_setting = key_setting
        place = {"api_key_env": "EMBEDDING_CHECK_KEY", "api_key_file": self.key_file}
        config = os.path.join(self.work, "copsed.yaml")
        with open(config, "w") as file:
            file.write(
                "embedding:\n  dialect: openai\n  url: %s\n  model: minilm\n"
                "  dimension: %d\n  %s: %s\n  batch_text_count_max: %d\n"
                "  concurrency_max: 2\n  attempt_count_max: %d\n"
                "  backoff_base_seconds: 0.02\n  backoff_max_seconds: 0.1\n"
                "  breaker_delay_seconds: 0.05\n"
                "  breaker_delay_max_seconds: 0.1\n"
                "  refusal_delay_seconds: 0.3\n"
                "log_level: debug\nfree_space_min_bytes: 1MiB\n" %
                (self.proxy.url, DIMENSION, key_setting, place[key_setting],
                 BATCH, ATTEMPTS))
        environment = {"EMBEDDING_CHECK_KEY": KEY} \
            if key_setting == "api_key_env" else {}
        self.daemon = Daemon(self.build_folder, data=self.data,
                             arguments=["--config", config], env=environment)
        self.daemon.start()
        printed = subprocess.run(
            [self.daemon.copsed, "--config", config, "--data", self.data,
             "--print-config"], env=dict(os.environ, **environment),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.outputs.append(printed.stdout.decode())
        self.expect(printed.returncode == 0 and key_setting in self.outputs[-1],
                    "--print-config does not name %s" % key_setting)

    def restart(self):
        self.stop()
        self.start(self.key_setting)

    def stop(self):
        self.by_status.update(self.read_metrics())
        self.daemon.stop()
        self.outputs.append(self.daemon.log_text())
        self.expect(self.daemon.process.returncode == 0,
                    "copsed ended with %s" % self.daemon.process.returncode)
        self.daemon.log.close()
        shutil.rmtree(self.daemon.work, ignore_errors=True)

    def http(self, path):
        url = "http://%s%s" % (self.daemon.addresses["metrics_address"], path)
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.read().decode()

    def read_metrics(self):
        """Returns the requests to the provider by HTTP status."""
        self.outputs.append(self.http("/metrics"))
        counts = {}
        for line in self.outputs[-1].splitlines():
            if line.startswith("copse_embedding_requests_total{"):
                status = line.split('status="')[1].split('"')[0]
                counts[status] = int(float(line.split()[-1]))
        return counts

    def copse(self, *arguments, stdin=None):
        """Returns (exit code, JSON or standard error) of copse --json."""
        try:
            output = self.daemon.copse("--json", *arguments, stdin=stdin)
        except CopseError as error:
            self.outputs.append(str(error))
            return error.code, str(error)
        self.outputs.append(output)
        return 0, json.loads(output)

    def push_arguments(self, commit):
        arguments = ["push", DOMAIN, "--commit", commit, "--branch", "main"]
        return arguments + (["--parent", self.head] if self.head else []) + ["-"]

    def push(self, commit, operations):
        code, output = self.copse(*self.push_arguments(commit),
                                  stdin=to_lines(operations))
        if code == 0:
            self.documents[commit] = apply_operations(
                self.documents.get(self.head, {}), operations)
            self.head = commit
        return code, output

    def push_and_cancel(self, commit, operations):
        """Cancels a push once it waits for the provider; returns why it did."""
        process = subprocess.Popen(
            [self.daemon.cli, "--server", self.daemon.addresses["grpc_address"],
             "--json", *self.push_arguments(commit)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with process:
            process.stdin.write(to_lines(operations))
            process.stdin.close()
            waiting, deadline = [], time.monotonic() + WAITING_SECONDS
            while not waiting and process.poll() is None and \
                    time.monotonic() < deadline:
                time.sleep(0.02)
                waiting = self.copse("job", "list", DOMAIN, "--state", "waiting")[
                    1]["jobs"]
            if not self.expect(len(waiting) == 1 and waiting[0]["commit"] == commit,
                               "%s: waiting jobs: %s" % (commit, waiting)):
                process.kill()
                return 1, ""
            code, output = self.copse("job", "cancel", waiting[0]["job_id"])
            self.expect(code == 0, "%s: cancel: %s" % (commit, output))
            ended = process.stderr.read().decode()
        self.outputs.append(ended)
        self.expect(process.returncode == 1 and "cancelled" in ended,
                    "%s: cancelled: exit code %d: %s" % (
                        commit, process.returncode, ended))
        return 1, json.dumps(waiting[0])

    def push_with(self, fault, commit, operations):
        """Pushes to a provider that fails with `fault`."""
        if fault == LEFT_ALONE:
            return self.push_and_cancel(commit, operations)
        return self.push(commit, operations)

    def push_again(self, fault, commit, operations):
        """Pushes once copse asks the provider again that failed with `fault`."""
        if fault == LEFT_ALONE:
            self.restart()
        return self.once_asked_again(lambda: self.push(commit, operations))

    def once_asked_again(self, run):
        """Returns what `run` does once copse asks the provider again."""
        deadline = time.monotonic() + ASKED_AGAIN_SECONDS
        code, output = run()
        while code == 1 and "not asked again before" in output and \
                time.monotonic() < deadline:
            time.sleep(0.05)
            code, output = run()
        return code, output

    # ---- Searches -----------------------------------------------------------

    def nearest(self, vector, documents):
        """Returns all (distance, id) of `documents` by brute force."""
        vectors = self.replay.embed(list(documents.values()))
        return sorted((1 - sum(a * b for a, b in zip(vector, other)), name)
                      for name, other in zip(documents, vectors))

    def check_neighbors(self, what, code, output, expected):
        """Compares an answer with (distance, id) pairs in order."""
        self.searches += 1
        if not self.expect(code == 0, "%s: %s" % (what, output)):
            return
        found = [(neighbor["distance"], neighbor["id"])
                 for neighbor in output["neighbors"]]
        distances = {name: distance for distance, name in expected}
        ten = expected[:10]
        fits = len(found) == len(ten) and all(
            abs(distance - wanted) < 1e-4 and
            abs(distance - distances.get(name, 9)) < 1e-4
            for (distance, name), (wanted, _) in zip(found, ten))
        self.expect(fits, "%s: found %s, expected %s" % (what, found[:3], ten[:3]))

    def search_text(self, domain, commit, documents, query):
        code, output = self.copse("search", domain, "--commit", commit, query)
        self.check_neighbors("search %r at %s" % (query, commit[:8]), code, output,
                             self.nearest(self.replay.embed([query])[0], documents))

    def check_answers(self, commit):
        """What `commit` answers without the provider: kept texts, documents."""
        documents = self.documents[commit]
        self.search_text(DOMAIN, commit, documents, self.queries[0])
        name = sorted(documents)[len(documents) // 2]
        expected = self.nearest(self.replay.embed([documents[name]])[0], documents)
        code, output = self.copse("similar", DOMAIN, "--commit", commit, name)
        self.check_neighbors("similar %s at %s" % (name, commit[:8]), code, output,
                             [pair for pair in expected if pair[1] != name])

    # ---- The parts ----------------------------------------------------------

    def check_history(self):
        """Real commits in their order; searches at the first and the last."""
        began = time.monotonic()
        code, output = self.copse("domain", "create", DOMAIN)
        self.expect(code == 0, "domain create: %s" % output)
        commits = []
        for _ in range(HISTORY_COMMITS):
            commit = self.pages.next_commit()
            code, output = self.push(commit["commit"], commit["ops"])
            self.expect(code == 0, "push %s: %s" % (commit["commit"], output))
            commits.append(commit["commit"])
        for commit in (commits[0], commits[HISTORY_COMMITS // 2], commits[-1]):
            for query in self.queries[:6]:
                self.search_text(DOMAIN, commit, self.documents[commit], query)
            self.check_answers(commit)
        self.finish_round("no fault", "%d commits" % HISTORY_COMMITS, began, 0)

    def check_passing(self, fault):
        began, first = time.monotonic(), len(self.proxy.requests)
        count = PASSING_COUNT.get(fault, 1 if fault in FINAL else 3)
        operations = self.pages.next_pages(PAGES_PER_ROUND,
                                           self.documents[self.head])
        commit = "passing " + fault
        self.proxy.fail(fault, skip=1, count=count)
        code, output = self.push_with(fault, commit, operations)
        faulty = [request for request in self.proxy.requests[first:]
                  if request.fault]
        self.expect(len(faulty) == count, "%s: %d of %d faults were met" %
                    (commit, len(faulty), count))
        if fault in FINAL:
            self.expect(code == 1, "%s: exit code %d, expected 1" % (commit, code))
            code, output = self.push_again(fault, commit, operations)
        self.expect(code == 0, "%s: %s" % (commit, output))
        if fault == "429 retry-after":
            self.check_pause(faulty[0])
        if code == 0:
            self.check_answers(commit)
        self.finish_round(fault, "passing", began, first)

    def check_pause(self, refused):
        """Nothing is sent within the second that the provider asked for."""
        early = [request for request in self.proxy.requests
                 if 0.1 < request.begin_time - refused.end_time < 0.99]
        self.expect(not early, "%d requests within Retry-After" % len(early))

    def check_lasting(self, fault):
        began, first = time.monotonic(), len(self.proxy.requests)
        operations = self.pages.next_pages(PAGES_PER_ROUND,
                                           self.documents[self.head])
        commit, before = "lasting " + fault, self.head
        self.proxy.fail(fault, skip=1, count=None)
        code, output = self.push_with(fault, commit, operations)
        self.expect(code == 1, "%s: exit code %d, expected 1" % (commit, code))
        for words in LASTING[fault]:
            self.expect(words in output, "%s: no %r in %s" % (commit, words, output))
        self.check_absent(commit, before)
        self.check_answers(before)
        code, output = self.copse("search", DOMAIN, "--commit", before,
                                  "a question asked during " + fault)
        self.expect(code == 1 and LASTING[fault][0] in output,
                    "%s: a new question: exit code %d: %s" % (commit, code, output))
        self.expect(self.daemon.process.poll() is None, commit + ": copsed died")
        self.expect(self.http("/health/ready"), commit + ": not ready")
        self.proxy.heal()
        code, output = self.push_again(fault, commit, operations)
        self.expect(code == 0, "%s: afterwards: %s" % (commit, output))
        if code == 0:
            self.check_answers(commit)
        self.finish_round(fault, "lasting", began, first)

    def check_absent(self, commit, head):
        listed = [item["commit"] for item in self.copse("log", DOMAIN)[1]["commits"]]
        self.expect(commit not in listed, commit + ": the failed commit is listed")
        code, output = self.copse("show", DOMAIN, commit)
        self.expect(code == 1 and "COMMIT_NOT_FOUND" in output,
                    "%s: show says %s" % (commit, output))
        branches = self.copse("branch", "list", DOMAIN)[1]["branches"]
        self.expect([branch["head_commit"] for branch in branches] == [head],
                    commit + ": the branch has moved")

    def check_git(self):
        """A provider that goes down in the middle of `copse git`."""
        began, first = time.monotonic(), len(self.proxy.requests)
        repository = os.path.join(self.work, "repository")
        tree, trees = {}, []
        subprocess.run(["git", "init", "-q", "-b", "main", repository], check=True)
        for number in range(3):
            pages = self.pages.next_pages(2 * BATCH, tree)
            tree = apply_operations(tree, pages)
            trees.append((commit_pages(repository, pages, number), dict(tree)))
        self.proxy.fail("500", skip=3, count=None)
        code, output = self.copse("git", repository, "--domain", "git")
        self.expect(code == 1 and "answered 500" in output,
                    "copse git with a fault: exit code %d: %s" % (code, output))
        listed = [item["commit"] for item in self.copse("log", "git")[1]["commits"]]
        self.expect(listed == [trees[0][0]], "copse git left %s" % listed)
        self.proxy.heal()
        code, output = self.once_asked_again(
            lambda: self.copse("git", repository, "--domain", "git"))
        self.expect(code == 0 and output["commits_pushed"] == 2,
                    "copse git afterwards: exit code %d: %s" % (code, output))
        for commit, documents in trees:
            self.search_text("git", commit, to_paths(documents), self.queries[1])
        self.finish_round("500", "copse git", began, first)

    def check_restart(self):
        """Key from a file: the kept vectors serve, and new texts are embedded."""
        began, first = time.monotonic(), len(self.proxy.requests)
        for commit in list(self.documents)[::9] + [self.head]:
            self.check_answers(commit)
        kept = list(self.documents[self.head].values())[:BATCH]
        code, output = self.push("kept texts", [
            {"op": "Inserted", "id": "kept/%d" % i, "string": text}
            for i, text in enumerate(kept)])
        self.expect(code == 0, "push of kept texts: %s" % output)
        self.expect(len(self.proxy.requests) == first,
                    "%d requests for kept texts" %
                    (len(self.proxy.requests) - first))
        code, output = self.push("new texts", self.pages.next_pages(
            BATCH, self.documents[self.head]))
        self.expect(code == 0, "push after the restart: %s" % output)
        self.check_answers(self.head)
        self.finish_round("no fault", "key from a file", began, first)

    def check_key(self):
        """The key must be nowhere, neither plain nor as base64."""
        needles = [KEY.encode(), base64.b64encode(KEY.encode())]
        places = {"output, log or metrics": "\n".join(self.outputs).encode()}
        for folder, _, files in os.walk(self.data):
            for name in files:
                with open(os.path.join(folder, name), "rb") as file:
                    places["data folder: " + name] = file.read()
        for place, content in places.items():
            for needle in needles:
                at = content.find(needle)
                self.expect(at < 0, "the key is in the %s: %r" % (
                    place, content[max(0, at - 120):at + 40]))
        return {"searched_places": len(places),
                "searched_bytes": sum(map(len, places.values()))}

    def finish_round(self, fault, kind, began, first):
        """Notes a round, and what was sent again in it."""
        self.proxy.heal()
        requests = self.proxy.requests[first:]
        repeated, self.proxy.repeated = self.proxy.repeated, 0
        self.expect(repeated == 0, "%s, %s: %d texts with a vector were sent again" %
                    (fault, kind, repeated))
        self.rows.append({
            "fault": fault, "kind": kind, "requests": len(requests),
            "broken": sum(bool(request.fault) for request in requests),
            "texts": sum(len(request.texts) for request in requests),
            "sent_again": repeated,
            "seconds": round(time.monotonic() - began, 2),
            "misses": len(self.misses) - sum(row["misses"] for row in self.rows)})

    def run(self):
        began = time.monotonic()
        self.start("api_key_env")
        self.check_history()
        for fault in FAULTS:
            self.restart()
            self.check_passing(fault)
            self.restart()
            self.check_lasting(fault)
        self.restart()
        self.check_git()
        by_status = self.by_status + collections.Counter(self.read_metrics())
        for status in ("200", "401", "429", "500", "none"):
            self.expect(by_status.get(status, 0) > 0,
                        "metrics count no request with status " + status)
        code, output = self.copse("verify", DOMAIN)
        self.expect(code == 0, "verify: %s" % output)
        self.stop()
        self.start("api_key_file")
        self.check_restart()
        self.stop()
        key = self.check_key()
        return {"rounds": self.rows, "commits": len(self.documents),
                "documents": len(self.documents[self.head]),
                "searches_compared": self.searches,
                "requests_by_status": by_status, "key": key,
                "seconds": round(time.monotonic() - began, 2),
                "misses": self.misses}


def print_table(result):
    row = "%-24s %-16s %8s %6s %6s %10s %8s  %s"
    print(row % ("FAULT", "KIND", "REQUESTS", "BROKEN", "TEXTS", "SENT AGAIN",
                 "SECONDS", "RESULT"))
    for item in result["rounds"]:
        print(row % (item["fault"], item["kind"], item["requests"],
                     item["broken"], item["texts"], item["sent_again"],
                     "%.2f" % item["seconds"],
                     "ok" if not item["misses"] else
                     "%d misses" % item["misses"]))


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build_folder")
    parser.add_argument("replay_server", nargs="?")
    options = parser.parse_args()
    shared = os.environ.get("COPSE_SHARED_DIR") or os.path.join(
        os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "shared")
    if not options.replay_server:
        options.replay_server = os.path.join(
            os.path.normpath(shared), "tools", "replay_embedding_server.py")
    options.queries = os.path.join(
        os.path.dirname(os.path.abspath(options.replay_server)), "..", "data",
        "tldr_queries.json")
    return options


def main():
    options = parse_options()
    for path in (options.replay_server, options.queries):
        if not os.path.exists(path):
            print("SKIPPED: %s does not exist, so no provider was tried" % path)
            return SKIPPED
    replay = ReplayServer(options.replay_server, KEY)
    pages = Pages(options.replay_server)
    try:
        with FaultProxy(replay.url, KEY) as proxy:
            check = ProviderCheck(options, replay, pages, proxy)
            try:
                result = check.run()
            finally:
                check.daemon.stop()
                shutil.rmtree(check.work, ignore_errors=True)
    finally:
        pages.stop()
        replay.stop()
    print_table(result)
    print(json.dumps(result, indent=2))
    return 1 if result["misses"] else 0


if __name__ == "__main__":
    sys.exit(main())
