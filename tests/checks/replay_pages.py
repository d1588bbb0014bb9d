# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""The replaying embedding server, and the pages whose vectors it has.

  replay = ReplayServer("replay_embedding_server.py", key="secret")
  pages = Pages("replay_embedding_server.py")   # the data folder is beside it
  commit = pages.next_commit()
  vectors = replay.embed([op["string"] for op in commit["ops"]])
"""

import json
import os
import subprocess
import sys
import urllib.request


def locate_replay(path=None):
    """Returns the paths of the server and of the questions, there or not.

    The server is `path`, or that of the folder COPSE_SHARED_DIR, or of `shared`
    beside the source folder.
    """
    shared = os.environ.get("COPSE_SHARED_DIR") or os.path.join(
        os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "shared")
    path = os.path.abspath(path or os.path.join(
        shared, "tools", "replay_embedding_server.py"))
    return path, os.path.join(os.path.dirname(path), "..", "data",
                              "tldr_queries.json")


class ReplayServer:
    """The replaying server as a process of its own, and its vectors."""

    def __init__(self, path, key):
        self.key = key
        self.process = subprocess.Popen(
            [sys.executable, path, "--port", "0", "--key", key],
            stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline().split()
        if not line:
            raise SystemExit("%s did not start" % path)
        self.url = line[-1]
        self.vectors = {}

    def embed(self, texts):
        """Returns the vectors of `texts`, asked for once."""
        missing = sorted(set(texts) - set(self.vectors))
        if missing:
            request = urllib.request.Request(
                self.url + "/v1/embeddings",
                json.dumps({"input": missing, "model": "check"}).encode(),
                {"Authorization": "Bearer " + self.key})
            with urllib.request.urlopen(request, timeout=60) as response:
                for item in json.load(response)["data"]:
                    self.vectors[missing[item["index"]]] = item["embedding"]
        return [self.vectors[text] for text in texts]

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        self.process.stdout.close()


class Pages:
    """The pages of the history beside the server, commit by commit."""

    def __init__(self, server_path):
        self.process = subprocess.Popen(
            ["zstd", "-dcq", os.path.join(os.path.dirname(os.path.abspath(
                server_path)), "..", "data", "tldr_history.ndjson.zst")],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.seen = set()

    def next_commit(self):
        commit = json.loads(next(self.process.stdout))
        self.seen.update(op.get("string") for op in commit["ops"])
        return commit

    def next_pages(self, count, documents):
        """Returns `count` operations on pages that no commit has had."""
        operations = {}
        while len(operations) < count:
            for op in json.loads(next(self.process.stdout))["ops"]:
                if op["op"] != "Deleted" and op["string"] not in self.seen and \
                        len(operations) < count:
                    self.seen.add(op["string"])
                    kind = "Changed" if op["id"] in documents else "Inserted"
                    operations[op["id"]] = dict(op, op=kind)
        return list(operations.values())

    def stop(self):
        self.process.kill()
        self.process.wait(30)
        self.process.stdout.close()


def to_lines(operations):
    return "".join(json.dumps(op) + "\n" for op in operations).encode()


def apply_operations(documents, operations):
    documents = dict(documents)
    for op in operations:
        if op["op"] == "Deleted":
            documents.pop(op["id"], None)
        else:
            documents[op["id"]] = op["string"]
    return documents


def to_paths(documents):
    return {name.replace("tldr:///", "") + ".md": text
            for name, text in documents.items()}


def commit_pages(repository, pages, number):
    """Commits pages as files; returns the commit."""
    for path, text in to_paths({op["id"]: op["string"] for op in pages}).items():
        path = os.path.join(repository, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
    run = ["git", "-C", repository, "-c", "user.name=check",
           "-c", "user.email=check@example.org"]
    subprocess.run(run + ["add", "."], check=True)
    subprocess.run(run + ["commit", "-q", "-m", "pages %d" % number], check=True)
    return subprocess.run(run + ["rev-parse", "HEAD"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()
