"""Encoders: how common each category was in training, learnt from the rows that the model is trained on.

A category becomes its *surprise*, in decades: ``-log10((count + 1) / (total + 2))``. The commonest are near 0. A
category that training never showed has count 0, so it gets ``log10(total + 2)``: just above the rarest one seen. A
null is a category of its own, with its own count. So no value is ever missing or infinite.

Tables are bounded (:data:`MAX_CATEGORIES`); what is beyond counts as never seen, so its surprise is overestimated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.errors import BundleError
from detector.kernels.texts import text_of, whole_numbers
from detector.net.states import FAILED_STATES, OTHER_STATES
from detector.records.syntax.keywords import ABSENT, build_keywords, match_keywords

MAX_CATEGORIES = 1024
"""Per column: protocols, services and states number in the dozens; a hostile training file may hold more."""

MAX_CATEGORY_BYTES = 1 << 20

PORTS = 65536

KNOWN: dict[str, tuple[str, ...]] = {
    "proto": ("tcp", "udp", "sctp", "icmp"),
    "state": (*FAILED_STATES, *OTHER_STATES),
}
"""Categories whose codes are fixed, seen in training or not, because features give them a meaning."""

PORT_PROTOCOLS = 3
"""Codes below this in ``proto`` have ports; ICMP's type and code stand in the same columns and are none."""

FAILED = len(FAILED_STATES)
"""Codes below this in ``state`` are connections that were never established."""


def surprise(counts: NDArray[np.int64], total: int) -> NDArray[np.float32]:
    """Give the decades by which each count is rarer than always, smoothed so that 0 is finite."""
    decades: NDArray[np.float64] = -np.log10((counts + 1.0) / (total + 2.0))
    return decades.astype(np.float32)


class CategoryTable:
    """The categories of one text column: codes ``0…n-1``, then ``n`` for null and ``n + 1`` for never seen."""

    def __init__(self, values: tuple[str, ...], counts: NDArray[np.int64], total: int) -> None:
        self.values = values
        self.counts = counts
        """Shape (n + 1,): by value, then of null."""
        self.total = total
        self.surprise = surprise(np.append(counts, 0), total)
        self._words = build_keywords({(0, value): (code, ABSENT) for code, value in enumerate(values)})

    @classmethod
    def fit(cls, column: pl.Series) -> Self:
        """Count the categories of a String column; ties go by name, so that order of rows changes nothing."""
        known = KNOWN.get(column.name, ())
        found = dict(column.drop_nulls().value_counts().rows())
        others = sorted((value for value in found if value not in known), key=lambda value: (-found[value], value))
        values = known + _within_bounds(others[: MAX_CATEGORIES - len(known)])
        counts = [found.get(value, 0) for value in values] + [column.null_count()]
        return cls(values, np.array(counts, dtype=np.int64), len(column))

    def codes(self, column: pl.Series) -> NDArray[np.uint32]:
        """Encode a String column, shape (rows,)."""
        text, null = text_of(column), len(self.values)
        found = match_keywords(*self._words, text.data, text.offsets[:-1], text.offsets[1:], text.present)
        return np.where(found >= 0, found, np.where(text.present, null + 1, null)).astype(np.uint32)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The table as three arrays: the names' bytes one after another, where each begins, and the counts."""
        encoded = [value.encode() for value in self.values]
        return {
            "text": np.frombuffer(b"".join(encoded), dtype=np.uint8).copy(),
            "offsets": np.cumsum([0, *map(len, encoded)], dtype=np.int64),
            "counts": np.append(self.counts, self.total),
        }

    @classmethod
    def from_arrays(cls, name: str, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Restore the table of column ``name``; raises BundleError for anything out of bounds."""
        _check_parts(arrays, {"offsets", "text", "counts"}, name)
        offsets = _vector(arrays, "offsets", np.int64, name)
        text = _vector(arrays, "text", np.uint8, name)
        counts = _vector(arrays, "counts", np.int64, name)
        if not 1 <= len(offsets) <= MAX_CATEGORIES + 1 or len(counts) != len(offsets) + 1:
            raise _broken(name, f"{len(offsets)} offsets and {len(counts)} counts do not belong together")
        if offsets[0] != 0 or offsets[-1] != len(text) or bool(np.any(np.diff(offsets) < 0)):
            raise _broken(name, "the offsets do not divide the text")
        _check_counts(name, counts[:-1], int(counts[-1]))
        return cls(_split_text(name, text.tobytes(), offsets), counts[:-1].copy(), int(counts[-1]))


class PortTable:
    """How common each destination port was; flows without ports (ICMP) count as the port None."""

    def __init__(self, counts: NDArray[np.int64], total: int) -> None:
        self.counts = counts
        """Shape (65537,): by port, then of flows without one."""
        self.total = total
        self.surprise = surprise(counts, total)

    @classmethod
    def fit(cls, ports: NDArray[np.int64]) -> Self:
        """Count ``ports``, where :data:`PORTS` stands for none."""
        return cls(np.bincount(ports, minlength=PORTS + 1).astype(np.int64), len(ports))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The ports that were seen, their counts, and last the total."""
        seen = np.flatnonzero(self.counts)
        return {"ports": seen.astype(np.int64), "counts": np.append(self.counts[seen], self.total)}

    @classmethod
    def from_arrays(cls, name: str, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Restore it; raises BundleError for anything out of bounds."""
        _check_parts(arrays, {"ports", "counts"}, name)
        ports = _vector(arrays, "ports", np.int64, name)
        counts = _vector(arrays, "counts", np.int64, name)
        if len(counts) != len(ports) + 1:
            raise _broken(name, f"{len(ports)} ports and {len(counts)} counts do not belong together")
        if len(ports) and (ports[0] < 0 or ports[-1] > PORTS or bool(np.any(np.diff(ports) <= 0))):
            raise _broken(name, "the ports are not ascending within 0…65536")
        _check_counts(name, counts[:-1], int(counts[-1]))
        dense = np.zeros(PORTS + 1, dtype=np.int64)
        dense[ports] = counts[:-1]
        return cls(dense, int(counts[-1]))


class Encoders:
    """All that features learn: a table per text column, and one of destination ports."""

    def __init__(self, categories: Mapping[str, CategoryTable], ports: PortTable) -> None:
        self.categories = categories
        self.ports = ports

    @classmethod
    def fit(cls, frame: pl.DataFrame, columns: Iterable[str]) -> Self:
        """Learn from a frame of canonical flows; ``columns`` are the text columns to encode, with ``proto``."""
        categories = {column: CategoryTable.fit(frame[column]) for column in columns}
        codes = categories["proto"].codes(frame["proto"])
        return cls(categories, PortTable.fit(ports_of(frame["dst_port"], codes)))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Everything learnt, each array named ``COLUMN.PART``."""
        tables: dict[str, CategoryTable | PortTable] = {**self.categories, "dst_port": self.ports}
        return {f"{name}.{part}": array for name, table in tables.items() for part, array in table.to_arrays().items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], columns: Iterable[str]) -> Self:
        """Restore what :meth:`to_arrays` gave for ``columns``; raises BundleError for anything off."""
        parts: dict[str, dict[str, NDArray[Any]]] = {}
        for name, array in arrays.items():
            column, _, part = name.rpartition(".")
            parts.setdefault(column, {})[part] = array
        expected = {*columns, "dst_port"}
        for name in sorted(expected ^ parts.keys()):
            raise _broken(name, "it is missing" if name in expected else "no feature uses it")
        categories = {name: CategoryTable.from_arrays(name, parts[name]) for name in sorted(expected - {"dst_port"})}
        return cls(categories, PortTable.from_arrays("dst_port", parts["dst_port"]))


def ports_of(column: pl.Series, protocol_codes: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Give a column of ports, with :data:`PORTS` where there is none, out of range, or the protocol has none."""
    ports = whole_numbers(column, PORTS)
    has_port = (protocol_codes < PORT_PROTOCOLS) & (ports >= 0) & (ports < PORTS)
    return np.where(has_port, ports, PORTS)


def _within_bounds(values: Iterable[str]) -> tuple[str, ...]:
    kept: list[str] = []
    size = 0
    for value in values:
        size += len(value.encode())
        if size > MAX_CATEGORY_BYTES:
            break
        kept.append(value)
    return tuple(kept)


def _check_parts(arrays: Mapping[str, NDArray[Any]], expected: set[str], name: str) -> None:
    if arrays.keys() != expected:
        raise _broken(name, f"it holds {', '.join(sorted(arrays))} instead of {', '.join(sorted(expected))}")


def _vector(arrays: Mapping[str, NDArray[Any]], part: str, dtype: type, name: str) -> NDArray[Any]:
    array = arrays[part]
    if array.ndim != 1 or array.dtype != dtype:
        raise _broken(name, f"{part} is {array.dtype} of shape {array.shape}, not a vector of {np.dtype(dtype)}")
    return array


def _check_counts(name: str, counts: NDArray[np.int64], total: int) -> None:
    # Each is checked against the total before they are added up, so that the sum cannot wrap around.
    if not 0 <= total < 1 << 40 or bool(np.any(counts < 0)) or bool(np.any(counts > total)):
        raise _broken(name, f"counts are not within 0…total ({total})")
    if int(counts.sum()) > total:
        raise _broken(name, f"counts add up to more than their total ({total})")


def _split_text(name: str, text: bytes, offsets: NDArray[np.int64]) -> tuple[str, ...]:
    if len(text) > MAX_CATEGORY_BYTES + 1024:
        raise _broken(name, f"{len(text)} bytes of text are too many")
    try:
        values = tuple(text[offsets[i] : offsets[i + 1]].decode() for i in range(len(offsets) - 1))
    except UnicodeDecodeError as error:
        raise _broken(name, "the text is not UTF-8") from error
    known = KNOWN.get(name, ())
    if values[: len(known)] != known:
        raise _broken(name, f"it does not begin with {', '.join(known)}")
    if len(set(values)) != len(values):
        raise _broken(name, "a category is there twice")
    return values


def _broken(name: str, why: str) -> BundleError:
    return BundleError(f"reading features: encoder {name}: {why}; train the model again")
