"""The id of a record: the same at every reading, so that an alert delivered twice is recognised.

``uuid5(NAMESPACE, "<topic>/<partition>/<offset>")`` of RFC 9562, which anyone can compute from a record's position.
Of a record in a message that holds several, its place there, from 0, comes after another ``/``.
"""

from __future__ import annotations

import hashlib
from itertools import repeat
from uuid import NAMESPACE_URL, uuid5

import numpy as np
from numpy.typing import NDArray

NAMESPACE = uuid5(NAMESPACE_URL, "urn:oddflow:record")
"""Fixed for good; another one would make every alert a new one."""


def record_id(topic: str, partition: int, offset: int, part: int = -1) -> str:
    """The id of one record; ``part`` is its place in its message, negative for a message by itself."""
    place = f"{topic}/{partition}/{offset}"
    return str(uuid5(NAMESPACE, place if part < 0 else f"{place}/{part}"))


def record_ids(
    topic: str,
    partitions: NDArray[np.int32],
    offsets: NDArray[np.int64],
    parts: NDArray[np.int32] | None = None,
) -> list[str]:
    """The ids of records, shape (rows,), in the usual text form; about 1 µs each.

    ``parts`` are the records' places in their messages, negative for a message by itself; None: all are.
    """
    start = hashlib.sha1(NAMESPACE.bytes + f"{topic}/".encode(), usedforsecurity=False)
    digests = bytearray()
    places = repeat(-1, len(offsets)) if parts is None else parts.tolist()
    for partition, offset, part in zip(partitions.tolist(), offsets.tolist(), places, strict=True):
        hashed = start.copy()
        hashed.update(b"%d/%d" % (partition, offset) if part < 0 else b"%d/%d/%d" % (partition, offset, part))
        digests += hashed.digest()[:16]
    digests[6::16] = bytes(each & 0x0F | 0x50 for each in digests[6::16])  # the version, 5
    digests[8::16] = bytes(each & 0x3F | 0x80 for each in digests[8::16])  # the variant
    text = digests.hex()
    return [
        f"{text[at : at + 8]}-{text[at + 8 : at + 12]}-{text[at + 12 : at + 16]}-{text[at + 16 : at + 20]}"
        f"-{text[at + 20 : at + 32]}"
        for at in range(0, len(text), 32)
    ]
