"""How a connection went, in the words of Zeek's ``conn_state``, from what other tools say of it.

Zeek's words and their meaning: https://docs.zeek.org/en/master/scripts/base/protocols/conn/main.zeek.html
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

FAILED_STATES = ("S0", "REJ", "RSTOS0", "RSTRH", "SH", "SHR")
"""Zeek's words for a connection that was tried and never stood."""

OTHER_STATES = ("SF", "S1", "S2", "S3", "RSTO", "RSTR", "OTH")
"""The rest of them: connections that stood, and what began before anyone looked."""

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
"""Bits of TCP's flags (RFC 9293)."""

_SIDE = 8  # flags FIN, SYN and RST of one side


def _name_both(src: int, dst: int) -> str:  # noqa: PLR0911 - a decision list
    """Zeek's word for what flags both sides sent in all."""
    if src & SYN and not dst & SYN:
        if dst & RST:
            return "REJ"
        if src & RST:
            return "RSTOS0"
        return "SH" if src & FIN else "S0"
    if dst & SYN and not src & SYN:
        return "RSTRH" if dst & RST else "SHR"
    if not src & SYN:
        return "OTH"
    if src & RST:
        return "RSTO"
    if dst & RST:
        return "RSTR"
    if src & FIN:
        return "SF" if dst & FIN else "S2"
    return "S3" if dst & FIN else "S1"


_BOTH = pl.Series([None, *(_name_both(src, dst) for src in range(_SIDE) for dst in range(_SIDE))], dtype=pl.String)


def name_tcp_states(src_flags: NDArray[np.int64], dst_flags: NDArray[np.int64]) -> pl.Series:
    """Words for TCP flows of which the flags of either side are known, all ORed; null where one is negative."""
    known = (src_flags >= 0) & (dst_flags >= 0)
    codes = np.where(known, 1 + (src_flags & 7) * _SIDE + (dst_flags & 7), 0)
    return _BOTH[codes]


def _name_one(flags: int) -> str | None:
    """Zeek's nearest word for the flags of one side alone, where the other side is a record of its own."""
    if flags & RST:
        return "RSTO"
    if flags & FIN:
        return "SF"
    if flags & SYN:
        return "S1" if flags & ACK else "S0"
    return "OTH" if flags else None


_ONE = pl.Series([None, *(_name_one(flags) for flags in range(32))], dtype=pl.String)


def name_half_states(flags: NDArray[np.int64]) -> pl.Series:
    """Words for one-sided TCP flows; null where the flags are negative or none."""
    return _ONE[np.where(flags >= 0, 1 + (flags & 31), 0)]


_ANSWERS = pl.Series([None, "S0", "SHR", "SF"], dtype=pl.String)


def name_exchanges(src_packets: pl.Series, dst_packets: pl.Series) -> pl.Series:
    """Zeek's words for protocols without connections, by which sides sent anything; null where that is unknown."""
    sent = (src_packets.fill_null(0) > 0).to_numpy()
    answered = (dst_packets.fill_null(0) > 0).to_numpy()
    known = (src_packets.is_not_null() & dst_packets.is_not_null()).to_numpy()
    return _ANSWERS[np.where(known, sent + 2 * answered, 0)]


def pick(mask: NDArray[np.bool_] | pl.Series, one: pl.Series, other: pl.Series) -> pl.Series:
    """``one`` where the mask is true, else ``other``."""
    return one.zip_with(pl.Series(mask), other)
