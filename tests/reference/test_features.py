"""The glossary of features has all of them, each with meaning, unit and how it is kept."""

from __future__ import annotations

import re

from detector.features.perflow import FAMILIES
from detector.features.windows_columns import HALF_LIVES_S, every_meaning
from detector.reference.features import KEPT, features_page


def named() -> set[str]:
    """Every feature that the page names; an ending that stands alone belongs to the name before it."""
    found = set[str]()
    for row in re.findall(r"^\| (`[^|]+) \|", features_page(), re.MULTILINE):
        first, *endings = re.findall(r"`([^`]+)`", row)
        found |= {first, *(first.rpartition("_")[0] + ending for ending in endings)}
    return found


def test_every_feature_is_named() -> None:
    """Those of single flows and all windows, and no others."""
    single = {name for family in FAMILIES.values() for name in family.columns}
    assert named() == single | every_meaning(HALF_LIVES_S).keys()


def test_every_row_is_whole() -> None:
    """Meaning, unit and how it is kept are told of each."""
    rows = [row for row in features_page().splitlines() if row.startswith("| `")]
    assert len(rows) > 60
    assert [row for row in rows if not re.fullmatch(r"\|( [^|]*\S[^|]* \|){4}", row.replace("|x|", "x"))] == []


def test_how_values_are_kept_is_told_of_every_inverse() -> None:
    """An inverse that the page has no words for could not be told."""
    meanings = [meaning for family in FAMILIES.values() for meaning in family.meanings.values()]
    meanings += [window.meaning for window in every_meaning(HALF_LIVES_S).values()]
    assert {meaning.inverse for meaning in meanings if not meaning.words} <= KEPT.keys()
