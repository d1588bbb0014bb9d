# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""A content endpoint as TerminusDB up to 12.0 has one, well-behaved or not.

  with ContentServer() as content:
      content.say("c1", Content([{"op": "Inserted", "id": "a", "string": "oak"}]))
      ... content.url ...
      content.requests  # (path, headers) of each

What it says to a commit may be a function, which is called for each request.
"""

import gzip
import http.server
import json
import threading
import time


class Content:
    """An answer: a body of lines, or of bytes, and what is wrong with it."""

    def __init__(self, lines=(), status=200, headers=None, framing="chunked",
                 cut_after=None, pause=0.0, compresses=False, hangs=False,
                 is_endless=False):
        self.body = lines if isinstance(lines, bytes) else b"".join(
            json.dumps(line).encode() + b"\n" for line in lines)
        self.status, self.headers = status, dict(headers or {})
        self.framing = framing      # "chunked", "length" or "close".
        self.cut_after = cut_after  # Bytes of the body before it breaks off.
        self.pause = pause          # Seconds that the whole body takes.
        self.hangs = hangs          # After the headers, until the client goes.
        self.is_endless = is_endless  # The body comes again and again.
        if compresses:
            self.body = gzip.compress(self.body)
            self.headers["Content-Encoding"] = "gzip"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_object = None

    def log_message(self, *_):
        pass

    def do_GET(self):
        path = self.path
        content = self.server_object.answer(path, dict(self.headers))
        try:
            self.send(content)
        except OSError:
            pass  # The daemon is gone, or has heard enough.
        self.close_connection = True

    def send(self, content):
        self.send_response(content.status)
        self.send_header("Content-Type", "application/json")
        for name, value in content.headers.items():
            self.send_header(name, value)
        if content.framing == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
        elif content.framing == "length":
            self.send_header("Content-Length", str(len(content.body)))
        self.end_headers()
        if content.hangs:
            while self.connection.recv(1024):
                pass
            return
        while content.is_endless:
            self.send_part(content, content.body)
        body = content.body[:content.cut_after]
        count = 20 if content.pause else 1
        for part in range(count):
            self.send_part(content, body[len(body) * part // count:
                                         len(body) * (part + 1) // count])
            time.sleep(content.pause / count)
        if content.framing == "chunked" and content.cut_after is None:
            self.wfile.write(b"0\r\n\r\n")

    def send_part(self, content, part):
        if part and content.framing == "chunked":
            part = b"%x\r\n%s\r\n" % (len(part), part)
        self.wfile.write(part)
        self.wfile.flush()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # The daemon was killed while it spoke to us.


class ContentServer:
    """Thread safety: any number of threads may use one."""

    def __init__(self):
        self.lock = threading.Lock()
        self.answers = {}
        self.requests = []
        self.server = Server(
            ("127.0.0.1", 0),
            type("BoundHandler", (Handler,), {"server_object": self}))
        self.url = "http://127.0.0.1:%d/api/index" % self.server.server_address[1]

    def say(self, commit, answer):
        with self.lock:
            self.answers[commit] = answer

    def answer(self, path, headers):
        commit = path.partition("commit_id=")[2].partition("&")[0]
        with self.lock:
            self.requests.append((path, headers))
            answer = self.answers.get(commit, Content(b"no such commit", 404))
        return answer() if callable(answer) else answer

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
