"""Incidents as pages for a browser: a list, and one in full. No script, nothing from elsewhere, every text escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from urllib.parse import quote

from detector.casebook.latest import Latest
from detector.casebook.told import LEVELS, Told
from detector.casebook.words import row, sections

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --ground: #fff; --line: #d8dee4;
  --critical: #a40e26; --high: #bc4c00; --medium: #7d4e00; --low: #57606a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9da7b1; --ground: #0d1117; --line: #30363d;
  --critical: #ff7b72; --high: #ffa657; --medium: #e3b341; --low: #9da7b1; } }
body { margin: 0 auto; padding: 1rem; max-width: 72rem; color: var(--ink); background: var(--ground);
  font: 16px/1.45 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.3rem; margin: 0 0 .5rem; } p, dd, dt, td, th { margin: 0; } a { color: inherit; }
.soft, dt, th { color: var(--soft); font-weight: normal; }
.critical { color: var(--critical); font-weight: 600; } .high { color: var(--high); font-weight: 600; }
.medium { color: var(--medium); } .low { color: var(--low); }
table { border-collapse: collapse; width: 100%; margin-top: 1rem; }
th { text-align: left; } td, th { padding: .3rem .8rem .3rem 0; vertical-align: top; }
tr + tr > td, tbody tr:first-child > td { border-top: 1px solid var(--line); }
.number { text-align: right; } .when { white-space: nowrap; font-variant-numeric: tabular-nums; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .5rem 1.2rem; } dd p + p { margin-top: .3rem; }
@media (max-width: 44rem) { thead { display: none; } tr, td.what { display: block; }
  td { display: inline-block; border: 0; padding: 0 .8rem 0 0; }
  tr { border-top: 1px solid var(--line); padding: .6rem 0; } tr + tr > td, tbody tr:first-child > td { border: 0; }
  .number { text-align: left; } td[data-name]::before { content: attr(data-name) " "; color: var(--soft); }
  dl { display: block; } dt { margin-top: .8rem; } }
"""

_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of these pages: their own style, and nothing else."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

ROOT = "/incidents"


def html_list(latest: Latest) -> str:
    """The page of all incidents but those that became part of another, the latest flow first."""
    shown = sorted(latest.wholes(), key=lambda told: -told.ours.last_seen)
    by_level = [(level, sum(told.severity == level for told in shown)) for level in reversed(LEVELS)]
    counts = ", ".join(f"{count:,} {level}" for level, count in by_level if count)
    head = "".join(
        f'<th scope="col">{name}</th>' for name in ("last seen (UTC)", "severity", "what", "alerts", "state")
    )
    rows = "\n".join(_line(told, latest) for told in shown)
    table = f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table>" if shown else ""
    note = f"{len(shown):,} incidents: {counts}" if shown else "None was told since this daemon started."
    return _page("Incidents", f'<h1>Incidents</h1>\n<p class="soft">{note} <a href="{ROOT}.json">JSON</a></p>\n{table}')


def html_incident(told: Told, latest: Latest) -> str:
    """One incident's page."""
    parts = "\n".join(f"<dt>{escape(name)}</dt><dd>{_paragraphs(items)}</dd>" for name, items in sections(told, latest))
    title = f'<span class="{told.severity}">{told.severity.upper()}</span> {escape(told.headline)}'
    link = f'<p class="soft"><a href="{ROOT}">All incidents</a></p>'
    return _page(told.headline, f"{link}\n<h1>{title}</h1>\n<dl>\n{parts}\n</dl>")


def _line(told: Told, latest: Latest) -> str:
    cells = row(told, latest)
    what = f'<a href="{ROOT}/{quote(told.ours.id, safe="")}">{escape(told.headline)}</a>'
    return (
        f'<tr><td class="when">{escape(cells.when)}</td><td class="{told.severity}">{told.severity}</td>'
        f'<td class="what">{what}<p class="soft">{escape(told.ours.size or f"{cells.kind}: {cells.who}")}</p></td>'
        f'<td class="number" data-name="alerts">{cells.alerts}</td><td>{cells.state}</td></tr>'
    )


def _paragraphs(items: Sequence[str]) -> str:
    return "".join(f"<p>{escape(item)}</p>" for item in items)


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} – oddflow</title><style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )
