"""A record that cannot be used, as it goes to the dead letters: nothing of it changed, and headers that tell why.

A message that holds several records goes there once, whole, if any of them cannot be used: headers then tell how many,
and of the first its place in the message.
Headers of an earlier trip through the dead letters are replaced, so that a record that was sent in again and failed
again tells of the last failure alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

from detector.records.flow import NO_PART, Reject
from detector.transport.base import OutRecord, RawBatch

PREFIX = "oddflow.error."

STAGE = "decode"
"""Rejects come from decoding; nothing later refuses a record."""

MAX_DETAIL_BYTES = 500
"""Headers count towards the size of a message: a detail that quotes a huge field must not make it too large."""


def dead_letters(raw: RawBatch, rejects: Sequence[Reject]) -> list[OutRecord]:
    """Send on the messages of ``raw`` that have rejects, each with its bytes, key and headers, where it was and why.

    ``rejects`` are in order of messages.
    """
    messages = [(found[0], len(found)) for found in (list(group) for _, group in groupby(rejects, itemgetter(0)))]
    rows = [first.row for first, _ in messages]
    places = zip(raw.partitions[rows].tolist(), raw.offsets[rows].tolist(), strict=True)
    reasons = {reason: (PREFIX + "reason", reason.value.encode()) for reason in {reject.reason for reject in rejects}}
    stage, topic = (PREFIX + "stage", STAGE.encode()), (PREFIX + "topic", _bounded(raw.topic))
    letters: list[OutRecord] = []
    # It may be every record of a batch: what many of them share is made once.
    for ((row, reason, detail, part), count), (partition, offset) in zip(messages, places, strict=True):
        envelope = raw.envelope(row)
        kept = [header for header in envelope.headers if not header[0].startswith(PREFIX)] if envelope.headers else ()
        told = (PREFIX + "detail", _bounded(detail)), stage, topic
        place = (PREFIX + "partition", b"%d" % partition), (PREFIX + "offset", b"%d" % offset)
        within = () if part == NO_PART else ((PREFIX + "part", b"%d" % part), (PREFIX + "records", b"%d" % count))
        headers = [*kept, reasons[reason], *told, *place, *within]
        letters.append(OutRecord(raw.values[row], envelope.key, headers))
    return letters


def _bounded(text: str) -> bytes:
    """UTF-8 within the bound, no character cut in half."""
    whole = text.encode(errors="replace")
    return whole if len(whole) <= MAX_DETAIL_BYTES else whole[:MAX_DETAIL_BYTES].decode(errors="ignore").encode()
