# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""A small HTTP client for tests of the HTTP port.

  client = Client("localhost", 7372)
  client.get("/search", domain="a/b", commit="c1", q="oak").json()
"""

import base64
import http.client
import json
import socket
import urllib.parse


class Answer:
    """A status, the fields by their names in lower case, and the body."""

    def __init__(self, status, fields, body):
        self.status = status
        self.fields = {name.lower(): value for name, value in fields}
        self.body = body

    def json(self):
        return json.loads(self.body)

    def text(self):
        return self.body.decode()

    def lines(self):
        return [json.loads(line) for line in self.body.splitlines()]

    def __repr__(self):
        return "%d %r" % (self.status, self.body[:300])


def query_of(parameters):
    """Encodes parameters; a list repeats its name, None is left out."""
    pairs = []
    for name, value in parameters.items():
        if value is None:
            continue
        values = value if isinstance(value, list) else [value]
        for one in values:
            if isinstance(one, bool):
                one = "true" if one else "false"
            pairs.append((name, str(one)))
    return urllib.parse.urlencode(pairs)


class Client:
    """Sends requests, each on a connection of its own."""

    def __init__(self, host, port, user="admin", secret="root"):
        self.host, self.port = host, port
        self.auth = "Basic " + base64.b64encode(
            ("%s:%s" % (user, secret)).encode()).decode()

    def connect(self, host=None):
        return http.client.HTTPConnection(host or self.host, self.port, timeout=60)

    def request(self, method, path, parameters=None, body=None, fields=None,
                auth=True, host=None, raw_query=None):
        query = raw_query if raw_query is not None else query_of(parameters or {})
        target = path + ("?" + query if query else "")
        headers = dict(fields or {})
        if auth:
            headers.setdefault("Authorization", self.auth)
        connection = self.connect(host)
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()

    def get(self, path, fields=None, **parameters):
        return self.request("GET", path, parameters, fields=fields)

    def post_json(self, path, value, fields=None, **parameters):
        headers = {"Content-Type": "application/json"}
        headers.update(fields or {})
        return self.request("POST", path, parameters, json.dumps(value), headers)

    def push(self, operations, **parameters):
        """Pushes a list of operations, or bytes as they are."""
        body = operations
        if isinstance(operations, list):
            body = "".join(json.dumps(each, ensure_ascii=False) + "\n"
                           for each in operations).encode()
        return self.request("POST", "/push", parameters, body,
                            {"Content-Type": "application/x-ndjson"})

    def raw(self, data, host=None):
        """Sends bytes as they are; returns the open socket."""
        family = socket.AF_INET6 if ":" in (host or "") else socket.AF_INET
        connection = socket.socket(family)
        connection.settimeout(60)
        connection.connect((host or "127.0.0.1", self.port))
        connection.sendall(data)
        return connection

    def head(self, method, target, *fields):
        """The head of a request as bytes, with credentials."""
        lines = ["%s %s HTTP/1.1" % (method, target), "Host: test",
                 "Authorization: " + self.auth] + list(fields)
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


def inserted(identifier, text):
    return {"op": "Inserted", "id": identifier, "string": text}


def changed(identifier, text):
    return {"op": "Changed", "id": identifier, "string": text}


def deleted(identifier):
    return {"op": "Deleted", "id": identifier}


def error(message):
    return {"op": "Error", "message": message}


ABORT = {"op": "Abort"}
