#!/usr/bin/env python3
# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Indexes a git repository with `copse git` and proves that every commit is right.

For random commits, the exported document IDs must equal `git ls-tree` of the
commit through the same filter, and the fingerprint must equal that of a new
domain built from that commit alone. A second run must push nothing.

  check_git.py BUILD_FOLDER REPOSITORY [--commits 20] [--seed 1]

Prints one JSON object; exits 1 if anything differs.
"""

import argparse
import json
import random
import subprocess
import sys
import time

from copse_daemon import Daemon

FILE_SIZE_BYTES_MAX = 1 << 20


def git(repository, *arguments):
    return subprocess.run(["git", "-C", repository, *arguments], check=True,
                          stdout=subprocess.PIPE).stdout


def indexed_paths(repository, commit):
    """Returns the paths of a commit that copse git indexes by default."""
    entries = []
    for line in git(repository, "ls-tree", "-r", "-z", "-l", commit).split(b"\0"):
        if not line:
            continue
        meta, path = line.split(b"\t", 1)
        mode, kind, object_id, size = meta.split()
        if kind == b"blob" and mode != b"120000" and \
                0 < int(size) <= FILE_SIZE_BYTES_MAX:
            entries.append((object_id, path))
    batch = subprocess.run(
        ["git", "-C", repository, "cat-file", "--batch"], check=True,
        input=b"".join(object_id + b"\n" for object_id, _ in entries),
        stdout=subprocess.PIPE).stdout
    paths, position = set(), 0
    for _, path in entries:
        header_end = batch.index(b"\n", position)
        size = int(batch[position:header_end].split()[2])
        content = batch[header_end + 1:header_end + 1 + size]
        position = header_end + size + 2
        try:
            content.decode()
            if b"\0" not in content[:8192]:
                paths.add(path.decode())
        except UnicodeDecodeError:
            pass
    return paths


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build_folder")
    parser.add_argument("repository")
    parser.add_argument("--commits", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    repository = options.repository
    branch = git(repository, "rev-parse", "--abbrev-ref", "HEAD").decode().strip()
    commits = git(repository, "rev-list", "--first-parent", branch).decode().split()
    sample = random.Random(options.seed).sample(
        commits, min(options.commits, len(commits)))
    result = {"repository_commits": len(commits), "seed": options.seed,
              "checked": 0, "differences": []}
    with Daemon(options.build_folder) as daemon:
        began = time.monotonic()
        first = daemon.json("git", repository, "--domain", "all", "--branch", branch)
        result["seconds"] = round(time.monotonic() - began, 2)
        result["summary"] = first
        result["size_bytes"] = daemon.size_bytes()
        again = daemon.json("git", repository, "--domain", "all", "--branch", branch)
        if again["commits_pushed"] != 0:
            result["differences"].append("a second run pushed %d commits" %
                                         again["commits_pushed"])
        for number, commit in enumerate(sample):
            lines = daemon.copse("export", "all", "--commit", commit).splitlines()
            exported = {json.loads(line)["id"] for line in lines}
            expected = indexed_paths(repository, commit)
            if exported != expected:
                result["differences"].append(
                    "%s: ids differ: %s" % (commit, sorted(exported ^ expected)[:5]))
            alone = "alone-%d" % number
            name = "copse-check-%s-%d" % (commit[:12], number)
            git(repository, "branch", "-f", name, commit)
            try:
                daemon.json("git", repository, "--domain", alone, "--branch", name,
                            "--max-commits", "1")
            finally:
                git(repository, "branch", "-D", name)
            fingerprints = [daemon.json("show", domain, commit)["fingerprint"]
                            for domain in ("all", alone)]
            if fingerprints[0] != fingerprints[1]:
                result["differences"].append(
                    "%s: fingerprint %s, built alone %s" % (commit, *fingerprints))
            result["checked"] += 1
    print(json.dumps(result, indent=2))
    return 1 if result["differences"] else 0


if __name__ == "__main__":
    sys.exit(main())
