"""What counts of all that was said, kept beside each incident and alert so that lists can go by it.

An incident's verdict is the last word on itself, or on a part of it; where nobody said one, the latest on an alert of
its or on flows among which one of its alerts is. All of it is computed anew from the labels whenever one comes, so it
does not depend on the order in which labels, alerts and incidents arrive.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import ColumnElement, and_, bindparam, delete, false, insert, select, update
from sqlalchemy.orm import Session

from detector.feedback.label import Flows, Label, Of, read_label
from detector.feedback.latest import Standing, weigh
from triage.store.chunks import chunks
from triage.store.tables import ALERTS, COVERED, INCIDENTS, LABELS
from triage.store.words import digest_of, kind_of, words_of

I, A, L = INCIDENTS.c, ALERTS.c, LABELS.c  # noqa: E741 - their columns

NOTHING_SAID = {"verdict": None, "verdict_of": None, "said_by": None, "said_at": None, "conflicting": False}


class _Ends(Struct):
    """Between which addresses flows are; a label has one at least."""

    src_ip: str | None = None
    dst_ip: str | None = None


class _OfFlows(Struct):
    """What a label of flows is of, as far as it tells whether an alert may be among them."""

    flows: _Ends


_ends = msgspec.json.Decoder(_OfFlows)
_subjects = msgspec.json.Decoder(Of)


def judge_again(session: Session, labels: Sequence[Label]) -> None:
    """Have labels count that were just kept: on what they are of, or what the ones that they withdraw are of."""
    subjects = {label.of for label in labels if isinstance(label.of, Of)}
    for some in chunks({str(label.withdraws) for label in labels if label.withdraws is not UNSET}):
        rows = session.scalars(select(L.document).where(L.id.in_(some), L.verdict.is_not(None)))
        subjects |= {of for row in rows if isinstance(of := read_label(row).of, Of)}
    cover(session, [of for of in subjects if of.incident is UNSET])
    judge_alerts(session, [str(of.alert) for of in subjects if of.alert is not UNSET])
    incidents = {str(of.incident) for of in subjects if of.incident is not UNSET}
    for some in chunks({digest_of(of) for of in subjects}):
        incidents |= set(session.scalars(select(COVERED.c.incident).where(COVERED.c.subject_digest.in_(some))))
    judge(session, incidents)


def cover(session: Session, subjects: Iterable[Of]) -> None:
    """Find the incidents that labels of alerts and of flows are on."""
    for of in subjects:
        wanted = A.id == of.alert if of.flows is UNSET else _among(of.flows)
        incidents = set(session.scalars(select(A.incident).where(wanted, A.incident.is_not(None)).distinct()))
        digest = digest_of(of)
        session.execute(delete(COVERED).where(COVERED.c.subject_digest == digest))
        if incidents:
            session.execute(insert(COVERED), [{"subject_digest": digest, "incident": each} for each in incidents])


def subjects_of_alerts(session: Session, alerts: Mapping[str, Any]) -> list[Of]:
    """What was said of alerts that come now: by their ids, or by flows; ``alerts`` are rows of the table by id."""
    found: set[Of] = set()
    for some in chunks(alerts):
        rows = session.scalars(select(L.document).where(L.of == "alert", L.of_id.in_(some)))
        found |= {of for row in rows if isinstance(of := read_label(row).of, Of)}
    by_source, by_destination = _by_end("src_ip", alerts), _by_end("dst_ip", alerts)
    for subject in session.scalars(select(L.subject).where(L.of == "flows").distinct()):
        ends = _ends.decode(subject).flows
        near = by_source.get(ends.src_ip) if ends.src_ip else by_destination.get(ends.dst_ip or "")
        if near and _has_any(whole := _subjects.decode(subject), near):
            found.add(whole)
    return list(found)


def judge_alerts(session: Session, alerts: Iterable[str]) -> None:
    """Keep what counts beside alerts."""
    for some in chunks(alerts):
        standings = weigh(words_of(session, [digest_of(Of(alert=each)) for each in some])).standings
        for of, standing in standings.items():
            session.execute(update(ALERTS).where(A.id == of.alert).values(verdict=standing.verdict))


def judge(session: Session, incidents: Iterable[str]) -> None:
    """Keep what counts beside incidents, and beside those that they are parts of."""
    asked = set(incidents)
    for some in chunks(list(asked)):
        rows = session.execute(select(I.whole, I.merged_into).where(I.id.in_(some)))
        asked |= {name for row in rows for name in row if name}
    statement = update(INCIDENTS).where(I.id == bindparam("name"))
    for some in chunks(asked):
        if judged := list(_judged(session, some)):
            session.connection().execute(statement, judged)


def _judged(session: Session, incidents: Sequence[str]) -> Iterator[dict[str, Any]]:
    own: defaultdict[str, set[str]] = defaultdict(set)
    """By incident, itself and its parts."""
    for row in session.execute(
        select(I.id, I.whole, I.merged_into).where(
            I.whole.in_(incidents) | I.merged_into.in_(incidents) | I.id.in_(incidents)
        )
    ):
        for name in {row.id, row.whole, row.merged_into} & set(incidents):
            own[name].add(row.id)
    every = {name for names in own.values() for name in names}
    covers: defaultdict[str, set[str]] = defaultdict(set)
    """By incident, digests of what is said of its alerts and flows."""
    for some in chunks(every):
        for row in session.execute(select(COVERED).where(COVERED.c.incident.in_(some))):
            covers[row.incident].add(row.subject_digest)
    digests = {name: digest_of(Of(incident=name)) for name in every}
    words = words_of(session, {*digests.values(), *(digest for each in covers.values() for digest in each)})
    by_digest = {digest_of(of): standing for of, standing in weigh(words).standings.items()}
    for name, names in own.items():
        if name in digests:
            itself = [by_digest.get(digests[each]) for each in names]
            others = [by_digest.get(digest) for each in names for digest in covers[each]]
            yield {"name": name} | (_last(itself) or _last(others) or NOTHING_SAID)


def _last(standings: Iterable[Standing | None]) -> dict[str, Any] | None:
    """The latest word of several things; None where nobody said one."""
    said = [(label, each) for each in standings if each is not None and (label := each.last) is not None]
    if not said:
        return None
    label, latest = max(said, key=lambda each: (each[0].at, each[0].id))
    return {
        "verdict": label.verdict,
        "verdict_of": kind_of(latest.of),
        "said_by": label.by,
        "said_at": label.at.timestamp(),
        "conflicting": any(each.conflicting for _, each in said),
    }


def _among(flows: Flows | UnsetType) -> ColumnElement[bool]:
    """Alerts of these flows."""
    if isinstance(flows, UnsetType):
        return false()
    given = [A.src_ip == flows.src_ip] if flows.src_ip is not UNSET else []
    given += [A.dst_ip == flows.dst_ip] if flows.dst_ip is not UNSET else []
    given += [A.dst_port == flows.dst_port] if flows.dst_port is not UNSET else []
    given += [A.proto == flows.proto] if flows.proto is not UNSET else []
    return and_(*given, A.ts >= flows.since.timestamp(), A.ts < flows.until.timestamp())


def _has_any(of: Of, alerts: Iterable[Mapping[str, Any]]) -> bool:
    return isinstance(of.flows, Flows) and any(_is_among(of.flows, each) for each in alerts)


def _by_end(name: str, alerts: Mapping[str, Any]) -> Mapping[str, list[Any]]:
    """Alerts by an address of theirs."""
    found: defaultdict[str, list[Any]] = defaultdict(list)
    for each in alerts.values():
        found[each[name]].append(each)
    return found


def _is_among(flows: Flows, alert: Mapping[str, Any]) -> bool:
    given = {name: getattr(flows, name) for name in ("src_ip", "dst_ip", "dst_port", "proto")}
    fits = all(alert[name] == value for name, value in given.items() if value is not UNSET)
    return fits and flows.since.timestamp() <= alert["ts"] < flows.until.timestamp()
