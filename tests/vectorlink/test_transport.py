# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Transport, credentials, health and parameters."""

import http.client
import os
import resource
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest

from http_client import inserted
from vectorlink_case import VectorLinkCase

PATHS = [("GET", "/last-indexed"), ("GET", "/check"), ("POST", "/push"),
         ("POST", "/assign"), ("GET", "/search"), ("POST", "/search"),
         ("GET", "/similar"), ("POST", "/similar"), ("POST", "/compare"),
         ("DELETE", "/domain"), ("DELETE", "/branch-index")]


def read_answer(connection):
    """Reads until the server closes or goes quiet; returns the bytes."""
    data = b""
    connection.settimeout(10)
    try:
        while True:
            piece = connection.recv(65536)
            if not piece:
                return data
            data += piece
            head, _, rest = data.partition(b"\r\n\r\n")
            for line in head.split(b"\r\n"):
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length" and len(rest) >= int(value):
                    return data
    except socket.timeout:
        return data


class Credentials(VectorLinkCase):

    def test_every_path_needs_them(self):
        for method, path in PATHS + [("GET", "/nowhere")]:
            for fields in ({}, {"Authorization": "Basic YTpi"},
                           {"Authorization": "Basic !"}, {"Authorization": "x"}):
                answer = self.client.request(
                    method, path, {"domain": "no/where", "commit": "c"},
                    body=b"{" if method == "POST" else None, fields=fields,
                    auth=False)
                self.assert_error(answer, 401)
                self.assertIn("Basic", answer.fields["www-authenticate"])

    def test_health_needs_none(self):
        for path in ("/health/live", "/health/ready"):
            self.assertEqual(self.client.request("GET", path, auth=False).status,
                             200)


class Defaults(VectorLinkCase):

    def test_port_and_user(self):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("COPSE_", "VECTORLINK_"))}
        printed = subprocess.run(
            [self.daemon.copsed, "--print-config"], env=environment,
            stdout=subprocess.PIPE, check=True).stdout.decode()
        self.assertIn("\nhttp_address: localhost:7372", printed)
        self.assertIn("\nhttp_admin_user: admin", printed)


class Transport(VectorLinkCase):

    def test_ipv4_and_ipv6_at_the_same_port(self):
        self.assertEqual(self.client.request("GET", "/health/live",
                                             host="127.0.0.1").status, 200)
        try:
            socket.create_connection(("::1", self.client.port), 5).close()
        except OSError as error:
            if self.daemon.log_text().count("::1"):
                raise
            self.skipTest("no IPv6 here: %s" % error)
        self.assertEqual(self.client.request("GET", "/health/live",
                                             host="::1").status, 200)

    def test_raw_characters_and_escapes_in_a_query(self):
        self.push("c1", [inserted("a:/b", "oak and beech")])
        answer = self.client.request(
            "GET", "/search", raw_query="domain=%s&commit=c1&q=oak:/beech"
            "&mode=vector" % self.domain)
        self.assertEqual(answer.status, 200, answer)
        for escape in ("%00", "%0A", "a%00b", "%0D%0AX-Evil:1"):
            answer = self.client.request(
                "GET", "/search", raw_query="domain=%s&commit=%s&q=x"
                % (self.domain, escape))
            self.assert_error(answer, 404)
            self.assertNotIn("x-evil", answer.fields)
            answer = self.client.request(
                "GET", "/search", raw_query="domain=%s&commit=c1&q=%s&mode=vector"
                % (self.domain, "oak" + escape))
            self.assertEqual(answer.status, 200, answer)

    def test_plus_is_a_space(self):
        answer = self.client.request("GET", "/last-indexed",
                                     raw_query="domain=a/b&branch=x+y%20z")
        self.assertEqual(answer.json()["branch"], "x y z")

    def test_long_targets_and_heads(self):
        answer = self.client.request(
            "GET", "/last-indexed", {"domain": "a/b", "pad": "x" * 60000},
            fields={"X-Pad": "y" * 60000})
        self.assertEqual(answer.status, 200)

    def test_heads_beyond_the_limit(self):
        connection = self.client.raw(
            b"GET /health/live HTTP/1.1\r\n" + b"X-A: b\r\n" * 60000 + b"\r\n")
        self.assertIn(b" 431 ", read_answer(connection)[:30])
        connection = self.client.raw(
            b"GET /health/live HTTP/1.1\r\nX-A: " + b"b" * 70000 + b"\r\n\r\n")
        self.assertRegex(read_answer(connection)[:30], rb" (431|200) ")
        self.assertEqual(self.client.get("/health/live").status, 200)

    def test_nonsense_is_400(self):
        for data in (b"\x16\x03\x01\x00\x05hello\r\n\r\n", b"GET\r\n\r\n",
                     b"GET / HTTP/9.9\r\n\r\n", b"\0\0\0\0\r\n\r\n"):
            self.assertRegex(read_answer(self.client.raw(data)), rb"^HTTP/1.1 400 ")
        self.assertEqual(self.client.get("/health/live").status, 200)

    def test_keep_alive_serves_many_requests(self):
        connection = self.client.connect()
        for _ in range(5):
            connection.request("GET", "/health/live")
            response = connection.getresponse()
            self.assertEqual((response.status, response.read()),
                             (200, b'{"status":"ok"}'))
        connection.close()

    def test_pipelined_requests_are_answered_in_order(self):
        one = self.client.head("GET", "/last-indexed?domain=a/b&branch=one")
        two = self.client.head("GET", "/last-indexed?domain=a/b&branch=two",
                               "Connection: close")
        data = b""
        connection = self.client.raw(one + two)
        while piece := connection.recv(65536):
            data += piece
        self.assertLess(data.index(b'"one"'), data.index(b'"two"'))

    def test_expect_continue(self):
        connection = self.client.raw(self.client.head(
            "POST", "/push?domain=%s&target_commit=c1" % self.domain,
            "Expect: 100-continue", "Content-Length: 0"))
        self.assertIn(b" 200 OK", read_answer(connection))
        body = b'{"op":"Deleted","id":"x"}\n'
        connection = self.client.raw(self.client.head(
            "POST", "/push?domain=%s&target_commit=c2" % self.domain,
            "Expect: 100-continue", "Content-Length: %d" % len(body)))
        self.assertIn(b" 100 Continue", connection.recv(25))
        connection.sendall(body)
        self.assertIn(b"task-", read_answer(connection))

    def test_an_early_refusal_reaches_a_client_that_sends_on(self):
        self.push("c1", [])
        body = b"\n" * (20 << 20)
        answer = self.client.push(body, domain=self.domain, target_commit="c1")
        self.assert_error(answer, 409)
        answer = self.client.request("POST", "/push", {"domain": "a"}, body)
        self.assert_error(answer, 400, "domain")

    def test_wrong_paths_and_methods(self):
        self.assert_error(self.client.get("/nowhere"), 404)
        for path in ("/compact", "/resolve", "/start", "/metrics"):
            self.assert_error(self.client.get(path), 404)
        for method, path in (("GET", "/push"), ("POST", "/last-indexed"),
                             ("GET", "/assign"), ("PUT", "/domain"),
                             ("DELETE", "/search")):
            answer = self.client.request(method, path)
            self.assert_error(answer, 405)
            self.assertIn("allow", answer.fields)

    def test_targets_that_name_the_host(self):
        for target in ("http://other:80/last-indexed?domain=a/b&branch=x",
                       "HTTPS://other/last-indexed?domain=a/b&branch=x"):
            answer = read_answer(self.client.raw(
                self.client.head("GET", target, "Connection: close")))
            self.assertRegex(answer, rb"^HTTP/1.1 200 ")
            self.assertIn(b'"branch":"x"', answer)
        self.assertRegex(read_answer(self.client.raw(
            b"GET http://other/health/live HTTP/1.1\r\nHost: x\r\n\r\n")),
            rb"^HTTP/1.1 200 ")

    def test_transfer_codings_beside_chunked(self):
        for coding in ("gzip, chunked", "gzip", "identity"):
            answer = read_answer(self.client.raw(self.client.head(
                "POST", "/search", "Content-Type: application/json",
                "Transfer-Encoding: " + coding) + b"2\r\n{}\r\n0\r\n\r\n"))
            self.assertRegex(answer, rb"^HTTP/1.1 501 ")
            self.assertIn(b"transfer-encoding is '%s', expected chunked"
                          % coding.encode(), answer)

    def test_a_thousand_connections_at_once(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 2000:
            self.skipTest("only %d open files are allowed" % hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2000), hard))
        connections = []
        for _ in range(1000):
            connection = socket.socket()
            connection.settimeout(60)
            connections.append(connection)
            connection.setblocking(False)
            connection.connect_ex(("127.0.0.1", self.client.port))
        request = self.client.head("GET", "/last-indexed?domain=a/b")
        for connection in connections:
            connection.settimeout(60)
            connection.sendall(request)
        for connection in connections:
            self.assertRegex(connection.recv(65536), rb"^HTTP/1.1 200 OK")
            connection.close()

    def test_request_ids(self):
        answer = self.client.get("/health/live", {"X-Request-Id": "mine-7"})
        self.assertEqual(answer.fields["x-request-id"], "mine-7")
        answer = self.client.get("/health/live", {"X-Request-Id": "a b"})
        self.assertNotEqual(answer.fields["x-request-id"], "a b")

    def test_cors_is_off(self):
        answer = self.client.get("/health/live", {"Origin": "http://a.example"})
        self.assertFalse([name for name in answer.fields
                          if name.startswith("access-control")])

    def test_broken_chunks(self):
        connection = self.client.raw(self.client.head(
            "POST", "/compare?method=embedding", "Content-Type: application/json",
            "Transfer-Encoding: chunked") + b"zz\r\n{}\r\n0\r\n\r\n")
        self.assertRegex(read_answer(connection), rb"^HTTP/1.1 400 ")

    def test_a_json_body_that_is_too_large(self):
        answer = self.client.request(
            "POST", "/compare", {"method": "embedding"}, b" " * (17 << 20),
            {"Content-Type": "application/json"})
        self.assert_error(answer, 413)

    def test_a_json_body_that_says_it_will_be_too_large(self):
        connection = self.client.raw(self.client.head(
            "POST", "/compare?method=embedding", "Content-Type: application/json",
            "Content-Length: 99999999") + b"{")
        self.assertRegex(read_answer(connection), rb"^HTTP/1.1 413 ")


class Cors(VectorLinkCase):
    arguments = ("--http-cors-origins", "http://a.example, http://b.example")

    def test_configured_origins_are_mirrored(self):
        answer = self.client.get("/last-indexed", {"Origin": "http://b.example"},
                                 domain="a/b")
        self.assertEqual(answer.fields["access-control-allow-origin"],
                         "http://b.example")
        self.assertEqual(answer.fields["access-control-allow-credentials"], "true")
        self.assertIn("X-Task-Id", answer.fields["access-control-expose-headers"])
        answer = self.client.get("/last-indexed", {"Origin": "http://c.example"})
        self.assertNotIn("access-control-allow-origin", answer.fields)

    def test_preflight_needs_no_credentials(self):
        fields = {"Origin": "http://a.example",
                  "Access-Control-Request-Method": "POST"}
        answer = self.client.request("OPTIONS", "/search", fields=fields, auth=False)
        self.assertEqual(answer.status, 204)
        self.assertEqual(answer.fields["access-control-max-age"], "1728000")
        self.assertIn("DELETE", answer.fields["access-control-allow-methods"])
        fields["Origin"] = "http://c.example"
        answer = self.client.request("OPTIONS", "/search", fields=fields, auth=False)
        self.assertEqual(answer.status, 401)


class Tls(VectorLinkCase):

    @classmethod
    def setUpClass(cls):
        if shutil.which("openssl") is None:
            raise unittest.SkipTest("there is no openssl to make a certificate")
        cls.folder = tempfile.TemporaryDirectory()
        cls.certificate = cls.folder.name + "/certificate.pem"
        key = cls.folder.name + "/key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
             "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
             "-keyout", key, "-out", cls.certificate],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cls.arguments = ("--http-tls-certificate-file", cls.certificate,
                         "--http-tls-key-file", key)
        super().setUpClass()
        context = ssl.create_default_context(cafile=cls.certificate)
        cls.client.connect = lambda host=None: http.client.HTTPSConnection(
            "localhost", cls.client.port, timeout=60, context=context)

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.folder.cleanup()

    def test_everything_through_tls(self):
        self.push("c1", [inserted("d%d" % i, "oak %d" % i) for i in range(2000)])
        self.assertEqual(len(self.search("oak", "c1", count=1000)), 1000)
        answer = self.client.push([inserted("x", "elm")], domain=self.domain,
                                  target_commit="c2", stream=True)
        self.assertEqual(answer.lines()[-1]["status"], "complete")

    def test_what_is_not_tls_does_no_harm(self):
        connection = self.client.raw(b"GET /health/live HTTP/1.1\r\n\r\n")
        self.assertNotIn(b"200", read_answer(connection))
        self.assertEqual(self.client.get("/health/live").status, 200)


class Health(VectorLinkCase):

    def test_live_is_exact(self):
        self.assertEqual(self.client.get("/health/live").body, b'{"status":"ok"}')

    def test_ready_has_three_booleans(self):
        answer = self.client.get("/health/ready")
        self.assertEqual(answer.json(),
                         {"ready": True, "index": True, "search": True})

    def test_live_while_a_push_runs(self):
        stop = threading.Event()

        def push():
            operations = [inserted("d%d" % i, "words %d and more" % i)
                          for i in range(3000)]
            self.client.push(operations, domain=self.domain, target_commit="c1")
            stop.set()

        thread = threading.Thread(target=push)
        thread.start()
        while not stop.is_set():
            self.assertEqual(self.client.get("/health/live").status, 200)
            self.assertEqual(self.client.get("/last-indexed",
                                             domain=self.domain).status, 200)
        thread.join()


class SearchOff(VectorLinkCase):
    env = {"VECTORLINK_SEARCH_READY": "false"}

    def test_searches_are_503(self):
        self.push("c1", [inserted("a", "oak")])
        answer = self.client.get("/search", domain=self.domain, commit="c1", q="oak")
        self.assert_error(answer, 503)
        self.assertEqual(answer.fields["retry-after"], "30")
        answer = self.client.get("/search", domain=self.domain, commit="c1", q="a",
                                 count=0)
        self.assert_error(answer, 400, "count")
        answer = self.client.get("/health/ready")
        self.assertEqual((answer.status, answer.json()),
                         (200, {"ready": True, "index": True, "search": False}))

    def test_compare_of_equal_texts_needs_no_search(self):
        answer = self.client.post_json("/compare", {"source": "a", "target": "a"},
                                       method="embedding")
        self.assertEqual(answer.json()["distance"], 0)
        answer = self.client.post_json("/compare", {"source": "a", "target": "b"},
                                       method="embedding")
        self.assert_error(answer, 503)


class SecretByVectorLinksVariable(VectorLinkCase):
    env = {"VECTORLINK_ADMIN_USER": "anna", "VECTORLINK_ADMIN_SECRET": "s3cret:x"}

    def test_only_that_one_opens(self):
        self.assert_error(self.client.get("/last-indexed", domain="a/b"), 401)
        anna = type(self.client)(self.client.host, self.client.port, "anna",
                                 "s3cret:x")
        self.assertEqual(anna.get("/last-indexed", domain="a/b").status, 200)
        self.assertNotIn("s3cret", self.daemon.log_text())


class ParameterRules(VectorLinkCase):

    def test_missing_ones_are_named(self):
        for q, names in (({}, "domain"), ({"domain": "a/b"}, "commit"),
                         ({"domain": "a/b", "commit": "c"}, "q"),
                         ({"domain": "a/b", "commit": "c", "q": ""}, "q"),
                         ({"domain": "", "commit": "c", "q": "x"}, "domain")):
            self.assert_error(self.client.get("/search", **q), 400, names)
            self.assert_error(self.client.post_json("/search", q), 400, names)

    def test_bad_ones_win_over_an_unknown_commit(self):
        good = {"domain": "no/where", "commit": "c", "q": "x"}
        for bad in ({"mode": "best"}, {"start": "-1"}, {"start": "1000001"},
                    {"count": "0"}, {"count": "1001"}, {"count": "1e2"},
                    {"count": "99999999999999999999"}, {"count": " 1"}):
            answer = self.client.get("/search", **{**good, **bad})
            self.assert_error(answer, 400, *bad)
        for bad in ({"start": -1}, {"count": 0}, {"count": "10"}, {"count": 1.5},
                    {"mode": 7}, {"doc_type": [1]}, {"snippet": "true"},
                    {"doc_id": {}}, {"ancestors": 7}, {"q": ["x"]}):
            answer = self.client.post_json("/search", {**good, **bad})
            self.assert_error(answer, 400, *bad)
        self.assert_error(self.client.get("/search", **good), 404)

    def test_the_data_version_header(self):
        for value in ("co:9f31c07a", "commit9f31c07a", "bad", "commit:abc",
                      "commit:abcd:efgh", ""):
            answer = self.client.get(
                "/search", {"TerminusDB-Data-Version": value}, domain="a/b",
                commit="c", q="x")
            self.assert_error(answer, 400, "data-version")
        answer = self.client.get(
            "/search", {"TerminusDB-Data-Version": "commit:9f31c07a"},
            domain="a/b", commit="c", q="x")
        self.assert_error(answer, 404)

    def test_body_fields_replace_query_values(self):
        self.push("c1", [inserted("a", "oak")])
        answer = self.client.request(
            "POST", "/search", body=b'{"domain":"%s","commit":"c1","q":"oak"}'
            % self.domain.encode(), fields={"Content-Type": "application/json"},
            raw_query="domain=%zz&mode=vector&domain=x")
        self.assertEqual(answer.status, 200, answer)
        answer = self.client.post_json("/search", {"domain": None, "q": "x"},
                                       domain=self.domain, commit="c1")
        self.assert_error(answer, 400, "domain")

    def test_domain_forms(self):
        self.push("c1", [inserted("a", "oak")])
        for form in ("", "/local", "/local/branch/other", "/local/commit/c1"):
            answer = self.client.get("/search", domain=self.domain + form,
                                     commit="c1", q="oak", mode="vector")
            self.assertEqual(answer.status, 200, answer)
        for form in ("one", "a/b/c/d", "a/b/c/tag/x", "a/b/c/branch/d/e", "a//b",
                     "/a/b", "a/b/", "a/b/c/branch/"):
            self.assert_error(self.client.get("/search", domain=form, commit="c1",
                                              q="oak"), 400, "domain")

    def test_lists_in_all_forms_are_equal(self):
        self.push("c1", [inserted("Oak/1", "a tree"), inserted("Fern/1", "a tree"),
                         inserted("Moss/1", "a tree")])
        base = "domain=%s&commit=c1&q=tree&mode=vector&" % self.domain
        answers = [
            self.client.request("GET", "/search", raw_query=base + lists).json()
            for lists in ("doc_type=Oak&doc_type=Fern", "doc_type[]=Oak&doc_type=Fern",
                          "doc_type%5B%5D=Fern&doc_type%5B%5D=Oak")]
        answers.append(self.client.post_json(
            "/search", {"domain": self.domain, "commit": "c1", "q": "tree",
                        "mode": "vector", "doc_type": ["Oak", "Fern"]}).json())
        self.assertEqual([hit["id"] for hit in answers[0]], ["Fern/1", "Oak/1"])
        for other in answers[1:]:
            self.assertEqual(other, answers[0])

    def test_repeated_scalars_and_bad_escapes_are_400(self):
        for query, name in (("domain=a/b&domain=a/b", "domain"),
                            ("domain=a%2", "domain"), ("domain=%FF/a", "domain"),
                            ("domain=a/b&commit=%G0", "commit")):
            answer = self.client.request("GET", "/search", raw_query=query)
            self.assert_error(answer, 400, name)

    def test_what_was_found_and_wanted_is_said(self):
        good = {"domain": "no/where", "commit": "c", "q": "x"}
        for path, bad, message in (
                ("/search", "q=%FF",
                 "q is not valid UTF-8, expected percent-encoded UTF-8"),
                ("/search", "q=%zz", "q is not percent-encoded, expected two "
                 "hexadecimal digits after each '%'"),
                ("/search", "q=x&count=three",
                 "count is 'three', expected a whole number from 1 to 1000"),
                ("/search", "q=x&snippet=yes",
                 "snippet is 'yes', expected true or false"),
                ("/search", "q=x&mode=best",
                 "mode is 'best', expected hybrid, vector or fts"),
                ("/duplicates", "threshold=abc",
                 "threshold is 'abc', expected a number of at least 0"),
                ("/duplicates", "threshold=-1",
                 "threshold is '-1', expected a number of at least 0"),
                ("/search", "q=x&branch=.-compact_rebuild_1",
                 "branch is the reserved '.-compact_rebuild_1', expected one "
                 "that does not start with .-compact_rebuild_")):
            answer = self.client.request(
                "GET", path, raw_query="domain=no/where&commit=c&" + bad)
            self.assert_error(answer, 400, message)
        for bad, message in (
                ({"count": 3.0},
                 "count is 3.0, expected a whole number from 1 to 1000"),
                ({"count": "3"}, "count is the string '3', expected a whole "
                 "number from 1 to 1000"),
                ({"snippet": 1}, "snippet is 1, expected true or false"),
                ({"q": 7}, "q is 7, expected a string"),
                ({"doc_type": {"a": 1}},
                 "doc_type is an object, expected an array of strings")):
            answer = self.client.post_json("/search", {**good, **bad})
            self.assert_error(answer, 400, message)
        for fields, message in (
                ({"threshold_set": 1.5},
                 "threshold_set is 1.5, expected a number from 0 to 1"),
                ({"threshold_set": 1, "k": 1e30}, "k is 1e+30, expected a whole "
                 "number from 1 to 10000"),
                ({"threshold_set": 1, "include": "all"},
                 "include is 'all', expected embeddings or content")):
            answer = self.client.post_json("/candidates", {**good, **fields})
            self.assert_error(answer, 400, message)
        answer = self.client.post_json("/compare", {"source": "a", "target": "b"},
                                       method="words")
        self.assert_error(answer, 400, "method is the unsupported 'words', "
                          "expected embedding")
        answer = self.client.post_json("/compare", {"source": "a", "target": "b"},
                                       method="embedding", role="judge")
        self.assert_error(answer, 400, "role is 'judge', expected query, "
                          "document, clustering or classification")

    def test_json_bodies(self):
        for body in (b"", b"{", b"[]", b"7", b'{"q":"\xff"}', b'{"q":"\\ud800"}',
                     b"[" * 100000, b'{"a":' * 100000, b"{} {}"):
            answer = self.client.request("POST", "/search", body=body,
                                         fields={"Content-Type": "application/json"})
            self.assert_error(answer, 400)
        for kind in ("text/plain", "application/jsonx", None):
            answer = self.client.request(
                "POST", "/search", body=b"{}",
                fields={"Content-Type": kind} if kind else {})
            self.assert_error(answer, 415)
        answer = self.client.request(
            "POST", "/search", body=b"{}",
            fields={"Content-Type": "application/json; charset=utf-8"})
        self.assert_error(answer, 400, "domain")

    def test_reserved_branches(self):
        for path, more in (("/last-indexed", {}), ("/search", {"q": "x"})):
            answer = self.client.get(path, domain="a/b",
                                     branch=".-compact_rebuild_1", **more)
            self.assert_error(answer, 400, "branch")


if __name__ == "__main__":
    unittest.main()
