# Copyright 2026 The Copse Authors.
# SPDX-License-Identifier: Apache-2.0
"""All peers by name, in the order of the table.

Their libraries are loaded by load() only: a process that measures one has
none of the others' threads and allocators.
"""

import importlib

from peer import Peer

_CLASSES = {
    "hnswlib": ("hnswlib", "peer_hnswlib", "Hnswlib"),
    "faiss-pq": ("faiss-cpu", "peer_faiss", "FaissPq"),
    "faiss-rabitq": ("faiss-cpu", "peer_faiss", "FaissRabitq"),
    "usearch": ("usearch", "peer_usearch", "Usearch"),
    "usearch-bf16": ("usearch", "peer_usearch", "UsearchBf16"),
    "voyager": ("voyager", "peer_voyager", "Voyager"),
    "annoy-10": ("annoy", "peer_annoy", "Annoy10"),
    "annoy-50": ("annoy", "peer_annoy", "Annoy50"),
}

PEER_NAMES = tuple(_CLASSES)
# The package that each comes from.
PACKAGES = {name: package for name, (package, _, _) in _CLASSES.items()}


def load(name: str) -> type[Peer]:
    """Returns the class of the peer. REQUIRES: name is in PEER_NAMES."""
    _, module, symbol = _CLASSES[name]
    return getattr(importlib.import_module(module), symbol)
