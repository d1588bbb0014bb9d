# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Stands before an embedding API and breaks its replies as told.

  with FaultProxy("http://127.0.0.1:8080", key="secret") as proxy:
      proxy.fail("429", skip=1, count=3)   # the second to the fourth request
      ...
      proxy.heal()

Every request is noted with its texts and with those of them that it brought a
vector for. A text that is sent again after that is a mistake of the client:
`repeated` counts them. Errors quote the key, as real providers do.
"""

import base64
import http.client
import http.server
import json
import socket
import struct
import threading
import time
import urllib.parse


def error_body(message, key):
    return {"error": {"message": "%s (Authorization: Bearer %s, key %s)" %
                      (message, key, key), "type": "server_error",
                      "param": None, "code": None}}


def with_first_vector(reply, change):
    """Returns `reply` whose first vector is what `change` makes of it."""
    item = reply["data"][0]
    raw = base64.b64decode(item["embedding"])
    vector = list(struct.unpack("<%df" % (len(raw) // 4), raw))
    data = [dict(item, embedding=change(vector))] + reply["data"][1:]
    return dict(reply, data=data)


def to_base64(vector):
    return base64.b64encode(struct.pack("<%df" % len(vector), *vector)).decode()


NAN = float("nan")
BUSY = "rate limit reached for requests"

# From the name of a fault to what becomes of a good reply: status, headers
# and body, where a body of None closes the connection without a byte.
FAULTS = {
    "429": lambda good, key: (429, {}, error_body(BUSY, key)),
    "429 retry-after": lambda good, key: (
        429, {"Retry-After": "1"}, error_body(BUSY, key)),
    "429 for an hour": lambda good, key: (
        429, {"Retry-After": "3600"}, error_body(BUSY, key)),
    "500": lambda good, key: (500, {}, error_body("the model fell over", key)),
    "401": lambda good, key: (
        401, {}, error_body("incorrect API key provided", key)),
    "malformed JSON": lambda good, key: (
        200, {}, json.dumps(good)[:-40].encode() + b"}}"),
    "too few vectors": lambda good, key: (
        200, {}, dict(good, data=good["data"][:-1])),
    "NaN in base64": lambda good, key: (
        200, {}, with_first_vector(good, lambda v: to_base64([NAN] + v[1:]))),
    "NaN in JSON": lambda good, key: (
        200, {}, with_first_vector(good, lambda v: [NAN] + v[1:])),
    "wrong dimension": lambda good, key: (
        200, {}, with_first_vector(good, lambda v: to_base64(v[1:]))),
    "closed before the reply": lambda good, key: (200, {}, None),
    "closed in the reply": lambda good, key: (200, {}, good),
}


def texts_with_vector(fault, texts):
    """Returns the texts for which a reply with `fault` has a good vector."""
    if not fault:
        return texts
    return texts[1:] if fault.startswith("NaN") else []


class Request:
    """One request: its texts, its fault ("" for none), when it was answered."""

    def __init__(self, texts, fault):
        self.begin_time = time.monotonic()
        self.end_time = None
        self.texts = texts
        self.fault = fault


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy = None

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.proxy.lock:  # A reply is out before the next one is made.
            self.answer(body)

    def answer(self, body):
        request = self.proxy.note(json.loads(body)["input"])
        status, headers, reply = self.proxy.forward(self.path, self.headers, body)
        if request.fault and status == 200:
            status, headers, reply = FAULTS[request.fault](
                json.loads(reply), self.proxy.key)
        if isinstance(reply, dict):
            reply = json.dumps(reply).encode()
        try:
            self.send(request, status, headers, reply)
        except OSError:
            pass  # The client has given up.
        request.end_time = time.monotonic()

    def send(self, request, status, headers, reply):
        if reply is not None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("X-Request-Id", "request-" + self.proxy.key)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            is_cut = request.fault == "closed in the reply"
            self.wfile.write(reply[:len(reply) // 2] if is_cut else reply)
            self.wfile.flush()
        if request.fault.startswith("closed"):
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif status == 200:
            self.proxy.delivered.update(
                texts_with_vector(request.fault, request.texts))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # The client has gone away.


class FaultProxy:
    def __init__(self, upstream, key):
        self.upstream = urllib.parse.urlsplit(upstream).netloc
        self.key = key
        self.lock = threading.RLock()
        self.requests, self.delivered, self.repeated = [], set(), 0
        self.heal()
        self.server = Server(("127.0.0.1", 0),
                             type("BoundHandler", (Handler,), {"proxy": self}))
        self.url = "http://127.0.0.1:%d/v1" % self.server.server_address[1]

    def fail(self, fault, skip, count):
        """Breaks `count` replies, None for all, after `skip` good ones."""
        with self.lock:
            self.fault, self.skip, self.count = fault, skip, count

    def heal(self):
        with self.lock:
            self.fault, self.skip, self.count = "", 0, 0

    def note(self, texts):
        """Returns the request for `texts`, with its fault."""
        fault = ""
        if self.skip > 0:
            self.skip -= 1
        elif self.fault and self.count != 0:
            fault = self.fault
            self.count = None if self.count is None else self.count - 1
        request = Request(texts, fault)
        self.repeated += sum(text in self.delivered for text in texts)
        self.requests.append(request)
        return request

    def forward(self, path, headers, body):
        connection = http.client.HTTPConnection(self.upstream, timeout=60)
        sent = {name: headers[name] for name in ("Authorization", "Content-Type")
                if name in headers}
        connection.request("POST", path, body, sent)
        response = connection.getresponse()
        reply = response.read()
        connection.close()
        return response.status, {}, reply

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
