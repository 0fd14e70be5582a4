"""The guide to the kinds of incident (``docs/guides/incidents/index.md``), from their declarations."""

from __future__ import annotations

from collections.abc import Sequence

from detector.incidents.kinds import KINDS, Kind

INTRODUCTION = """\
# Kinds of incident

<!-- Made from detector/incidents/kinds.py by `make docs`; change it there. -->

What each kind means, what else it often is, and what to look at. How alerts become incidents is in
[alerts.md](../../explanation/alerts.md#incidents).
Rules are asked in this order, and the first that holds names the incident; its words
are in each document. Only alerted flows count, of which an attack may have many more.

How sure: *sure*, its counts alone say so; *likely*, a pattern that is seldom benign; *possible*, one that often is;
*unknown*, it has no pattern that has a name.

| | kind | how sure | technique (MITRE ATT&CK) | tactic |
|---|---|---|---|---|
"""


def incidents_page() -> str:
    """``docs/guides/incidents/index.md``."""
    rows = "".join(_row(number, kind) for number, kind in enumerate(KINDS, 1))
    return INTRODUCTION + rows + "".join(_section(kind) for kind in KINDS)


def _row(number: int, kind: Kind) -> str:
    techniques = ", ".join(f"{each.id} {each.name}" for each in kind.techniques) or "–"
    tactic = f"{kind.tactic.id} {kind.tactic.name}" if kind.tactic else "–"
    return (
        f"| {number} | [{kind.name}](#{kind.name.replace(' ', '-')}) | {kind.confidence} | {techniques} | {tactic} |\n"
    )


def _section(kind: Kind) -> str:
    return (
        f"\n## {kind.name.capitalize()}\n\n{kind.meaning}\n\n"
        f"Holds for: {kind.states}.\n\n"
        f"Adds {kind.weight:+d} to the [risk](../../explanation/alerts.md#severity-is-risk).\n\n"
        f"Often it is only:\n\n{_items(kind.innocent)}\n"
        f"Look at:\n\n{_items(kind.check)}"
    )


def _items(texts: Sequence[str]) -> str:
    return "".join(f"* {text}\n" for text in texts)
