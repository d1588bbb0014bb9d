# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""Stands before an embedding API and breaks its replies as told.

  with FaultProxy("http://127.0.0.1:8080", key="secret") as proxy:
      proxy.fail(BY_NAME["429"], skip=1, count=3)  # the second to the fourth
      ...
      proxy.heal()

Every request is noted with its texts and with those of them that it brought a
vector for. A text that is sent again after that is a mistake of the client:
count_repeated() counts them. A reply that the client never read is none: it
resets the connection then, as the kernel does for bytes that nobody took.

A fault has a way to be sent:

  whole            as it should be
  close after      likewise, and the connection is closed without a word
  silent, reset    the connection is closed, or reset, without a byte
  reset upload     likewise when half of the request has come
  cut, cut chunk, cut until close, reset in body
                   half of the body, in each of the framings
  hang             nothing until the client goes away
  drip             a byte every 50 ms
  endless, endless headers
                   more and more until the client goes away
  no HTTP          a line that is not HTTP
"""

import http.client
import http.server
import json
import os
import select
import socket
import ssl
import struct
import subprocess
import threading
import time
import urllib.parse

from provider_faults import (BLAMED, LARGE, LARGE_COUNT_MAX, WHOLE, Good,
                             Reply)

HANG_SECONDS = 30
DRIP_SECONDS = 0.05
BIT_SIZE = 64 << 10


class Request:
    """One request: its texts, its fault (None for none), and when it was."""

    def __init__(self, texts, fault):
        self.begin_time = time.monotonic()
        self.end_time = None
        self.texts = texts
        self.fault = fault
        self.good_texts = []   # With a vector in the reply.
        self.is_lost = False   # Whether the client has not read the reply.


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy = None
    last_request = None

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
            is_lost = self.connection.fileno() >= 0 and \
                self.connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        except ConnectionError:
            is_lost = True
        if is_lost and self.last_request:
            self.last_request.is_lost = True

    def do_POST(self):
        size = int(self.headers.get("Content-Length", 0))
        fault = self.proxy.take_fault_of_upload()
        if fault:
            self.rfile.read(size // 2)
            self.proxy.note([], fault)
            self.reset()
            return
        body = self.rfile.read(size)
        request = self.proxy.note(json.loads(body)["input"])
        request.end_time = time.monotonic()
        if self.headers["Authorization"] != "Bearer " + self.proxy.key:
            self.proxy.bad_key_count += 1
        try:
            reply = self.make_reply(request, body)
            request.end_time = time.monotonic()
            if self.has_gone():
                raise ConnectionResetError
            self.send(request, reply)
        except OSError:
            request.is_lost = True  # The client has given up.
            self.close_connection = True

    def make_reply(self, request, body):
        reply = self.proxy.forward(self.path, self.headers, body)
        good_texts = request.texts if reply.status == 200 else []
        if request.fault and reply.status == 200:
            blamed = self.proxy.find_blamed(request.fault, request.texts)
            reply = request.fault.reply(Good(
                json.loads(reply.body), request.texts, blamed, self.proxy.key,
                self.proxy.elsewhere.url))
            good_texts = request.fault.good_texts(request.texts, blamed)
        if not isinstance(reply.body, bytes):
            reply.body = json.dumps(reply.body).encode()
        request.good_texts = good_texts
        self.last_request = request
        return reply

    def has_gone(self):
        """Whether the client has closed the connection."""
        return select.select([self.connection], [], [], 0)[0] and \
            not self.connection.recv(1, socket.MSG_PEEK)

    # ---- The ways to send a reply -------------------------------------------

    def send(self, request, reply):
        way = request.fault.way if request.fault else "whole"
        getattr(self, "send_" + way.lower().replace(" ", "_"))(reply)

    def send_head(self, reply, framing):
        self.send_response(reply.status)
        headers = {"Content-Type": "application/json",
                   "X-Request-Id": "request-" + self.proxy.key, **framing,
                   **reply.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def send_whole(self, reply, size=None):
        self.send_head(reply, {"Content-Length": str(len(reply.body))})
        self.write(reply.body[:size])

    def send_close_after(self, reply):
        self.send_whole(reply)
        self.close_connection = True

    def send_silent(self, _):
        self.hang_up()

    def send_reset(self, _):
        self.reset()

    def send_cut(self, reply):
        self.send_whole(reply, len(reply.body) // 2)
        self.hang_up()

    def send_reset_in_body(self, reply):
        self.send_whole(reply, len(reply.body) // 2)
        time.sleep(DRIP_SECONDS)  # Else the reset overtakes the bytes.
        self.reset()

    def send_cut_chunk(self, reply):
        self.send_head(reply, {"Transfer-Encoding": "chunked"})
        self.write(b"%x\r\n" % len(reply.body))
        self.write(reply.body[:len(reply.body) // 2])
        self.hang_up()

    def send_cut_until_close(self, reply):
        self.send_head(reply, {"Connection": "close"})
        self.write(reply.body[:len(reply.body) // 2])
        self.hang_up()

    def send_hang(self, _):
        select.select([self.connection], [], [], HANG_SECONDS)
        self.hang_up()

    def send_drip(self, reply):
        self.send_head(reply, {"Content-Length": str(len(reply.body))})
        for byte in reply.body:
            self.write(bytes([byte]))
            if select.select([self.connection], [], [], DRIP_SECONDS)[0]:
                break  # It hangs up.
        self.hang_up()

    def send_endless(self, reply):
        self.send_head(reply, {"Transfer-Encoding": "chunked"})
        while True:
            self.write(b"%x\r\n%s\r\n" % (BIT_SIZE, b" " * BIT_SIZE))

    def send_endless_headers(self, _):
        self.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            self.write(b"X-Filler: " + b"x" * 1000 + b"\r\n")

    def send_no_http(self, _):
        self.write(b"220 mail.example.org ESMTP ready\r\n")
        self.hang_up()

    def write(self, data):
        self.wfile.write(data)
        self.wfile.flush()

    def hang_up(self):
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                   struct.pack("ii", 1, 0))
        self.close_connection = True
        self.rfile.close()
        self.wfile.close()
        self.connection.close()


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """Where a redirect leads; nobody should come."""

    proxy = None

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.proxy.visitors.append(dict(self.headers))
        self.send_error(404)

    do_GET = do_POST


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)
        self.url = "http://127.0.0.1:%d/v1" % self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def shutdown_request(self, request):
        try:
            super().shutdown_request(request)
        except OSError:
            pass  # It was reset.

    def handle_error(self, *_):
        pass  # The client has gone away.

    def stop(self):
        self.shutdown()
        self.server_close()


def make_certificate(folder):
    """Returns a file with a key and a certificate that nobody vouches for."""
    path = os.path.join(folder, "certificate.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days",
         "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=IP:127.0.0.1", "-keyout", path, "-out", path + ".crt"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(path + ".crt") as source, open(path, "a") as file:
        file.write(source.read())
    return path


class FaultProxy:
    def __init__(self, upstream, key, folder):
        self.upstream = urllib.parse.urlsplit(upstream).netloc
        self.key, self.folder = key, folder
        self.lock = threading.Lock()
        self.requests, self.bad_key_count, self.visitors = [], 0, []
        self.checked_count, self.delivered = 0, {}
        self.heal()

    # ---- What becomes of the next requests ----------------------------------

    def fail(self, fault, skip=0, count=None, blamed_text=""):
        """Breaks `count` replies, None for all, after `skip` good ones."""
        with self.lock:
            self.fault, self.skip, self.count = fault, skip, count
            self.blamed_text = blamed_text

    def heal(self):
        self.fail(None)

    def take_fault_of_upload(self):
        """Returns the fault of a request that is not to be read whole."""
        with self.lock:
            if not self.fault or self.fault.way != "reset upload":
                return None
            return self.take_fault([])

    def take_fault(self, texts):
        fault = self.fault
        if not fault or fault.befalls == LARGE and len(texts) <= LARGE_COUNT_MAX:
            return None
        if fault.befalls in (BLAMED, WHOLE) and not self.find_blamed(fault, texts):
            return None
        if self.skip > 0:
            self.skip -= 1
            return None
        if self.count == 0:
            return None
        self.count = None if self.count is None else self.count - 1
        return fault

    def find_blamed(self, fault, texts):
        """Returns the places of the text to blame, or of pieces of it."""
        if fault.befalls == WHOLE:
            return [i for i, text in enumerate(texts) if text == self.blamed_text]
        if fault.befalls == BLAMED:
            return [i for i, text in enumerate(texts) if text in self.blamed_text]
        return []

    def note(self, texts, fault=None):
        """Returns the request for `texts`, with its fault."""
        with self.lock:
            if fault is None and (not self.fault or
                                  self.fault.way != "reset upload"):
                fault = self.take_fault(texts)
            request = Request(texts, fault)
            self.requests.append(request)
            return request

    # ---- What was sent again ------------------------------------------------

    def count_repeated(self):
        """Returns how many texts were sent again since the last call."""
        with self.lock:
            count = 0
            for request in self.requests[self.checked_count:]:
                count += sum(
                    self.delivered.get(text, request.begin_time) <
                    request.begin_time for text in request.texts)
                for text in [] if request.is_lost else request.good_texts:
                    self.delivered.setdefault(text, request.end_time)
            self.checked_count = len(self.requests)
            return count

    def forward(self, path, headers, body):
        connection = http.client.HTTPConnection(self.upstream, timeout=60)
        sent = {name: headers[name] for name in ("Authorization", "Content-Type")
                if name in headers}
        connection.request("POST", path, body, sent)
        response = connection.getresponse()
        reply = Reply(response.status, response.read())
        connection.close()
        return reply

    # ---- The servers --------------------------------------------------------

    def url_of(self, name):
        """Returns the URL of the proxy (""), of "tls" or of "closed"."""
        if name == "tls":
            return self.tls.url.replace("http:", "https:")
        if name == "closed":
            return "http://127.0.0.1:%d/v1" % self.closed.getsockname()[1]
        return self.server.url

    def __enter__(self):
        self.server = Server(type("BoundHandler", (Handler,), {"proxy": self}))
        elsewhere = type("BoundElsewhere", (Elsewhere,), {"proxy": self})
        self.elsewhere = Server(elsewhere)
        self.tls = Server(elsewhere)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(make_certificate(self.folder))
        self.tls.socket = context.wrap_socket(
            self.tls.socket, server_side=True, do_handshake_on_connect=False)
        self.closed = socket.socket()  # Bound, but nobody listens.
        self.closed.bind(("127.0.0.1", 0))
        return self

    def __exit__(self, *_):
        for server in (self.server, self.elsewhere, self.tls):
            server.stop()
        self.closed.close()
