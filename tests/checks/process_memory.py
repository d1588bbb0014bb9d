# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""How much memory of its own a process has, over time.

  samples = MemorySamples(process.pid)
  samples.start()
  ...
  samples.stop()
  max(samples.megabytes)
"""

import threading


class MemorySamples(threading.Thread):
    """Reads RssAnon of a process each second, in MB (10^6), until stopped.

    What `less` returns each time, in bytes, is taken off."""

    def __init__(self, pid, less=lambda: 0):
        super().__init__(daemon=True)
        self.less = less
        self.path = "/proc/%d/status" % pid
        self.stopped = threading.Event()
        self.megabytes = []

    def run(self):
        while True:
            with open(self.path) as status:
                line = next(row for row in status if row.startswith("RssAnon:"))
            size_bytes = int(line.split()[1]) * 1024 - self.less()
            self.megabytes.append(round(size_bytes / 1e6, 1))
            if self.stopped.wait(1.0):
                return

    def stop(self):
        self.stopped.set()
        self.join()

    def thinned(self, count):
        """Returns `count` samples, evenly spaced, the last one included."""
        step = max(1, len(self.megabytes) // count)
        return self.megabytes[::-step][::-1]
