# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Starts copsed in a folder and runs the copse command line against it.

  with Daemon("build/release") as daemon:
      daemon.copse("domain", "list")
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time


def find_program(build_folder, name):
    """Returns the path of the program `name` below `build_folder`."""
    for folder, _, files in os.walk(build_folder):
        path = os.path.join(folder, name)
        if name in files and os.access(path, os.X_OK):
            return path
    raise SystemExit("%s is not built in %s" % (name, build_folder))


class CopseError(Exception):
    """copse ended with another exit code than 0."""

    def __init__(self, code, message):
        super().__init__("exit code %d: %s" % (code, message))
        self.code = code


class Daemon:
    """A copsed process with a data folder, by default one of its own."""

    def __init__(self, build_folder, data=None, arguments=(), env=None):
        self.copsed = find_program(build_folder, "copsed")
        self.build_folder = build_folder
        self.work = tempfile.mkdtemp(prefix="copse-check-")
        self.data = data or os.path.join(self.work, "data")
        self.arguments = list(arguments)
        self.env = dict(os.environ, **(env or {}))
        self.process = None
        self.addresses = {}

    def start(self):
        ready = os.path.join(self.work, "ready.json")
        if os.path.exists(ready):
            os.unlink(ready)
        self.log = open(os.path.join(self.work, "copsed.log"), "ab")
        self.process = subprocess.Popen(
            [self.copsed, "--data", self.data, "--grpc-address", "127.0.0.1:0",
             "--http-address", "localhost:0",
             "--metrics-address", "127.0.0.1:0", "--ready-file", ready]
            + self.arguments, stdout=self.log, stderr=self.log, env=self.env)
        deadline = time.monotonic() + 60
        while not os.path.exists(ready):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("copsed did not start:\n" + self.log_text())
            time.sleep(0.02)
        with open(ready) as file:
            self.addresses = json.load(file)

    def stop(self, number=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(60)

    def log_text(self):
        with open(os.path.join(self.work, "copsed.log"), errors="replace") as file:
            return file.read()

    @property
    def cli(self):
        return find_program(self.build_folder, "copse")

    def copse(self, *arguments, stdin=None):
        """Returns the standard output of copse; raises CopseError."""
        result = subprocess.run(
            [self.cli, "--server", self.addresses["grpc_address"], *arguments],
            input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if result.returncode != 0:
            raise CopseError(result.returncode, result.stderr.decode(errors="replace"))
        return result.stdout.decode()

    def json(self, *arguments, stdin=None):
        """Returns what copse --json prints, parsed."""
        return json.loads(self.copse("--json", *arguments, stdin=stdin))

    def size_bytes(self):
        """Returns the bytes that the data folder takes on disk."""
        total = 0
        for folder, _, files in os.walk(self.data):
            for name in files:
                total += os.lstat(os.path.join(folder, name)).st_blocks * 512
        return total

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self.log.close()
        shutil.rmtree(self.work, ignore_errors=True)
