# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Pushes over HTTP whose texts an embedding provider embeds: one that refuses,
limits or sleeps."""

import collections
import http.server
import json
import os
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from vectorlink_case import VectorLinkCase  # noqa: E402
from http_client import inserted  # noqa: E402

DIMENSION = 4


class Provider:
    """An OpenAI-compatible API that refuses texts with "poison" in them.

    It answers the first `busy_count` requests with 429, and sleeps `latency`
    seconds before each answer."""

    def __init__(self):
        self.keys, self.statuses = [], collections.Counter()
        self.busy_count, self.latency, self.is_down = 0, 0, False
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                texts = json.loads(self.rfile.read(
                    int(self.headers["Content-Length"])))["input"]
                provider.keys.append(self.headers.get("Authorization"))
                time.sleep(provider.latency)
                status, body = provider.answer(texts)
                provider.statuses[status] += 1
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                if status == 429:
                    self.send_header("Retry-After", "0")
                self.end_headers()
                self.wfile.write(data)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d/v1" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, texts):
        if self.is_down:
            return 500, {"error": {"message": "down"}}
        if self.busy_count > 0:
            self.busy_count -= 1
            return 429, {"error": {"message": "too many requests"}}
        for place, text in enumerate(texts):
            if "poison" in text:
                return 400, {"error": {"message": "input[%d] is invalid" % place,
                                       "type": "invalid_request_error",
                                       "param": "input"}}
        return 200, {"object": "list", "model": "m", "data": [
            {"object": "embedding", "index": place,
             "embedding": [1.0, len(text) % 7, len(text) % 5, 0.5]}
            for place, text in enumerate(texts)],
            "usage": {"prompt_tokens": 1, "total_tokens": 1}}


class Pushes(VectorLinkCase):
    env = {"PROVIDER_KEY": "sk-17"}

    @classmethod
    def setUpClass(cls):
        cls.provider = Provider()
        cls.arguments = ["--embedding-url", cls.provider.url,
                         "--embedding-model", "m",
                         "--embedding-dimension", str(DIMENSION),
                         "--embedding-api-key-env", "PROVIDER_KEY",
                         "--embedding-attempt-count-max", "2",
                         "--embedding-backoff-base-seconds", "0.01",
                         "--embedding-backoff-max-seconds", "0.05"]
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.provider.server.shutdown()

    def setUp(self):
        super().setUp()
        self.provider.latency, self.provider.is_down = 0, False
        self.provider.statuses.clear()

    def test_the_text_at_fault_is_skipped_and_the_rest_indexed(self):
        done = self.push("c1", [inserted("a", "oak"), inserted("b", "poison ivy"),
                                inserted("c", "beech")])
        self.assertEqual(done["indexed_documents"], 2)
        self.assertEqual([entry["id"] for entry in done["skipped"]], ["b"])
        self.assertNotEqual(done["skipped"][0]["message"], "")
        self.assertEqual(sorted(self.ids("tree", "c1")), ["a", "c"])

    def test_429_is_retried_and_the_key_is_sent(self):
        self.provider.busy_count = 1
        done = self.push("c1", [inserted("a", "a hornbeam of the harbour")])
        self.assertEqual(done["indexed_documents"], 1)
        self.assertEqual(self.provider.statuses[429], 1)
        self.assertEqual(set(self.provider.keys), {"Bearer sk-17"})

    def test_a_provider_that_stays_down_fails_the_push(self):
        self.push("c0", [])
        self.provider.is_down = True
        failed = self.push("c1", [inserted("a", "a willow by the quay")])
        self.assertEqual(failed.status, 500)
        self.assertEqual(self.head_of(), "c0")

    def test_heartbeats_while_the_provider_sleeps(self):
        self.push("c0", [inserted("a", "warm up")])
        self.provider.latency = float(os.environ.get("COPSE_TEST_SLEEP", "21"))
        body = (json.dumps(inserted("a", "an elm on the pier")) + "\n").encode()
        connection = self.client.raw(self.client.head(
            "POST", "/push?domain=%s&target_commit=c1&stream=true" % self.domain,
            "Content-Length: %d" % len(body)) + body)
        connection.settimeout(12)  # Twice the heartbeats, and no provider.
        file = connection.makefile("rb")
        times, last = [time.monotonic()], None
        while last is None or last["status"] == "progress":
            line = file.readline()
            if line.startswith(b"{"):
                times.append(time.monotonic())
                last = json.loads(line)
        gaps = [after - before for before, after in zip(times, times[1:])]
        self.assertLess(max(gaps), 10)
        self.assertGreater(times[-1] - times[0], self.provider.latency - 1)
        self.assertEqual(last["status"], "complete")


if __name__ == "__main__":
    unittest.main()
