"""What msgspec knows of a kind of document, made by one thread at a time.

A kind's first document has msgspec read the kind's annotations, which runs Python, so that other threads may go on
meanwhile; and what it has made so far is already there for them to use. A second thread that reads its first document
of that kind then ends the process (msgspec 0.22: a null pointer for a field's type). Where two notifiers met the first
incident within a millisecond that came to pass.
"""

from __future__ import annotations

from threading import Lock
from typing import TypeVar

import msgspec

Kind = TypeVar("Kind")

_lock = Lock()
_resolved = set[object]()


def resolved(kind: type[Kind]) -> type[Kind]:
    """Give ``kind``, for ``type=`` of a decoder, once msgspec has read what it is made of. Any thread may ask."""
    if kind not in _resolved:
        with _lock:
            msgspec.json.Decoder(kind)
            _resolved.add(kind)
    return kind
