# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Content codings, metrics and the access log of the HTTP port."""

import gzip
import json
import os
import re
import sys
import threading
import time
import unittest
import urllib.request
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from vectorlink_case import VectorLinkCase, wait_until  # noqa: E402
from http_client import inserted  # noqa: E402

JSON = {"Content-Type": "application/json"}
LINES = {"Content-Type": "application/x-ndjson"}


def documents(count):
    return [inserted("Vessel/%d" % i, "Pilot cutter number %d of the harbour." % i)
            for i in range(count)]


class Answers(VectorLinkCase):
    def hits(self, coding):
        answer = self.client.get("/search", fields=coding and {
            "Accept-Encoding": coding}, domain=self.domain, commit="c1",
            q="pilot", count=50)
        self.assertEqual(answer.status, 200, answer)
        return answer

    def test_large_ones_are_compressed_as_the_client_likes(self):
        self.push("c1", documents(50))
        plain = self.hits(None)
        self.assertNotIn("content-encoding", plain.fields)
        for coding, wanted, expand in [
                ("gzip", "gzip", gzip.decompress),
                ("gzip;q=0.2, deflate", "deflate", zlib.decompress),
                ("zstd;q=0, *", "gzip", gzip.decompress)]:
            answer = self.hits(coding)
            self.assertEqual(answer.fields["content-encoding"], wanted)
            self.assertEqual(answer.fields["vary"], "Accept-Encoding")
            self.assertEqual(int(answer.fields["content-length"]),
                             len(answer.body))
            self.assertEqual(expand(answer.body), plain.body)
            self.assertLess(len(answer.body), len(plain.body) / 2)
        self.assertEqual(self.hits("zstd, gzip").fields["content-encoding"],
                         "zstd")
        for coding in ["identity", "br", "gzip;q=0", "*;q=0"]:
            self.assertEqual(self.hits(coding).body, plain.body)

    def test_small_ones_are_not(self):
        answer = self.client.get("/last-indexed", {"Accept-Encoding": "gzip"},
                                 domain=self.domain)
        self.assertNotIn("content-encoding", answer.fields)
        answer.json()

    def test_streams_of_lines(self):
        self.push("c1", documents(100))
        read = {"domain": self.domain, "commit": "c1"}
        plain = self.client.get("/embeddings",
                                {"Accept": "application/x-ndjson"}, **read)
        answer = self.client.get("/embeddings",
                                 {"Accept": "application/x-ndjson",
                                  "Accept-Encoding": "gzip"}, **read)
        self.assertEqual(answer.fields["content-encoding"], "gzip")
        self.assertEqual(gzip.decompress(answer.body), plain.body)

    def test_each_line_of_progress_comes_in_time(self):
        connection = self.client.raw(self.client.head(
            "POST", "/push?domain=%s&target_commit=c1&stream=true" % self.domain,
            "Transfer-Encoding: chunked", "Accept-Encoding: gzip"))
        expand = zlib.decompressobj(31)
        file = connection.makefile("rb")
        self.assertIn(b"200", file.readline())
        while file.readline().strip():
            pass

        def next_text():
            size = int(file.readline(), 16)
            data = file.read(size)
            file.readline()
            return expand.decompress(data).decode() if size else None

        # Before the body is complete.
        self.assertEqual(json.loads(next_text())["status"], "progress")
        body = (json.dumps(documents(1)[0]) + "\n").encode()
        connection.sendall(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        text = ""
        while (piece := next_text()) is not None:
            text += piece
        self.assertTrue(expand.eof)
        self.assertEqual(json.loads(text.splitlines()[-1])["status"], "complete")
        connection.close()


class Off(VectorLinkCase):
    arguments = ["--http-compression", "false"]

    def test_nothing_is_compressed(self):
        self.push("c1", documents(50))
        answer = self.client.get("/search", {"Accept-Encoding": "gzip"},
                                 domain=self.domain, commit="c1", q="pilot",
                                 count=50)
        self.assertNotIn("content-encoding", answer.fields)
        self.assertEqual(len(answer.json()), 50)


class Bodies(VectorLinkCase):
    arguments = ["--http-json-body-size-bytes-max", "2MiB"]

    def search_body(self):
        return json.dumps({"domain": self.domain, "commit": "c1",
                           "q": "pilot"}).encode()

    def test_compressed_ones_are_read(self):
        body = "".join(json.dumps(line) + "\n" for line in documents(300))
        for commit, coding, pack in [("c0", "gzip", gzip.compress),
                                     ("c1", "deflate", zlib.compress)]:
            answer = self.client.request(
                "POST", "/push", {"domain": self.domain, "target_commit": commit},
                pack(body.encode()), dict(LINES, **{"Content-Encoding": coding}))
            self.assertEqual(self.wait_for(answer.text())["indexed_documents"],
                             300)
            answer = self.client.request(
                "POST", "/search", {}, pack(self.search_body()),
                dict(JSON, **{"Content-Encoding": coding}))
            self.assertIn(answer.status, (200, 404), answer)
        self.assertEqual(answer.status, 200)

    def test_others_are_415(self):
        for coding in ["br", "gzip, gzip", "x"]:
            for path in ["/search", "/push"]:
                answer = self.client.request(
                    "POST", path, {"domain": self.domain, "target_commit": "c1"},
                    b"{}", dict(JSON, **{"Content-Encoding": coding}))
                self.assert_error(answer, 415, "content-encoding", "gzip")
                self.assertEqual(answer.fields["accept-encoding"],
                                 "gzip, deflate, zstd")
        self.assertIsNone(self.head_of())

    def test_broken_ones_are_400(self):
        whole = gzip.compress(self.search_body())
        for body in [self.search_body(), whole[:-3], whole + b"more"]:
            answer = self.client.request(
                "POST", "/search", {}, body,
                dict(JSON, **{"Content-Encoding": "gzip"}))
            self.assert_error(answer, 400, "the body is ")

    def test_a_broken_push_indexes_nothing(self):
        body = gzip.compress("".join(json.dumps(line) + "\n" for line in
                                     documents(5)).encode())[:-4]
        answer = self.client.request(
            "POST", "/push", {"domain": self.domain, "target_commit": "c1"},
            body, dict(LINES, **{"Content-Encoding": "gzip"}))
        check = self.client.get("/check", task_id=answer.text())
        self.assertEqual(check.status, 500)
        self.assertIn("cut off", check.text())
        self.assertIsNone(self.head_of())

    def test_bombs_meet_the_limits(self):
        bomb = gzip.compress(b" " * (64 << 20))
        answer = self.client.request(
            "POST", "/search", {}, bomb,
            dict(JSON, **{"Content-Encoding": "gzip"}))
        self.assert_error(answer, 413, "2097152")
        answer = self.client.request(
            "POST", "/push", {"domain": self.domain, "target_commit": "c1"},
            gzip.compress(b"x" * (65 << 20)),
            dict(LINES, **{"Content-Encoding": "gzip"}))
        check = self.client.get("/check", task_id=answer.text())
        self.assertIn("line 1", check.text())

    def test_a_push_unfolds_to_so_much_and_no_more(self):
        # zstd: a frame of blocks that repeat one line feed 128 KiB times.
        block = ((128 << 10) << 3 | 1 << 1).to_bytes(3, "little") + b"\n"
        last = ((128 << 10) << 3 | 1 << 1 | 1).to_bytes(3, "little") + b"\n"

        def push(commit, block_count):
            frame = (b"\x28\xb5\x2f\xfd\x00\x38" + block * (block_count - 1)
                     + last)
            answer = self.client.request(
                "POST", "/push", {"domain": self.domain, "target_commit": commit},
                frame, dict(LINES, **{"Content-Encoding": "zstd"}))
            return self.wait_for(answer.text())
        self.assertEqual(push("c1", 7)["status"], "Complete")
        failed = push("c2", 1000)
        self.assertEqual(failed.status, 500)
        self.assertIn("the body unfolds to more than 1100 times", failed.text())


class Metrics(VectorLinkCase):
    arguments = ["--http-connection-count-max", "20", "--log-format", "json"]

    def metrics(self):
        url = "http://%s/metrics" % self.daemon.addresses["metrics_address"]
        with urllib.request.urlopen(url) as reply:
            return reply.read().decode()

    def value(self, name, **labels):
        """Returns the sum of a metric over all labels but these."""
        total = 0.0
        for line in self.metrics().splitlines():
            match = re.match(r"(\w+)(?:\{(.*)\})? (\S+)$", line)
            if match and match[1] == name and all(
                    '%s="%s"' % label in (match[2] or "")
                    for label in labels.items()):
                total += float(match[3])
        return total

    def test_requests_are_counted_by_route_and_class(self):
        self.push("c1", documents(3))
        before = self.value("copse_http_requests_total", route="GET /search")
        self.search("pilot", "c1")
        self.client.get("/search")
        self.client.get("/search/nothing/%d" % time.time())
        # Counted when the last byte has left, which the client may see before.
        wait_until(lambda: self.value("copse_http_requests_total",
                                      route="other", code="4xx") == 1)
        wait_until(lambda: self.value("copse_http_requests_total",
                                      route="GET /search") == before + 2)
        self.assertEqual(self.value("copse_http_requests_total",
                                    route="GET /search", code="4xx"), 1)
        self.assertGreaterEqual(self.value(
            "copse_http_request_duration_seconds_count", route="POST /push"), 1)
        self.assertGreater(self.value("copse_http_received_bytes_total",
                                      route="POST /push"), 200)
        self.assertGreater(self.value("copse_http_sent_bytes_total",
                                      route="GET /search"), 200)
        self.assertNotIn("nothing", self.metrics())

    def test_connections_and_requests_under_way(self):
        wait_until(lambda: self.value("copse_http_connections_open") == 0)
        push = self.client.raw(self.client.head(
            "POST", "/push?domain=%s&target_commit=c1" % self.domain,
            "Transfer-Encoding: chunked"))
        idle = self.client.raw(b"")
        wait_until(lambda: self.value("copse_http_connections_open") == 2)
        wait_until(lambda: self.value("copse_http_requests_in_flight",
                                      route="POST /push") == 1)
        push.close()
        idle.close()
        wait_until(lambda: self.value("copse_http_connections_open") == 0)
        wait_until(lambda: self.value("copse_http_requests_in_flight") == 0)

    def test_refused_connections(self):
        connections = [self.client.raw(b"") for _ in range(20)]
        wait_until(lambda: self.value("copse_http_connections_open") == 20)
        self.assert_error(self.client.get("/health/live"), 503, "connections")
        self.assertEqual(self.value("copse_http_connections_refused_total"), 1)
        for connection in connections:
            connection.close()

    def test_the_access_log_has_the_id_of_the_request(self):
        answer = self.client.get("/last-indexed", {"X-Request-Id": "trace-17"},
                                 domain=self.domain)
        self.assertEqual(answer.fields["x-request-id"], "trace-17")

        def entry():
            for line in self.daemon.log_text().splitlines():
                if "trace-17" in line:
                    return json.loads(line)
            return None
        logged = wait_until(entry)
        self.assertEqual((logged["method"], logged["path"], logged["status"]),
                         ("GET", "/last-indexed", 200))
        self.assertEqual(logged["request_id"], "trace-17")
        self.assertGreater(logged["sent_bytes"], 0)
        self.assertNotIn(self.client.auth, self.daemon.log_text())


class Drain(VectorLinkCase):
    def test_what_runs_is_answered_and_nothing_new_taken(self):
        self.push("c1", documents(1500))
        duplicates = []
        running = threading.Thread(target=lambda: duplicates.append(
            self.client.get("/duplicates", domain=self.domain, commit="c1",
                            threshold="0.3")))
        running.start()
        url = "http://%s/metrics" % self.daemon.addresses["metrics_address"]

        def is_known():
            with urllib.request.urlopen(url) as reply:
                return b'{route="GET /duplicates"}' in reply.read()
        wait_until(is_known)
        self.daemon.stop()
        running.join(60)
        self.assertEqual(duplicates[0].status, 200)
        self.assertIsInstance(duplicates[0].json(), list)
        with self.assertRaises(OSError):
            self.client.get("/health/live")


if __name__ == "__main__":
    unittest.main()
