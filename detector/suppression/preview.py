"""What rules would have hidden of what was found, and how much of that people called true. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from typing import NamedTuple, TypeVar

import numpy as np
import polars as pl
from msgspec import UNSET
from numpy.typing import NDArray

from detector.casebook.told import Ours
from detector.feedback.label import Flows, Of
from detector.feedback.latest import Said
from detector.suppression.matching import NO_FEATURES, Features, covers
from detector.suppression.rule import Suppression

Value = TypeVar("Value")

INCIDENT, ALERT, PART = "incident", "alert", "part"
"""Columns with the ids of each flow's incident and alert, String; and, if there is one, of the incident that it was in
before this became part of another."""

ALERTED = pl.Schema(
    {
        "ts": pl.Float64,
        "src_ip": pl.String,
        "dst_ip": pl.String,
        "dst_port": pl.Int32,
        "proto": pl.String,
        INCIDENT: pl.String,
        ALERT: pl.String,
        PART: pl.String,
    }
)
"""Of past alerts."""

DAYS = 7.0
"""That a preview is of, if nothing else is said."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What would have been hidden; ids are sorted."""

    incidents: int
    """All that there were."""
    hidden: tuple[str, ...]
    """Incidents of which no alert would have been told."""
    thinned: tuple[str, ...]
    """Incidents of which some would not."""
    judged_true: tuple[str, ...]
    """Of the hidden ones, those called true, by themselves or by one of their alerts or flows."""
    true_thinned: tuple[str, ...]
    """Of the others, those of which an alert would not have been told though they were called true."""
    judged_false: int
    """Of the hidden ones."""
    at_most: bool = False
    """Whether it may be fewer, since the features of past flows are not known."""

    @property
    def share(self) -> float:
        """Of all incidents, those hidden."""
        return len(self.hidden) / self.incidents if self.incidents else 0.0

    def words(self, days: float) -> str:
        """Such as ``would have hidden 3 of 40 incidents in the last 7 days, none of them labelled true``."""
        if not self.incidents:
            return f"would have hidden nothing: no incident of the last {days:g} days is stored"
        true = f"{len(self.judged_true):,}" if self.judged_true else "none"
        some = f"; and some alerts of {len(self.thinned):,} more" if self.thinned else ""
        most = "at most " if self.at_most else ""
        told = f"would have hidden {most}{len(self.hidden):,} of {self.incidents:,} incidents in the last {days:g} days"
        return f"{told}, {true} of them labelled true{some}"


def preview(
    rules: Sequence[Suppression], alerted: pl.DataFrame, said: Said, features: Features = NO_FEATURES
) -> Preview:
    """Hold rules against past alerts, whatever their time.

    ``alerted`` has a row for each alerted flow of some time, as :class:`~detector.suppression.matching.Matcher` wants
    them, and :data:`INCIDENT` and :data:`ALERT`, null where they are not known. ``said`` is what people said.
    """
    return _counted(alerted, covers(rules, alerted, features).hidden, said)


class Foreseen(NamedTuple):
    """What a rule would have hidden."""

    recent: Preview
    """Of the last days: what people are told."""
    whole: Preview
    """Of all that is stored: what is held against it."""


def foresee(rule: Suppression, incidents: Iterable[Ours], said: Said, now: float, days: float = DAYS) -> Foreseen:
    """Hold one rule against stored incidents, of each of which the latest document is given.

    ``now`` is in seconds since 1970. Incidents that were suppressed are left out: nobody was told of them. Documents
    have no features, so of a pattern it is told what it hides at most.
    """
    alerted = alerted_of(incidents)
    recent = alerted.filter(pl.col("ts").max().over(INCIDENT) >= now - days * 86_400.0)
    return Foreseen(_foreseen(rule, recent, said), _foreseen(rule, alerted, said))


def alerted_of(incidents: Iterable[Ours]) -> pl.DataFrame:
    """Past alerts, with the columns of :data:`ALERTED`, as far as incidents tell of them.

    Each incident's strongest alerts are there, and flows between the ends that it lists, each end at least once: so
    that all are covered by a rule of an end exactly where all of the incident was.
    """
    return pl.DataFrame(
        [row for each in incidents if not each.suppressed_by for row in _rows(each)], ALERTED, orient="row"
    )


def _rows(incident: Ours) -> list[tuple[object, ...]]:
    whole = incident.merged_into or incident.id
    strongest = incident.strongest
    rows: list[tuple[object, ...]] = [
        (each.ts, each.src_ip, each.dst_ip, each.dst_port, each.proto, whole, each.alert, incident.id)
        for each in strongest
        if each.src_ip and each.dst_ip
    ]
    protocols = {each.dst_port: each.proto for each in reversed(strongest)}
    usual = strongest[0].proto if strongest else ""
    sources, destinations, ports = incident.sources, incident.destinations, incident.ports
    most = max(len(sources), len(destinations), len(ports), 1)
    ends = zip(_filled(sources, most), _filled(destinations, most), _filled(ports, most), strict=True)
    for source, destination, port in ends:
        proto = protocols.get(port, usual)
        rows.append((incident.last_seen, source, destination, port, proto, whole, None, incident.id))
    return rows


def _filled(values: Sequence[Value], length: int) -> list[Value | None]:
    """So many values, each again and again; None where there are none."""
    return list(islice(cycle(values), length)) or [None] * length


def _foreseen(rule: Suppression, alerted: pl.DataFrame, said: Said) -> Preview:
    if rule.scope != "pattern":
        return preview([rule], alerted, said)
    if rule.src_ip is UNSET:
        hides = np.ones(len(alerted), np.bool_)
    else:
        hides = (alerted["src_ip"] == rule.src_ip).fill_null(value=False).to_numpy()
    return replace(_counted(alerted, hides, said), at_most=True)


def _counted(alerted: pl.DataFrame, hides: NDArray[np.bool_], said: Said) -> Preview:
    """What is hidden, where rules hide these rows."""
    rows = alerted.select(INCIDENT).with_columns(
        pl.Series("hides", hides), pl.Series("true", judged_as(alerted, said, "true"))
    )
    each = (
        rows.drop_nulls(INCIDENT)
        .group_by(INCIDENT)
        .agg(
            all=pl.col("hides").all(),
            any=pl.col("hides").any(),
            true=(pl.col("true")).any(),
            true_hidden=(pl.col("true") & pl.col("hides")).any(),
        )
        .sort(INCIDENT)
    )
    hidden = each.filter("all")
    thinned = each.filter(pl.col("any") & ~pl.col("all"))
    false = [name for name in hidden[INCIDENT] if said.verdict(Of(incident=name)) == "false"]
    return Preview(
        len(each),
        tuple(hidden[INCIDENT]),
        tuple(thinned[INCIDENT]),
        tuple(hidden.filter("true")[INCIDENT]),
        tuple(thinned.filter("true_hidden")[INCIDENT]),
        len(false),
    )


def judged_as(alerted: pl.DataFrame, said: Said, verdict: str) -> NDArray[np.bool_]:
    """Whether people called each flow so: itself, its alert, or its incident; shape (rows,)."""
    subjects = [of for of, standing in said.standings.items() if standing.verdict == verdict]
    found = np.zeros(len(alerted), np.bool_)
    for column, kind in ((INCIDENT, "incident"), (PART, "incident"), (ALERT, "alert")):
        if column in alerted.columns:
            ids = [name for of in subjects if (name := getattr(of, kind)) is not UNSET]
            found |= alerted[column].is_in(ids).fill_null(value=False).to_numpy()
    ends = {name: frozenset(alerted[name]) for name in ("src_ip", "dst_ip")}
    for of in subjects:  # there may be thousands, most of them of hosts that none of these flows is of
        if isinstance(flows := of.flows, Flows) and (
            flows.dst_ip in ends["dst_ip"] if flows.src_ip is UNSET else flows.src_ip in ends["src_ip"]
        ):
            found |= _within(flows, alerted)
    return found


def _within(flows: Flows, alerted: pl.DataFrame) -> NDArray[np.bool_]:
    given = {name: getattr(flows, name) for name in ("src_ip", "dst_ip", "dst_port", "proto")}
    fits = [pl.col(name) == value for name, value in given.items() if value is not UNSET]
    fits.append(pl.col("ts").is_between(flows.since.timestamp(), flows.until.timestamp(), closed="left"))
    return alerted.select(pl.all_horizontal(fits).fill_null(value=False)).to_series().to_numpy()
