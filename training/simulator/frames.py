"""From numbers to the canonical record: :class:`Flows` → polars frame of SCHEMA, label and attack id."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.records.flow import BENIGN, DIRECTIONS, LABEL, SCHEMA
from training.simulator.addresses import inside, scramble, to_text
from training.simulator.flows import NO_ATTACK, STATES, Flows
from training.simulator.services import PROTOCOL, PROTOCOLS, SERVICES

ATTACK_ID = "attack_id"
"""Column with the attack instance that a flow belongs to, such as ``vertical-scan-2``; null for benign flows."""

FRAME_SCHEMA = {**SCHEMA, LABEL: pl.String(), ATTACK_ID: pl.String()}
"""Columns of every simulated frame."""

_DIRECTIONS = pl.Series(DIRECTIONS)
_WORDS = pl.Series([service.word for service in SERVICES], dtype=pl.String)
_ALPHABET = pl.Series(list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"))
_UID_BITS = 16


def to_frame(
    flows: Flows, attack_ids: Sequence[str], attack_kinds: Sequence[str], first_uid: int, seed: int
) -> pl.DataFrame:
    """Make the frame; ``flows.attack`` indexes ``attack_ids`` and ``attack_kinds``. Times are
    rounded to microseconds.
    """
    unknown = np.isnan(flows.duration)
    direction = inside(flows.src).astype(np.int8) + 2 * inside(flows.dst)
    attack = flows.attack + 1  # NO_ATTACK comes first
    assert NO_ATTACK == -1  # noqa: S101
    kinds = pl.Series([BENIGN, *attack_kinds], dtype=pl.String)
    ids = pl.Series([None, *attack_ids], dtype=pl.String)
    duration = pl.Series(np.round(flows.duration, 6), nan_to_null=True)
    columns = {
        "uid": uids(first_uid, len(flows), seed),
        "ts": pl.Series(np.round(flows.ts, 6)),
        "duration_s": duration,
        "src_ip": to_text(flows.src),
        "src_port": pl.Series(flows.src_port),
        "dst_ip": to_text(flows.dst),
        "dst_port": pl.Series(flows.dst_port),
        "proto": pl.Series(PROTOCOLS).gather(PROTOCOL[flows.service]),
        "service": _words(flows),
        "state": pl.Series(STATES).gather(flows.state),
        "src_bytes": _counts(flows.src_bytes, unknown),
        "dst_bytes": _counts(flows.dst_bytes, unknown),
        "src_packets": pl.Series(flows.src_packets),
        "dst_packets": pl.Series(flows.dst_packets),
        "direction": _DIRECTIONS.gather(direction),
        LABEL: kinds.gather(attack),
        ATTACK_ID: ids.gather(attack),
    }
    return pl.DataFrame(columns, schema=FRAME_SCHEMA)


def _words(flows: Flows) -> pl.Series:
    """The application, which a sensor can only tell from data."""
    spoken = pl.Series(flows.src_bytes + flows.dst_bytes > 0)
    return pl.select(pl.when(spoken).then(_WORDS.gather(flows.service))).to_series()


def _counts(values: NDArray[np.int64], unknown: NDArray[np.bool_]) -> pl.Series:
    return pl.select(pl.when(pl.Series(~unknown)).then(pl.Series(values))).to_series()


def _pieces(length: int) -> pl.Series:
    """65,536 different strings of base-62 digits, in an order that looks random (the factor is prime to 62)."""
    numbers = np.arange(1 << _UID_BITS, dtype=np.int64) * 2_654_435_761 % 62**length
    digits = [_ALPHABET.gather(numbers // 62**place % 62) for place in range(length)]
    return pl.select(pl.concat_str(digits)).to_series()


_HEAD, _MIDDLE, _TAIL = _pieces(6), _pieces(6), _pieces(5)


def uids(first: int, n: int, seed: int) -> pl.Series:
    """Ids like Zeek's, such as ``CHLXQF2OBY4onAR0Ug``, for the flows numbered ``first`` and on: none twice for a seed.

    The number is spread over 48 bits by an odd factor, which is one-to-one, and then spelt from three tables.
    """
    with np.errstate(over="ignore"):
        number = np.arange(first, first + n, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        number = (number ^ scramble(seed, 52)) & np.uint64(2**48 - 1)
    parts = [(number >> np.uint64(shift) & np.uint64(0xFFFF)).astype(np.uint32) for shift in (32, 16, 0)]
    tables = zip((_HEAD, _MIDDLE, _TAIL), parts, strict=True)
    return pl.select(pl.concat_str([pl.lit("C"), *(table.gather(part) for table, part in tables)])).to_series()
