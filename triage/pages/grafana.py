"""Links to Grafana for a host and a time, by a template that the settings give."""

from __future__ import annotations

from string import Formatter
from urllib.parse import quote, urlsplit

from detector.errors import ConfigurationError

FIELDS = ("host", "from_ms", "to_ms", "incident")

BOARD = "/d/oddflow-incidents?var-host={host}&from={from_ms}&to={to_ms}"
"""Of incidents, as ``config/grafana/boards`` has it."""

AROUND_S = 1_800.0
"""So long before and after an incident is shown."""


def checked_template(template: str) -> str:
    """The same, with the board of incidents where it names none. Raises ConfigurationError for one that is no web
    address, or has fields that are not known.
    """
    fix = "give one such as https://grafana.example.org/d/oddflow?var-host={host}&from={from_ms}&to={to_ms}"
    if urlsplit(template).scheme not in {"http", "https"}:
        raise ConfigurationError(f"triage.grafana_url is no web address; {fix}")
    try:
        named = {name for _, name, _, _ in Formatter().parse(template) if name is not None}
    except ValueError as error:
        raise ConfigurationError(f"triage.grafana_url: {error}; {fix}") from None
    if unknown := sorted(named - set(FIELDS)):
        raise ConfigurationError(f"triage.grafana_url has {{{unknown[0]}}}; it may have {', '.join(FIELDS)}; {fix}")
    return template if named else template.rstrip("/") + BOARD


def link(template: str, host: str, since: float, until: float, incident: str = "") -> str:
    """The address, with what came from the network quoted."""
    return template.format(
        host=quote(host, safe=""),
        from_ms=f"{max(since - AROUND_S, 0.0) * 1_000:.0f}",
        to_ms=f"{(until + AROUND_S) * 1_000:.0f}",
        incident=quote(incident, safe=""),
    )
