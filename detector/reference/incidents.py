"""The guides to the kinds of incident, from their declarations: a page each, and one that lists them."""

from __future__ import annotations

from collections.abc import Sequence

from detector.incidents.kinds import KINDS, Kind

INTRODUCTION = """\
# Kinds of incident

<!-- Made from detector/incidents/kinds.py by `make docs`; change it there. -->

Each incident has a kind, which is a guess at what happened. Each kind has a page: what it means, what else it often
is, and what to look at. How alerts become incidents is in
[Alerts and incidents](../../explanation/alerts.md#incidents).

Rules are asked in this order, and the first that holds names the incident. Its words are in each document. Only alerted
flows count, of which an attack may have many more.

| | kind | how sure | technique (MITRE ATT&CK) | tactic |
|---|---|---|---|---|
"""

CONFIDENCES = """
| how sure | says |
|---|---|
| sure | its counts alone say so |
| likely | a pattern that is seldom benign |
| possible | a pattern that often is benign |
| unknown | it has no pattern that has a name |
"""

EXAMPLE = {
    "source": "10.0.10.17",
    "destination": "10.0.10.35",
    "port": "port 22",
    "target": "10.0.10.35 port 22",
}
"""What headlines are shown with; what else a title asks for is told as it stands."""

OUTSIDE = {"dns tunnel": 53, "exfiltration": 443, "beacon": 443, "command and control": 8443}
"""Kinds whose destination is outside, and the port that they are shown with."""


class _Shown(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "…"


def slug(kind: Kind) -> str:
    """The name of a kind's page, without its ending."""
    return kind.name.replace(" ", "-")


def title(kind: Kind) -> str:
    """The heading of a kind's page."""
    name = kind.name.replace("dns", "DNS")
    return name[0].upper() + name[1:]


def incidents_page() -> str:
    """``docs/guides/incidents/index.md``."""
    return INTRODUCTION + "".join(_row(number, kind) for number, kind in enumerate(KINDS, 1)) + CONFIDENCES


def kind_pages() -> dict[str, str]:
    """``docs/guides/incidents/NAME.md`` of every kind, by its name."""
    return {slug(kind): _page(kind) for kind in KINDS}


def _row(number: int, kind: Kind) -> str:
    return (
        f"| {number} | [{kind.name}]({slug(kind)}.md) | {kind.confidence} | {_techniques(kind)} | {_tactic(kind)} |\n"
    )


def _techniques(kind: Kind) -> str:
    return ", ".join(f"{each.id} {each.name}" for each in kind.techniques) or "–"


def _tactic(kind: Kind) -> str:
    return f"{kind.tactic.id} {kind.tactic.name}" if kind.tactic else "–"


def _linked(kind: Kind) -> str:
    address = "https://attack.mitre.org/techniques/"
    return (
        ", ".join(f"[{each.id}]({address}{each.id.replace('.', '/')}/) {each.name}" for each in kind.techniques) or "–"
    )


def _example(kind: Kind) -> dict[str, str]:
    """What its headline is shown with: something that its own rule could name."""
    if kind.name not in OUTSIDE:
        return EXAMPLE
    there, port = "198.51.100.7", f"port {OUTSIDE[kind.name]}"
    return EXAMPLE | {"destination": there, "port": port, "target": f"{there} {port}"}


def _page(kind: Kind) -> str:
    headline = kind.title.format_map(_Shown(_example(kind)))
    return f"""\
# {title(kind)}

<!-- Made from detector/incidents/kinds.py by `make docs`; change it there. -->

{kind.meaning}

| | |
|---|---|
| its headline | {headline} |
| how sure | {kind.confidence} |
| technique | {_linked(kind)} |
| tactic | {_tactic(kind)} |
| risk | {kind.weight:+d} ([severity is risk](../../explanation/alerts.md#severity-is-risk)) |

## It is named when

{_items(kind.states.split("; "))}
Earlier kinds in [the list](index.md) were asked first, and did not hold.

## Often it is only

{_items(kind.innocent)}
## Look at

{_items(kind.checks_in_general(), "1.")}
The incident's own page has the numbers for these: `oddflow incidents show ID` ([Read an alert](../read-an-alert.md)).
Where it turns out harmless and comes again, see [Fewer alerts](../fewer-alerts.md).
"""


def _items(texts: Sequence[str], mark: str = "*") -> str:
    return "".join(f"{mark} {text}\n" for text in texts)
