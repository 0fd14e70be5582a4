"""The windowed features' columns: which there are, which are asked for, and within which bounds they are kept.

A *scale* is a half-life. Every key and scale holds the statistics of :mod:`detector.features.windows_statistics`, every
key its moments, and there are its flags.
"""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

import msgspec

from detector.errors import BundleError
from detector.features.meanings import Meaning
from detector.features.windows_statistics import FLAGS, KEYS, MOMENTS, STATISTICS
from detector.kernels.clock import AHEAD_S, LATE_S
from detector.structs import resolved

REVISION = 1
"""Of the definitions there and of the kernel: a model trained with another is refused."""

DISTINCT, LOGARITHM, PLAIN = 0, 1, 2
"""What is done to the kernel's raw figure, in the order in which columns are best laid out."""

_LAWS = {"peers": DISTINCT, "ports": DISTINCT} | dict.fromkeys(("flows", "new", "since", "total", "age"), LOGARITHM)

HALF_LIVES_S = (60.0, 600.0)
"""In seconds, of a model's windows unless training is told others."""

MAX_SCALES = 8
MAX_KEYS = 1 << 24


def scale_name(half_life_s: float) -> str:
    """Name a half-life as people do: ``10s``, ``1m``, ``1h``."""
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if half_life_s % seconds == 0:
            return f"{half_life_s / seconds:g}{unit}"
    return f"{half_life_s:g}s"


def every_column(half_lives_s: tuple[float, ...]) -> list[str]:
    """Name each place of the kernel's output, in the kernel's order; what a key cannot have is an empty name."""
    names = [f"{flag}_first" for flag in FLAGS]
    for key in KEYS:
        names += [f"{key}_{moment}" for moment in MOMENTS]
        names += [
            f"{key}_{statistic}_{scale_name(scale)}" if key in STATISTICS[statistic] else ""
            for scale, statistic in product(half_lives_s, STATISTICS)
        ]
    return names


class Window(NamedTuple):
    """What a windowed column tells, and over what."""

    meaning: Meaning
    key: str
    """One of :data:`KEYS`; a flag's own name."""
    statistic: str
    half_life_s: float | None
    """None for moments and flags."""


def every_meaning(half_lives_s: tuple[float, ...]) -> dict[str, Window]:
    """What each column of :func:`every_column` tells, by name."""
    told = {f"{flag}_first": Window(meaning, flag, "first", None) for flag, meaning in FLAGS.items()}
    for key in KEYS:
        told |= {f"{key}_{moment}": Window(of[key], key, moment, None) for moment, of in MOMENTS.items()}
        told |= {
            f"{key}_{statistic}_{scale_name(scale)}": Window(of[key], key, statistic, scale)
            for scale, (statistic, of) in product(half_lives_s, STATISTICS.items())
            if key in of
        }
    return told


def law_of(column: str) -> int:
    """What is done to the raw figure of a column: DISTINCT, LOGARITHM or PLAIN."""
    return next((law for part, law in _LAWS.items() if part in column.split("_")[1:2]), PLAIN)


class Windows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``FeatureSpec.windows`` holds, checked: :func:`read_windows` makes one from that dict."""

    columns: tuple[str, ...]
    """The features, in the order of the matrix."""
    half_lives_s: tuple[float, ...] = HALF_LIVES_S
    hosts: int = 32_768
    """Sources, and as many destinations, kept per partition; beyond it the least recently used is evicted."""
    pairs: int = 131_072
    """Pairs kept per partition, and sightings of each kind."""
    late_s: float = LATE_S
    """A record further behind its partition's clock than this counts as happening now."""
    ahead_s: float = AHEAD_S
    """A record further ahead than this cannot move its partition's clock by itself."""
    revision: int = REVISION

    def limits(self) -> tuple[int, ...]:
        """The most keys that each of :data:`KEYS` has."""
        return (self.hosts, self.hosts, self.pairs)


def read_windows(windows: dict[str, Any]) -> Windows:
    """Check a ``FeatureSpec.windows``. Raises BundleError naming what this build cannot compute."""
    try:
        read = msgspec.convert(windows, resolved(Windows), strict=False)
    except msgspec.ValidationError as error:
        raise BundleError(f"reading the windows of a feature specification: {error}; train the model anew") from error
    scales = read.half_lives_s
    bounds = {
        "revision": read.revision == REVISION,
        "half_lives_s": 0 < len(scales) <= MAX_SCALES
        and len(set(scales)) == len(scales)
        and all(1.0 <= s <= 1e7 for s in scales),
        "hosts": 2 <= read.hosts <= MAX_KEYS,
        "pairs": 2 <= read.pairs <= MAX_KEYS,
        "late_s": 0.0 <= read.late_s <= 1e7,
        "ahead_s": 0.0 <= read.ahead_s <= 1e7,
        "columns": len(set(read.columns)) == len(read.columns),
    }
    off = [name for name, good in bounds.items() if not good]
    if off:
        raise BundleError(
            f"reading the windows of a feature specification: {off[0]} is out of bounds; train the model anew"
        )
    unknown = set(read.columns) - set(filter(None, every_column(scales)))
    if unknown:
        raise BundleError(f"reading the windows of a feature specification: no feature is called {min(unknown)!r}")
    return read


def default_windows(**changes: Any) -> dict[str, Any]:
    """The windows that training starts from, as ``FeatureSpec.windows`` holds them; ``changes`` replace fields."""
    scales = tuple(changes.get("half_lives_s", HALF_LIVES_S))
    changes.setdefault("columns", default_columns(scales))
    made: dict[str, Any] = msgspec.to_builtins(Windows(**changes))
    return made


def default_columns(half_lives_s: tuple[float, ...]) -> tuple[str, ...]:
    """All columns, in the order that costs least."""
    return tuple(sorted(filter(None, every_column(half_lives_s)), key=law_of))
