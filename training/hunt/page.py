"""The report of a hunt as one page for people: HTML with inline SVG, no script, nothing fetched.

Whatever came from the network or from flags is escaped, and what a browser would turn or hide is spelled out.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from detector.printable import printable
from training.card import moment, span
from training.hunt.hosts import hosts_of
from training.hunt.hunting import Found, Hunted
from training.hunt.style import STYLE
from training.hunt.timeline import Axis, bars
from training.hunt.weak import weak

SHOWN = 100
"""Incidents that the page shows, the gravest; all are in the output of ``--json``."""

OVERVIEW = 20
"""Incidents in the picture at the top."""

LISTED = 8
"""Addresses or ports that are named of an incident."""

HOSTS = 50


def page(hunted: Hunted) -> str:
    """Write the page."""
    ts = hunted.read.frame["ts"].to_numpy()
    axis = Axis(hunted.trained.watched.start, hunted.trained.watched.end)
    title = f"{_count(len(hunted.incidents), 'incident')} in {_count(len(ts), 'flow')}"
    body = [
        f"<header><h1>{title}</h1>",
        f"<p class=quiet>{_moment(axis.start)} to {_moment(axis.end)}</p></header>",
        f"<p>{_text(_lead(hunted))}</p>",
        _overview(hunted, axis, ts),
        '<section id="incidents"><h2>Incidents</h2>',
        *(_incident(number, each, axis, ts) for number, each in enumerate(hunted.incidents[:SHOWN], 1)),
        _beyond(hunted),
        "</section>",
        _section("hosts", "Hosts", _hosts(hunted)),
        _section("learnt", "What it learnt from", _learnt(hunted)),
        _section("unread", "What it could not read", _unread(hunted)),
        _section("weak", "Where it is weak", _list(weak(hunted))),
    ]
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>oddflow: {title}</title><style>{STYLE}</style>"
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n' + "\n".join(body) + "\n</body></html>\n"


def _lead(hunted: Hunted) -> str:
    text = (
        "Each flow was judged by what was learnt from other stretches of the same logs. Raised are the oddest hosts,"
        f" about {hunted.hosts:.0f} at {hunted.used:.3g} a day, with {hunted.raised:,} flows. What is odd need not be"
        " an attack. Start at the top."
    )
    if hunted.told < hunted.raised:
        text += f" The oddest {hunted.told:,} of them are told."
    return text


def _overview(hunted: Hunted, axis: Axis, ts: NDArray[np.float64]) -> str:
    """All flows over time, and below them the gravest incidents."""
    lanes = [
        f'<li><a href="#i{number}">{number}</a>{bars(axis, ts[each.rows], _title(each), _css(each))}'
        f"<span>{_title(each)}</span></li>"
        for number, each in enumerate(hunted.incidents[:OVERVIEW], 1)
    ]
    every = f"<li><span class=quiet>all</span>{bars(axis, ts, 'all flows')}<span class=quiet>all flows</span></li>"
    return f"<figure><ol class=lanes>{every}{''.join(lanes)}</ol>{_scale(axis)}</figure>"


def _scale(axis: Axis) -> str:
    shown = slice(5, 10) if axis.end - axis.start > 2 * 86_400 else slice(11, 16)  # month and day, or the time
    ticks = "".join(f"<span>{_text(moment(each)[shown])}</span>" for each in axis.ticks(5))
    return f"<div class=scale>{ticks}</div>"


def _incident(number: int, found: Found, axis: Axis, ts: NDArray[np.float64]) -> str:
    ours, rows = found.ours, found.rows
    told = {
        "When": f"{moment(ours['first_seen'])}, {_lasting(ours['last_seen'] - ours['first_seen'])}",
        "Flows": f"{len(rows):,}",
        "From": _some(ours["sources"]),
        "To": _some(ours["destinations"]),
        "Ports": _some(ours["ports"]),
        "What worked": _sentences(ours.get("worked")),
        "Check": _sentences(ours.get("check")),
        "Innocent where": _sentences(ours.get("innocent")),
        "Technique": ", ".join(ours.get("techniques") or ()),
    }
    strongest = [(moment(each["ts"]), each["why"]) for each in ours["strongest"]]
    return (
        f'<article id="i{number}" class="{_css(found)}"><h3><span class=number>{number}</span>'
        f"<span class=badge>{_text(found.document['severity'])}</span> {_title(found)}</h3>"
        f"<p>{_text(found.why)}</p>"
        f"{bars(axis, ts[rows], 'its flows over the whole time')}"
        f"{_pairs({name: text for name, text in told.items() if text})}"
        f"<details><summary>its oddest flows</summary>{_table(('time', 'what is odd'), strongest)}</details></article>"
    )


def _beyond(hunted: Hunted) -> str:
    if not hunted.incidents:
        return "<p>No flow is odd enough at this budget.</p>"
    more = len(hunted.incidents) - SHOWN
    return f"<p>{_count(more, 'further incident')}, less grave, not shown.</p>" if more > 0 else ""


def _hosts(hunted: Hunted) -> str:
    hosts = hosts_of(hunted.incidents)
    rows = [
        (each.address, each.gravest, f"{each.incidents:,}", f"{each.began:,}", f"{each.suffered:,}")
        for each in hosts[:HOSTS]
    ]
    more = f"<p class=quiet>and {len(hosts) - HOSTS:,} more</p>" if len(hosts) > HOSTS else ""
    return _table(("host", "gravest", "incidents", "from it", "to it"), rows) + more


def _learnt(hunted: Hunted) -> str:
    read, watched, trained = hunted.read, hunted.trained.watched, hunted.trained
    names = [PurePath(each).name for each in read.sources]
    return _pairs(
        {
            "Files": f"{len(names):,}: {_some(names)}",
            "Format": read.format,
            "Flows": f"{len(read.frame):,}",
            "Period": f"{moment(watched.start)} to {moment(watched.end)}",
            "Watched": f"{span(watched.seconds)} of it",
            "Calibrated on": f"{trained.calibration.rows:,} flows, watched for {span(trained.calibration.seconds)}",
            "Inside": ", ".join(("private addresses", *trained.extractor.spec.inside)),
            "Model": f"{trained.recipe.kind}, seed {trained.recipe.seed}, not kept",
            "sha256 of the records": read.sha256,
        }
    )


def _unread(hunted: Hunted) -> str:
    read = hunted.read
    parts = []
    if read.rejects:
        reasons = sorted(read.rejected.items(), key=lambda item: (-item[1], item[0]))
        rows = [(name, f"{count:,}", read.samples.get(name, "")) for name, count in reasons]
        parts.append(f"<p>{read.rejects:,} of {read.records:,} records could not be used.</p>")
        parts.append(_table(("reason", "records", "such as"), rows))
    if read.passed_over:
        passed = ", ".join(f"{count:,} {name}" for name, count in read.passed_over.items())
        parts.append(f"<p>Passed over, as no flows: {_text(passed)}.</p>")
    return "".join(parts) or "<p>Nothing: each record is a flow.</p>"


def _title(found: Found) -> str:
    return _text(found.document["message"])


def _sentences(told: str | list[str] | None) -> str:
    """What an incident tells in one sentence or in several, if at all."""
    return told if isinstance(told, str) else "; ".join(told or ())


def _css(found: Found) -> str:
    return str(found.document["severity"]).lower()


def _lasting(seconds: float) -> str:
    return f"for {span(seconds)}" if seconds >= 1 else "at once"


def _some(values: Iterable[object]) -> str:
    given = [str(value) for value in values]
    more = f" and {len(given) - LISTED:,} more" if len(given) > LISTED else ""
    return ", ".join(given[:LISTED]) + more


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _text(text: str) -> str:
    return escape(printable(text))


def _moment(seconds: float) -> str:
    return _text(moment(seconds))


def _section(name: str, title: str, content: str) -> str:
    return f'<section id="{name}"><h2>{title}</h2>{content}</section>'


def _pairs(rows: dict[str, str]) -> str:
    return f"<dl>{''.join(f'<dt>{_text(name)}</dt><dd>{_text(value)}</dd>' for name, value in rows.items())}</dl>"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    def line(cells: tuple[str, ...], tag: str) -> str:
        return f"<tr>{''.join(f'<{tag}>{_text(cell)}</{tag}>' for cell in cells)}</tr>"

    body = "".join(line(row, "td") for row in rows)
    return f"<div class=wide><table><thead>{line(heads, 'th')}</thead><tbody>{body}</tbody></table></div>"


def _list(items: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{_text(item)}</li>' for item in items)}</ul>"
