# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""The first dialect, and the pulls behind it: sections 4 and 5.1 of the
contract, against a database that does what it is told."""

import json
import os
import re
import sys
import threading
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from vectorlink_case import VectorLinkCase, wait_until  # noqa: E402
from http_client import changed, deleted, error, inserted  # noqa: E402
from content_server import Content, ContentServer  # noqa: E402
from simulated_provider import SimulatedProvider  # noqa: E402

TASK = re.compile("^[A-Za-z][A-Za-z0-9]{7}$")
ALREADY = "target commit already has an index"

KESTREL = inserted("Vessel/kestrel", "The kestrel is a two-masted pilot cutter.")
HERON = inserted("Vessel/heron", "The heron was rebuilt as a harbour tug.")
OSPREY = inserted("Vessel/osprey", "The osprey carries barrels of salted herring.")


class V1Case(VectorLinkCase):
    """Tests against a daemon that pulls from `content`."""

    settings = {}

    @classmethod
    def setUpClass(cls):
        cls.content = ContentServer()
        cls.content.__enter__()
        cls.arguments = [*sum(([flag, str(value)] for flag, value in
                               cls.settings.items()), [])]
        cls.env = dict(cls.env,
                       TERMINUSDB_CONTENT_ENDPOINT=cls.content.url,
                       TERMINUSDB_USER_FORWARD_HEADER="X-User-Forward")
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.content.__exit__()

    def v1(self, method, path, body=None, fields=None, **parameters):
        """A request as clients of old send it: without credentials."""
        return self.client.request(method, path, parameters, body, fields,
                                   auth=False)

    def index(self, commit, fields=None, **parameters):
        answer = self.v1("GET", "/index", fields=fields, domain=self.domain,
                         commit=commit, **parameters)
        self.assertEqual(answer.status, 200, answer)
        self.assertRegex(answer.text(), TASK)
        return answer.text()

    def wait_for_v1(self, task):
        """Returns the last answer of /check."""
        def final():
            answer = self.v1("GET", "/check", task_id=task)
            if answer.status == 200 and answer.json()["status"] == "Pending":
                self.assertIsInstance(answer.json()["percentage"], (int, float))
                return None
            return answer
        return wait_until(final)

    def pull(self, commit, lines, **parameters):
        self.content.say(commit, Content(lines))
        answer = self.wait_for_v1(self.index(commit, **parameters))
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def requests_of(self, commit):
        return [request for request in self.content.requests
                if "commit_id=" + commit in request[0]]

    def search_text(self, text, commit, **parameters):
        answer = self.v1("POST", "/search", text.encode(),
                         {"Content-Type": "text/plain"}, domain=self.domain,
                         commit=commit, **parameters)
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def assert_text(self, answer, status, text=None):
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.fields["content-type"], "text/plain")
        if text is not None:
            self.assertEqual(answer.text(), text)


class Pulling(V1Case):
    settings = {"--vectorlink-v1-anonymous": "true"}

    def test_index_check_search(self):
        complete = self.pull("sc1", [KESTREL, HERON])
        self.assertEqual(complete, {"indexed_documents": 2, "status": "Complete"})
        hits = self.search_text("pilot cutter", "sc1")
        self.assertEqual(hits[0]["id"], "Vessel/kestrel")
        self.assertEqual({tuple(sorted(hit)) for hit in hits}, {("distance", "id")})
        distances = [hit["distance"] for hit in hits]
        self.assertEqual(distances, sorted(distances))
        self.assertEqual(len(self.search_text("pilot cutter", "sc1", count=1)), 1)

    def test_what_the_database_is_asked(self):
        self.pull("ask1", [KESTREL])
        self.pull("ask2", [changed("Vessel/kestrel", "A schooner now.")],
                  previous="ask1", fields={"Authorization": "Basic c29tZTpvbmU="})
        path, headers = self.requests_of("ask1")[0]
        self.assertEqual(path, "/api/index/%s?commit_id=ask1" % self.domain)
        self.assertEqual(headers["X-User-Forward"], "admin")
        self.assertNotIn("Authorization", headers)
        path, headers = self.requests_of("ask2")[0]
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(path).query)
        self.assertEqual(query["previous_commit_id"], ["ask1"])
        self.assertEqual(headers["Authorization"], "Basic c29tZTpvbmU=")

    def test_changes_deletions_and_errors(self):
        self.pull("d1", [KESTREL, HERON])
        complete = self.pull("d2", [
            changed("Vessel/kestrel", "A schooner with a foghorn."),
            error("no rendering"), deleted("Vessel/heron"),
            {"op": "Replaced", "id": "Vessel/osprey", "string": "Herring barrels.",
             "more": [1]}], previous="d1")
        self.assertEqual(complete["indexed_documents"], 2)
        self.assertEqual(sorted(hit["id"] for hit in
                                self.search_text("foghorn", "d2")),
                         ["Vessel/kestrel", "Vessel/osprey"])
        self.assertEqual(len(self.search_text("foghorn", "d1")), 2)

    def test_a_full_listing_in_place_of_a_delta(self):
        self.pull("f1", [KESTREL, HERON])
        complete = self.pull("f2", [KESTREL, OSPREY], previous="f1")
        self.assertEqual(complete["indexed_documents"], 2)
        self.assertEqual(sorted(hit["id"] for hit in
                                self.search_text("barrels", "f2")),
                         ["Vessel/kestrel", "Vessel/osprey"])

    def test_only_new_documents_are_a_delta(self):
        self.pull("n1", [KESTREL])
        self.assertEqual(self.pull("n2", [OSPREY], previous="n1")
                         ["indexed_documents"], 2)

    def test_previous_that_is_not_indexed_is_not_asked_for(self):
        self.assertEqual(self.pull("p2", [KESTREL], previous="p1")
                         ["indexed_documents"], 1)
        self.assertNotIn("previous_commit", self.requests_of("p2")[0][0])

    def test_a_known_commit_is_complete_at_once(self):
        self.pull("k1", [KESTREL])
        count = len(self.content.requests)
        task = self.index("k1")
        answer = self.v1("GET", "/check", task_id=task)
        self.assertEqual(answer.json(),
                         {"indexed_documents": 1, "status": "Complete"})
        self.assertEqual(len(self.content.requests), count)

    def test_a_commit_in_flight_has_one_task(self):
        go = threading.Event()
        self.addCleanup(go.set)
        self.content.say("g1", lambda: go.wait(30) and Content([KESTREL]))
        task = self.index("g1")
        self.assertEqual(self.index("g1"), task)
        answer = self.v1("GET", "/check", task_id=task)
        self.assertEqual(sorted(answer.json()), ["percentage", "status"])
        self.assertEqual(answer.json()["status"], "Pending")
        go.set()
        self.assertEqual(self.wait_for_v1(task).json()["status"], "Complete")
        self.assertEqual(len(self.requests_of("g1")), 1)

    def test_failures(self):
        for commit, content, word in [
                ("x1", Content(b"nobody may read", 403), "nobody may read"),
                ("x2", Content([KESTREL, HERON], cut_after=90), "broke off"),
                ("x3", Content(b'{"op":"Inserted","id":"a","string":"b"}\n{"op'),
                 "line 2"),
                ("x4", Content([{"op": "Whatever", "id": "a"}]), "line 1"),
                ("x5", Content([KESTREL, {"op": "Abort"}]), "Abort")]:
            self.content.say(commit, content)
            answer = self.wait_for_v1(self.index(commit))
            self.assertEqual(answer.status, 500, answer)
            self.assertIn(word, json.loads(answer.body), commit)
            self.assert_text(self.v1("POST", "/search", b"pilot",
                                     domain=self.domain, commit=commit), 404)
        # The same commit may be tried again.
        self.assertEqual(self.pull("x2", [KESTREL])["status"], "Complete")

    def test_assign_waits_for_a_running_index(self):
        go = threading.Event()
        self.addCleanup(go.set)
        self.content.say("w1", lambda: go.wait(30) and Content([KESTREL]))
        self.index("w1")
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(
            self.v1("GET", "/assign", domain=self.domain, source_commit="w1",
                    target_commit="w2")))
        waiting.start()
        waiting.join(0.5)
        self.assertEqual(answers, [])
        go.set()
        waiting.join(30)
        self.assertEqual(answers[0].status, 204, answers)
        self.assertEqual(answers[0].body, b"")
        self.assertEqual(self.search_text("pilot", "w2"),
                         self.search_text("pilot", "w1"))

    def test_assign_tells_what_its_source_failed_with(self):
        self.content.say("b1", Content(b"no such branch", 404))
        self.index("b1")
        answer = self.v1("GET", "/assign", domain=self.domain,
                         source_commit="b1", target_commit="b2")
        self.assert_text(answer, 400)
        self.assertIn("no such branch", answer.text())
        answer = self.v1("GET", "/assign", domain=self.domain,
                         source_commit="nothing", target_commit="b2")
        self.assert_text(answer, 400, "commit 'nothing' is not indexed")

    def test_assign_to_a_commit_that_has_an_index(self):
        self.pull("a1", [KESTREL])
        self.pull("a2", [HERON])
        assign = {"domain": self.domain, "source_commit": "a1"}
        self.assert_text(self.v1("GET", "/assign", target_commit="a2", **assign),
                         400, ALREADY)
        for _ in range(2):
            self.assertEqual(self.v1("GET", "/assign", target_commit="a3",
                                     **assign).status, 204)

    def test_missing_and_bad_parameters(self):
        missing = "No commit id or domain id given"
        for method, path, parameters in [
                ("GET", "/index", {}), ("GET", "/index", {"domain": "a/b"}),
                ("GET", "/index", {"domain": "a/b", "commit": ""}),
                ("GET", "/assign", {"domain": "a/b", "source_commit": "c"}),
                ("POST", "/search", {"commit": "c"})]:
            self.assert_text(self.v1(method, path, **parameters), 404, missing)
        self.assert_text(self.v1("GET", "/index", domain="a", commit="c"), 400)
        self.assert_text(self.v1("GET", "/index", domain="a/b", commit="c\n"), 400)
        for count in ["x", "0", "-1", "99999999999999999999"]:
            self.assert_text(self.v1("POST", "/search", b"x", domain="a/b",
                                     commit="c", count=count), 400)
        for body in [b"", b" ", b"\xff\xfe"]:
            self.pull("m1", [KESTREL])
            self.assert_text(self.v1("POST", "/search", body, domain=self.domain,
                                     commit="m1"), 404)
        self.assert_text(self.v1("POST", "/search", b"x", domain="a/b",
                                 commit="c"), 404)

    def test_one_slash_behind_a_path(self):
        self.pull("s1", [KESTREL])
        self.assertEqual(self.v1("GET", "/index/", domain=self.domain,
                                 commit="s1").status, 200)
        self.assertEqual(self.v1("POST", "/search/", b"pilot",
                                 domain=self.domain, commit="s1").status, 200)
        self.assertEqual(self.client.get("/statistics/").status, 404)

    def test_content_types_of_search(self):
        self.pull("t1", [KESTREL])
        for kind in ["text/plain", "application/x-www-form-urlencoded",
                     "text/plain; charset=utf-8"]:
            answer = self.v1("POST", "/search", b"pilot cutter",
                             {"Content-Type": kind}, domain=self.domain,
                             commit="t1")
            self.assertEqual(answer.status, 200, kind)
        # With JSON it is the second dialect, which needs credentials.
        answer = self.v1("POST", "/search", b"{}",
                         {"Content-Type": "application/json"})
        self.assert_error(answer, 401, "credentials")
        answer = self.client.post_json("/search", {
            "domain": self.domain, "commit": "t1", "q": "pilot"})
        self.assertIn("chunk", answer.json()[0])

    def test_check_of_both_dialects(self):
        task = self.index(self.id().rpartition(".")[2])
        self.assertNotEqual(self.v1("GET", "/check", task_id=task).status, 404)
        self.assertNotEqual(self.client.get("/check", task_id=task).status, 404)
        unknown = self.v1("GET", "/check", task_id="abcdefgh")
        self.assertEqual((unknown.status, unknown.body), (404, b""))
        self.assert_error(self.client.get("/check", task_id="abcdefgh"), 404,
                          "task_id")
        self.assertEqual(self.v1("GET", "/check", task_id="task-" + "0" * 32)
                         .status, 401)
        self.assertEqual(self.v1("GET", "/check").status, 401)
        self.assert_error(self.client.get("/check"), 400, "task_id")
        answer = self.v1("GET", "/check", task_id="abcdefgh",
                         fields={"Authorization": "Basic d3Jvbmc6d3Jvbmc="})
        self.assertEqual(answer.status, 401)

    def test_the_second_dialect_stays_protected(self):
        for method, path in [("GET", "/search"), ("POST", "/assign"),
                             ("GET", "/similar"), ("GET", "/duplicates"),
                             ("GET", "/statistics"), ("POST", "/push"),
                             ("GET", "/last-indexed"), ("POST", "/index"),
                             ("DELETE", "/domain")]:
            self.assertEqual(self.v1(method, path).status, 401, path)
        self.assertEqual(self.client.request("POST", "/index").status, 405)
        answer = self.client.request("PUT", "/assign")
        self.assertEqual((answer.status, answer.fields["allow"]),
                         (405, "GET, POST"))

    def test_both_dialects_see_the_same(self):
        self.pull("both1", [KESTREL])
        self.push("both2", [HERON], parent_commit="both1")
        self.assertEqual(len(self.search_text("pilot", "both2")), 2)
        self.assertEqual(self.pull("both3", [deleted("Vessel/heron")],
                                   previous="both2")["indexed_documents"], 1)
        self.assertEqual(self.head_of(), "both3")
        task = self.index("both2")
        self.assertEqual(self.v1("GET", "/check", task_id=task).json(),
                         {"indexed_documents": 2, "status": "Complete"})

    def test_tasks_survive_a_restart(self):
        self.pull("r1", [KESTREL])
        self.push("r2", [HERON])
        self.content.say("r3", Content(b"gone", 410))
        tasks = [self.index("r1"), self.index("r2"), self.index("r3")]
        self.wait_for_v1(tasks[2])
        self.daemon.stop()
        self.daemon.start()
        type(self).connect()
        answers = [self.v1("GET", "/check", task_id=task) for task in tasks]
        self.assertEqual(answers[0].json(),
                         {"indexed_documents": 1, "status": "Complete"})
        self.assertEqual(answers[1].json()["status"], "Complete")
        self.assertEqual(answers[2].status, 500)
        self.assertIn("gone", answers[2].json())

    def test_a_pull_goes_on_after_a_restart(self):
        go = threading.Event()
        self.addCleanup(go.set)
        self.content.say("o1", lambda: Content([KESTREL], hangs=not go.is_set()))
        task = self.index("o1")
        wait_until(lambda: self.requests_of("o1"))
        self.daemon.stop()
        go.set()
        self.daemon.start()
        type(self).connect()
        self.assertEqual(self.wait_for_v1(task).json()["status"], "Complete")

    def test_deleting_the_domain_ends_its_tasks(self):
        self.pull("del1", [KESTREL])
        task = self.index("del1")
        self.client.request("DELETE", "/domain", {"domain": self.domain})
        answer = self.v1("GET", "/check", task_id=task)
        self.assertEqual(answer.status, 500)
        self.assertIn("deleted", answer.json())


class AssignTimesOut(V1Case):
    settings = {"--vectorlink-v1-anonymous": "true", "--v1-assign-wait": "0.2"}

    def test_after_the_wait(self):
        go = threading.Event()
        self.addCleanup(go.set)
        self.content.say("c1", lambda: go.wait(30) and Content([KESTREL]))
        task = self.index("c1")
        answer = self.v1("GET", "/assign", domain=self.domain,
                         source_commit="c1", target_commit="c2")
        self.assert_text(answer, 400,
                         "commit 'c1' is still being indexed after 200ms")
        go.set()
        self.wait_for_v1(task)


class Closed(V1Case):
    """Without vectorlink_v1_anonymous."""

    env = {"PULL_AUTHORIZATION": "Basic c2VydmVyOnNpZGU="}
    settings = {"--content-authorization-env": "PULL_AUTHORIZATION"}

    def test_first_paths_need_credentials(self):
        for method, path in [("GET", "/index"), ("GET", "/check"),
                             ("GET", "/assign"), ("POST", "/search")]:
            self.assert_error(self.v1(method, path, task_id="abcdefgh"), 401)

    def test_our_credentials_stay_here(self):
        self.content.say("c1", Content([KESTREL]))
        answer = self.client.get("/index", domain=self.domain, commit="c1")
        self.assertEqual(answer.status, 200)
        wait_until(lambda: self.client.get("/check", task_id=answer.text())
                   .json()["status"] == "Complete")
        _, headers = self.requests_of("c1")[0]
        self.assertEqual(headers["Authorization"], "Basic c2VydmVyOnNpZGU=")
        self.assertEqual(headers["X-User-Forward"], "admin")


class Keys(V1Case):
    """A provider that wants a key, which requests bring."""

    settings = {"--vectorlink-v1-anonymous": "true",
                "--api-key-from-request": "true"}

    @classmethod
    def setUpClass(cls):
        cls.provider = SimulatedProvider(8, latency=0)
        cls.provider.__enter__()
        cls.settings = dict(cls.settings, **{
            "--embedding-url": cls.provider.url, "--embedding-model": "m",
            "--embedding-dimension": 8,
            "--embedding-urls-from-request": cls.provider.url})
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.provider.__exit__()

    def test_the_key_of_the_request_is_shown(self):
        self.provider.reset()
        key = {"VECTORLINK_EMBEDDING_API_KEY": "key-of-this-request"}
        self.pull("c1", [OSPREY], fields=dict(
            key, VECTORLINK_OLLAMA_URL=self.provider.url))
        self.v1("POST", "/search", b"pilot", key, domain=self.domain,
                commit="c1")
        self.assertEqual(set(self.provider.keys), {"Bearer key-of-this-request"})
        self.assertNotIn("key-of-this-request", self.daemon.log_text())

    def test_other_urls_are_never_asked(self):
        with SimulatedProvider(8, latency=0) as other:
            self.pull("c1", [KESTREL],
                      fields={"VECTORLINK_OLLAMA_URL": other.url})
            self.assertEqual(other.summary()["requests"], 0)


class KeysAreNotTaken(Keys):
    settings = dict(Keys.settings, **{"--api-key-from-request": "false"})

    def test_the_key_of_the_request_is_shown(self):
        self.provider.reset()
        self.pull("c1", [OSPREY],
                  fields={"VECTORLINK_EMBEDDING_API_KEY": "k-1"})
        self.assertEqual(set(self.provider.keys), {None})


class KeyIsMissing(V1Case):
    settings = {"--vectorlink-v1-anonymous": "true",
                "--embedding-url": "https://127.0.0.1:9/v1",
                "--embedding-model": "m", "--embedding-dimension": "8"}

    def test_index_names_the_header(self):
        answer = self.v1("GET", "/index", domain=self.domain, commit="c1")
        self.assert_text(answer, 400,
                         'MissingKey("VECTORLINK_EMBEDDING_API_KEY")')


class OnlyFirst(V1Case):
    settings = {"--vectorlink-dialect": "v1",
                "--vectorlink-v1-anonymous": "true"}

    def test_similar_has_the_document_first(self):
        self.pull("c1", [KESTREL, HERON, inserted("Vessel/a-twin",
                                                  KESTREL["string"])])
        answer = self.v1("GET", "/similar", domain=self.domain, commit="c1",
                         id="Vessel/kestrel")
        self.assertEqual([(hit["id"], hit["distance"] == 0)
                          for hit in answer.json()],
                         [("Vessel/kestrel", True), ("Vessel/a-twin", True),
                          ("Vessel/heron", False)])
        answer = self.v1("GET", "/similar", domain=self.domain, commit="c1",
                         id="Vessel/kestrel", count=1)
        self.assertEqual([hit["id"] for hit in answer.json()],
                         ["Vessel/kestrel"])
        for parameters in [{"id": "Vessel/raven"},
                           {"id": "Vessel/kestrel", "count": "some"}]:
            self.assert_text(self.v1("GET", "/similar", domain=self.domain,
                                     commit="c1", **parameters), 400)

    def test_duplicates_are_pairs_below_the_threshold(self):
        self.pull("c1", [KESTREL, HERON, inserted("Vessel/twin",
                                                  KESTREL["string"])])
        get = {"domain": self.domain, "commit": "c1"}
        self.assertEqual(self.v1("GET", "/duplicates", **get).json(), [])
        self.assertEqual(self.v1("GET", "/duplicates", threshold="0.01",
                                 **get).json(),
                         [["Vessel/kestrel", "Vessel/twin"]])
        pairs = self.v1("GET", "/duplicates/", threshold="2", **get).json()
        self.assertIn(["Vessel/heron", "Vessel/kestrel"], pairs)
        for threshold in ["x", "-1", "nan"]:
            self.assert_text(self.v1("GET", "/duplicates", threshold=threshold,
                                     **get), 400)

    def test_statistics_are_numbers(self):
        answer = self.v1("GET", "/statistics")
        self.assertEqual(sorted(answer.json()),
                         ["cached", "free", "loaded", "loading"])
        self.assertTrue(all(isinstance(value, int)
                            for value in answer.json().values()))

    def test_clashing_paths_are_first_and_the_others_second(self):
        self.pull("c1", [KESTREL])
        answer = self.v1("POST", "/search", b'{"q": "pilot cutter"}',
                         {"Content-Type": "application/json"},
                         domain=self.domain, commit="c1")
        self.assertEqual([sorted(hit) for hit in answer.json()],
                         [["distance", "id"]])
        self.assert_text(self.v1("GET", "/check"), 404, "No task id")
        unknown = self.v1("GET", "/check", task_id="nothing")
        self.assertEqual((unknown.status, unknown.body), (404, b""))
        self.assertIn("chunk", self.search("pilot", "c1")[0])
        task = self.client.push([HERON], domain=self.domain, target_commit="c2")
        self.assertEqual(self.wait_for(task.text())["status"], "Complete")
        self.assertEqual(self.v1("GET", "/check", task_id=task.text()).status, 401)


class OnlySecond(V1Case):
    settings = {"--vectorlink-dialect": "v2",
                "--vectorlink-v1-anonymous": "true"}

    def test_no_path_of_the_first(self):
        self.assert_error(self.client.get("/index", domain=self.domain,
                                          commit="c"), 404)
        self.assert_error(self.client.get("/assign"), 405)
        self.assertEqual(self.client.request("POST", "/search", body=b"x")
                         .status, 415)
        self.assertEqual(self.v1("GET", "/check", task_id="abcdefgh").status, 401)


class NothingToPullFrom(VectorLinkCase):
    arguments = ["--vectorlink-v1-anonymous", "true"]

    def test_no_path_of_the_first_answers(self):
        self.assert_error(self.client.get("/index", domain=self.domain,
                                          commit="c"), 404)
        self.assertIn(self.client.get("/assign").status, (404, 405))
        for method, path in [("GET", "/index"), ("GET", "/assign"),
                             ("GET", "/check"), ("POST", "/search")]:
            answer = self.client.request(method, path, auth=False)
            self.assertEqual(answer.status, 401, path)


class FirstWithoutAnEndpoint(VectorLinkCase):
    arguments = ["--vectorlink-v1-anonymous", "true",
                 "--vectorlink-dialect", "v1"]

    def test_index_says_what_is_missing(self):
        answer = self.client.request(
            "GET", "/index", {"domain": self.domain, "commit": "c"}, auth=False)
        self.assertEqual((answer.status, answer.text()),
                         (400, "NoContentEndpoint"))


if __name__ == "__main__":
    unittest.main()
