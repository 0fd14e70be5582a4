"""The incidents that a process told last, for whoever asks it: their documents, the latest of each, within two bounds.

Documents are put by one thread and read by another.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from detector.casebook.latest import Named

MOST = 1_000
"""Incidents that are kept."""

MOST_BYTES = 8 << 20
"""Of all documents together: with many large ones, fewer are kept."""


class Recent:
    """Documents by the incident's id, the one that was told last at the end."""

    def __init__(self, most: int = MOST, most_bytes: int = MOST_BYTES, named: Named = lambda told: told) -> None:
        self.named = named
        """What gives those that several partitions told their kind."""
        self._most = most
        self._most_bytes = most_bytes
        self._documents: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()
        self.version = 0
        """Rises with each document."""

    def put(self, incident: str, document: bytes) -> None:
        """Keep an incident's latest document; those that were told longest ago make room."""
        with self._lock:
            self._bytes += len(document) - len(self._documents.pop(incident, b""))
            self._documents[incident] = document
            while len(self._documents) > self._most or self._bytes > self._most_bytes:
                self._bytes -= len(self._documents.popitem(last=False)[1])
            self.version += 1

    def documents(self) -> list[bytes]:
        """All that are kept, told longest ago first."""
        with self._lock:
            return list(self._documents.values())

    def document(self, incident: str) -> bytes | None:
        """One incident's, by its whole id."""
        with self._lock:
            return self._documents.get(incident)
