# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""What the embedding APIs of the crash tests answer."""

import json


def send_embeddings(handler, vectors, token_count):
    """Answers a request of an http.server handler as OpenAI does; a daemon that
    was killed meanwhile does not hear it."""
    data = [{"index": number, "embedding": vector}
            for number, vector in enumerate(vectors)]
    reply = json.dumps({"data": data, "usage": {
        "prompt_tokens": token_count, "total_tokens": token_count}}).encode()
    try:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(reply)))
        handler.end_headers()
        handler.wfile.write(reply)
    except OSError:
        pass  # The daemon is gone.
