# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""What can go wrong at an embedding provider, and what copse makes of each.

  for fault in FAULTS:
      proxy.fail(fault, skip=1, count=fault.count)

A fault turns a good reply into what the provider sends instead (`reply`), sends
a reply in an odd way (`way`), or both. Errors quote the key, as real providers
do. `outcome` is what a push makes of it:

  RETRIES   asks again and succeeds; where the fault lasts, the push fails
  STOPS     the push fails at once, and succeeds when it is resumed afterwards
  HALVES    the push succeeds with smaller requests, which nothing delays
  ISOLATES  the document with the text to blame fails, the others are kept
  CUTS      that text is cut in two, and the push succeeds
  TAKES     nothing is wrong for copse
  WAITS     the job waits until the provider may be asked again
"""

import base64
import dataclasses
import email.utils
import functools
import gzip
import json
import struct
import time
import typing

RETRIES, STOPS, HALVES = "retries", "stops", "halves"
ISOLATES, CUTS, TAKES, WAITS = "isolates", "cuts", "takes", "waits"

# Which requests a fault befalls: all, those with more texts than
# LARGE_COUNT_MAX, those with the text to blame or pieces of it, or those with
# the whole of it.
ALL, LARGE, BLAMED, WHOLE = "all", "large", "blamed", "whole"
LARGE_COUNT_MAX = 4


@dataclasses.dataclass
class Reply:
    status: int = 200
    body: object = None  # Bytes, or what becomes JSON.
    headers: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Good:
    """The reply that a fault begins with, and what it may need besides."""

    json: dict
    texts: list
    blamed: list    # The places of the texts to blame.
    key: str
    elsewhere: str  # The URL of another server.

    def __post_init__(self):
        self.body = json.dumps(self.json).encode()

    def with_data(self, data):
        return Reply(body=dict(self.json, data=data))

    def with_vectors(self, change, places=None):
        """The reply whose vectors, or those at `places`, are changed so."""
        return self.with_data([
            dict(item, embedding=change(from_base64(item["embedding"])))
            if places is None or i in places else item
            for i, item in enumerate(self.json["data"])])

    def with_indexes(self, change):
        """The reply whose item I says that its index is change(I)."""
        data = []
        for i, item in enumerate(self.json["data"]):
            item = dict(item, index=change(i))
            if item["index"] is None:
                del item["index"]
            data.append(item)
        return self.with_data(data)


@dataclasses.dataclass
class Fault:
    name: str
    sends: str  # In words, for people.
    outcome: str
    reply: typing.Callable = lambda good: Reply(body=good.body)
    way: str = "whole"       # How the reply is sent, see fault_proxy.py.
    befalls: str = ALL
    count: int = 3           # Of a passing fault, how often it happens.
    lasts: bool = False      # Whether a lasting one is tried as well.
    words: tuple = ()        # What the error says.
    ends: str = "4 attempts failed"
    wait: float = 0          # Seconds that the provider asks for.
    server: str = ""         # Another address than the proxy's, by its name.
    timeout: float = 20      # Seconds that a request may take.
    keeps_others: bool = False  # Whether the other vectors are good.

    def good_texts(self, texts, blamed):
        """The texts for which a reply with this fault has a good vector."""
        if self.outcome == TAKES:
            return texts
        if self.keeps_others:
            return [text for i, text in enumerate(texts) if i not in blamed]
        return []


# ---- Replies ----------------------------------------------------------------


def from_base64(text):
    raw = base64.b64decode(text)
    return list(struct.unpack("<%df" % (len(raw) // 4), raw))


def to_base64(vector, form="f"):
    return base64.b64encode(
        struct.pack("<%d%s" % (len(vector), form), *vector)).decode()


def error(status, message, headers=None, **fields):
    """Returns a reply function: an error as OpenAI words it, with the key."""
    def reply(good):
        said = {"message": "%s (Authorization: Bearer %s, key %s)" %
                           (message, good.key, good.key),
                "type": "server_error", "param": None, "code": None}
        made = headers() if callable(headers) else headers
        return Reply(status, {"error": dict(said, **fields)}, made or {})
    return reply


def sent(status=200, body=b"", **headers):
    """Returns a reply function: these bytes, or this JSON."""
    return lambda good: Reply(status, body, {
        name.replace("_", "-"): value for name, value in headers.items()})


@functools.lru_cache(maxsize=1)
def gzip_bomb():
    return gzip.compress(b" " * (128 << 20), 9)


def in_a_second():
    now = time.time()
    return {"Date": email.utils.formatdate(now, usegmt=True),
            "Retry-After": email.utils.formatdate(now + 1, usegmt=True)}


def a_while_ago():
    return {"Retry-After": email.utils.formatdate(time.time() - 9, usegmt=True)}


BUSY = "rate limit reached for requests"
SAID_BUSY = ("answered 429: rate limit reached",)
NAN = float("nan")
PAGE = b"<html><head><title>Bad gateway</title></head><body>cannot</body></html>"


# ---- The faults -------------------------------------------------------------


def busy(name, sends, headers=None, message=BUSY, **options):
    return Fault(name, sends, RETRIES, error(429, message, headers),
                 **{"words": SAID_BUSY, "count": 1, **options})


def passing(status, words, **options):
    return Fault(str(status), "%d, '%s'" % (status, words), RETRIES,
                 error(status, words), words=("answered %d: %s" %
                                              (status, words),), **options)


def refused(name, status, words, setting, body=None, **fields):
    """An error that no second attempt can mend."""
    sends = "%d, %s" % (status, fields.get("code") or "'%s'" % words)
    return Fault(name, sends, STOPS,
                 sent(status, body) if body else error(status, words, **fields),
                 words=("answered %d: %s" % (status, words), setting))


def too_large(name, status, message, body=None, **fields):
    return Fault(name, "%d for more than 4 texts, '%s'" % (status, message),
                 HALVES, sent(status, body) if body else
                 error(status, message, **fields), befalls=LARGE)


def blamed(name, status, message, **fields):
    return Fault(name, "%d for one text, '%s'" % (status, message), ISOLATES,
                 error(status, message, **fields), befalls=BLAMED,
                 words=("answered %d: %s" % (status, message),))


def useless(name, sends, change, words):
    """A vector of one text that is none; the other ones are good."""
    return Fault(name, sends, ISOLATES, lambda good: good.with_vectors(change, good.blamed),
                 befalls=BLAMED, keeps_others=True, words=(words,))


def unreadable(name, sends, reply, words, **options):
    return Fault(name, sends, RETRIES, reply,
                 words=("answered 200: ",) + words, **options)


def broken(name, sends, way, **options):
    return Fault(name, sends, RETRIES, way=way, **options)


def taken(name, sends, reply=None, **options):
    if reply:
        options["reply"] = reply
    return Fault(name, sends, TAKES, **options)


RATE_LIMITS = [
    busy("429", "429 without a time", count=3, lasts=True),
    busy("429 in seconds", "429, Retry-After: 1", {"Retry-After": "1"}, wait=1,
         count=2),
    busy("429 in parts of a second", "429, Retry-After: 0.4",
         {"Retry-After": "0.4"}, wait=0.4),
    busy("429 until a date", "429, Retry-After: its Date + 1 s", in_a_second,
         wait=1),
    busy("429 in milliseconds", "429, retry-after-ms: 400.5, Retry-After: 90",
         {"retry-after-ms": "400.5", "Retry-After": "90"}, wait=0.4),
    busy("429 in words", "429, '... try again in 400ms'",
         message=BUSY + ", please try again in 400ms.", wait=0.4),
    busy("429 with a reset", "429, x-ratelimit-remaining: 0, -reset: 400ms",
         {"x-ratelimit-remaining-requests": "0",
          "x-ratelimit-reset-requests": "400ms"}, wait=0.4),
    busy("429 with a date gone by", "429, Retry-After: 9 s ago", a_while_ago,
         count=3),
    busy("429 with nonsense", "429, Retry-After: nan",
         {"Retry-After": "nan", "retry-after-ms": "soon"}, count=3),
    Fault("429 for an hour", "429, Retry-After: 3600", WAITS,
          error(429, BUSY, {"Retry-After": "3600"}), count=1,
          words=SAID_BUSY + ("to wait 1h",)),
]

PASSING = [
    passing(500, "the model fell over", lasts=True),
    passing(408, "the request took too long"),
    passing(409, "a conflict"),
    passing(425, "too early"),
    passing(499, "cancelled"),
    passing(502, "bad gateway"),
    passing(503, "queue full", lasts=True),
    passing(504, "gateway timed out"),
    passing(529, "overloaded"),
    passing(424, "the backend failed", count=1),
    Fault("HTML page with 502", "502, a page for people", RETRIES,
          sent(502, PAGE, Content_Type="text/html"), words=("answered 502",)),
    Fault("400 to try again", "400, x-should-retry: true", RETRIES,
          error(400, "a hiccup", {"x-should-retry": "true"}),
          words=("answered 400: a hiccup",)),
]

REFUSALS = [
    refused("wrong key", 401, "incorrect API key provided", "api_key_env"),
    refused("unpaid", 402, "balance too low", "api_key_env"),
    refused("forbidden", 403, "not in this region", "api_key_env"),
    refused("quota exhausted", 429, "You exceeded your current quota",
            "api_key_env", code="insufficient_quota",
            type="insufficient_quota"),
    refused("spend limit", 429, "Limit of the organization reached",
            "api_key_env", code="organization_spend_limit_exceeded"),
    refused("blocked token", 498, "blocked", "api_key_env"),
    refused("unknown model", 404, "The model minilm does not exist", "model",
            code="model_not_found"),
    refused("wrong path", 404, "Not Found", "url", body=b"Not Found"),
    refused("wrong media type", 415, "cannot read that", "url"),
    refused("unknown field", 422, "field model is required", "model",
            body={"detail": [{"loc": ["body", "model"], "type": "missing",
                              "msg": "field model is required"}]}),
    refused("no embeddings", 501, "start with --embeddings", "url"),
    Fault("not to try again", "500, x-should-retry: false", STOPS,
          error(500, "broken for good", {"x-should-retry": "false"}),
          words=("answered 500: broken for good", "not to be tried again")),
    Fault("redirect", "307 to another host", STOPS,
          lambda good: Reply(307, b"", {"Location": good.elsewhere}),
          words=("answered 307", "url")),
    Fault("wrong dimension", "vectors of 383 numbers", STOPS,
          lambda good: good.with_vectors(lambda v: to_base64(v[1:])),
          words=("answered 200: a vector of 383 dimensions, expected 384",
                 "setting dimension")),
    Fault("empty vector", "'embedding': []", STOPS,
          lambda good: good.with_vectors(lambda v: []),
          words=("a vector of 0 dimensions, expected 384",
                 "setting dimension")),
    Fault("doubles in base64", "base64 of 8-byte numbers", STOPS,
          lambda good: good.with_vectors(lambda v: to_base64(v, "d")),
          words=("a vector of 768 dimensions, expected 384",
                 "setting dimension")),
]

TOO_LARGE = [
    too_large("too many tokens", 400, "request too large",
              code="max_tokens_per_request"),
    too_large("too many texts", 422,
              "batch size 8 > maximum allowed batch size 4",
              body={"error": "batch size 8 > maximum allowed batch size 4",
                    "error_type": "Validation"}),
    too_large("body too large", 413, "length limit exceeded",
              body=b"length limit exceeded"),
    too_large("code 3210", 400, "split into more batches", code="3210"),
]

BLAMED_TEXTS = [
    Fault("text too long", "400 for one text, 'maximum context length'", CUTS,
          error(400, "maximum context length is 512 tokens"), befalls=WHOLE),
    blamed("text too long in pieces", 400, "maximum context length exceeded"),
    blamed("text named", 400, "invalid text", param="input[2]"),
    blamed("text too long for llama.cpp", 500, "input is too large to process"),
    blamed("NaN in the model", 500, "json: unsupported value: NaN"),
    blamed("content filter", 400, "filtered", code="content_filter"),
    useless("NaN in base64", "a NaN in one vector, base64",
            lambda v: to_base64([NAN] + v[1:]), "component 0 is not finite"),
    useless("NaN in JSON", "a NaN in one vector, JSON",
            lambda v: [NAN] + v[1:], "component 0 is not a number"),
    useless("null in a vector", "a null in one vector",
            lambda v: v[:7] + [None] + v[8:], "component 7 is not a number"),
    useless("string in a vector", "'0.1' in one vector",
            lambda v: ["0.1"] + v[1:], "component 0 is not a number"),
    useless("huge number", "1e39 in one vector",
            lambda v: [1e39] + v[1:], "component 0 is not finite"),
    useless("zero vector", "zeros for one text", lambda v: [0.0] * len(v),
            "its length is 0"),
    useless("no vector", "'embedding': null for one text", lambda v: None,
            "neither an array nor base64"),
    useless("cut base64", "base64 of 1,535 bytes for one text",
            lambda v: base64.b64encode(base64.b64decode(
                to_base64(v))[:-1]).decode(), "multiple of 4"),
]

UNREADABLE = [
    unreadable("malformed JSON", "JSON that ends in }}",
               lambda good: Reply(body=good.body[:-40] + b"}}"),
               ("are not JSON",), lasts=True),
    unreadable("HTML page with 200", "200, a page for people",
               sent(200, PAGE, Content_Type="text/html"), ("not JSON",)),
    unreadable("empty body", "200 without a body", sent(200, b""),
               ("0 bytes that are not JSON",)),
    unreadable("error with 200", "200, {'error': 'no such route'}",
               sent(200, {"error": "no such route"}), ("no such route",)),
    unreadable("empty data", "200, {'data': []}", sent(200, {"data": []}),
               ("without vectors",)),
    unreadable("too few vectors", "one vector less than texts",
               lambda good: good.with_data(good.json["data"][:-1]),
               (" vectors for ",), count=2, lasts=True,
               ends="so it did again"),
    unreadable("too many vectors", "one vector more than texts",
               lambda good: good.with_data(
                   good.json["data"] + good.json["data"][:1]),
               (" vectors for ",), count=2),
    unreadable("index twice", "the index 0 twice",
               lambda good: good.with_indexes(lambda i: max(0, i - 1)),
               ("the index 0 twice",), count=1),
    unreadable("index too large", "indexes from 1",
               lambda good: good.with_indexes(lambda i: i + 1),
               ("an index of ",), count=1),
    unreadable("index missing once", "one item without an index",
               lambda good: good.with_indexes(lambda i: i if i else None),
               ("without an index",), count=1),
]

BROKEN = [
    broken("closed before the reply", "not a byte of reply", "silent",
           words=("did not answer",), lasts=True),
    broken("reset before the reply", "a reset instead of a reply", "reset",
           words=("did not answer",)),
    broken("reset in the upload", "a reset after half of the request",
           "reset upload", words=("did not answer",)),
    broken("cut in the body", "half of the body, with Content-Length", "cut",
           words=("answered 200: ",), lasts=True),
    broken("cut in a chunk", "half of the body, chunked", "cut chunk",
           words=("answered 200: ",)),
    broken("cut until close", "half of the body, framed by the close",
           "cut until close", words=("answered 200: ",)),
    broken("reset in the body", "half of the body, then a reset",
           "reset in body", words=("answered 200: ",)),
    broken("broken gzip", "gzip that is none", "whole",
           reply=lambda good: Reply(body=b"\x1f\x8b\x08 not gzip",
                                    headers={"Content-Encoding": "gzip"}),
           words=("answered 200: ",)),
    broken("hang", "nothing, for 30 s", "hang", count=1, lasts=True,
           timeout=1, words=("did not answer",),
           ends="it was too slow twice"),
    broken("drip", "a byte every 50 ms", "drip", count=1, timeout=1,
           words=("answered 200: ",), ends="it was too slow twice"),
    Fault("gzip bomb", "128 MiB of spaces as 130 kB of gzip", STOPS,
          lambda good: Reply(body=gzip_bomb(),
                             headers={"Content-Encoding": "gzip"}),
          words=("the reply is longer than ", "url")),
    Fault("endless reply", "a chunked body without an end", STOPS,
          way="endless", words=("the reply is longer than ", "url")),
    Fault("endless headers", "headers without an end", STOPS,
          way="endless headers", words=("embedding provider",)),
    Fault("no HTTP", "a greeting of another protocol", STOPS, way="no HTTP",
          words=("did not answer", "url")),
    Fault("nobody listens", "refuses the connection", RETRIES, server="closed",
          words=("did not answer",)),
    Fault("untrusted certificate", "TLS, certified by itself", STOPS,
          server="tls", words=("did not answer", "certificate", "ca_file")),
]

TAKEN = [
    taken("reordered vectors", "the vectors in reverse, with their indexes",
          lambda good: good.with_data(good.json["data"][::-1])),
    taken("no index", "no indexes",
          lambda good: good.with_indexes(lambda i: None)),
    taken("arrays", "JSON arrays where base64 was asked for",
          lambda good: good.with_vectors(lambda v: v)),
    taken("long vectors", "vectors three times as long",
          lambda good: good.with_vectors(
              lambda v: to_base64([3 * x for x in v]))),
    taken("wrong content type", "JSON as text/plain",
          lambda good: Reply(body=good.body,
                             headers={"Content-Type": "text/plain"})),
    taken("closed after the reply", "a close of the idle connection",
          way="close after"),
    Fault("no base64", "400, 'encoding_format is not supported'", RETRIES,
          error(400, "encoding_format is not supported"), count=1,
          words=("encoding_format",)),
]

FAULTS = (RATE_LIMITS + PASSING + REFUSALS + TOO_LARGE + BLAMED_TEXTS +
          UNREADABLE + BROKEN + TAKEN)
BY_NAME = {fault.name: fault for fault in FAULTS}
assert len(BY_NAME) == len(FAULTS), "each fault has a name of its own"
