"""A record that cannot be used, as it goes to the dead letters: nothing of it changed, and headers that tell why.

Headers of an earlier trip through the dead letters are replaced, so that a record that was sent in again and failed
again tells of the last failure alone.
"""

from __future__ import annotations

from detector.records.flow import Reject
from detector.transport.base import OutRecord, RawBatch

PREFIX = "oddflow.error."

STAGE = "decode"
"""Rejects come from decoding; nothing later refuses a record."""

MAX_DETAIL_BYTES = 500
"""Headers count towards the size of a message: a detail that quotes a huge field must not make it too large."""


def dead_letter(raw: RawBatch, reject: Reject) -> OutRecord:
    """Send on row ``reject.row`` of ``raw`` with its bytes, key and headers, and where it was and why it is here."""
    row = reject.row
    envelope = raw.envelope(row)
    told = {
        "reason": reject.reason.value,
        "detail": reject.detail,
        "stage": STAGE,
        "topic": raw.topic,
        "partition": str(int(raw.partitions[row])),
        "offset": str(int(raw.offsets[row])),
    }
    kept = [(name, value) for name, value in envelope.headers if not name.startswith(PREFIX)]
    added = [(PREFIX + name, _bounded(text)) for name, text in told.items()]
    return OutRecord(raw.values[row], key=envelope.key, headers=[*kept, *added])


def _bounded(text: str) -> bytes:
    """UTF-8 within the bound, no character cut in half."""
    return text.encode(errors="replace")[:MAX_DETAIL_BYTES].decode(errors="ignore").encode()
