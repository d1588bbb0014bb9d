#!/usr/bin/env python3
# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Pulls commits from a content server, of which some cannot be had.

copsed runs with a content server (content_server.py) and a simulated embedding
provider (simulated_provider.py):

  protocol   three commits: all documents, a difference with every kind of line,
             and all documents although a difference was asked for; what each
             commit holds, and what the server was asked.
  faults     a server that refuses, breaks off, lies, floods or hangs: how each
             pull ends. Nothing of it may remain, and its commit must be free.
  secret     a pull with an authorization, whose daemon is killed: it ends, and what
             the database was told stands in no file and no log.
  kills      one pull of many documents whose daemon is killed with SIGKILL again
             and again, while it fetches and while it embeds, and whose content
             has another length each time. The daemon must complete it by itself,
             with the content that came last, and pay again at most for what was
             in flight at the kills.
  estimates  what `copse push --dry-run` says a push costs, and what the push
             then pays.

  check_pull.py BUILD_FOLDER [--documents 3000] [--kills 8] [--seed 1] [PART...]

Prints a table of the faults and one JSON object; exits 1 if anything is wrong.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time

from content_server import Content, ContentServer
from copse_daemon import CopseError, Daemon
from simulated_provider import SimulatedProvider

DIMENSION = 16
BATCH = 16
IN_FLIGHT = 2
PRICE = 20.0
LINE_SIZE_BYTES_MAX = 64 << 20

failures = []


def check(is_right, message):
    if not is_right:
        failures.append(message)


def insert(name, text):
    return {"op": "Inserted", "id": name, "string": text}


def make_lines(count, name="doc", phrase_count=1):
    return [insert("%s/%d" % (name, number), "the %s number %d of all %s" % (
                name, number, " ".join(["that there are"] * phrase_count)))
            for number in range(count)]


class Setting:
    """A daemon whose folder outlives kills, and what it talks to."""

    def __init__(self, build_folder):
        self.build_folder = build_folder
        self.work = tempfile.TemporaryDirectory(prefix="copse-pull-")
        self.data = os.path.join(self.work.name, "data")
        self.config = os.path.join(self.work.name, "copsed.yaml")
        self.content = ContentServer()
        self.provider = SimulatedProvider(DIMENSION, 0.0)
        self.daemon = None

    def __enter__(self):
        self.content.__enter__()
        self.provider.__enter__()
        with open(self.config, "w") as file:
            file.write(
                "embedding:\n  dialect: openai\n  model: sim\n  url: %s\n"
                "  dimension: %d\n  batch_text_count_max: %d\n"
                "  concurrency_max: %d\n  price_per_million_tokens: %s\n"
                "free_space_min_bytes: 1MiB\ncontent_endpoint: %s\n"
                "user_forward_header: X-User-Forward\n" % (
                    self.provider.url, DIMENSION, BATCH, IN_FLIGHT, PRICE,
                    self.content.url))
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self.content.__exit__()
        self.provider.__exit__()
        self.work.cleanup()

    def start(self):
        self.daemon = Daemon(self.build_folder, data=self.data,
                             arguments=["--config", self.config])
        self.daemon.start()

    def stop(self, number=15):
        self.daemon.stop(number)
        self.daemon.__exit__()

    def spool(self):
        return os.listdir(os.path.join(self.data, "spool"))

    def begin(self, commit, *arguments):
        """Returns the ID of the job that pulls `commit`."""
        return self.daemon.copse("pull", "a/b", "--commit", commit, "--create",
                                 "--no-wait", *arguments).strip()

    def watch(self, job):
        """Returns the job as it ended."""
        result = subprocess.run(
            [self.daemon.cli, "--server", self.daemon.addresses["grpc_address"],
             "--json", "job", "watch", job], stdout=subprocess.PIPE)
        return json.loads(result.stdout)

    def pull(self, commit, *arguments):
        return self.watch(self.begin(commit, *arguments))

    def texts(self, commit):
        """Returns the text of each document of `commit`, by ID."""
        lines = self.daemon.copse("export", "a/b", "--commit", commit, "--text")
        documents = map(json.loads, lines.splitlines())
        return {document["id"]: document["text"] for document in documents}

    def is_free(self, commit):
        """Whether a push may make `commit`: one that is aborted claims it."""
        try:
            self.daemon.copse("push", "a/b", "--commit", commit, "-",
                              stdin=b'{"op":"Abort"}\n')
        except CopseError as error:
            return "PUSH_ABORTED" in str(error)
        return False


# ---- protocol --------------------------------------------------------------

def check_protocol(setting):
    content = setting.content
    content.say("c1", Content([
        insert("a", "oak"), insert("b", "elm"), insert("c", "an ash"),
        {"op": "Error", "message": "document d cannot be rendered"}]))
    content.say("c2", Content([
        {"op": "Deleted", "id": "a"}, {"op": "Changed", "id": "b", "string": "yew"},
        {"op": "Replaced", "id": "c", "string": "fir", "since": 12.1},
        insert("e", "a larch \u6811")]))
    content.say("c3", Content([insert("e", "a larch \u6811"), insert("b", "yew"),
                               insert("f", "oak")], framing="length"))
    jobs = [setting.pull("c1", "--branch", "main"),
            setting.pull("c2", "--previous", "c1", "--branch", "main"),
            setting.pull("c3", "--previous", "c2", "--branch", "main")]
    for number, job in enumerate(jobs, 1):
        check(job["state"] == "succeeded", "c%d: %s" % (number, job))
    check([failure["message"] for failure in jobs[0]["failures"]] ==
          ["operation error: document d cannot be rendered"],
          "c1: the failures are %s" % jobs[0]["failures"])
    expected = [{"a": "oak", "b": "elm", "c": "an ash"},
                {"b": "yew", "c": "fir", "e": "a larch \u6811"},
                {"b": "yew", "e": "a larch \u6811", "f": "oak"}]
    for number, documents in enumerate(expected, 1):
        found = setting.texts("c%d" % number)
        check(found == documents, "c%d holds %s" % (number, found))
    paths = [path for path, _ in content.requests]
    check(paths == ["/api/index/a/b?commit_id=c1",
                    "/api/index/a/b?commit_id=c2&previous_commit_id=c1&previous=c1",
                    "/api/index/a/b?commit_id=c3&previous_commit_id=c2&previous=c2"],
          "asked was %s" % paths)
    for path, headers in content.requests:
        check(headers.get("X-User-Forward") == "admin", "%s: no user" % path)
    again = setting.daemon.json("pull", "a/b", "--commit", "c2")
    check(again["status"] == "already_indexed", "c2 again: %s" % again)
    texts = setting.provider.summary()
    check(texts["repeated"] == 0, "%d texts were sent again" % texts["repeated"])
    return {"commits": len(expected), "texts_sent": texts["texts"]}


# ---- faults ----------------------------------------------------------------

def make_faults():
    """Returns name -> what the server says, the reason of the error, and a part
    of its message."""
    lines = make_lines(2000)
    body = Content(lines).body
    half = body.index(b"\n", len(body) // 2) + 1
    refused, away = "CONTENT_REFUSED", "CONTENT_UNAVAILABLE"
    malformed = "PUSH_LINE_MALFORMED"

    def bad_line(line):
        return Content(b'{"op":"Deleted","id":"a"}\n' + line + b"\n")

    return {
        "401": (Content(b"who are you?", 401), refused, "status 401: who are you?"),
        "404": (Content(b"no such commit", 404), refused, "status 404: no such"),
        "500": (Content(b"prolog stack overflow", 500), away, "status 500: prolog"),
        "503": (Content(b"", 503, framing="length"), away, "status 503"),
        "429": (Content(b"slow down", 429), away, "status 429"),
        "204": (Content(status=204, framing="none"), refused, "status 204"),
        "redirect": (Content(b"", 302, {"Location": "http://127.0.0.1:1/"},
                             framing="length"), refused, "status 302"),
        "error page of 1 GB": (Content(b"x" * (1 << 20), 500, is_endless=True),
                               away, "status 500: xxx"),
        "cut after a line, chunked": (Content(lines, cut_after=half), away,
                                      "broke off"),
        "cut after a line, by length": (Content(lines, cut_after=half,
                                                framing="length"),
                                        away, "broke off"),
        "cut in a line": (Content(lines, cut_after=half - 10), away, "broke off"),
        "no end to be known": (Content(lines, framing="close"), refused,
                               "without a Content-Length"),
        "a page of HTML": (Content(b"<html>login</html>\n"), malformed, "in line 1"),
        "a line that is cut": (bad_line(b'{"op":"Inser'), malformed, "in line 2"),
        "not UTF-8": (bad_line(b'{"op":"Deleted","id":"\xff"}'), malformed,
                      "in line 2"),
        "an unknown operation": (bad_line(b'{"op":"Moved","id":"b"}'), malformed,
                                 "'Moved'"),
        "no ID": (bad_line(b'{"op":"Inserted","string":"oak"}'), malformed, "id"),
        "a number for a text": (bad_line(b'{"op":"Inserted","id":"b","string":1}'),
                                malformed, "string"),
        "an array": (bad_line(b"[]"), malformed, "in line 2"),
        "nested 100,000 deep": (bad_line(b'{"op":' * 100000), malformed,
                                "in line 2"),
        "an abort": (bad_line(b'{"op":"Abort"}'), "OPERATION_INVALID", "Abort"),
        "an empty document": (bad_line(b'{"op":"Inserted","id":"b","string":""}'),
                              "DOCUMENTS_FAILED", ""),
        "a line of 65 MiB": (Content(b"x" * (1 << 20), is_endless=True), malformed,
                             "longer than"),
        "a line of 65 MiB in 65 KB": (Content(b" " * (LINE_SIZE_BYTES_MAX + 9),
                                              compresses=True), malformed,
                                      "longer than"),
    }


def check_faults(setting):
    rows = []
    for number, (name, (answer, reason, part)) in enumerate(make_faults().items()):
        commit = "fault-%d" % number
        setting.content.say(commit, answer)
        requests = len(setting.content.requests)
        began = time.monotonic()
        job = setting.pull(commit)
        seconds = time.monotonic() - began
        error = job.get("error", {})
        rows.append((name, error.get("reason", job["state"]), seconds))
        check(job["state"] == "failed" and error.get("reason") == reason and
              part in error.get("message", ""), "%s: the job is %s" % (name, job))
        check(len(setting.content.requests) == requests + 1,
              "%s: asked more than once" % name)
        check(setting.is_free(commit), "%s: the commit is not free" % name)
    rows.append(check_cancel(setting))
    rows.append(check_unreachable(setting))
    rows.append(check_resume(setting))
    check(setting.spool() == [], "a spool is left: %s" % setting.spool())
    commits = [commit["commit"] for commit in
               setting.daemon.json("log", "a/b")["commits"]]
    check(not [name for name in commits if name.startswith("fault")],
          "the commits are %s" % commits)
    for row in rows:
        print("%-30s %-24s %7.2f s" % row)
    return {"faults": len(rows)}


def check_cancel(setting):
    """A server that hangs after its headers, until the job is cancelled."""
    setting.content.say("fault-hang", Content(hangs=True))
    requests = len(setting.content.requests)
    job = setting.begin("fault-hang")
    while len(setting.content.requests) == requests:
        time.sleep(0.01)
    began = time.monotonic()
    setting.daemon.copse("job", "cancel", job)
    state = setting.watch(job)["state"]
    seconds = time.monotonic() - began
    check(state == "cancelled" and seconds < 5,
          "hang: %s after %.1f s" % (state, seconds))
    check(setting.is_free("fault-hang"), "hang: the commit is not free")
    return "hangs, and is cancelled", state, seconds


def check_unreachable(setting):
    """The server is gone: its port is closed."""
    url = setting.content.url
    with open(setting.config) as file:
        config = file.read()
    with open(setting.config, "w") as file:
        file.write(config.replace(url, "http://127.0.0.1:1/api/index"))
    setting.stop()
    setting.start()
    began = time.monotonic()
    job = setting.pull("fault-gone")
    seconds = time.monotonic() - began
    check(job.get("error", {}).get("reason") == "CONTENT_UNAVAILABLE",
          "unreachable: the job is %s" % job)
    with open(setting.config, "w") as file:
        file.write(config)
    setting.stop()
    setting.start()
    return "cannot be reached", job.get("error", {}).get("reason", ""), seconds


def check_resume(setting):
    """What failed goes on when it is asked to, with all that is then there."""
    setting.content.say("late", Content(b"starting", 503))
    job = setting.pull("late")["job_id"]
    setting.content.say("late", Content([insert("a", "oak")]))
    began = time.monotonic()
    setting.daemon.copse("job", "resume", job)
    state = setting.watch(job)["state"]
    check(state == "succeeded" and setting.texts("late") == {"a": "oak"},
          "resume: the job is %s" % state)
    return "503, then resumed", state, time.monotonic() - began


# ---- secret ----------------------------------------------------------------

def check_secret(setting):
    secret = "Basic b2Ygbm8gY29uY2Vybg=="
    path = os.path.join(setting.work.name, "authorization")
    with open(path, "w") as file:
        file.write(secret + "\n")
    setting.content.say("secret", Content(make_lines(2000), hangs=True))
    job = setting.begin("secret", "--authorization-file", path)
    while not any("commit_id=secret" in asked
                  for asked, _ in setting.content.requests):
        time.sleep(0.01)
    sent = setting.content.requests[-1][1].get("Authorization")
    check(sent == secret, "secret: the database was told %s" % sent)
    log = setting.daemon.log_text()
    setting.stop(9)
    os.unlink(path)
    setting.start()
    ended = setting.watch(job)
    check(ended["state"] == "failed" and not ended.get("is_resumable") and
          ended["error"]["reason"] == "PULL_AUTHORIZATION_LOST",
          "secret: the job is %s" % ended)
    check(setting.is_free("secret"), "secret: the commit is not free")
    told = log + setting.daemon.log_text() + json.dumps(ended)
    check(secret not in told, "secret: it is told in a log or by the job")
    files = [os.path.join(folder, name)
             for folder, _, names in os.walk(setting.data) for name in names]
    for name in files:
        with open(name, "rb") as file:
            check(secret.encode() not in file.read(), "secret: it is in " + name)
    return {"files": len(files)}


# ---- kills -----------------------------------------------------------------

def check_kills(setting, document_count, kill_count, source):
    """One pull, and a daemon that is killed at random moments of it."""
    provider, content = setting.provider, setting.content
    fetches = []

    def answer():
        # As when the database has changed in between.
        count = document_count - 7 * (len(fetches) % 5)
        fetches.append(count)
        return Content(make_lines(count, phrase_count=20),
                       pause=source.choice([0.0, 2.0]))

    content.say("big", answer)
    provider.reset()
    provider.latency = 0.2
    job = setting.begin("big", "--branch", "pulled")
    phases, spool_count = [], 0
    while len(phases) < kill_count:
        time.sleep(source.uniform(0.05, 1.2))
        state = setting.daemon.json("job", "show", job)
        if state["state"] not in ("running", "queued"):
            break
        phases.append(state["progress"].get("phase", state.get("phase", "")))
        setting.stop(9)
        spool_count += len(setting.spool())
        setting.start()
    provider.latency = 0.0
    state = setting.watch(job)
    summary = provider.summary()
    check(state["state"] == "succeeded", "kills: the job is %s" % state)
    check(set(phases) >= {"fetching", "embedding"} and spool_count > 0,
          "kills: they were while %s, with %d spools" % (phases, spool_count))
    check(len(phases) == kill_count,
          "kills: the pull was done after %d kills already" % len(phases))
    found = setting.texts("big")
    check(len(found) == fetches[-1], "kills: %d documents, but %d came last" % (
        len(found), fetches[-1]))
    again_max = kill_count * BATCH * IN_FLIGHT
    check(summary["repeated"] <= again_max,
          "kills: %d texts were sent again, expected at most %d" % (
              summary["repeated"], again_max))
    check(setting.spool() == [], "kills: a spool is left: %s" % setting.spool())
    check_verify(setting)
    return {"documents": fetches[-1], "kills": len(phases), "phases": phases,
            "spools_at_kills": spool_count, "fetches": fetches, "texts_sent_again": summary["repeated"],
            "texts_sent_again_max": again_max,
            "attempts": state.get("attempt_count")}


def check_verify(setting):
    try:
        setting.daemon.copse("verify", "a/b")
    except CopseError as error:
        check(False, "verify: %s" % error)


# ---- estimates -------------------------------------------------------------

def check_estimates(setting, document_count):
    """Estimates of three pushes: before the provider has counted anything, of a
    difference, and of what is in the cache already."""
    setting.stop()
    setting.start()  # It forgets what the provider counted.
    half = document_count // 2
    first = make_lines(half, "first")
    second = first[:half // 2] + make_lines(half, "second")
    pushes = [("first", [], first), ("second", ["--parent", "first"], second),
              ("third", ["--root"], second)]
    rows = {}
    for commit, parent, lines in pushes:
        stdin = Content(lines).body
        push = ["push", "a/estimates", "--create", "--commit", commit] + parent
        setting.provider.reset()
        estimate = setting.daemon.json(*push, "--dry-run", "-", stdin=stdin)
        sent = setting.provider.summary()["requests"]
        check(sent == 0, "%s: the dry run sent %d requests" % (commit, sent))
        setting.daemon.copse(*push, "-", stdin=stdin)
        again = setting.daemon.json(*push, "--dry-run", "-", stdin=stdin)
        check(again.get("status") == "already_indexed",
              "%s again: %s" % (commit, again))
        summary = setting.provider.summary()
        job = next(job for job in setting.daemon.json(
            "job", "list", "a/estimates", "--kind", "push")["jobs"]
            if job["commit"] == commit)
        asked = estimate["text_count"] - estimate["cache_hit_count"]
        # A domain that is made embeds a text, too, unless that is cached.
        check(summary["texts"] - asked in ((0, 1) if commit == "first" else (0,)),
              "%s: %d texts were sent, estimated were %d" % (
                  commit, summary["texts"], asked))
        paid = job["progress"].get("cost", 0)
        check(abs(paid - job["progress"]["token_count"] * PRICE / 1e6) < 1e-9,
              "%s: %s tokens cost %s" % (commit, job["progress"]["token_count"],
                                         paid))
        rows[commit] = {
            "changed": estimate["changed_document_count"],
            "unchanged": estimate["unchanged_document_count"],
            "texts": estimate["text_count"], "cached": estimate["cache_hit_count"],
            "estimated_tokens": estimate["token_count"],
            "paid_tokens": job["progress"]["token_count"],
            "estimated_cost": estimate["cost"], "paid_cost": paid}
    estimated, paid = rows["first"]["estimated_cost"], rows["first"]["paid_cost"]
    check(paid / 2 < estimated < paid * 2,
          "first: estimated were $%f, paid $%f" % (estimated, paid))
    estimated, paid = rows["second"]["estimated_cost"], rows["second"]["paid_cost"]
    check(abs(estimated - paid) < 0.1 * paid,
          "second: estimated were $%f, paid $%f" % (estimated, paid))
    check(rows["third"]["estimated_cost"] == rows["third"]["paid_cost"] == 0,
          "third: all is in the cache, but it is %s" % rows["third"])
    return rows


def main():
    parts = ["protocol", "faults", "secret", "kills", "estimates"]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build_folder")
    parser.add_argument("parts", nargs="*", metavar="PART", default=parts)
    parser.add_argument("--documents", type=int, default=3000)
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    checks = {
        "protocol": check_protocol, "faults": check_faults,
        "secret": check_secret,
        "kills": lambda setting: check_kills(setting, options.documents,
                                             options.kills,
                                             random.Random(options.seed)),
        "estimates": lambda setting: check_estimates(setting, options.documents)}
    result = {}
    with Setting(options.build_folder) as setting:
        for part in options.parts:
            if part not in checks:
                parser.error("PART is '%s', expected one of %s" %
                             (part, ", ".join(parts)))
            result[part] = checks[part](setting)
    result["failures"] = failures
    print(json.dumps(result))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
