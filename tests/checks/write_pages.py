#!/usr/bin/env python3
# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes the pages of the replaying embedding server as lines of two pushes.

  write_pages.py SERVER FOLDER COMMITS

FOLDER/old.ndjson has the pages as they were after COMMITS commits, and
FOLDER/new.ndjson what has changed from there to the last one.
"""

import os
import sys

from replay_pages import Pages, apply_operations, to_lines


def write(folder, name, operations):
    with open(os.path.join(folder, name), "wb") as file:
        file.write(to_lines(operations))


def main():
    server, folder, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    pages = Pages(server)
    documents = {}
    for _ in range(count):
        documents = apply_operations(documents, pages.next_commit()["ops"])
    old = documents
    try:
        while True:
            documents = apply_operations(documents, pages.next_commit()["ops"])
    except StopIteration:
        pages.stop()
    write(folder, "old.ndjson", [{"op": "Inserted", "id": name, "string": text}
                                 for name, text in old.items()])
    write(folder, "new.ndjson",
          [{"op": "Changed", "id": name, "string": text}
           for name, text in documents.items() if old.get(name) != text] +
          [{"op": "Deleted", "id": name} for name in old.keys() - documents.keys()])
    return 0


if __name__ == "__main__":
    sys.exit(main())
