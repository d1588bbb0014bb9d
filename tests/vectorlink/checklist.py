#!/usr/bin/env python3
# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""The checklist of the HTTP port as a table: each line, its tests, and how they
went.

  python3 tests/vectorlink/checklist.py          # Runs them.
  python3 tests/vectorlink/checklist.py --list   # Only looks whether they exist.

Exit code 1 if a line has no test, or a test failed.
"""

import argparse
import fnmatch
import glob
import os
import re
import sys
import unittest
import warnings

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, FOLDER)


def lines_of_readme():
    """Returns (line, patterns) of the table; headings have no patterns."""
    with open(os.path.join(FOLDER, "README.md")) as file:
        table = file.read().partition("| line | tests |")[2].partition("\n## ")[0]
    lines = []
    for row in table.splitlines():
        cells = re.match(r"\| (.+?) \| (.*?) ?\|$", row)
        if cells and not cells[1].startswith("---"):
            lines.append((cells[1], re.findall(r"`([^`]+)`", cells[2])))
    return lines


def load_tests():
    """Returns all tests by name, such as test_push.PlainPush.test_x."""
    suite = unittest.TestSuite()
    loader = unittest.TestLoader()
    for path in sorted(glob.glob(os.path.join(FOLDER, "test_*.py"))):
        suite.addTests(loader.loadTestsFromName(os.path.basename(path)[:-3]))
    tests = {}

    def visit(item):
        if isinstance(item, unittest.TestCase):
            tests[item.id()] = item
        else:
            for each in item:
                visit(each)
    visit(suite)
    return tests


class Results(unittest.TextTestResult):
    """Notes how each test went."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.words = {}

    def addSuccess(self, test):
        super().addSuccess(test)
        self.words[test.id()] = "ok"

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.words[test.id()] = "FAILED"

    def addError(self, test, err):
        super().addError(test, err)
        self.words[test.id()] = "FAILED"

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.words[test.id()] = "skipped"


def run(tests):
    """Returns how each of the tests went, by name."""
    runner = unittest.TextTestRunner(resultclass=Results, verbosity=0,
                                     stream=sys.stderr)
    # One suite, so that a class starts its daemon once.
    return runner.run(unittest.TestSuite(tests.values())).words


def main():
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--list", action="store_true", help="run nothing")
    only_list = parser.parse_args().list
    tests, lines = load_tests(), lines_of_readme()
    words = {} if only_list else run(tests)
    failed, named = 0, set()
    for line, patterns in lines:
        if line.startswith("**"):
            print("\n" + line.strip("*"))
            continue
        found = sorted(name for pattern in patterns
                       for name in fnmatch.filter(tests, pattern))
        named.update(found)
        missing = [pattern for pattern in patterns
                   if not fnmatch.filter(tests, pattern)]
        results = {words.get(name, "-" if only_list else "FAILED")
                   for name in found}
        bad = missing or not found or "FAILED" in results
        failed += bool(bad)
        print("  %-6s %s" % ("FAILED" if bad else "there" if only_list else "ok",
                             line))
        for name in found:
            print("           %-8s %s" % (words.get(name, ""), name))
        for pattern in missing:
            print("           no test %s" % pattern)
    others = sorted(set(tests) - named)
    if others:
        print("\nTests of no line")
        for name in others:
            failed += words.get(name) == "FAILED"
            print("  %-8s %s" % (words.get(name, ""), name))
    print("\n%d lines, %d tests, %d lines failed" % (
        sum(not line.startswith("**") for line, _ in lines), len(tests), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
