"""The canonical flow record: one schema, in the words of Zeek's conn log and of IPFIX.

Every format decodes into a :class:`FlowBatch` of this schema; everything behind it knows no other. A column that a
format does not carry is null throughout; ``ts``, ``src_ip``, ``dst_ip`` and ``proto`` are never null.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the canonical record."""

    name: str
    dtype: pl.DataType
    unit: str
    meaning: str


DIRECTIONS = ("external", "outbound", "inbound", "internal")
"""By number: 1 where the source is inside, and 2 where the destination is; wherever a direction is told."""

COLUMNS: tuple[Column, ...] = (
    Column("uid", pl.String(), "", "the source's own id of the flow, such as Zeek's uid"),
    Column("ts", pl.Float64(), "s since 1970 UTC", "start of the flow"),
    Column("duration_s", pl.Float64(), "s", "first to last packet; null where the source could not tell"),
    Column("src_ip", pl.String(), "", "the originator's address, IPv4 or IPv6, as text"),
    Column("src_port", pl.Int32(), "", "the originator's port; for ICMP the type, as Zeek has it"),
    Column("dst_ip", pl.String(), "", "the responder's address"),
    Column("dst_port", pl.Int32(), "", "the responder's port; for ICMP the code"),
    Column("proto", pl.String(), "", "transport protocol in lower case: tcp, udp, icmp …"),
    Column("service", pl.String(), "", "application protocol in lower case: dns, ssl …"),
    Column("state", pl.String(), "", "how the connection went, in Zeek's words where they fit: SF, S0, REJ …"),
    Column("src_bytes", pl.Int64(), "bytes", "sent by the originator"),
    Column("dst_bytes", pl.Int64(), "bytes", "sent by the responder"),
    Column("src_packets", pl.Int64(), "packets", "sent by the originator"),
    Column("dst_packets", pl.Int64(), "packets", "sent by the responder"),
    Column(
        "direction",
        pl.String(),
        "",
        "outbound, inbound, internal or external, where the sensor tells",
    ),
)

SCHEMA: dict[str, pl.DataType] = {column.name: column.dtype for column in COLUMNS}

LABEL = "label"
"""Column with the truth, only where a decoder was asked for it: ``benign`` or the attack's name; null if unknown."""

BENIGN = "benign"

ROW = "row"
"""Column with each flow's place (UInt32, ascending) in the list of values that was decoded."""

PART = "part"
"""Column (Int32) with each flow's place in its value, from 0, or :data:`NO_PART`; absent where no value held several
records."""

NO_PART = -1
"""The place of a record that is a value by itself."""


OTHER_LOG = "other_log"
"""Kind under which records are passed over that a sensor's other logs hold, which have no flows."""


class RejectReason(StrEnum):
    """Why a record cannot be used: the whole list, so that it can be a metric's label."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    FIELD_COUNT = "field_count"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    BAD_TIMESTAMP = "bad_timestamp"
    BAD_ADDRESS = "bad_address"
    BAD_PROTOCOL = "bad_protocol"
    BAD_PORT = "bad_port"
    BAD_COUNT = "bad_count"
    BAD_ENCODING = "bad_encoding"
    BAD_SCHEMA = "bad_schema"


class Reject(NamedTuple):
    """One record that cannot be used: its place among the values, the reason, and a detail naming the field.

    A tuple, since a broken exporter makes one of every record that it sends.
    """

    row: int
    reason: RejectReason
    detail: str
    part: int = NO_PART
    """Its place in the value, where that holds several records."""


@dataclass(frozen=True, slots=True)
class FlowBatch:
    """What became of a list of values: each record is a flow, a reject, or passed over (such as a header line).

    ``frame`` has the columns of :data:`SCHEMA`, then :data:`ROW`, then :data:`LABEL` if asked for, then :data:`PART` if
    any value held several records. ``records`` is the number of values, or more where some hold several.
    """

    frame: pl.DataFrame
    rejects: list[Reject] = field(default_factory=list)
    passed_over: dict[str, int] = field(default_factory=dict)

    @property
    def rows(self) -> NDArray[np.uint32]:
        """The place of each flow among the values, ascending."""
        return self.frame[ROW].to_numpy()

    @property
    def parts(self) -> NDArray[np.int32] | None:
        """The place of each flow in its value, or :data:`NO_PART`; None where no value held several records."""
        return self.frame[PART].to_numpy() if PART in self.frame.columns else None

    @property
    def records(self) -> int:
        """How many records there were."""
        return len(self.frame) + len(self.rejects) + sum(self.passed_over.values())


class Decoder(Protocol):
    """Turns raw values into flows. May remember header lines, per stream (a partition or a file)."""

    def decode(self, values: Sequence[bytes | None], streams: NDArray[np.int32] | None = None) -> FlowBatch:
        """Decode ``values`` in order; never raises for what is in them.

        ``streams[i]`` is the stream that value ``i`` came by; None means that all came by one.
        """
        ...
