"""Which features a model does without: families, names, or patterns of names, taken from a specification."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from detector.errors import ConfigurationError
from detector.features.perflow import FAMILIES
from detector.features.spec import WINDOWS, Feature, FeatureSpec
from detector.features.windows_columns import HALF_LIVES_S, default_columns

USUAL_S = 10.0, 60.0, 600.0, 3600.0
"""Half-lives that settings may leave out whatever windows have."""


def check_choice(leave_out: Sequence[str], half_lives_s: Sequence[float] = HALF_LIVES_S) -> None:
    """Raise ConfigurationError for what can be no feature of any flows, before any are read.

    Names alone are not refused: they may be of a format's own columns.
    """
    windowed = default_columns(tuple({*half_lives_s, *USUAL_S}))
    known = {*FAMILIES, WINDOWS, "extra", *windowed, *(name for each in FAMILIES.values() for name in each.columns)}
    for word in leave_out:
        if "*" in word and not any(fnmatchcase(name, word) for name in known):
            raise ConfigurationError(f"leaving out {word}: no feature is called so; docs/reference/features.md has all")


def without(spec: FeatureSpec, leave_out: Sequence[str]) -> FeatureSpec:
    """Give the specification less these features; the same where there are none to leave out.

    A word is a family (``outcome``, ``windows``), a feature's name, or a pattern of names (``pair_*``, ``*_10s``). One
    that these flows have nothing of anyhow, such as windows without addresses, leaves out nothing. Raises
    ConfigurationError where no feature is left.
    """
    if not leave_out:
        return spec
    kept = tuple(feature for feature in spec.features if not any(_is(feature, word) for word in leave_out))
    if not kept:
        raise ConfigurationError(f"leaving out {', '.join(leave_out)}: no feature is left; leave out fewer")
    columns = [feature.name for feature in kept if feature.family == WINDOWS]
    windows: dict[str, Any] = {**spec.windows, "columns": columns} if columns else {}
    return FeatureSpec(kept, partitions=spec.partitions, inside=spec.inside, windows=windows)


def _is(feature: Feature, word: str) -> bool:
    return feature.family == word or fnmatchcase(feature.name, word)
