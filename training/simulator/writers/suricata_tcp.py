"""The part ``tcp`` of Suricata's flow events: the flags that were seen each way, and the state."""

from __future__ import annotations

import json

import polars as pl

from training.simulator.flows import STATES

_FIN, _SYN, _RST, _PSH, _ACK = 0x01, 0x02, 0x04, 0x08, 0x10
_NAMES = {"syn": _SYN, "fin": _FIN, "rst": _RST, "psh": _PSH, "ack": _ACK}

# By Zeek's state: flags from the originator, flags from the responder, Suricata's state (None: it had no session).
_FLAGS: dict[str, tuple[int, int, str | None]] = {
    "SF": (_SYN | _ACK | _FIN, _SYN | _ACK | _FIN, "closed"),
    "S0": (_SYN, 0, "syn_sent"),
    "REJ": (_SYN, _RST | _ACK, "closed"),
    "RSTO": (_SYN | _ACK | _RST, _SYN | _ACK, "closed"),
    "RSTR": (_SYN | _ACK, _SYN | _ACK | _RST, "closed"),
    "S1": (_SYN | _ACK, _SYN | _ACK, "established"),
    "S2": (_SYN | _ACK | _FIN, _SYN | _ACK, "close_wait"),
    "S3": (_SYN | _ACK, _SYN | _ACK | _FIN, "fin_wait1"),
    "SH": (_SYN | _FIN, 0, "syn_sent"),
    "SHR": (0, _SYN | _ACK | _FIN, None),
    "OTH": (_ACK, _ACK, None),
    "RSTOS0": (_SYN | _RST, 0, "closed"),
    "RSTRH": (0, _SYN | _ACK | _RST, None),
}


def _part(state: str, carried: bool) -> str:
    up, down, word = _FLAGS[state]
    if carried:  # data is pushed
        up |= _PSH if up else 0
        down |= _PSH if down else 0
    union = up | down
    part: dict[str, object] = {"tcp_flags": f"{union:02x}", "tcp_flags_ts": f"{up:02x}", "tcp_flags_tc": f"{down:02x}"}
    part.update({name: True for name, bit in _NAMES.items() if union & bit})
    if word:
        part["state"] = word
    return json.dumps(part, separators=(",", ":"))


_PARTS = pl.Series([_part(state, carried) for state in STATES for carried in (False, True)])
_STATE = pl.Enum(STATES)


def tcp_part(frame: pl.DataFrame) -> pl.Series:
    """The object as text, by state and whether there was data; null for other protocols."""
    carried = (pl.col("src_bytes").fill_null(0) + pl.col("dst_bytes").fill_null(0) > 0).cast(pl.UInt32)
    state = pl.col("state").cast(_STATE, strict=False).to_physical().cast(pl.UInt32)
    place = frame.select(pl.when(pl.col("proto") == "tcp").then(state * 2 + carried)).to_series()
    return _PARTS.gather(place)
