"""The id of a record: the same at every reading, so that an alert delivered twice is recognised.

``uuid5(NAMESPACE, "<topic>/<partition>/<offset>")`` of RFC 9562, which anyone can compute from a record's position.
"""

from __future__ import annotations

import hashlib
from uuid import NAMESPACE_URL, uuid5

import numpy as np
from numpy.typing import NDArray

NAMESPACE = uuid5(NAMESPACE_URL, "urn:oddflow:record")
"""Fixed for good; another one would make every alert a new one."""


def record_ids(topic: str, partitions: NDArray[np.int32], offsets: NDArray[np.int64]) -> list[str]:
    """The ids of records, shape (rows,), in the usual text form; about 1 µs each."""
    start = hashlib.sha1(NAMESPACE.bytes + f"{topic}/".encode(), usedforsecurity=False)
    digests = bytearray()
    for partition, offset in zip(partitions.tolist(), offsets.tolist(), strict=True):
        hashed = start.copy()
        hashed.update(b"%d/%d" % (partition, offset))
        digests += hashed.digest()[:16]
    digests[6::16] = bytes(each & 0x0F | 0x50 for each in digests[6::16])  # the version, 5
    digests[8::16] = bytes(each & 0x3F | 0x80 for each in digests[8::16])  # the variant
    text = digests.hex()
    return [
        f"{text[at : at + 8]}-{text[at + 8 : at + 12]}-{text[at + 12 : at + 16]}-{text[at + 16 : at + 20]}"
        f"-{text[at + 20 : at + 32]}"
        for at in range(0, len(text), 32)
    ]
