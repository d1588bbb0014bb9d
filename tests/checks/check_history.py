#!/usr/bin/env python3
# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""The real history through a provider: what it costs the second time, and what
it answers.

copsed runs with the replaying embedding server (real vectors, no model), and

  cold      the first commits of the history are pushed, one after the other
  warm      the same into another domain: no text may be sent to the provider
  branch    a second branch from the middle, with the later operations: none
  revert    the head goes back to a commit of the past, by a push of the
            difference: none
  pulled    the last commits again into a domain of their own, which copsed pulls
            from a content server with Inserted, Changed, Deleted and Error lines:
            none, and the documents are those that were pushed
  searches  ten questions at three commits, each answer compared with brute force
            over the server's vectors

  check_history.py BUILD_FOLDER [REPLAY_SERVER] [--commits 1500]

Prints a table of the parts, the answers, and one JSON object; exits 1 if a part
sent a text or an answer is wrong, and 77 without the server.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
import urllib.request

from content_server import Content, ContentServer
from copse_daemon import Daemon
from replay_pages import (Pages, ReplayServer, apply_operations, locate_replay,
                          to_lines)

SKIPPED = 77
KEY = "history"
DIMENSION = 384
PULLED_COMMITS = 20
QUERY_COUNT = 10


class HistoryCheck:
    """Thread safety: none."""

    def __init__(self, options, replay, pages, content):
        self.replay, self.content = replay, content
        self.commits = [pages.next_commit() for _ in range(options.commits)]
        with open(options.queries) as file:
            self.queries = [query["text"] for query in json.load(file)]
        self.work = tempfile.mkdtemp(prefix="copse-history-")
        config = os.path.join(self.work, "copsed.yaml")
        with open(config, "w") as file:
            file.write(
                "embedding:\n  dialect: openai\n  url: %s/v1\n  model: minilm\n"
                "  dimension: %d\n  api_key_env: HISTORY_CHECK_KEY\n"
                "content_endpoint: %s\nfree_space_min_bytes: 1MiB\n" %
                (replay.url, DIMENSION, content.url))
        self.daemon = Daemon(options.build_folder,
                             data=os.path.join(self.work, "data"),
                             arguments=["--config", config],
                             env={"HISTORY_CHECK_KEY": KEY})
        self.states, self.parts, self.answers, self.misses = {}, [], [], []

    def expect(self, condition, what):
        if not condition:
            self.misses.append(what)

    def metric(self, name):
        url = "http://%s/metrics" % self.daemon.addresses["metrics_address"]
        with urllib.request.urlopen(url, timeout=10) as response:
            lines = response.read().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines
                   if line.startswith(name))

    def part(self, name, run, is_free=True):
        """Runs a part, and notes what it cost."""
        requests = self.metric("copse_embedding_requests_total")
        began = time.monotonic()
        operations = run()
        seconds = time.monotonic() - began
        sent = self.metric("copse_embedding_requests_total") - requests
        self.parts.append({
            "part": name, "operations": operations, "requests": int(sent),
            "seconds": round(seconds, 2),
            "operations_per_second": round(operations / seconds, 1)})
        print("%-10s %8d operations, %5d requests to the provider, %8.2f s, "
              "%8.1f operations/s" % (name, operations, sent, seconds,
                                      operations / seconds), flush=True)
        self.expect(not is_free or sent == 0,
                    "%s: %d requests to the provider" % (name, sent))

    def push(self, domain, branch, commit, parent, operations):
        self.daemon.copse("push", domain, "--create", "--commit", commit,
                          "--branch", branch,
                          *(["--parent", parent] if parent else ["--root"]), "-",
                          stdin=to_lines(operations))
        return len(operations)

    def push_all(self, domain, commits, branch="main", parent=None, prefix=""):
        count = 0
        for commit in commits:
            name = prefix + commit["commit"]
            count += self.push(domain, branch, name, parent, commit["ops"])
            parent = name
        return count

    def note_states(self):
        documents = {}
        for commit in self.commits:
            documents = apply_operations(documents, commit["ops"])
            self.states[commit["commit"]] = documents

    def branch_off(self):
        middle = len(self.commits) // 2
        return self.push_all("cold", self.commits[middle:], "second",
                             self.commits[middle - 1]["commit"], "second-")

    def revert(self):
        head, past = (self.commits[i]["commit"]
                      for i in (-1, len(self.commits) // 3))
        now, then = self.states[head], self.states[past]
        operations = [{"op": "Deleted", "id": name} for name in now
                      if name not in then]
        operations += [{"op": "Inserted", "id": name, "string": text}
                       for name, text in then.items() if now.get(name) != text]
        count = self.push("cold", "main", "revert", head, operations)
        self.expect(self.export("cold", "revert") == then,
                    "the revert has other documents than the commit")
        return count

    def export(self, domain, commit):
        lines = self.daemon.copse("export", domain, "--commit", commit, "--text")
        return {document["id"]: document["text"]
                for document in map(json.loads, lines.splitlines())}

    def pull_all(self):
        """All documents of one commit, then the difference to the next."""
        count, previous = 0, None
        error = {"op": "Error", "message": "one document cannot be read"}
        for commit in self.commits[-PULLED_COMMITS:]:
            name = commit["commit"]
            operations = commit["ops"] if previous else [
                {"op": "Inserted", "id": key, "string": text}
                for key, text in self.states[name].items()]
            self.content.say(name, Content(operations + [error]))
            self.daemon.copse(
                "pull", "pulled", "--create", "--commit", name, "--branch",
                "main", *(["--previous", previous] if previous else []))
            previous = name
            count += len(operations)
        self.expect(self.export("pulled", previous) == self.states[previous],
                    "the pulled commit has other documents than the pushed one")
        return count

    def search_all(self):
        chosen = [self.commits[i]["commit"] for i in
                  (len(self.commits) // 10, len(self.commits) // 2, -1)]
        for question in self.queries[:QUERY_COUNT]:
            vector = self.replay.embed([question])[0]
            for commit in chosen:
                self.compare(question, vector, commit)

    def compare(self, question, vector, commit):
        documents = self.states[commit]
        best = sorted(
            (1 - sum(a * b for a, b in zip(vector, other)), name)
            for name, other in zip(documents,
                                   self.replay.embed(list(documents.values()))))
        found = json.loads(self.daemon.copse(
            "--json", "search", "cold", "--commit", commit,
            question))["neighbors"]
        fits = len(found) == min(10, len(best)) and all(
            abs(neighbor["distance"] - distance) < 1e-3
            for neighbor, (distance, _) in zip(found, best))
        self.expect(fits, "%r at %s: found %s, expected %s" % (
            question, commit[:8], found[:3], best[:3]))
        self.answers.append({"question": question, "commit": commit[:8],
                             "found": [neighbor["id"] for neighbor in found[:3]],
                             "distance": found[0]["distance"] if found else None})
        print("%-44.44s %s  %s" % (question, commit[:8], ", ".join(
            neighbor["id"].replace("tldr:///", "") for neighbor in found[:3])),
              flush=True)

    def run(self):
        self.daemon.start()
        self.note_states()
        self.part("cold", lambda: self.push_all("cold", self.commits), False)
        self.part("warm", lambda: self.push_all("warm", self.commits))
        self.part("branch", self.branch_off)
        self.part("revert", self.revert)
        self.part("pulled", self.pull_all)
        self.search_all()
        return {"commits": len(self.commits), "parts": self.parts,
                "answers": self.answers, "misses": self.misses}


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build_folder")
    parser.add_argument("replay_server", nargs="?")
    parser.add_argument("--commits", type=int, default=1500)
    options = parser.parse_args()
    options.replay_server, options.queries = locate_replay(options.replay_server)
    return options


def main():
    options = parse_options()
    for path in (options.replay_server, options.queries):
        if not os.path.exists(path):
            print("SKIPPED: %s does not exist, so no history was pushed" % path)
            return SKIPPED
    replay = ReplayServer(options.replay_server, KEY)
    pages = Pages(options.replay_server)
    with ContentServer() as content:
        check = HistoryCheck(options, replay, pages, content)
        try:
            result = check.run()
        finally:
            check.daemon.stop()
            shutil.rmtree(check.work, ignore_errors=True)
            pages.stop()
            replay.stop()
    print(json.dumps(result, indent=2))
    return 1 if result["misses"] else 0


if __name__ == "__main__":
    sys.exit(main())
