"""Which format records are in, by trying: for messages about an input that the format which was set does not fit.

Every format reads a sample, as it is and out of the usual envelopes; the one that finds the most flows in it is named.
Slow (it opens every decoder), so only for when there is nothing better to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from detector.records.every_format import FORMATS, open_decoder

SAMPLE_VALUES = 500
SAMPLE_BYTES = 1 << 20

ENVELOPES = ("", "message", "json", "log", "conn", "records", "logEvents.message", "@cee:", "message.@cee:")
"""Paths that are tried, the first being none."""

_NEVER = frozenset({"mapping", "zeek-json", "zeek-tsv"})
"""Formats that are not guessed: one that has no fields of its own, and those that ``zeek`` reads as well."""


class Sample:
    """The first values of an input, as long as there is no flow among them."""

    def __init__(self) -> None:
        self.values: list[bytes] = []
        self._bytes = 0

    def add(self, values: Sequence[bytes | None]) -> None:
        """Keep some of these, within the bounds."""
        for value in values[: SAMPLE_VALUES - len(self.values)]:
            if value and self._bytes + len(value) <= SAMPLE_BYTES:
                self.values.append(value)
                self._bytes += len(value)

    def hint(self, chosen: str) -> str | None:
        """What it looks like, in words with the flags to set, if not like the format ``chosen``."""
        found = guess(self.values, chosen)
        if found is None:
            return None
        name, unpack = found
        flags = f"--format {name}" + (f" --unpack {unpack}" if unpack else "")
        return f"this looks like {name}{f' in {unpack}' if unpack else ''}: {flags}"


def guess(values: Sequence[bytes], chosen: str) -> tuple[str, str] | None:
    """The format and the path to the record (empty for none) that most values are flows by; None where half are not.

    ``chosen`` alone, by which they are known to be none, is not tried.
    """
    best, most = None, 0
    for name, unpack in _candidates(chosen):
        batch = open_decoder(name, unpack=[unpack] if unpack else ()).decode(values)
        flows = len(batch.frame)
        if flows > max(most, len(batch.rejects)):
            best, most = (name, unpack), flows
    return best


def _candidates(chosen: str) -> Iterator[tuple[str, str]]:
    """Those that are likely first: of equals, the first wins."""
    names = [name for name in FORMATS if name not in _NEVER]
    for unpack in ENVELOPES:
        yield from ((name, unpack) for name in names if unpack or name != chosen)
