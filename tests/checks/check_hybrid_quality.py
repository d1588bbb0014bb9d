#!/usr/bin/env python3
# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Says how good searches by meaning, by words and by both are.

  check_hybrid_quality.py BUILD_FOLDER

The server is that of the folder COPSE_SHARED_DIR, or of `shared` beside the
source folder. Pushes the last state of the pages beside the replaying embedding server, asks
its 60 questions, and 100 titles of pages, in each mode, and prints the mean
reciprocal rank of the first page that answers, among the first 10. The server
has vectors of whole pages, so these are embedded whole; "chunks" shows what
becomes of them in chunks, which it embeds word by word. Exits 1 if both
together are not better than words alone and by normalised scores not better
than meaning alone, and 77 if the data are not there.
"""

import json
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from copse_daemon import Daemon
from replay_pages import Pages, ReplayServer, apply_operations, to_lines

SKIPPED = 77
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
SHARED = os.path.normpath(os.environ.get("COPSE_SHARED_DIR") or
                          os.path.join(ROOT, "..", "shared"))
KEY = "check"

DOMAINS = [
    ("plain", ["--chunking", "whole"]),
    ("english", ["--chunking", "whole", "--language", "english"]),
    ("chunks", ["--language", "english"]),
]
TITLE_COUNT = 100

MODES = [
    ("vector", ["--mode", "vector"]),
    ("text", ["--mode", "text", "--plain"]),
    ("ranks", ["--mode", "hybrid", "--plain"]),
    ("ranks, weight .7", ["--mode", "hybrid", "--plain", "--vector-weight", "0.7"]),
    ("scores", ["--mode", "hybrid", "--plain", "--fusion", "score"]),
    ("scores, weight .6", ["--mode", "hybrid", "--plain", "--fusion", "score",
                           "--vector-weight", "0.6"]),
    ("scores, weight .8", ["--mode", "hybrid", "--plain", "--fusion", "score",
                           "--vector-weight", "0.8"]),
]


def last_pages(server_path):
    pages = Pages(server_path)
    documents = {}
    try:
        while True:
            documents = apply_operations(documents, pages.next_commit()["ops"])
    except StopIteration:
        return documents
    finally:
        pages.stop()


def title_queries(documents):
    """Returns TITLE_COUNT queries: titles of pages, spread over their IDs."""
    titles = {}
    for name, text in sorted(documents.items()):
        title = text.split("\n", 1)[0].lstrip("# ").replace("-", " ").strip()
        if title:
            titles.setdefault(title, []).append(name)
    names = sorted(titles)
    step = len(names) // TITLE_COUNT
    return [{"text": title, "relevant": titles[title]}
            for title in names[::step][:TITLE_COUNT]]


def reciprocal_rank(found, relevant):
    for rank, document in enumerate(found, 1):
        if document in relevant:
            return 1 / rank
    return 0


def measure(daemon, domain, queries):
    result = {}
    for name, arguments in MODES:
        total = 0
        for query in queries:
            answer = daemon.json("search", domain, query["text"], "-k", "10",
                                 *arguments)
            found = [neighbor["id"] for neighbor in answer["neighbors"]]
            total += reciprocal_rank(found, query["relevant"])
        result[name] = total / len(queries)
    return result


def print_table(title, results):
    print("%s: mean reciprocal rank at 10" % title)
    print("%-20s" % "" + "".join(" %8s" % domain for domain in results))
    for name, _ in MODES:
        print("%-20s" % name + "".join(" %8.3f" % ranks[name]
                                       for ranks in results.values()))


def main():
    server_path = os.path.join(SHARED, "tools", "replay_embedding_server.py")
    questions = os.path.join(SHARED, "data", "tldr_queries.json")
    if not os.path.exists(server_path) or not os.path.exists(questions):
        print("SKIPPED: no replaying embedding server and questions in %s" % SHARED)
        return SKIPPED
    with open(questions) as file:
        queries = json.load(file)
    documents = last_pages(server_path)
    operations = to_lines([{"op": "Inserted", "id": name, "string": text}
                           for name, text in documents.items()])
    replay = ReplayServer(server_path, KEY)
    titles = title_queries(documents)
    results, titled = {}, {}
    work = tempfile.mkdtemp(prefix="copse-hybrid-")
    config = os.path.join(work, "copsed.yaml")
    with open(config, "w") as file:
        file.write("embedding:\n  url: %s\n  model: minilm\n  dimension: 384\n"
                   "  api_key_env: HYBRID_CHECK_KEY\n"
                   "free_space_min_bytes: 1MiB\n" % replay.url)
    try:
        with Daemon(sys.argv[1], arguments=["--config", config],
                    env={"HYBRID_CHECK_KEY": KEY}) as daemon:
            for domain, flags in DOMAINS:
                daemon.copse("push", domain, "--commit", "last", "--branch",
                             "main", "--create", *flags, "-", stdin=operations)
                results[domain] = measure(daemon, domain, queries)
                titled[domain] = measure(daemon, domain, titles)
    finally:
        replay.stop()
        shutil.rmtree(work, ignore_errors=True)
    print_table("%d pages, %d questions" % (len(documents), len(queries)),
                results)
    print_table("%d titles of pages" % len(titles), titled)
    for ranks in results.values():
        if ranks["ranks"] <= ranks["text"] or ranks["scores"] <= ranks["vector"]:
            print("FAILED: fusion is not better than one search alone")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
