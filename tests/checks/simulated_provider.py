# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""An OpenAI-compatible embedding API that takes its time and enforces limits.

  with SimulatedProvider(latency=0.4, limits=Limits(600, 200000)) as provider:
      ... provider.url ...
      provider.summary()

The vector of a text is one of some ten thousand random ones, chosen by the
text. Limits are enforced as harshly as any provider is known to do it: no
minute, wherever it begins, may see more requests or tokens than the limit, and
no ten seconds more than a sixth of the requests. What is refused counts as a
request, too. `scale` makes minutes shorter, with the same numbers in them.
"""

import array
import base64
import collections
import http.server
import json
import random
import threading
import time
import zlib

POOL_SIZE = 10007

# English prose has 0.17 tokens a byte, source code 0.27.
TOKENS_PER_BYTE = 0.25


def count_tokens(text):
    return max(1, round(len(text.encode()) * TOKENS_PER_BYTE))


class Window:
    """The sum of what came within the last `seconds`. Thread safety: none."""

    def __init__(self, seconds, limit):
        self.seconds, self.limit = seconds, limit
        self.entries, self.sum = collections.deque(), 0

    def forget(self, now):
        while self.entries and self.entries[0][0] <= now - self.seconds:
            self.sum -= self.entries.popleft()[1]

    def has_room(self, now, amount):
        self.forget(now)
        return self.sum + amount <= self.limit

    def add(self, now, amount):
        self.entries.append((now, amount))
        self.sum += amount


class Limits:
    """Requests and tokens a minute, of which one lasts 60 / `scale` seconds."""

    def __init__(self, requests, tokens, scale=1.0):
        self.requests, self.tokens, self.scale = requests, tokens, scale
        self.minute_requests = Window(60 / scale, requests)
        self.slice_requests = Window(10 / scale, requests / 6)
        self.minute_tokens = Window(60 / scale, tokens)

    def admit(self, now, tokens):
        """Returns "" or which limit refuses a request of `tokens`."""
        refusal = ""
        if not self.minute_requests.has_room(now, 1):
            refusal = "requests per minute"
        elif not self.slice_requests.has_room(now, 1):
            refusal = "requests per 10 s"
        elif not self.minute_tokens.has_room(now, tokens):
            refusal = "tokens per minute"
        self.minute_requests.add(now, 1)
        self.slice_requests.add(now, 1)
        if not refusal:
            self.minute_tokens.add(now, tokens)
        return refusal

    def headers(self):
        """What OpenAI would say, with the minutes of `scale`."""
        rows = (("requests", self.requests, self.minute_requests),
                ("tokens", self.tokens, self.minute_tokens))
        result = {}
        for name, limit, window in rows:
            result["x-ratelimit-limit-" + name] = str(int(limit * self.scale))
            result["x-ratelimit-remaining-" + name] = str(
                max(0, int(limit - window.sum)))
            result["x-ratelimit-reset-" + name] = "%.3fs" % (
                window.sum / limit * window.seconds)
        return result


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    provider = None

    def log_message(self, *_):
        pass

    def do_POST(self):
        began = time.monotonic()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        texts = json.loads(body)["input"]
        self.provider.keys.append(self.headers.get("Authorization"))
        tokens = sum(map(count_tokens, texts))
        refusal, headers = self.provider.admit(began, texts, tokens)
        if refusal:
            reply = json.dumps({"error": {
                "message": "rate limit reached: " + refusal,
                "type": "requests", "code": "rate_limit_exceeded"}}).encode()
            self.reply(429, headers, reply)
            return
        reply = self.provider.vectors(texts, tokens)
        rest = began + self.provider.latency - time.monotonic()
        if rest > 0:
            time.sleep(rest)
        try:
            self.reply(200, headers, reply)
        except OSError:
            pass  # The client was killed.
        self.provider.leave()

    def reply(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        pass  # A client that was killed has left a connection.


class SimulatedProvider:
    """Thread safety: any number of threads may use one."""

    def __init__(self, dimension, latency, limits=None, sends_headers=False):
        self.dimension, self.latency, self.limits = dimension, latency, limits
        self.sends_headers = sends_headers
        source = random.Random(dimension)
        self.pool = []
        for number in range(POOL_SIZE):
            vector = array.array(
                "f", [source.random() - 0.5 for _ in range(dimension)])
            self.pool.append(base64.b64encode(vector.tobytes()).decode())
        self.lock = threading.Lock()
        self.reset()
        self.server = Server(("127.0.0.1", 0),
                             type("BoundHandler", (Handler,), {"provider": self}))
        self.url = "http://127.0.0.1:%d/v1" % self.server.server_address[1]

    def reset(self):
        self.keys = []  # The Authorization of each request.
        with self.lock:
            self.requests = self.refused = self.texts = self.tokens = 0
            self.in_flight = self.in_flight_max = self.repeated = 0
            self.first_time = self.last_time = None
            self.refusals = collections.Counter()
            self.seen = set()

    def admit(self, now, texts, tokens):
        """Returns which limit refuses, or "", and the headers to send."""
        with self.lock:
            self.requests += 1
            refusal = self.limits.admit(now, tokens) if self.limits else ""
            headers = self.limits.headers() if self.sends_headers else {}
            if refusal:
                self.refused += 1
                self.refusals[refusal] += 1
                return refusal, headers
            self.repeated += sum(text in self.seen for text in texts)
            self.seen.update(texts)
            self.texts += len(texts)
            self.tokens += tokens
            self.in_flight += 1
            self.in_flight_max = max(self.in_flight_max, self.in_flight)
            self.first_time = self.first_time or now
            self.last_time = now
            return "", headers

    def leave(self):
        with self.lock:
            self.in_flight -= 1

    def vectors(self, texts, tokens):
        items = ",".join(
            '{"object":"embedding","index":%d,"embedding":"%s"}' %
            (index, self.pool[zlib.crc32(text.encode()) % POOL_SIZE])
            for index, text in enumerate(texts))
        return ('{"object":"list","data":[%s],"usage":{"prompt_tokens":%d,'
                '"total_tokens":%d}}' % (items, tokens, tokens)).encode()

    def summary(self):
        with self.lock:
            seconds = (self.last_time or 0) - (self.first_time or 0)
            return {"requests": self.requests, "refused": self.refused,
                    "refusals": dict(self.refusals), "texts": self.texts,
                    "tokens": self.tokens, "repeated": self.repeated,
                    "in_flight_max": self.in_flight_max,
                    "seconds": round(seconds, 3)}

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
