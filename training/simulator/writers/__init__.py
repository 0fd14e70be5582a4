"""Writers: canonical frames → lines as the real tools write them. One module and one row of :data:`WRITERS` each."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Protocol

import polars as pl

from detector.errors import ConfigurationError
from training.simulator.writers import zeek_json


class Lines(Protocol):
    """Gives one line per flow of ``frame``, without newline; ``labels`` adds the truth."""

    def __call__(self, frame: pl.DataFrame, *, labels: bool = False) -> pl.Series:
        """Write the flows."""
        ...


@dataclass(frozen=True, slots=True)
class Writer:
    """One format that traffic can be written in."""

    name: str
    meaning: str
    lines: Lines


WRITERS: dict[str, Writer] = {
    writer.name: writer for writer in (Writer("zeek-json", "Zeek conn log, JSON lines", zeek_json.lines),)
}
"""Every format by its name, which is also the decoder's."""


def writer_named(name: str) -> Writer:
    """The writer of a format. Raises ConfigurationError, naming the nearest, if there is none."""
    if name in WRITERS:
        return WRITERS[name]
    near = get_close_matches(name, WRITERS, 1)
    hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(WRITERS)}"
    raise ConfigurationError(f"simulating in format {name!r}: there is no such format; {hint}")
