"""Writers: canonical frames → lines as the real tools write them. One module and one row of :data:`WRITERS` each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Protocol

import polars as pl

from detector.errors import ConfigurationError
from training.simulator.writers import mapping, suricata, zeek_json, zeek_tsv
from training.simulator.writers.lines import Lines


class Write(Protocol):
    """Gives one line per flow of ``frame``; ``labels`` adds the truth."""

    def __call__(self, frame: pl.DataFrame, *, labels: bool = False) -> Lines:
        """Write the flows."""
        ...


class Header(Protocol):
    """Gives the lines before the first flow; ``start`` is its time."""

    def __call__(self, start: float, *, labels: bool = False) -> list[bytes]:
        """Write the header."""
        ...


@dataclass(frozen=True, slots=True)
class Writer:
    """One format that traffic can be written in."""

    name: str
    meaning: str
    write: Write
    header: Header = lambda start, *, labels=False: []  # noqa: ARG005
    footer: Callable[[float], list[bytes]] = lambda end: []  # noqa: ARG005
    """Lines behind the last flow, from its time."""


_ROWS = (
    Writer("zeek-json", "Zeek conn log, JSON lines", zeek_json.write),
    Writer("zeek-tsv", "Zeek conn log, tab-separated with a header", zeek_tsv.write, zeek_tsv.header, zeek_tsv.footer),
    Writer("suricata", "Suricata EVE, flow events", suricata.write),
    Writer("suricata-mixed", "Suricata EVE, flow events among some of other types", suricata.write_mixed),
    Writer("mapping", "JSON for the format mapping, flat", mapping.write_flat),
    Writer("mapping-nested", "JSON for the format mapping, nested", mapping.write_nested),
)

WRITERS: dict[str, Writer] = {row.name: row for row in _ROWS}
"""Every format by its name: the decoder's, where ``suricata-mixed`` is ``suricata``, ``mapping-nested`` ``mapping``."""


def writer_named(name: str) -> Writer:
    """The writer of a format. Raises ConfigurationError, naming the nearest, if there is none."""
    if name == "zeek":  # the decoder's name for either of the two
        name = "zeek-json"
    if name in WRITERS:
        return WRITERS[name]
    near = get_close_matches(name, WRITERS, 1)
    hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(WRITERS)}"
    raise ConfigurationError(f"simulating in format {name!r}: there is no such format; {hint}")
