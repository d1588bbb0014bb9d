# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""What no client should send: each is a 4xx with a JSON error that names what is
wrong, and never a hang, a 500 or a crash."""

import base64
import json
import os
import random
import socket
import statistics
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from vectorlink_case import VectorLinkCase  # noqa: E402
from http_client import inserted  # noqa: E402

JSON = {"Content-Type": "application/json"}

# Endpoints with the parameters that they need, those of a read first.
READ = {"domain": "pier/hostile", "commit": "c1"}
ENDPOINTS = [
    ("GET", "/search", dict(READ, q="oak")),
    ("POST", "/search", dict(READ, q="oak")),
    ("GET", "/suggest", dict(READ, q="oak")),
    ("GET", "/similar", dict(READ, id="a")),
    ("POST", "/similar", dict(READ, text="oak")),
    ("GET", "/duplicates", dict(READ)),
    ("POST", "/candidates", dict(READ, threshold_set=0.5)),
    ("GET", "/embeddings", dict(READ)),
    ("POST", "/embeddings", dict(READ)),
]


def answer_of(connection):
    """Returns (status, body) of an answer, reading until the server closes or
    the body is there; (0, b"") if there is none."""
    data = b""
    try:
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                return 0, data
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        while len(body) < length:
            piece = connection.recv(65536)
            if not piece:
                break
            body += piece
        return int(head.split()[1]), body
    except ConnectionError:
        return 0, data


class HostileCase(VectorLinkCase):
    def setUp(self):
        super().setUp()
        self.domain = "pier/hostile"
        if self.head_of() is None:
            self.push("c1", [inserted("a", "an oak"), inserted("b", "a beech")])

    def tearDown(self):
        answer = self.client.get("/health/live")
        self.assertEqual((answer.status, answer.body), (200, b'{"status":"ok"}'))
        self.assertIsNone(self.daemon.process.poll())

    def send(self, method, path, parameters):
        if method == "GET":
            return self.client.request("GET", path, parameters)
        return self.client.request("POST", path, {}, json.dumps(parameters), JSON)


class Parameters(HostileCase):
    def test_each_endpoint_answers_well_at_first(self):
        for method, path, parameters in ENDPOINTS:
            self.assertEqual(self.send(method, path, parameters).status, 200,
                             (method, path))

    def test_wrong_values_are_named(self):
        cases = [
            ("count", ["-1", "0", "1001", "1e3", "0x10", " 5", "5 ", "+5", "five",
                       "99999999999999999999999999", "1.5"],
             ["/search", "/suggest", "/similar", "/duplicates"]),
            ("start", ["-1", "1000001", "x", "99999999999999999999"],
             ["/search", "/similar", "/duplicates"]),
            ("mode", ["Vector", "vector ", "\0", "' OR 1=1"], ["/search"]),
            ("snippet", ["yes", "1", "TRUE"],
             ["/search", "/similar", "/duplicates"]),
            ("threshold", ["-0.1", "nan", "inf", "x", "1e999", "--1"],
             ["/duplicates"]),
            ("branch", [".-compact_rebuild_x"],
             ["/search", "/suggest", "/similar", "/duplicates", "/embeddings"]),
            ("domain", ["a", "a/", "/b", "a//b", "a/b/c/d", "a/b/c/tag/d",
                        "a/b/c/branch/d/e", "a/b\n", "a\0/b", "a/" + "b" * 70000],
             ["/search", "/suggest", "/similar", "/duplicates", "/embeddings"]),
        ]
        for name, values, paths in cases:
            for method, path, parameters in ENDPOINTS:
                for value in values:
                    if path not in paths or method != "GET":
                        continue
                    answer = self.send(method, path,
                                       dict(parameters, **{name: value}))
                    self.assert_error(answer, 400, name)

    def test_wrong_types_in_bodies_are_named(self):
        for method, path, parameters in ENDPOINTS:
            if method != "POST":
                continue
            for name in parameters:
                for value in ([1], {"a": 1}, True, [[]], ["a", 1]):
                    answer = self.send(method, path,
                                       dict(parameters, **{name: value}))
                    self.assert_error(answer, 400, name)
        for name, value in [("count", "5x"), ("count", 1.5), ("count", 2 ** 70),
                            ("count", -2 ** 63), ("start", []), ("mode", 1),
                            ("snippet", 1), ("doc_type", [1]),
                            ("ancestors", {"a": "b"})]:
            answer = self.send("POST", "/search",
                               dict(READ, q="oak", **{name: value}))
            self.assert_error(answer, 400, name)
        for name, value in [("k", 0), ("k", -1), ("k", 1e30), ("k", "many"),
                            ("threshold_set", -1), ("threshold_set", 1.01),
                            ("threshold_target", "x"), ("include", "vectors"),
                            ("set_doc_types", 7)]:
            answer = self.send("POST", "/candidates", dict(
                {"threshold_set": 0.5}, **dict(READ, **{name: value})))
            self.assert_error(answer, 400, name)

    def test_bodies_that_are_no_json_object(self):
        for body in [b"", b"{", b"[]", b"1", b'"x"', b"null", b"{}{}", b"{'a':1}",
                     b'{"domain":"a/b",}', b"\xef\xbb\xbf{", b'{"q":"\xff"}',
                     b'{"q":"\\ud800"}', b'{"domain":"a/b"', b"\0", b"{\0}",
                     b"[" * 100000, b'{"a":' * 100000, b'{"q":NaN}',
                     b'{"q":"a\nb"}', b'{"domain":1e999}']:
            for path in ["/search", "/similar", "/compare", "/candidates",
                         "/embeddings"]:
                answer = self.client.request("POST", path, {}, body, JSON)
                self.assertEqual(answer.status, 400, (path, body[:40], answer))
                self.assertIn("error", answer.json())

    def test_queries_of_any_syntax(self):
        for q in ["(", ")", '"', '"a', "AND", "a AND", "NOT", "a:b", "*", "?",
                  "a*", "~", "a~99", "[a TO", "\\", "\\\\", "^", "a^9", "+", "-",
                  "--", "||", "&&", "!", "{", "}", "/", "/a/", "\0", "\x01\x1f",
                  "\u202e", "\ufffe", "\U0010ffff", "a" * 60000, "a " * 20000,
                  "%", "%s%n", "';--", "${x}", "<script>"]:
            for mode in ["fts", "vector", "hybrid"]:
                answer = self.send("POST", "/search", dict(READ, q=q, mode=mode))
                self.assertIn(answer.status, (200, 400), (q[:20], mode, answer))
            answer = self.send("GET", "/suggest", dict(READ, q=q))
            self.assertIn(answer.status, (200, 400), (q[:20], answer))

    def test_bad_percent_encoding_is_named(self):
        for escape in ["%", "%1", "%zz", "%u0041", "%ff", "%c0%af", "%ed%a0%80",
                       "a%"]:
            for name in ["q", "commit", "doc_type", "ancestor"]:
                others = "&".join("%s=%s" % pair for pair in
                                  dict(READ, q="oak").items() if pair[0] != name)
                answer = self.client.request(
                    "GET", "/search", raw_query="%s&%s=%s" % (others, name, escape))
                self.assert_error(answer, 400, name)

    def test_query_strings_of_any_form(self):
        for query in ["&", "=", "&&&=&=&", "?" * 1000, "a=b" * 10000,
                      "&".join("ancestor=%d" % i for i in range(5000)),
                      "&".join("x%d=1" % i for i in range(8000)),
                      "domain=a/b&domain=a/b"]:
            answer = self.client.request("GET", "/search", raw_query=query)
            self.assert_error(answer, 400)

    def test_ids_and_names_of_any_form(self):
        for name in ["\0", "a\0b", "\r\nX-Evil: 1", "\u0000\u0001", "../../etc",
                     "a" * 60000, "%00", "\U0001f333", "\x7f"]:
            for path, parameters in [
                    ("/search", {"domain": self.domain, "commit": name, "q": "x"}),
                    ("/search", {"domain": self.domain, "branch": name, "q": "x"}),
                    ("/similar", dict(READ, id=name))]:
                answer = self.client.request("GET", path, parameters)
                self.assertIn(answer.status, (400, 404), (path, name[:20], answer))
                self.assertIn("error", answer.json())
                self.assertNotIn("x-evil", answer.fields)
            answer = self.client.request("POST", "/assign", {
                "domain": self.domain, "source_commit": "nothing",
                "target_commit": name})
            self.assertIn(answer.status, (400, 404), (name[:20], answer))

    def test_pushes_of_commits_with_bad_names(self):
        for name in ["\0", "a\nb", "\x7f", "a" * 5000]:
            for field in ["target_commit", "branch"]:
                answer = self.client.push([], **{"domain": self.domain,
                                                 "target_commit": "c2",
                                                 field: name})
                self.assert_error(answer, 400, field)


class Protocol(HostileCase):
    def status_of(self, data, close_after=False):
        connection = self.client.raw(data)
        connection.settimeout(20)
        if close_after:
            connection.shutdown(socket.SHUT_WR)
        try:
            return answer_of(connection)
        finally:
            connection.close()

    def test_heads_that_are_no_http(self):
        for data in [b"\0" * 100 + b"\r\n\r\n", b"GET\r\n\r\n", b" \r\n\r\n",
                     b"GET  /x HTTP/1.1\r\n\r\n", b"GET /x HTTP/2.0\r\n\r\n",
                     b"GET /x\r\n\r\n", b"G\0T /x HTTP/1.1\r\n\r\n",
                     b"GET /\0 HTTP/1.1\r\n\r\n",
                     b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
                     b"GET / HTTP/1.1\r\n: x\r\n\r\n",
                     b"GET / HTTP/1.1\r\nA\0: x\r\n\r\n",
                     b"GET / HTTP/1.1\r\nA : x\r\n\r\n",
                     b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]:
            status, body = self.status_of(data, close_after=True)
            self.assertIn(status, (400, 401, 404, 405), data)
            self.assertIn("error", json.loads(body))

    def test_lengths_that_contradict(self):
        for fields in [b"Content-Length: -1", b"Content-Length: x",
                       b"Content-Length: 99999999999999999999999",
                       b"Content-Length: 5\r\nContent-Length: 6",
                       b"Content-Length: 1,2", b"Content-Length: 0x10"]:
            head = self.client.head("POST", "/search",
                                    "Content-Type: application/json")
            status, body = self.status_of(
                head[:-2] + fields + b"\r\n\r\n{}", close_after=True)
            self.assertEqual(status, 400, fields)
            self.assertIn("error", json.loads(body))

    def test_both_lengths_end_the_connection_or_are_refused(self):
        head = self.client.head("POST", "/search", "Content-Type: application/json",
                                "Content-Length: 5", "Transfer-Encoding: chunked")
        evil = b"0\r\n\r\nGET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
        status, _ = self.status_of(head + evil, close_after=True)
        self.assertEqual(status, 400)

    def test_broken_chunks(self):
        for body in [b"zz\r\n", b"-1\r\n", b"5\r\nab", b"5\r\nabcdefgh\r\n",
                     b"ffffffffffffffffff\r\nab", b"\r\n", b"1;" + b"x" * 300000,
                     b"5 \0\r\n{}\r\n", b"2\r\n{}\r\n0\r\nno colon\r\n\r\n"]:
            for path in ["/search", "/push?domain=%s&target_commit=x" % self.domain]:
                head = self.client.head("POST", path,
                                        "Content-Type: application/json",
                                        "Transfer-Encoding: chunked")
                status, answer = self.status_of(head + body, close_after=True)
                # A push has its task; a body cut off has nobody to answer.
                self.assertIn(status, (0, 200, 400, 431), (path, body[:20]))
                if status == 200:
                    check = self.client.get("/check", task_id=answer.decode())
                    self.assertEqual(check.status, 500, body[:20])
        self.assertEqual(self.head_of(), "c1")

    def test_transfer_encodings_that_are_not_known(self):
        for coding in ["gzip", "gzip, chunked", "identity", "chunked, chunked"]:
            head = self.client.head("POST", "/search",
                                    "Content-Type: application/json",
                                    "Transfer-Encoding: " + coding)
            status, _ = self.status_of(head + b"2\r\n{}\r\n0\r\n\r\n",
                                       close_after=True)
            self.assertIn(status, (400, 501), coding)

    def test_header_bombs(self):
        many = b"".join(b"X-%d: y\r\n" % i for i in range(40000))
        for head in [b"GET /health/live HTTP/1.1\r\n" + many + b"\r\n",
                     b"GET /" + b"a" * 600000 + b" HTTP/1.1\r\n\r\n",
                     b"GET / HTTP/1.1\r\nX: " + b"a" * 600000 + b"\r\n\r\n"]:
            status, body = self.status_of(head, close_after=True)
            self.assertIn(status, (400, 431), head[:20])
            self.assertIn("error", json.loads(body))

    def test_other_targets_and_methods(self):
        for request in ["OPTIONS * HTTP/1.1", "CONNECT db:6363 HTTP/1.1",
                        "TRACE /search HTTP/1.1", "HEAD /search HTTP/1.1",
                        "GET http://other/search HTTP/1.1", "BREW / HTTP/1.1",
                        "get /search HTTP/1.1", "GET //search HTTP/1.1",
                        "GET /search/../health/live HTTP/1.1",
                        "GET /%73earch HTTP/1.1", "GET /search;x HTTP/1.1"]:
            method, target, _ = request.split()
            status, _ = self.status_of(self.client.head(method, target),
                                       close_after=True)
            self.assertIn(status, (400, 404, 405), request)

    def test_head_of_a_known_path_is_405_without_a_body(self):
        for path in ["/search", "/health/live", "/last-indexed"]:
            answer = self.client.request("HEAD", path)
            self.assertEqual((answer.status, answer.body), (405, b""), path)
            self.assertIn("GET", answer.fields["allow"])
        self.assertEqual(self.client.request("HEAD", "/nowhere").status, 404)

    def test_connections_that_say_nothing_hold_up_nobody(self):
        connections = [self.client.raw(data) for data in
                       [b"", b"GET", b"GET /search HTTP/1.1\r\nA:"] * 60]
        connections += [self.client.raw(self.client.head(
            "POST", "/search", "Content-Type: application/json",
            "Content-Length: 1000") + b"{") for _ in range(12)]
        begin = time.monotonic()
        for _ in range(5):
            self.assertEqual(self.client.get("/health/live").status, 200)
            self.assertEqual(self.head_of(), "c1")
            self.assertEqual(len(self.search("oak", "c1")), 2)
        self.assertLess(time.monotonic() - begin, 10)
        for connection in connections:
            connection.close()

    def test_noise(self):
        source = random.Random(17)
        print("seed 17", file=sys.stderr)
        whole = self.client.head("POST", "/search", "Content-Length: 40",
                                 "Content-Type: application/json") + json.dumps(
                                     {"domain": "a/b", "commit": "c", "q": "x"}
                                 ).encode()[:40]
        for _ in range(300):
            data = bytearray(whole)
            for _ in range(source.randrange(1, 6)):
                data[source.randrange(len(data))] = source.randrange(256)
            status, _ = self.status_of(bytes(data), close_after=True)
            self.assertNotIn(status, (200, 500), bytes(data))


class Credentials(HostileCase):
    def test_domains_are_known_only_to_who_may(self):
        for domain in [self.domain, "no/where", "bad"]:
            answer = self.client.request(
                "GET", "/search", {"domain": domain, "commit": "c1", "q": "x"},
                fields={"Authorization": "Basic d3Jvbmc6d3Jvbmc="}, auth=False)
            self.assert_error(answer, 401, "credentials")
        self.assert_error(self.client.get("/search", domain="no/where",
                                          commit="c1", q="x"), 404)

    def test_the_time_of_a_refusal_does_not_tell(self):
        def seconds(secret):
            field = {"Authorization": "Basic " + base64.b64encode(
                secret.encode()).decode()}
            begin = time.monotonic()
            answer = self.client.request("GET", "/last-indexed",
                                         {"domain": self.domain}, fields=field,
                                         auth=False)
            self.assertEqual(answer.status, 401)
            return time.monotonic() - begin
        near, far = [], []
        for _ in range(200):
            near.append(seconds("admin:roo!"))
            far.append(seconds("x"))
        # The comparison itself is CRYPTO_memcmp() of two digests; this sees
        # only what is far off, such as a look-up of the user.
        self.assertLess(abs(statistics.median(near) - statistics.median(far)),
                        0.002)

    def test_credentials_of_any_form(self):
        for value in ["", "Basic", "Basic ", "Basic =", "Basic ====", "Bearer x",
                      "Basic " + "A" * 60000, "Basic \xff", "basic YWRtaW46cm9v",
                      "Basic YWRtaW46cm9vdA== x", "Negotiate", ",", "Basic YTpi,x"]:
            answer = self.client.request(
                "GET", "/last-indexed", {"domain": self.domain},
                fields={"Authorization": value}, auth=False)
            self.assert_error(answer, 401)


if __name__ == "__main__":
    unittest.main()
