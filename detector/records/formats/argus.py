"""Argus bidirectional flows as ``ra`` writes them with commas or tabs: binetflow, as in the captures of CTU.

Columns are known by the titles that ``ra`` prints (``SrcAddr``) and by its own names of fields (``saddr``, as ``-s``
takes them; ra(1)), which BoT-IoT has, with ``attack`` and ``category``.

Times have no zone and are taken for UTC. Argus's own management records are passed over; flows between hardware
addresses (LLC and the like) are rejected for their addresses. The ends stay as Argus ordered them, whatever ``Dir`` is.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.net.protocols import name_argus_protocol
from detector.net.states import FIN, RST, SYN, name_exchanges, name_tcp_states, pick
from detector.records.decoder import Options, RecordDecoder
from detector.records.flow import BENIGN, LABEL, RejectReason
from detector.records.formats.suricata import lengths
from detector.records.labels import name_label
from detector.records.sheet import Sheet
from detector.records.syntax.headers import HEADER_STARTS, name_line
from detector.records.syntax.keywords import ABSENT, build_keywords, match_keywords
from detector.records.syntax.spans import Kind, Spans
from detector.records.syntax.split_spans import Dialect, Layout, SplitReader

MANAGEMENT = "management"
"""Kind under which Argus's records about itself are passed over."""

WANTED: dict[str, tuple[str, ...]] = {
    "StartTime": ("stime",),
    "Dur": ("duration",),
    "Proto": (),
    "SrcAddr": ("saddr",),
    "Sport": (),
    "DstAddr": ("daddr",),
    "Dport": (),
    "State": (),
    "TotPkts": ("pkts",),
    "TotBytes": ("bytes",),
    "SrcBytes": ("sbytes",),
    "SrcPkts": ("spkts",),
    "DstBytes": ("dbytes",),
    "DstPkts": ("dpkts",),
    "LastTime": ("ltime",),
    "Label": (),
    "attack": (),
    "category": (),
}
SOURCES = {
    "ts": "`StartTime`",
    "duration_s": "`Dur`, else `LastTime` − start",
    "src_ip": "`SrcAddr`",
    "src_port": "`Sport`, in digits or as `0x…`",
    "dst_ip": "`DstAddr`",
    "dst_port": "`Dport`, likewise",
    "proto": "`Proto`",
    "state": "`State`: flags of both sides, or a word",
    "src_bytes": "`SrcBytes`",
    "dst_bytes": "`DstBytes`, else `TotBytes` less the source's",
    "src_packets": "`SrcPkts`",
    "dst_packets": "`DstPkts`, else `TotPkts` less the source's",
    "label": "`Label`, else `attack` and `category`",
}
"""What each canonical column is made of, for the page about formats."""

PASSED_OVER = {"header": "lines that name columns", "management": "records of Argus about itself: `Proto` is `man`"}

_TITLES = ("starttime", "srcaddr", "dstaddr", "proto")
_FIELDS = ("stime", "saddr", "daddr", "proto")
_COLUMNS = [
    "StartTime",
    "Dur",
    "Proto",
    "SrcAddr",
    "Sport",
    "Dir",
    "DstAddr",
    "Dport",
    "State",
    "sTos",
    "dTos",
    "TotPkts",
    "TotBytes",
    "SrcBytes",
]
_KNOWN = tuple(
    Layout((*_COLUMNS, *last), separator) for separator in ",\t" for last in (("Label",), ("SrcPkts", "Label"))
)
_PROTO = list(WANTED).index("Proto")
_MAN = build_keywords({(0, "man"): (0, ABSENT)})

_WORDS = {
    "con": "SF", "fin": "SF", "clo": "SF", "acc": "S1", "req": "S0", "int": "S0", "rst": "RSTO", "tim": "OTH",
    "eco": "S0", "ecr": "SF", "urp": "REJ", "urh": "REJ", "urn": "REJ", "urf": "REJ", "par": "OTH", "tst": "OTH",
}  # fmt: skip
"""Argus's words for states, in Zeek's nearest (ra(1)); unreachable is what Zeek calls rejected."""

_LETTERS = {"f": FIN, "s": SYN, "r": RST}
_PEACEFUL = ("background", "normal", "benign", "legitimate", "tcp-established", "udp-established")


def open_argus(options: Options) -> RecordDecoder:
    """A decoder of binetflow; labels from ``Label``, such as ``flow=From-Botnet-V42`` or ``flow=Background``."""
    dialect = Dialect(
        wanted=WANTED,
        header_starts=HEADER_STARTS,
        read_header=name_line(",\t", _TITLES, _FIELDS),
        known=_KNOWN,
        quoted=True,
        required=("StartTime", "SrcAddr", "DstAddr", "Proto"),
    )
    return RecordDecoder(options, SplitReader(dialect, options.columns), map_argus, choose_flows)


def choose_flows(spans: Spans) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """All but management records."""
    kinds = spans.kinds[_PROTO]
    codes = match_keywords(*_MAN, spans.data, spans.begins[_PROTO], spans.ends[_PROTO], kinds)
    others: NDArray[np.bool_] = (kinds == Kind.TEXT) & (codes >= 0)
    count = int(others.sum())
    return ~others, {MANAGEMENT: count} if count else {}


def map_argus(sheet: Sheet, labels: bool) -> dict[str, pl.Series]:
    """The canonical columns of bidirectional flows."""
    start = sheet.times("StartTime")
    columns = {
        "ts": start,
        "src_ip": sheet.addresses("SrcAddr"),
        "dst_ip": sheet.addresses("DstAddr"),
        "proto": sheet.protocols("Proto", name_argus_protocol),
        "src_port": sheet.ports("Sport"),
        "dst_port": sheet.ports("Dport"),
        "duration_s": sheet.seconds("Dur"),
        "src_bytes": sheet.counts("SrcBytes"),
        "dst_bytes": _other_side(sheet, "TotBytes", "SrcBytes", "DstBytes"),
        "src_packets": sheet.counts("SrcPkts"),
        "dst_packets": _other_side(sheet, "TotPkts", "SrcPkts", "DstPkts"),
    }
    if sheet.present("LastTime").any():
        last = sheet.times("LastTime", required=False)
        columns["duration_s"] = columns["duration_s"].fill_null(lengths(start, last))
    columns["state"] = name_argus_states(sheet, "State", columns)
    if labels:
        columns[LABEL] = sheet.words("Label", _name_label).fill_null(_labels(sheet))
    return columns


def _labels(sheet: Sheet) -> pl.Series:
    """BoT-IoT's: ``attack`` is 0 or 1, ``category`` names it."""
    said = sheet.words("attack", {"0": BENIGN, "1": "attack"}.get)
    attack = (said == "attack").fill_null(value=False)
    return pick(attack, sheet.words("category", name_label).fill_null("attack"), said)


def _other_side(sheet: Sheet, total: str, source: str, destination: str) -> pl.Series:
    """What the destination sent: as said, else the total less the source's part."""
    rest = sheet.counts(total) - sheet.counts(source)
    sheet.blame(source, (rest < 0).fill_null(value=False).to_numpy(), RejectReason.BAD_COUNT, f"is more than {total}")
    return sheet.counts(destination).fill_null(rest)


def name_argus_states(sheet: Sheet, name: str, columns: dict[str, pl.Series]) -> pl.Series:
    """Zeek's words for Argus's states: flags of both sides as ``FSPA_FSRPA``, a word, or who sent packets."""
    src_flags = sheet.words(name, lambda word: _read_flags(word, 0)).cast(pl.Int64).fill_null(-1).to_numpy()
    dst_flags = sheet.words(name, lambda word: _read_flags(word, 1)).cast(pl.Int64).fill_null(-1).to_numpy()
    by_word = sheet.words(name, lambda word: _WORDS.get(word.lower(), None if "_" in word else "OTH"))
    by_packets = name_exchanges(columns["src_packets"], columns["dst_packets"])
    connected = columns["proto"].is_in(["tcp", "sctp"]).fill_null(value=False)
    refused = (by_word == "REJ").fill_null(value=False)
    by_flags = name_tcp_states(src_flags, dst_flags).fill_null(by_word)
    return pick(connected | refused, by_flags, by_packets.fill_null(by_word))


def _read_flags(word: str, side: int) -> str | None:
    sides = word.lower().split("_")
    if len(sides) != 2:
        return None
    return str(sum(bit for letter, bit in _LETTERS.items() if letter in sides[side]))


def _name_label(word: str) -> str | None:
    name = name_label(word.removeprefix("flow="))
    if name is None:
        return None
    plain = name.lower().removeprefix("from-").removeprefix("to-")
    return BENIGN if plain.startswith(_PEACEFUL) else name
