"""The report of a hunt as one page for people: HTML with inline SVG, no script, nothing fetched.

Whatever came from the network or from flags is escaped, and what a browser would turn or hide is spelled out.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.casebook.alike import distinct
from detector.listed import listed
from detector.printable import html_text
from training.cards.words import moment, span
from training.hunt.hosts import hosts_of
from training.hunt.hunting import Found, Hunted
from training.hunt.style import STYLE
from training.hunt.timeline import Axis, bars
from training.hunt.weak import weak

SHOWN = 100
"""Hosts that the page shows in full, the gravest; all are in the output of ``--json``."""

LEAST_SHOWN = 10
"""So many in full at least, also where they are of low severity."""

FURTHER = 20
"""Further incidents of a host that are named, and hosts that are less odd ten times so many."""

OVERVIEW = 20
"""Incidents in the picture at the top."""

LISTED = 8
"""Addresses or ports that are named of an incident."""

HOSTS = 50


def page(hunted: Hunted) -> str:
    """Write the page."""
    ts = hunted.read.frame["ts"].to_numpy()
    axis = Axis(hunted.trained.watched.start, hunted.trained.watched.end)
    title = f"{_count(len(hunted.every), 'incident')} of {_count(len(hunted.incidents), 'host')}"
    body = [
        f"<header><h1>{title}</h1>",
        f"<p class=quiet>in {_count(len(ts), 'flow')}, {_moment(axis.start)} to {_moment(axis.end)}</p></header>",
        f"<p>{html_text(_lead(hunted))}</p>",
        _overview(hunted, axis, ts),
        '<section id="incidents"><h2>Incidents</h2>',
        *(_incident(number, each, axis, ts) for number, each in enumerate(hunted.incidents[: _full(hunted)], 1)),
        _less_odd(hunted),
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
    return (
        "Each flow was judged by what was learnt from other stretches of the same logs. The oddest hosts are listed,"
        f" each with its gravest incident: up to {hunted.hosts:.0f}, attacks or not. What is odd need not be an attack,"
        " and further down it seldom is. Start at the top."
    )


def _full(hunted: Hunted) -> int:
    """How many incidents are shown in full: those of more than low severity."""
    grave = sum(_css(each) != "low" for each in hunted.incidents)
    return min(max(grave, LEAST_SHOWN), SHOWN)


def _overview(hunted: Hunted, axis: Axis, ts: NDArray[np.float64]) -> str:
    """All flows over time, and below them the gravest incidents."""
    lanes = [
        f'<li><a href="#i{number}">{number}</a>{bars(axis, ts[each.rows], _title(each), _css(each))}'
        f"<span>{_title(each)}</span></li>"
        for number, each in enumerate(hunted.incidents[: min(OVERVIEW, _full(hunted))], 1)
    ]
    every = f"<li><span class=quiet>all</span>{bars(axis, ts, 'all flows')}<span class=quiet>all flows</span></li>"
    return f"<figure><ol class=lanes>{every}{''.join(lanes)}</ol>{_scale(axis)}</figure>"


def _scale(axis: Axis) -> str:
    shown = slice(5, 10) if axis.end - axis.start > 2 * 86_400 else slice(11, 16)  # month and day, or the time
    ticks = "".join(f"<span>{html_text(moment(each)[shown])}</span>" for each in axis.ticks(5))
    return f"<div class=scale>{ticks}</div>"


def _incident(number: int, found: Found, axis: Axis, ts: NDArray[np.float64]) -> str:
    ours, rows = found.ours, found.rows
    told = {
        "Risk": _risk(ours),
        "When": f"{moment(ours['first_seen'])}, {_lasting(ours['last_seen'] - ours['first_seen'], axis)}",
        "Flows": f"{len(rows):,}",
        "From": _some(ours["sources"]),
        "To": _some(ours["destinations"]),
        "Ports": _some(ours["ports"]),
        "What worked": _sentences(ours.get("worked")),
        "Check": _sentences(ours.get("check")),
        "Innocent where": _sentences(ours.get("innocent")),
        "Technique": ", ".join(ours.get("techniques") or ()),
    }
    alerts = ours["strongest"]
    strongest = [
        (moment(alerts[each.place]["ts"]), each.words(alerts[each.place]["why"]))
        for each in distinct([alert["why"] for alert in alerts])
    ]
    return (
        f'<article id="i{number}" class="{_css(found)}"><h3><span class=number>{number}</span>'
        f"<span class=badge>{html_text(found.document['severity'])}</span> {_title(found)}</h3>"
        f"<p>{html_text(found.why)}</p>"
        f"{bars(axis, ts[rows], 'its flows over the whole time')}"
        f"{_pairs({name: text for name, text in told.items() if text})}"
        f"<details><summary>its oddest flows</summary>{_table(('time', 'what is odd'), strongest)}</details>"
        f"{_further(found)}</article>"
    )


def _further(found: Found) -> str:
    """Less grave incidents of the same host."""
    if not found.further:
        return ""
    more = len(found.further) - FURTHER
    rest = f"<p class=quiet>and {more:,} more</p>" if more > 0 else ""
    summary = f"{_count(len(found.further), 'further incident')} of this host"
    return f"<details><summary>{summary}</summary>{_lines(found.further[:FURTHER])}{rest}</details>"


def _lines(incidents: Iterable[Found], first: int | None = None) -> str:
    """Incidents a line each; with their numbers, where the first one's is given."""
    rows = [
        (str(each.ours["risk"]), moment(each.ours["first_seen"])[:16], each.document["message"]) for each in incidents
    ]
    if first is None:
        return _table(("risk", "began", "what"), rows)
    return _table(("", "risk", "began", "what"), [(str(number), *row) for number, row in enumerate(rows, first)])


def _less_odd(hunted: Hunted) -> str:
    """Those that are not shown in full, a line each, folded."""
    if not hunted.incidents:
        return "<p>No flow is odd enough at this budget.</p>"
    full = _full(hunted)
    rest, most = hunted.incidents[full:], 10 * FURTHER
    if not rest:
        return ""
    more = f"<p class=quiet>and {len(rest) - most:,} more</p>" if len(rest) > most else ""
    return (
        f"<details id=less-odd><summary>{_count(len(rest), 'host')}, less odd</summary>"
        "<p>Expect nearly all of these to be no attacks.</p>"
        f"{_lines(rest[:most], full + 1)}{more}</details>"
    )


def _hosts(hunted: Hunted) -> str:
    hosts = hosts_of(hunted.every)
    rows = [
        (each.address, str(each.risk), each.gravest, f"{each.incidents:,}", f"{each.began:,}", f"{each.suffered:,}")
        for each in hosts[:HOSTS]
    ]
    more = f"<p class=quiet>and {len(hosts) - HOSTS:,} more</p>" if len(hosts) > HOSTS else ""
    return _table(("host", "risk", "gravest", "incidents", "from it", "to it"), rows) + more


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
        parts.append(f"<p>Passed over, as no flows: {html_text(passed)}.</p>")
    return "".join(parts) or "<p>Nothing: each record is a flow.</p>"


def _risk(ours: dict[str, Any]) -> str:
    """Of 100, and what makes it so."""
    why = ours.get("severity_why")
    return f"{ours['risk']} of 100" + (f": {why}" if why else "")


def _title(found: Found) -> str:
    return html_text(found.document["message"])


def _sentences(told: str | list[str] | None) -> str:
    """What an incident tells in one sentence or in several, if at all."""
    return told if isinstance(told, str) else "; ".join(told or ())


def _css(found: Found) -> str:
    return str(found.document["severity"]).lower()


def _lasting(seconds: float, axis: Axis) -> str:
    """How long; flows that began in the logs may end after them."""
    longer = "; it lasted longer than the logs" if seconds > axis.end - axis.start else ""
    return f"for {span(seconds)}{longer}" if seconds >= 1 else "at once"


def _some(values: Iterable[object]) -> str:
    return listed([str(value) for value in values], LISTED)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _moment(seconds: float) -> str:
    return html_text(moment(seconds))


def _section(name: str, title: str, content: str) -> str:
    return f'<section id="{name}"><h2>{title}</h2>{content}</section>'


def _pairs(rows: dict[str, str]) -> str:
    return (
        f"<dl>{''.join(f'<dt>{html_text(name)}</dt><dd>{html_text(value)}</dd>' for name, value in rows.items())}</dl>"
    )


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    def line(cells: tuple[str, ...], tag: str) -> str:
        return f"<tr>{''.join(f'<{tag}>{html_text(cell)}</{tag}>' for cell in cells)}</tr>"

    body = "".join(line(row, "td") for row in rows)
    return f"<div class=wide><table><thead>{line(heads, 'th')}</thead><tbody>{body}</tbody></table></div>"


def _list(items: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{html_text(item)}</li>' for item in items)}</ul>"
