# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""What the tests of the HTTP port stand on: a real copsed, and a new domain for
each test."""

import os
import sys
import time
import unittest
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "checks"))

from copse_daemon import Daemon  # noqa: E402
from http_client import Client  # noqa: E402

BUILD = os.environ.get("COPSE_TEST_BUILD", "build/dev")


def wait_until(condition, seconds=30):
    """Returns the first true value of condition(); fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("waited %d s in vain" % seconds)
        time.sleep(0.02)


class VectorLinkCase(unittest.TestCase):
    """Tests against one daemon for each class."""

    arguments = ()
    env = {}

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(BUILD, arguments=["--free-space-min-bytes", "16MiB",
                                              *cls.arguments], env=cls.env)
        cls.daemon.start()
        cls.connect()

    @classmethod
    def connect(cls):
        host, _, port = cls.daemon.addresses["http_address"].rpartition(":")
        cls.client = Client(host, int(port))

    @classmethod
    def tearDownClass(cls):
        cls.daemon.__exit__()

    def setUp(self):
        self.domain = "pier/" + self.id().rpartition(".")[2]

    # ---- Shorthands ----

    def push(self, commit, operations, **parameters):
        """Pushes and waits; returns what /check says at the end."""
        answer = self.client.push(operations, domain=self.domain,
                                  target_commit=commit, **parameters)
        self.assertEqual(answer.status, 200, answer)
        return self.wait_for(answer.text())

    def wait_for(self, task):
        def final():
            answer = self.client.get("/check", task_id=task)
            if answer.status != 200:
                return answer
            return answer if answer.json()["status"] != "Pending" else None
        answer = wait_until(final)
        return answer.json() if answer.status == 200 else answer

    def wait_for_index(self, commit):
        """Returns when searches of the commit no longer change their index."""
        self.search("x", commit, count=1)  # Asks for it.
        url = "http://%s/metrics" % self.daemon.addresses["metrics_address"]

        def settled():
            with urllib.request.urlopen(url, timeout=60) as answer:
                return b"\ncopse_folds_pending 0\n" in answer.read()

        wait_until(settled)

    def head_of(self, branch=None, domain=None):
        answer = self.client.get("/last-indexed", domain=domain or self.domain,
                                 branch=branch)
        self.assertEqual(answer.status, 200, answer)
        return answer.json()["commit"]

    def search(self, q, commit=None, mode="vector", **parameters):
        answer = self.client.get("/search", domain=self.domain, commit=commit,
                                 q=q, mode=mode, **parameters)
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def ids(self, q, commit=None, **parameters):
        return [hit["id"] for hit in self.search(q, commit, **parameters)]

    def assert_error(self, answer, status, *words):
        """The answer has the status and a JSON error with all the words."""
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.fields["content-type"], "application/json")
        for word in words:
            self.assertIn(word, answer.json()["error"])
