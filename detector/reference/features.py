"""The glossary of features (``docs/reference/features.md``), from what stands beside their declarations."""

from __future__ import annotations

from collections.abc import Callable

from detector.features import meanings
from detector.features.meanings import Meaning, Unit
from detector.features.perflow import FAMILIES
from detector.features.windows_columns import HALF_LIVES_S, every_meaning, scale_name
from detector.features.windows_statistics import KEYS

INTRODUCTION = """\
# Features

<!-- Made from detector/features by `make docs`; change it there. -->

What a model sees of each flow. Alerts tell them in words and units; the vector in a document has them as they are
computed. *Kept as* says how a value is stored there. *Unit* is that of the value once this is undone.

Training leaves no feature out by default: `--no-windows` keeps those of single flows alone. Columns of your own
(`input.extra`) are named `extra.NAME`, and kept as sign(x) · log(1 + |x|).
"""

KEPT: dict[Callable[[float], float], str] = {
    meanings.counted: "log(1 + x)",
    meanings.signed: "sign(x) · log(1 + |x|)",
    meanings.from_milliseconds: "log(1 + milliseconds)",
    meanings.percent: "a share, 0 to 1",
    meanings.balance: "−1 (all came back) to 1 (all went out)",
    meanings.gap: "the mean of log(gap + 0.01 s)",
    meanings.times: "a difference of logarithms",
    meanings.spread: "the standard deviation of log gaps",
    meanings.one_in: "log₁₀ of one in so many",
    meanings.as_it_is: "as it is",
}
"""How values are stored, by what undoes it."""

NO_OR_YES = "0 no, 1 yes"
"""Of what has two words: those that sentences use stand with the feature."""

HEAD = "| feature | what it tells | unit | kept as |\n|---|---|---|---|\n"

WINDOWS_HEAD = """
Windows look back at what the same source, destination or pair did before. Each fades by half in its half-life, which
ends its name. Columns that differ by their half-life alone are on one line.
"""

ABOUT = {
    "source": "of the source address",
    "destination": "of the destination address",
    "pair": "of the source and destination together",
}
"""Whom the keys of windows are about."""


def features_page() -> str:
    """``docs/reference/features.md``."""
    families = "".join(
        f"\n## {name.capitalize()}\n\n{HEAD}" + "".join(_row(f"`{each}`", m) for each, m in family.meanings.items())
        for name, family in FAMILIES.items()
    )
    return INTRODUCTION + "\nTold by a flow alone:\n" + families + _windows()


def _windows() -> str:
    grouped: dict[tuple[str, str], list[tuple[str, Meaning]]] = {}
    for name, window in every_meaning(HALF_LIVES_S).items():
        key = window.key if window.key in KEYS else "first"
        grouped.setdefault((key, window.statistic if key != "first" else window.key), []).append((name, window.meaning))
    parts = [
        "\n## Windows\n",
        WINDOWS_HEAD,
        f"\nHalf-lives: {', '.join(map(scale_name, HALF_LIVES_S))}.\n",
        f"\n### First sightings\n\n{HEAD}",
        *(_rows(same) for (key, _), same in grouped.items() if key == "first"),
    ]
    for key in KEYS:
        parts += [f"\n### {key.capitalize()}\n\nWhat is remembered {ABOUT[key]}.\n\n{HEAD}"]
        parts += [_rows(same) for (of, _), same in grouped.items() if of == key]
    return "".join(parts)


def _rows(same: list[tuple[str, Meaning]]) -> str:
    """One statistic of one key over every half-life."""
    first, meaning = same[0]
    rest = [f"`_{name.rpartition('_')[2]}`" for name, _ in same[1:]]
    return _row(", ".join([f"`{first}`", *rest]), meaning)


def _row(names: str, meaning: Meaning) -> str:
    unit = "none" if meaning.unit is Unit.PLAIN else meaning.unit.value
    return f"| {names} | {meaning.what} | {unit} | {_kept(meaning)} |\n"


def _kept(meaning: Meaning) -> str:
    if len(meaning.words) > 2:
        return ", ".join(f"{number} {word}" for number, word in enumerate(meaning.words))
    return NO_OR_YES if meaning.words else KEPT[meaning.inverse]
