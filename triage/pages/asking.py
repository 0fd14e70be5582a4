"""What a list is asked for, from a page's address and back: a filter is a link that can be kept and passed on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast, get_args
from urllib.parse import urlencode

from detector.casebook.told import LEVELS
from detector.errors import ConfigurationError
from detector.incidents.kinds import NAMES
from detector.printable import printable
from triage.store.filters import Filter, LabelState, Order, Paging

LASTS: Mapping[str, float | None] = {"": None, "1h": 3_600.0, "24h": 86_400.0, "7d": 604_800.0, "30d": 2_592_000.0}
"""How far back, in seconds, by the word in the address; empty for all."""

LAST_WORDS: Mapping[str, str] = {
    "": "any time",
    "1h": "last hour",
    "24h": "last 24 hours",
    "7d": "last 7 days",
    "30d": "last 30 days",
}

LABELS: tuple[LabelState, ...] = get_args(LabelState)

LABEL_WORDS: Mapping[str, str] = {
    "": "any label",
    "none": "no label",
    "true": "true",
    "false": "false",
    "unsure": "unsure",
    "conflicting": "conflicting",
}

STATES = ("", "open", "closed")

SUPPRESSED = {"": None, "no": False, "only": True}

FIELDS = (
    *("text", "last", "since", "until", "severity", "kind", "host", "model", "label", "state", "suppressed", "order"),
)
"""Of an address, in this order."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for; a field that is not there is empty."""

    fields: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "")

    @property
    def query(self) -> str:
        """As an address has it, without the page."""
        return urlencode({name: self[name] for name in FIELDS if self[name]})

    @property
    def is_narrow(self) -> bool:
        """Whether it asks for less than everything."""
        return any(self[name] for name in FIELDS if name != "order")

    def but(self, **changed: str) -> str:
        """The address's query with these fields changed."""
        return Asked({**self.fields, **changed}).query

    def filter(self, now: float) -> Filter:
        """As the database is asked. Raises ConfigurationError for what cannot be asked."""
        since = _moment("since", self["since"])
        if (last := _one_of("last", self["last"], LASTS)) is not None:
            since = now - last
        severity = self["severity"]
        if severity and severity not in LEVELS:
            raise _unknown("severity", severity, LEVELS)
        label, state = self["label"], self["state"]
        if label and label not in LABELS:
            raise _unknown("label", label, LABELS)
        if state not in STATES:
            raise _unknown("state", state, STATES[1:])
        return Filter(
            since=since,
            until=_moment("until", self["until"]),
            severity=LEVELS.index(severity) if severity else 0,
            kinds=(self["kind"],) if self["kind"] else (),
            host=self["host"].strip(),
            model_version=self["model"].strip(),
            labels=(label,) if label else (),
            status=cast("Any", state),
            suppressed=_one_of("suppressed", self["suppressed"], SUPPRESSED),
            text=self["text"],
        )

    def paging(self, limit: int) -> Paging:
        """Which page. Raises ConfigurationError for an order that there is not."""
        order = self["order"] or "time"
        if order not in get_args(Order):
            raise _unknown("order", order, get_args(Order))
        return Paging(limit, self.fields.get("after", ""), cast("Order", order))


def asked_of(given: Mapping[str, str]) -> Asked:
    """Of an address's or a form's fields; those that are not known are passed over."""
    return Asked({name: given[name].strip()[:200] for name in (*FIELDS, "after") if given.get(name, "").strip()})


def kinds_with(kind: str) -> tuple[str, ...]:
    """All kinds, and the one that is asked for, which may be of another version."""
    return NAMES if not kind or kind in NAMES else (*NAMES, kind)


def _one_of(name: str, given: str, known: Mapping[str, Any]) -> Any:
    if given not in known:
        raise _unknown(name, given, [each for each in known if each])
    return known[given]


def _moment(name: str, given: str) -> float | None:
    """A time, as ISO has it, or in seconds or milliseconds since 1970, as Grafana has it."""
    if not given:
        return None
    if re.fullmatch(r"\d{1,16}", given):
        return float(given) / (1_000.0 if len(given) > 11 else 1.0)
    try:
        told = datetime.fromisoformat(given)
        return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"{name} {printable(given)}: give a time such as 2026-11-24T09:00:00Z, or seconds since 1970"
        ) from None


def _unknown(name: str, given: str, known: Any) -> ConfigurationError:
    return ConfigurationError(f"{name} {printable(given)!r}: give one of {', '.join(known)}, or leave it out")
