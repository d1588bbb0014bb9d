#!/usr/bin/env python3
# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Pushes through an OpenAI-compatible provider, and through one that fails.

Real pages go through a replaying server and a proxy that breaks its replies
(fault_proxy.py), once with each fault of provider_faults.py, which says what
copse must make of it:

  passing    the push succeeds, and no text that has a vector is sent again
  lasting    the push fails with the provider's status and message and exit code
             1, its commit is not there, earlier commits answer, the daemon
             lives, and the same push succeeds once the fault is over and the
             provider is asked again
  refusal    likewise, after one request, and `copse job resume` does the rest
  one text   the push fails and lists the document, and with --skip-failed
             succeeds without it; the other texts are not sent again
  waiting    the job waits; it is cancelled, and made again after a restart
  crash      a daemon that is killed by SIGABRT goes on where it stopped

Each round has a fresh daemon on the same folder, since the retries of all rounds
together would be more than copse allows itself.

Searches are compared with brute force over the server's own vectors, and the
API key must be nowhere: log, metrics, errors, data folder, configuration,
backup, core dump, nor with any other server.

  check_provider.py BUILD_FOLDER [REPLAY_SERVER] [--fault NAME]...

REPLAY_SERVER is replay_embedding_server.py, by default that of the folder
COPSE_SHARED_DIR or of `shared` beside the source folder. Prints a table as it
goes and one JSON object; exits 1 if anything is amiss, and 77 without the
server.
"""

import argparse
import base64
import collections
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

from copse_daemon import CopseError, Daemon
from fault_proxy import FaultProxy
from provider_faults import (BY_NAME, CUTS, FAULTS, HALVES, ISOLATES, RETRIES,
                             STOPS, TAKES)
from replay_pages import (Pages, ReplayServer, apply_operations, commit_pages,
                          locate_replay, to_lines, to_paths)

SKIPPED = 77
KEY = "sk-check-5b0c77e1f4a94d6fa1"
DOMAIN = "pages"
DIMENSION = 384
HISTORY_COMMITS = 24
PAGES_PER_ROUND = 24
BATCH = 8
CONCURRENCY = 2
ATTEMPTS = 4
FAULT_COUNT_MIN = 40

# A text that is one chunk for certain.
BLAMED_SIZE_MAX = 700

# Requests until one of BATCH texts stands alone, and for it and its pieces.
BLAMED_COUNT_MAX = 60

# How long the provider may be left alone after a fault, with the settings here;
# one that asked for an hour gets it, or a restart.
ASKED_AGAIN_SECONDS = 5
WAITING_SECONDS = 60

CONFIG = """\
embedding:
  dialect: openai
  url: %(url)s
  model: minilm
  dimension: %(dimension)d
  %(key_setting)s: %(key_place)s
  batch_text_count_max: %(batch)d
  concurrency_max: %(concurrency)d
  attempt_count_max: %(attempts)d
  backoff_base_seconds: 0.02
  backoff_max_seconds: 0.1
  breaker_delay_seconds: 0.05
  breaker_delay_max_seconds: 0.1
  refusal_delay_seconds: 0.3
  request_timeout_seconds: %(timeout)g
backup_folder: %(backup)s
log_level: debug
free_space_min_bytes: 1MiB
"""

ROW = "%-27s %-11s %-48s %-76s %5s %6s %7s %5s %5s %7s  %s"


def print_head():
    print(ROW % ("FAULT", "KIND", "PROVIDER SENDS", "COPSE DOES", "ASKED",
                 "BROKEN", "RETRIES", "TEXTS", "AGAIN", "SECONDS", "RESULT"),
          flush=True)


def print_row(row):
    print(ROW % (row["fault"], row["kind"], row["sends"], row["does"],
                 row["requests"], row["broken"], row["retries"], row["texts"],
                 row["sent_again"], "%.2f" % row["seconds"],
                 "ok" if not row["misses"] else "%d misses" % row["misses"]),
          flush=True)


class ProviderCheck:
    """Thread safety: none."""

    def __init__(self, options, work, replay, pages, proxy):
        self.build_folder = options.build_folder
        self.faults = [BY_NAME[name] for name in options.fault] or FAULTS
        self.work, self.replay, self.pages, self.proxy = work, replay, pages, proxy
        self.data = os.path.join(self.work, "data")
        self.backup = os.path.join(self.work, "backup")
        self.key_file = os.path.join(self.work, "key")
        with open(self.key_file, "w") as file:
            file.write(KEY + "\n")
        with open(options.queries) as file:
            self.queries = [query["text"] for query in json.load(file)]
        self.documents = {}  # commit -> {id: text}
        self.head = None
        self.daemon = None
        self.rows, self.misses, self.outputs = [], [], []
        self.by_status = collections.Counter()
        self.key_setting = "api_key_env"
        self.searches = 0

    # ---- Building blocks ----------------------------------------------------

    def expect(self, condition, what):
        if not condition:
            self.misses.append(what)
        return bool(condition)

    def start(self, server="", timeout=20):
        """Starts copsed with the key and the server of the proxy as named."""
        place = {"api_key_env": "EMBEDDING_CHECK_KEY", "api_key_file": self.key_file}
        config = os.path.join(self.work, "copsed.yaml")
        with open(config, "w") as file:
            file.write(CONFIG % {
                "url": self.proxy.url_of(server), "dimension": DIMENSION,
                "key_setting": self.key_setting,
                "key_place": place[self.key_setting], "batch": BATCH,
                "concurrency": CONCURRENCY, "attempts": ATTEMPTS,
                "timeout": timeout, "backup": self.backup})
        environment = {"EMBEDDING_CHECK_KEY": KEY} \
            if self.key_setting == "api_key_env" else {}
        self.daemon = Daemon(self.build_folder, data=self.data,
                             arguments=["--config", config], env=environment)
        self.daemon.start()
        return config, environment

    def check_print_config(self, config, environment):
        printed = subprocess.run(
            [self.daemon.copsed, "--config", config, "--data", self.data,
             "--print-config"], env=dict(os.environ, **environment),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.outputs.append(printed.stdout.decode())
        self.expect(printed.returncode == 0 and
                    self.key_setting in self.outputs[-1],
                    "--print-config does not name %s" % self.key_setting)

    def restart(self, **settings):
        self.stop()
        self.start(**settings)

    def stop(self, number=signal.SIGTERM):
        self.by_status.update(self.read_metrics())
        self.daemon.stop(number)
        self.outputs.append(self.daemon.log_text())
        ended = self.daemon.process.returncode
        self.expect(ended == (0 if number == signal.SIGTERM else -number),
                    "copsed ended with %s" % ended)
        self.daemon.log.close()
        shutil.rmtree(self.daemon.work, ignore_errors=True)

    def http(self, path):
        url = "http://%s%s" % (self.daemon.addresses["metrics_address"], path)
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.read().decode()

    def read_metrics(self):
        """Returns the requests to the provider by HTTP status."""
        self.outputs.append(self.http("/metrics"))
        return {status: int(float(count)) for status, count in re.findall(
            r'^copse_embedding_requests_total\{.*status="(\w+)".* (\S+)$',
            self.outputs[-1], re.MULTILINE)}

    def count_retries(self):
        found = re.search(r"^copse_embedding_retries_total\{.* (\S+)$",
                          self.http("/metrics"), re.MULTILINE)
        return int(float(found.group(1))) if found else 0

    def copse(self, *arguments, stdin=None):
        """Returns (exit code, JSON or standard error) of copse --json."""
        try:
            output = self.daemon.copse("--json", *arguments, stdin=stdin)
        except CopseError as error:
            self.outputs.append(str(error))
            return error.code, str(error)
        self.outputs.append(output)
        return 0, json.loads(output)

    def push_arguments(self, commit, *flags):
        arguments = ["push", DOMAIN, "--commit", commit, "--branch", "main"]
        return arguments + (["--parent", self.head] if self.head else []) + [
            *flags, "-"]

    def note_commit(self, commit, operations):
        self.documents[commit] = apply_operations(
            self.documents.get(self.head, {}), operations)
        self.head = commit

    def push(self, commit, operations):
        code, output = self.copse(*self.push_arguments(commit),
                                  stdin=to_lines(operations))
        if code == 0:
            self.note_commit(commit, operations)
        return code, output

    def job_of(self, commit):
        """Returns the newest job of `commit`."""
        jobs = self.copse("job", "list", DOMAIN)[1]["jobs"]
        return next(job for job in jobs if job["commit"] == commit)

    def ending_of(self, commit):
        """Returns in words how the newest job of `commit` stands."""
        job = self.job_of(commit)
        if "error" not in job:
            return job["state"]
        message = re.sub(r"embedding provider \S+ ", "",
                         job["error"]["message"].split(" (Authorization")[0])
        message = re.sub(r"; embedding profile '\w+'", "", message)
        return "%s, %s" % (job["state"], message[:40])

    def push_and_cancel(self, commit, operations):
        """Cancels a push once it waits for the provider; returns its job."""
        process = subprocess.Popen(
            [self.daemon.cli, "--server", self.daemon.addresses["grpc_address"],
             "--json", *self.push_arguments(commit)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with process:
            process.stdin.write(to_lines(operations))
            process.stdin.close()
            waiting, deadline = [], time.monotonic() + WAITING_SECONDS
            while not waiting and process.poll() is None and \
                    time.monotonic() < deadline:
                time.sleep(0.02)
                waiting = self.copse("job", "list", DOMAIN, "--state", "waiting")[
                    1]["jobs"]
            if not self.expect(len(waiting) == 1 and waiting[0]["commit"] == commit,
                               "%s: waiting jobs: %s" % (commit, waiting)):
                process.kill()
                return ""
            code, output = self.copse("job", "cancel", waiting[0]["job_id"])
            self.expect(code == 0, "%s: cancel: %s" % (commit, output))
            ended = process.stderr.read().decode()
        self.outputs.append(ended)
        self.expect(process.returncode == 1 and "cancelled" in ended,
                    "%s: cancelled: exit code %d: %s" % (
                        commit, process.returncode, ended))
        return json.dumps(waiting[0])

    def once_asked_again(self, run):
        """Returns what `run` does once copse asks the provider again."""
        deadline = time.monotonic() + ASKED_AGAIN_SECONDS
        code, output = run()
        while code == 1 and "not asked again before" in output and \
                time.monotonic() < deadline:
            time.sleep(0.05)
            code, output = run()
        return code, output

    # ---- Searches -----------------------------------------------------------

    def nearest(self, vector, documents):
        """Returns all (distance, id) of `documents` by brute force."""
        vectors = self.replay.embed(list(documents.values()))
        return sorted((1 - sum(a * b for a, b in zip(vector, other)), name)
                      for name, other in zip(documents, vectors))

    def check_neighbors(self, what, code, output, expected):
        """Compares an answer with (distance, id) pairs in order."""
        self.searches += 1
        if not self.expect(code == 0, "%s: %s" % (what, output)):
            return
        found = [(neighbor["distance"], neighbor["id"])
                 for neighbor in output["neighbors"]]
        distances = {name: distance for distance, name in expected}
        ten = expected[:10]
        fits = len(found) == len(ten) and all(
            abs(distance - wanted) < 1e-4 and
            abs(distance - distances.get(name, 9)) < 1e-4
            for (distance, name), (wanted, _) in zip(found, ten))
        self.expect(fits, "%s: found %s, expected %s" % (what, found[:3], ten[:3]))

    def search_text(self, domain, commit, documents, query):
        code, output = self.copse("search", domain, "--commit", commit, query)
        self.check_neighbors("search %r at %s" % (query, commit[:8]), code, output,
                             self.nearest(self.replay.embed([query])[0], documents))

    def check_answers(self, commit):
        """What `commit` answers without the provider: kept texts, documents."""
        documents = self.documents[commit]
        self.search_text(DOMAIN, commit, documents, self.queries[0])
        name = sorted(documents)[len(documents) // 2]
        expected = self.nearest(self.replay.embed([documents[name]])[0], documents)
        code, output = self.copse("similar", DOMAIN, "--commit", commit, name)
        self.check_neighbors("similar %s at %s" % (name, commit[:8]), code, output,
                             [pair for pair in expected if pair[1] != name])

    # ---- The parts ----------------------------------------------------------

    def check_history(self):
        """Real commits in their order; searches at the first and the last."""
        self.round = ("none", "%d commits" % HISTORY_COMMITS, "vectors",
                      time.monotonic(), 0)
        code, output = self.copse("domain", "create", DOMAIN)
        self.expect(code == 0, "domain create: %s" % output)
        commits = []
        for _ in range(HISTORY_COMMITS):
            commit = self.pages.next_commit()
            code, output = self.push(commit["commit"], commit["ops"])
            self.expect(code == 0, "push %s: %s" % (commit["commit"], output))
            commits.append(commit["commit"])
        for commit in (commits[0], commits[HISTORY_COMMITS // 2], commits[-1]):
            for query in self.queries[:6]:
                self.search_text(DOMAIN, commit, self.documents[commit], query)
            self.check_answers(commit)
        self.finish_round("succeeded")

    def begin_round(self, fault, kind, **settings):
        """Restarts copsed; returns a commit and operations for it."""
        self.restart(timeout=fault.timeout, **settings)
        self.round = (fault.name, kind, fault.sends, time.monotonic(),
                      len(self.proxy.requests))
        return ("%s: %s" % (fault.name, kind),
                self.pages.next_pages(PAGES_PER_ROUND, self.documents[self.head]))

    def broken(self):
        """Returns the broken requests of this round."""
        return [request for request in self.proxy.requests[self.round[-1]:]
                if request.fault]

    def check_fault(self, fault):
        if fault.server:
            self.check_lasting(fault, "lasting")
        elif fault.outcome == RETRIES:
            self.check_passing(fault)
            if fault.lasts:
                self.check_lasting(fault, "lasting")
        elif fault.outcome == STOPS:
            self.check_lasting(fault, "refusal")
        elif fault.outcome in (HALVES, TAKES):
            self.check_taken(fault)
        elif fault.outcome == ISOLATES:
            self.check_one_text(fault)
        elif fault.outcome == CUTS:
            self.check_cut_text(fault)
        else:
            self.check_waiting(fault)

    def check_passing(self, fault):
        commit, operations = self.begin_round(fault, "passing")
        self.proxy.fail(fault, skip=1, count=fault.count)
        code, output = self.push(commit, operations)
        faulty = self.broken()
        self.expect(len(faulty) == fault.count, "%s: %d of %d faults were met" %
                    (commit, len(faulty), fault.count))
        self.expect(code == 0, "%s: %s" % (commit, output))
        if fault.wait:
            self.check_pause(commit, faulty[0], fault.wait)
        does = self.ending_of(commit)
        if code == 0:
            self.check_answers(commit)
        self.finish_round(does)

    def check_pause(self, commit, refused, seconds):
        """Nothing is sent within the time that the provider asked for."""
        early = [request for request in self.proxy.requests
                 if 0.1 < request.begin_time - refused.end_time < 0.99 * seconds]
        self.expect(not early, "%s: %d requests within %g s" % (
            commit, len(early), seconds))

    def check_lasting(self, fault, kind):
        """Fails with `fault` for good; later the push succeeds."""
        commit, operations = self.begin_round(fault, kind, server=fault.server)
        before = self.head
        self.proxy.fail(fault, skip=1)
        code, output = self.push(commit, operations)
        broken = len(self.broken())
        self.expect(code == 1, "%s: exit code %d, expected 1" % (commit, code))
        words = list(fault.words)
        if fault.outcome == RETRIES:
            words.append(fault.ends)
        else:  # As many as were on their way.
            self.expect(broken <= CONCURRENCY, "%s: asked %d times" % (
                commit, broken))
        for part in words:
            self.expect(part in output, "%s: no %r in %s" % (commit, part, output))
        does = self.ending_of(commit)
        self.check_absent(commit, before)
        if not fault.server:  # Questions were kept for the usual address.
            self.check_answers(before)
        code, output = self.copse("search", DOMAIN, "--commit", before,
                                  "a question asked during " + commit)
        self.expect(code == 1 and fault.words[0] in output,
                    "%s: a new question: exit code %d: %s" % (commit, code, output))
        self.expect(self.daemon.process.poll() is None, commit + ": copsed died")
        self.expect(self.http("/health/ready"), commit + ": not ready")
        self.proxy.heal()
        self.finish_push(fault, commit, operations, does)

    def finish_push(self, fault, commit, operations, does):
        """Resumes or repeats a push that has failed."""
        if fault.server:
            self.restart()
        if fault.outcome == STOPS and not fault.server:
            how, (code, output) = "resumed", self.resume(commit)
            if code == 0:
                self.note_commit(commit, operations)
        else:
            how, (code, output) = "again", self.once_asked_again(
                lambda: self.push(commit, operations))
        self.expect(code == 0, "%s: %s: %s" % (commit, how, output))
        if code == 0:
            self.check_answers(commit)
        self.finish_round("%s; %s: %s" % (does, how, self.ending_of(commit)))

    def resume(self, commit):
        job = self.job_of(commit)["job_id"]
        code, output = self.copse("job", "resume", job)
        return self.copse("job", "watch", job) if code == 0 else (code, output)

    def check_taken(self, fault):
        """The push succeeds although all replies, or all large ones, are odd."""
        commit, operations = self.begin_round(fault, "passing")
        self.proxy.fail(fault)
        code, output = self.push(commit, operations)
        self.expect(code == 0, "%s: %s" % (commit, output))
        requests, broken = self.proxy.requests[self.round[-1]:], self.broken()
        if fault.outcome == TAKES:
            self.expect(len(broken) == len(requests), "%s: %d of %d are odd" % (
                commit, len(broken), len(requests)))
        else:
            self.expect(0 < len(broken) <= CONCURRENCY,
                        "%s: %d requests were too large" % (commit, len(broken)))
        does = self.ending_of(commit)
        if fault.outcome == HALVES:
            does += ", with requests of %s texts" % ", ".join(
                str(len(request.texts)) for request in requests)
        self.proxy.heal()
        if code == 0:
            self.check_answers(commit)
        self.finish_round(does)

    def blame_text(self, fault, operations):
        """Fails with `fault` for one text; returns its operation."""
        blamed = next(op for op in operations[BATCH // 2:]
                      if len(op["string"]) < BLAMED_SIZE_MAX)
        self.proxy.fail(fault, blamed_text=blamed["string"])
        return blamed

    def check_cut_text(self, fault):
        """One text is refused as too long; the push goes with two pieces."""
        commit, operations = self.begin_round(fault, "one text")
        blamed = self.blame_text(fault, operations)
        code, output = self.push(commit, operations)
        self.expect(code == 0, "%s: %s" % (commit, output))
        does = "%s, with its text in two after %d requests" % (self.ending_of(commit),
                                                len(self.broken()))
        self.expect(0 < len(self.broken()) <= BATCH.bit_length(),
                    "%s: asked %d times" % (commit, len(self.broken())))
        # Brute force knows whole texts only.
        code, output = self.push(commit + ", undone", [
            {"op": "Deleted", "id": blamed["id"]}])
        self.expect(code == 0, "%s: undone: %s" % (commit, output))
        self.check_answers(self.head)
        self.finish_round(does)

    def check_one_text(self, fault):
        """One text without a vector; the push fails, then goes without it."""
        commit, operations = self.begin_round(fault, "one text")
        before = self.head
        blamed = self.blame_text(fault, operations)
        code, output = self.push(commit, operations)
        self.expect(code == 1, "%s: exit code %d, expected 1" % (commit, code))
        for part in fault.words + (blamed["id"], "1 document failed"):
            self.expect(part in output, "%s: no %r in %s" % (commit, part, output))
        self.expect(0 < len(self.broken()) <= BLAMED_COUNT_MAX,
                    "%s: asked %d times" % (commit, len(self.broken())))
        job = self.copse("job", "show", self.job_of(commit)["job_id"])[1]
        failures = [item["document_id"] for item in job["failures"]]
        self.expect(failures == [blamed["id"]],
                    "%s: the job lists %s" % (commit, failures))
        does = "failed, lists %s" % ", ".join(failures)
        first_count = len(self.broken())
        self.check_absent(commit, before)
        code, output = self.copse(*self.push_arguments(commit, "--skip-failed"),
                                  stdin=to_lines(operations))
        self.expect(code == 0 and [item["document_id"] for item in output.get(
            "skipped_documents", [])] == [blamed["id"]],
                    "%s: --skip-failed: %s" % (commit, output))
        if code == 0:
            self.note_commit(commit, [op for op in operations if op is not blamed])
            self.check_answers(commit)
        self.finish_round("%s (asked %dx); --skip-failed: %s" % (
            does, first_count, self.ending_of(commit)))

    def check_waiting(self, fault):
        commit, operations = self.begin_round(fault, "waiting")
        before = self.head
        self.proxy.fail(fault, skip=1)
        output = self.push_and_cancel(commit, operations)
        for part in fault.words:
            self.expect(part in output, "%s: no %r in %s" % (commit, part, output))
        self.expect(len(self.broken()) <= CONCURRENCY, "%s: asked %d times" % (
            commit, len(self.broken())))
        self.check_absent(commit, before)
        self.check_answers(before)
        self.proxy.heal()
        does = "waiting; %s" % self.ending_of(commit).split(",")[0]
        self.restart()
        code, output = self.push(commit, operations)
        self.expect(code == 0, "%s: afterwards: %s" % (commit, output))
        self.finish_round("%s; again: %s" % (does, self.ending_of(commit)))

    def check_absent(self, commit, head):
        listed = [item["commit"] for item in self.copse("log", DOMAIN)[1]["commits"]]
        self.expect(commit not in listed, commit + ": the failed commit is listed")
        code, output = self.copse("show", DOMAIN, commit)
        self.expect(code == 1 and "COMMIT_NOT_FOUND" in output,
                    "%s: show says %s" % (commit, output))
        branches = self.copse("branch", "list", DOMAIN)[1]["branches"]
        self.expect([branch["head_commit"] for branch in branches] == [head],
                    commit + ": the branch has moved")

    def check_git(self):
        """A provider that goes down in the middle of `copse git`."""
        self.round = ("500", "copse git", "500 from the fourth request on",
                      time.monotonic(), len(self.proxy.requests))
        repository = os.path.join(self.work, "repository")
        tree, trees = {}, []
        subprocess.run(["git", "init", "-q", "-b", "main", repository], check=True)
        for number in range(3):
            pages = self.pages.next_pages(2 * BATCH, tree)
            tree = apply_operations(tree, pages)
            trees.append((commit_pages(repository, pages, number), dict(tree)))
        self.proxy.fail(BY_NAME["500"], skip=3)
        code, output = self.copse("git", repository, "--domain", "git")
        self.expect(code == 1 and "answered 500" in output,
                    "copse git with a fault: exit code %d: %s" % (code, output))
        listed = [item["commit"] for item in self.copse("log", "git")[1]["commits"]]
        self.expect(listed == [trees[0][0]], "copse git left %s" % listed)
        self.proxy.heal()
        code, output = self.once_asked_again(
            lambda: self.copse("git", repository, "--domain", "git"))
        self.expect(code == 0 and output["commits_pushed"] == 2,
                    "copse git afterwards: exit code %d: %s" % (code, output))
        for commit, documents in trees:
            self.search_text("git", commit, to_paths(documents), self.queries[1])
        self.finish_round("failed after 1 commit; again: 2 commits")

    def check_restart(self):
        """Key from a file: the kept vectors serve, and new texts are embedded."""
        first = len(self.proxy.requests)
        self.round = ("none", "key file", "vectors", time.monotonic(), first)
        commits = list(self.documents)
        for commit in commits[::len(commits) // 6] + [self.head]:
            self.check_answers(commit)
        kept = list(self.documents[self.head].values())[:BATCH]
        code, output = self.push("kept texts", [
            {"op": "Inserted", "id": "kept/%d" % i, "string": text}
            for i, text in enumerate(kept)])
        self.expect(code == 0, "push of kept texts: %s" % output)
        self.expect(len(self.proxy.requests) == first,
                    "%d requests for kept texts" %
                    (len(self.proxy.requests) - first))
        code, output = self.push("new texts", self.pages.next_pages(
            BATCH, self.documents[self.head]))
        self.expect(code == 0, "push after the restart: %s" % output)
        self.check_answers(self.head)
        self.finish_round("no request for kept texts")

    def check_crash(self):
        """A daemon that is aborted leaves no key, and the job goes on."""
        fault = BY_NAME["hang"]
        commit, operations = self.begin_round(fault, "crash")
        self.proxy.fail(fault, skip=1)
        process = subprocess.Popen(
            [self.daemon.cli, "--server", self.daemon.addresses["grpc_address"],
             *self.push_arguments(commit)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        with process:
            process.stdin.write(to_lines(operations))
            process.stdin.close()
            deadline = time.monotonic() + WAITING_SECONDS
            # The first reply must have been used, else it is lost with the rest.
            while not (self.broken() and self.read_metrics().get("200")) and \
                    time.monotonic() < deadline:
                time.sleep(0.02)
            self.expect(self.broken(), "%s: no request hangs" % commit)
            self.stop(signal.SIGABRT)
        self.proxy.heal()
        self.start()
        code, output = self.copse("job", "watch", self.job_of(commit)["job_id"])
        self.expect(code == 0, "%s: afterwards: %s" % (commit, output))
        if code == 0:
            self.note_commit(commit, operations)
            self.check_answers(commit)
        self.finish_round("no core dump; by itself: " + self.ending_of(commit))

    def check_backup(self):
        code, output = self.copse("backup", "create")
        self.expect(code == 0 and os.listdir(self.backup),
                    "backup create: %s" % output)

    def check_key(self):
        """The key must be nowhere, neither plain nor as base64."""
        needles = [KEY.encode(), base64.b64encode(KEY.encode())]
        places = {"output, log or metrics": "\n".join(self.outputs).encode()}
        for folder, _, files in os.walk(self.work):
            for name in files:
                path = os.path.join(folder, name)
                if path != self.key_file:
                    with open(path, "rb") as file:
                        places["file " + os.path.relpath(path, self.work)] = \
                            file.read()
        for place, content in places.items():
            for needle in needles:
                at = content.find(needle)
                self.expect(at < 0, "the key is in the %s: %r" % (
                    place, content[max(0, at - 120):at + 40]))
        visitors = self.proxy.visitors
        self.expect(not visitors, "sent elsewhere: %s" % visitors)
        self.expect(not self.proxy.bad_key_count,
                    "%d requests without the key" % self.proxy.bad_key_count)
        return {"searched_places": len(places),
                "searched_core_dumps": sum("core" in os.path.basename(place)
                                           for place in places),
                "searched_bytes": sum(map(len, places.values()))}

    def finish_round(self, does):
        """Notes a round, what copse did in it, and what was sent again."""
        self.proxy.heal()
        fault, kind, sends, began, first = self.round
        requests = self.proxy.requests[first:]
        repeated = self.proxy.count_repeated()
        self.expect(repeated == 0, "%s, %s: %d texts with a vector were sent again" %
                    (fault, kind, repeated))
        self.rows.append({
            "fault": fault, "kind": kind, "sends": sends, "does": does,
            "requests": len(requests),
            "broken": sum(bool(request.fault) for request in requests),
            "retries": self.count_retries(),
            "texts": sum(len(request.texts) for request in requests),
            "sent_again": repeated,
            "seconds": round(time.monotonic() - began, 2),
            "misses": len(self.misses) - sum(row["misses"] for row in self.rows)})
        print_row(self.rows[-1])

    def run(self):
        began = time.monotonic()
        print_head()
        self.check_print_config(*self.start())
        self.check_history()
        for fault in self.faults:
            self.check_fault(fault)
        self.restart()
        self.check_git()
        self.check_crash()
        by_status = self.by_status + collections.Counter(self.read_metrics())
        if self.faults is FAULTS:
            for status in ("200", "401", "429", "500", "none"):
                self.expect(by_status.get(status, 0) > 0,
                            "metrics count no request with status " + status)
        code, output = self.copse("verify", DOMAIN)
        self.expect(code == 0, "verify: %s" % output)
        self.check_backup()
        self.stop()
        self.key_setting = "api_key_file"
        self.check_print_config(*self.start())
        self.check_restart()
        self.stop()
        fault_count = len({row["fault"] for row in self.rows} - {"none"})
        self.expect(fault_count >= FAULT_COUNT_MIN or self.faults is not FAULTS,
                    "%d faults, expected at least %d" % (
                        fault_count, FAULT_COUNT_MIN))
        key = self.check_key()
        return {"faults": fault_count, "rounds": self.rows,
                "commits": len(self.documents),
                "documents": len(self.documents[self.head]),
                "searches_compared": self.searches,
                "requests": len(self.proxy.requests),
                "texts_sent_again": sum(row["sent_again"] for row in self.rows),
                "requests_by_status": by_status, "key": key,
                "seconds": round(time.monotonic() - began, 2),
                "misses": self.misses}


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build_folder")
    parser.add_argument("replay_server", nargs="?")
    parser.add_argument("--fault", action="append", default=[],
                        choices=list(BY_NAME), metavar="NAME",
                        help="try this one and not all")
    options = parser.parse_args()
    options.replay_server, options.queries = locate_replay(options.replay_server)
    return options


def main():
    options = parse_options()
    for path in (options.replay_server, options.queries):
        if not os.path.exists(path):
            print("SKIPPED: %s does not exist, so no provider was tried" % path)
            return SKIPPED
    # A core dump, if there is one, is to be found in the folder.
    _, hard_limit = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard_limit, hard_limit))
    options.build_folder = os.path.abspath(options.build_folder)
    options.replay_server = os.path.abspath(options.replay_server)
    options.queries = os.path.abspath(options.queries)
    work = tempfile.mkdtemp(prefix="copse-provider-")
    os.chdir(work)
    replay = ReplayServer(options.replay_server, KEY)
    pages = Pages(options.replay_server)
    try:
        with tempfile.TemporaryDirectory() as folder, \
                FaultProxy(replay.url, KEY, folder) as proxy:
            check = ProviderCheck(options, work, replay, pages, proxy)
            try:
                result = check.run()
            finally:
                if check.daemon:
                    check.daemon.stop()
    finally:
        pages.stop()
        replay.stop()
        shutil.rmtree(work, ignore_errors=True)
    print(json.dumps(result, indent=2))
    return 1 if result["misses"] else 0


if __name__ == "__main__":
    sys.exit(main())
