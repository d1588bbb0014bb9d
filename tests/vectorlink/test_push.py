# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Pushes, streamed and not, and what becomes of their commits."""

import gzip
import json
import re
import socket
import tempfile
import threading
import time
import unittest

from http_client import ABORT, changed, deleted, error, inserted
from vectorlink_case import VectorLinkCase, wait_until


class PlainPush(VectorLinkCase):

    def test_a_task_becomes_complete(self):
        answer = self.client.push([inserted("Oak/1", "an oak"),
                                   inserted("Oak/2", "another oak")],
                                  domain=self.domain, target_commit="c1")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.fields["content-type"], "text/plain")
        self.assertRegex(answer.text(), r"^task-[0-9a-f]{32}$")
        self.assertEqual(self.wait_for(answer.text()),
                         {"status": "Complete", "indexed_documents": 2,
                          "skipped": []})
        info = self.client.get("/last-indexed", domain=self.domain).json()
        self.assertEqual((info["branch"], info["commit"]), ("main", "c1"))
        self.assertGreaterEqual(info["version"], 1)

    def test_nothing_indexed(self):
        answer = self.client.get("/last-indexed", domain=self.domain)
        self.assertEqual(answer.json(),
                         {"branch": "main", "commit": None, "version": 0})

    def test_check_of_nothing(self):
        self.assert_error(
            self.client.get("/check", task_id="task-1"), 404,
            "task_id is 'task-1', expected the ID of a push since the start of "
            "the server")
        self.assert_error(self.client.get("/check"), 400, "task_id")

    def test_parameters(self):
        for parameters, name in (({"target_commit": "c"}, "domain"),
                                 ({"domain": "a/b"}, "target_commit"),
                                 ({"domain": "a/b", "target_commit": "a\nb"},
                                  "target_commit"),
                                 ({"domain": "a/b", "target_commit": "c",
                                   "stream": "yes"}, "stream"),
                                 ({"domain": "a/b", "target_commit": "c",
                                   "branch": ".-compact_rebuild_x"}, "branch")):
            self.assert_error(self.client.push([], **parameters), 400, name)

    def assert_malformed(self, body, line, *words):
        answer = self.client.push(body, domain=self.domain, target_commit="c1")
        self.assertEqual(answer.status, 200, answer)
        check = self.client.get("/check", task_id=answer.text())
        self.assertEqual(check.status, 500)
        self.assertEqual(check.fields["content-type"], "text/plain")
        self.assertRegex(check.text(), r"malformed.*line.*\b%d\b" % line)
        for word in words:
            self.assertIn(word, check.text())
        self.assertIsNone(self.head_of())

    def test_malformed_lines_fail_the_whole_push(self):
        good = b'{"op":"Inserted","id":"a","string":"x"}\n'
        for bad in (b"no json", b"[]", b'{"op":"Moved","id":"a"}', b'{"id":"a"}',
                    b'{"op":"Inserted","id":"a"}', b'{"op":"Deleted"}',
                    b'{"op":"Inserted","id":7,"string":"x"}',
                    b'{"op":"Inserted","id":"","string":"x"}', b'{"op":"Error"}',
                    b'{"op":"Inserted","id":"a","string":"\xc3("}',
                    b'{"op":"Inserted","id":"a","string":"\0"}', b"\0",
                    b'{"op":"Inserted","id":"' + b"i" * 5000 + b'","string":"x"}'):
            self.assert_malformed(good + b"\n \n" + bad + b"\n" + good, 4)
        self.assert_malformed(b"{", 1)
        self.assertEqual(self.push("c1", good)["status"], "Complete")

    def test_a_retry_after_a_failure_is_accepted(self):
        self.client.push(b"{\n", domain=self.domain, target_commit="c1")
        self.assertEqual(self.push("c1", [inserted("a", "x")])["indexed_documents"],
                         1)

    def test_abort_anywhere_is_422(self):
        document = inserted("a", "oak")
        for operations in ([ABORT, document], [document, ABORT, document],
                           [document, ABORT]):
            answer = self.client.push(operations, domain=self.domain,
                                      target_commit="c1")
            self.assert_error(answer, 422, "abort")
            self.assertIsNone(self.head_of())
        self.assertEqual(self.push("c1", [document])["indexed_documents"], 1)

    def test_empty_and_error_only_pushes_advance(self):
        self.assertEqual(self.push("c1", b""), {"status": "Complete",
                                                "indexed_documents": 0,
                                                "skipped": []})
        self.assertEqual(self.head_of(), "c1")
        self.assertEqual(
            self.push("c2", [error("no rendering for Vessel/raven")]),
            {"status": "Complete", "indexed_documents": 0, "skipped": [
                {"id": "unknown", "message":
                 "operation error: no rendering for Vessel/raven"}]})
        self.assertEqual(self.head_of(), "c2")

    def test_an_error_between_two_inserts(self):
        done = self.push("c1", [inserted("a", "oak"), error("odd"),
                                inserted("b", "elm")])
        self.assertEqual(done["indexed_documents"], 2)
        self.assertEqual(len(done["skipped"]), 1)
        self.assertEqual(sorted(self.ids("oak", "c1")), ["a", "b"])

    def test_an_empty_text_is_skipped_and_keeps_the_version_of_before(self):
        self.push("c1", [inserted("a", "oak")])
        done = self.push("c2", [changed("a", ""), inserted("b", "elm")],
                         parent_commit="c1")
        self.assertEqual(done["indexed_documents"], 1)
        self.assertEqual([each["id"] for each in done["skipped"]], ["a"])
        self.assertEqual(sorted(self.ids("oak", "c2")), ["a", "b"])

    def test_templates_of_the_domain_make_the_texts(self):
        with tempfile.NamedTemporaryFile("w", suffix=".mustache") as template:
            template.write("{{title}}{{#cast}}, {{.}}{{/cast}}")
            template.flush()
            self.daemon.copse("domain", "create", self.domain, "--template",
                              f"Film={template.name}")
        alien = json.dumps({"title": "Alien", "cast": ["Weaver", "Hurt"]})
        check = self.push("c1", [inserted("Film/1", alien),
                                 inserted("Film/2", "no JSON"),
                                 inserted("Oak/1", "an oak")])
        self.assertEqual(check["status"], "Complete")
        self.assertEqual(check["indexed_documents"], 2)
        self.assertEqual([skipped["id"] for skipped in check["skipped"]],
                         ["Film/2"])
        exported = self.daemon.copse("export", self.domain, "--commit", "c1",
                                     "--text")
        texts = [json.loads(line)["text"] for line in exported.splitlines()]
        self.assertEqual(texts, ["Alien, Weaver, Hurt", "an oak"])
        # A line of an export says that its text is made already.
        line = {**inserted("Film/1", texts[0]), "text_is_rendered": True}
        self.assertEqual(self.push("c2", [line])["skipped"], [])
        self.assertEqual(
            self.daemon.copse("diff", self.domain, "c1", "c2"), "")

    def test_attributes_are_kept(self):
        film = dict(inserted("Film/a", "a film"), attributes={
            "year": 1977, "rating": 8.5, "seen": True, "by": "Ada"})
        self.push("c1", [film, dict(inserted("Film/b", "b"), attributes=None)])

        def kept(commit):
            return json.dumps(self.daemon.json("get", self.domain, "--commit",
                                               commit, "Film/a"))
        for part in ('"year": 1977', '"rating": 8.5', '"seen": true',
                     '"by": "Ada"'):
            self.assertIn(part, kept("c1"))
        # A document is replaced with all its attributes.
        self.push("c2", [dict(changed("Film/a", "a film"),
                              attributes={"year": 1978})])
        self.assertIn('"year": 1978', kept("c2"))
        self.assertNotIn("rating", kept("c2"))
        for attributes, message in (
                ([], "attributes is no object"), ({"a": None}, "'a' is null"),
                ({"a": [1]}, "attribute 'a' is an array or object"),
                ({"a": 2 ** 63}, "attribute 'a' is 9223372036854775808, expected "
                 "a whole number of at most 9223372036854775807"),
                ({"a" * 600: 1}, "attribute name has 600 bytes")):
            answer = self.push("c3", [inserted("Film/c", "c"), dict(
                film, attributes=attributes)])
            self.assertEqual(answer.status, 500)
            self.assertIn("malformed operation in line 2: ", answer.text())
            self.assertIn(message, answer.text())

    def test_inserted_twice_is_one_document(self):
        self.push("c1", [inserted("a", "oak"), inserted("a", "elm tree")])
        hits = self.search("elm", "c1", snippet=True)
        self.assertEqual([(hit["id"], hit["chunk"]["snippet"]) for hit in hits],
                         [("a", "elm tree")])

    def test_changed_and_deleted(self):
        self.push("c1", [inserted("a", "an oak"), inserted("b", "an elm")])
        done = self.push("c2", [changed("a", "a birch"), deleted("b"),
                                inserted("c", "a pine"), deleted("zz")],
                         parent_commit="c1")
        self.assertEqual(done["indexed_documents"], 2)
        self.assertEqual(sorted(self.ids("tree", "c1")), ["a", "b"])
        self.assertEqual(sorted(self.ids("tree", "c2")), ["a", "c"])
        text = {commit: self.search("oak", commit, snippet=True, doc_id="a")[0]
                ["chunk"]["snippet"] for commit in ("c1", "c2")}
        self.assertEqual(text, {"c1": "an oak", "c2": "a birch"})
        self.assertEqual(self.push("c3", [deleted("a")], parent_commit="c2"),
                         {"status": "Complete", "indexed_documents": 0,
                          "skipped": []})

    def test_the_same_commit_again_is_409(self):
        self.push("c1", [inserted("a", "oak")])
        for more in ({}, {"branch": "other"}, {"stream": True}):
            answer = self.client.push([inserted("a", "oak")], domain=self.domain,
                                      target_commit="c1", **more)
            self.assert_error(answer, 409)
            self.assertNotIn("x-task-id", answer.fields)

    def test_of_two_simultaneous_pushes_one_is_409(self):
        head = self.client.head(
            "POST", "/push?domain=%s&target_commit=c1&stream=true" % self.domain,
            "Transfer-Encoding: chunked")
        first = self.client.raw(head)
        self.assertIn(b" 200 OK", first.recv(65536))
        for more in ({}, {"branch": "other"}):
            self.assert_error(self.client.push([], domain=self.domain,
                                               target_commit="c1", **more), 409)
        first.sendall(b"0\r\n\r\n")
        wait_until(lambda: self.head_of() == "c1")

    def test_pushes_of_a_branch_queue(self):
        head = self.client.head(
            "POST", "/push?domain=%s&target_commit=c1&stream=true" % self.domain,
            "Transfer-Encoding: chunked")
        first = self.client.raw(head)
        self.assertIn(b" 200 OK", first.recv(65536))
        outcome = []
        thread = threading.Thread(
            target=lambda: outcome.append(self.push("c2", [inserted("b", "elm")])))
        thread.start()
        line = json.dumps(inserted("a", "oak")).encode() + b"\n"
        first.sendall(b"%x\r\n%s\r\n0\r\n\r\n" % (len(line), line))
        thread.join()
        self.assertEqual(outcome[0]["status"], "Complete")
        self.assertEqual(self.head_of(), "c2")
        self.assertEqual(sorted(self.ids("tree", "c2")), ["a", "b"])

    def test_a_fork_has_the_documents_of_its_parent(self):
        self.push("c1", [inserted("a", "oak")])
        self.push("c2", [inserted("b", "elm")], parent_commit="c1")
        self.push("f1", [inserted("f", "fir")], branch="fork", parent_commit="c1")
        self.push("c3", [inserted("c", "ash")], parent_commit="c2")
        self.assertEqual(sorted(self.ids("tree", "f1")), ["a", "f"])
        self.assertEqual(sorted(self.ids("tree", "c3")), ["a", "b", "c"])
        self.assertEqual(self.head_of("fork"), "f1")
        # The base is the parent, even if the head has moved on.
        self.push("c4", [inserted("d", "yew")], parent_commit="c1")
        self.assertEqual(sorted(self.ids("tree", "c4")), ["a", "d"])

    def test_unindexed_parents(self):
        answer = self.client.push([], domain=self.domain, target_commit="f1",
                                  branch="fork", parent_commit="nowhere")
        self.assert_error(answer, 404)
        self.push("c1", [inserted("a", "oak")], parent_commit="nowhere")
        self.push("c2", [inserted("b", "elm")], parent_commit="nowhere")
        self.assertEqual(sorted(self.ids("tree", "c2")), ["a", "b"])
        self.push("n1", [inserted("n", "new")], branch="new")
        self.assertEqual(self.ids("tree", "n1"), ["n"])

    def test_a_branch_that_replays_shared_history_follows(self):
        self.push("c1", [inserted("a", "oak")])
        self.push("c2", [inserted("b", "elm")], parent_commit="c1")
        for commit, parent in (("c1", None), ("c2", "c1")):
            answer = self.client.push([], domain=self.domain, target_commit=commit,
                                      branch="fork", parent_commit=parent,
                                      stream=True)
            self.assert_error(answer, 409)
            self.assertEqual(self.head_of("fork"), commit)
        answer = self.client.get("/search", domain=self.domain, branch="fork",
                                 q="elm", mode="vector")
        self.assertEqual([hit["id"] for hit in answer.json()], ["b", "a"])

    def test_hostile_ids_match_only_themselves(self):
        ids = ["a'b", 'a"b', "a\\b", "a\nb", "a\0b", "' OR 1=1 --", "a\u200bb",
               "\uff41", "a", "A", "*", "%", "a/b/c"]
        self.push("c1", [inserted(each, "the same words") for each in ids])
        self.assertEqual(sorted(self.ids("words", "c1", count=100)), sorted(ids))
        for each in ids:
            self.assertEqual(self.ids("words", "c1", doc_id=each), [each])
        self.push("c2", [deleted(each) for each in ids[:-1]], parent_commit="c1")
        self.assertEqual(self.ids("words", "c2"), [ids[-1]])

    def test_characters_split_between_chunks(self):
        body = json.dumps(inserted("ü", "größe \U0001f333"),
                          ensure_ascii=False).encode()
        connection = self.client.raw(self.client.head(
            "POST", "/push?domain=%s&target_commit=c1" % self.domain,
            "Transfer-Encoding: chunked", "Connection: close"))
        for i in range(len(body)):
            connection.sendall(b"1\r\n" + body[i:i + 1] + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        data = b""
        while piece := connection.recv(65536):
            data += piece
        self.assertEqual(self.wait_for(data[-37:].decode())["indexed_documents"], 1)
        hit = self.search("größe", "c1", snippet=True)[0]
        self.assertEqual((hit["id"], hit["chunk"]["snippet"]),
                         ("ü", "größe \U0001f333"))

    def test_a_truncated_body_fails(self):
        for ending in (b"", b"zz\r\n"):
            connection = self.client.raw(self.client.head(
                "POST", "/push?domain=%s&target_commit=c1" % self.domain,
                "Transfer-Encoding: chunked"))
            line = json.dumps(inserted("a", "oak")).encode() + b"\n"
            connection.sendall(b"%x\r\n%s\r\n" % (len(line), line) + ending)
            connection.shutdown(socket.SHUT_WR)
            data = b""
            while piece := connection.recv(65536):
                data += piece
            task = re.search(rb"task-[0-9a-f]{32}", data).group().decode()
            self.assertEqual(self.client.get("/check", task_id=task).status, 500)
            self.assertIsNone(self.head_of())
        self.assertEqual(self.push("c1", [inserted("a", "oak")])["status"],
                         "Complete")

    def test_pending_tasks_have_a_percentage(self):
        connection = self.client.raw(self.client.head(
            "POST", "/push?domain=%s&target_commit=c1&stream=true" % self.domain,
            "Transfer-Encoding: chunked"))
        file = connection.makefile("rb")
        task = None
        while task is None:
            name, _, value = file.readline().decode().partition(":")
            task = value.strip() if name.lower() == "x-task-id" else None
        answer = self.client.get("/check", task_id=task).json()
        self.assertEqual(answer["status"], "Pending")
        self.assertIsInstance(answer["percentage"], (int, float))
        for parameters in ({}, {"stream": True}, {"branch": "other"}):
            again = self.client.push([], domain=self.domain, target_commit="c1",
                                     **parameters)
            self.assert_error(again, 409)
            self.assertNotIn("x-task-id", again.fields)
        connection.sendall(b"0\r\n\r\n")
        self.assertEqual(self.wait_for(task)["status"], "Complete")
        connection.close()

    def test_hundreds_of_lines(self):
        done = self.push("c1", [inserted("d%d" % i, "document number %d" % i)
                                for i in range(300)])
        self.assertEqual(done["indexed_documents"], 300)

    def test_a_body_of_60_megabytes_in_bounded_memory(self):
        def peak_mib():
            with open("/proc/%d/status" % self.daemon.process.pid) as file:
                return int(re.search(r"VmHWM:\s+(\d+) kB", file.read())[1]) / 1024
        pad = "x" * 500_000
        body = "".join(json.dumps(dict(inserted("d/%d" % i, "oak %d" % i),
                                       pad=pad)) + "\n"
                       for i in range(120)).encode()
        self.push("c0", [inserted("a", "oak")])
        before = peak_mib()
        self.assertEqual(self.push("c1", body)["indexed_documents"], 120)
        self.assertLess(peak_mib() - before, 40)
        # The same compressed, of which less than a megabyte is sent.
        answer = self.client.request(
            "POST", "/push", {"domain": self.domain, "target_commit": "c2"},
            gzip.compress(body, 1), {"Content-Encoding": "gzip"})
        self.assertEqual(self.wait_for(answer.text())["indexed_documents"], 120)
        self.assertLess(peak_mib() - before, 40)

    def test_everything_is_there_after_a_restart(self):
        self.push("c1", [inserted("a", "oak")])
        self.push("c2", [inserted("b", "elm")], parent_commit="c1")
        before = self.client.get("/last-indexed", domain=self.domain).json()
        hits = self.search("oak", "c1")
        self.daemon.stop(9)
        self.daemon.start()
        self.connect()
        self.assertEqual(self.client.get("/last-indexed",
                                         domain=self.domain).json(), before)
        self.assertEqual(self.search("oak", "c1"), hits)


class StreamedPush(VectorLinkCase):

    def stream(self, commit, operations, **parameters):
        return self.client.push(operations, domain=self.domain,
                                target_commit=commit, stream=True, **parameters)

    def test_progress_and_completion(self):
        answer = self.stream("c1", [inserted("a", "oak"), inserted("b", "elm"),
                                    error("no rendering"), inserted("c", "ash")])
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.fields["content-type"], "application/x-ndjson")
        task = answer.fields["x-task-id"]
        lines = answer.lines()
        self.assertEqual(lines[-1], {
            "status": "complete", "indexed_documents": 3, "task_id": task,
            "skipped": [{"id": "unknown",
                         "message": "operation error: no rendering"}]})
        progress = lines[:-1]
        self.assertTrue(progress)
        for line in progress:
            self.assertEqual(list(line), ["status", "indexed", "total_seen",
                                          "skipped"])
            self.assertEqual(line["status"], "progress")
        for name in ("indexed", "total_seen", "skipped"):
            numbers = [line[name] for line in progress]
            self.assertEqual(numbers, sorted(numbers))
        self.assertEqual(self.wait_for(task)["indexed_documents"], 3)

    def test_headers_and_progress_come_before_the_body_is_complete(self):
        connection = self.client.raw(self.client.head(
            "POST", "/push?domain=%s&target_commit=c1&stream=true" % self.domain,
            "Transfer-Encoding: chunked"))
        data = wait_until(lambda: connection.recv(65536))
        while b'"progress"' not in data:
            data += connection.recv(65536)
        self.assertIn(b"X-Task-Id: task-", data)
        line = json.dumps(inserted("a", "oak")).encode() + b"\n"
        connection.sendall(b"%x\r\n%s\r\n0\r\n\r\n" % (len(line), line))
        while b'"complete"' not in data:
            data += connection.recv(65536)
        self.assertTrue(data.endswith(b"0\r\n\r\n") or
                        connection.recv(65536).endswith(b"0\r\n\r\n"))

    def test_heartbeats(self):
        connection = self.client.raw(self.client.head(
            "POST", "/push?domain=%s&target_commit=c1&stream=true" % self.domain,
            "Transfer-Encoding: chunked"))
        count, start = 0, time.monotonic()
        connection.settimeout(10)
        while count < 3:
            count += connection.recv(65536).count(b'"progress"')
        self.assertLess(time.monotonic() - start, 25)
        connection.sendall(b"0\r\n\r\n")

    def test_abort_and_errors_are_the_last_line(self):
        lines = self.stream("c1", [inserted("a", "oak"), ABORT]).lines()
        self.assertEqual(lines[-1], {"status": "aborted"})
        answer = self.stream("c1", b'{"op":"Deleted","id":"x"}\nnonsense\n')
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.lines()[-1]["status"], "error")
        self.assertRegex(answer.lines()[-1]["error"], r"malformed.*line.*2")
        check = self.client.get("/check", task_id=answer.fields["x-task-id"])
        self.assertEqual((check.status, check.text()),
                         (500, answer.lines()[-1]["error"]))
        self.assertEqual(self.stream("c1", []).lines()[-1]["status"], "complete")

    def begin(self, commit):
        connection = self.client.raw(self.client.head(
            "POST", "/push?domain=%s&target_commit=%s&stream=true"
            % (self.domain, commit), "Transfer-Encoding: chunked"))
        data = b""
        while b'"progress"' not in data:
            data += connection.recv(65536)
        task = re.search(rb"task-[0-9a-f]{32}", data).group().decode()
        line = json.dumps(inserted("a", "oak")).encode() + b"\n"
        connection.sendall(b"%x\r\n%s\r\n" % (len(line), line))
        return connection, task

    def test_a_client_that_goes_before_the_end_of_its_body(self):
        connection, task = self.begin("c1")
        connection.close()
        answer = self.wait_for(task)
        self.assertEqual(answer.status, 500)
        self.assertIn("disconnected", answer.text())
        self.assertIsNone(self.head_of())
        self.assertEqual(self.push("c1", [])["status"], "Complete")

    def test_a_client_that_goes_after_its_body(self):
        connection, task = self.begin("c1")
        connection.sendall(b"0\r\n\r\n")
        connection.close()
        self.assertEqual(self.wait_for(task)["indexed_documents"], 1)
        self.assertEqual(self.head_of(), "c1")

    def test_deleting_the_domain_cancels(self):
        connection, task = self.begin("c1")
        start = time.monotonic()
        answer = self.client.request("DELETE", "/domain", {"domain": self.domain})
        self.assertEqual(answer.status, 204)
        self.assertLess(time.monotonic() - start, 10)
        connection.sendall(b"0\r\n\r\n")
        self.assertEqual(self.wait_for(task).status, 500)
        self.assertIsNone(self.head_of())



class Shutdown(VectorLinkCase):

    def test_a_running_push_ends_with_a_line(self):
        connection = self.client.raw(self.client.head(
            "POST", "/push?domain=%s&target_commit=c1&stream=true" % self.domain,
            "Transfer-Encoding: chunked"))
        data = b""
        while b'"progress"' not in data:
            data += connection.recv(65536)
        stopper = threading.Thread(target=self.daemon.stop)
        stopper.start()
        while piece := connection.recv(65536):
            data += piece
        stopper.join()
        self.assertIn(b'"status":"error"', data)
        self.assertTrue(data.endswith(b"0\r\n\r\n"))
        self.assertEqual(self.daemon.process.returncode, 0)
        self.daemon.start()
        self.connect()
        self.assertIsNone(self.head_of())


if __name__ == "__main__":
    unittest.main()
