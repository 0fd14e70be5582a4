"""What labels make of flows: which may be trained on, which of them people called harmless, and which are an attack's.

::

    what people said → flows meant → guards → held, left out, taught → what is told

* Flows **judged false** are trained on, whatever incident they are of: they are never left out as oddest, and count as
  often as ``feedback.weight`` and ``feedback.least_share`` ask, and the guards allow.
* Flows **judged true** are never trained on. They are held: the gate asks whether they are still raised.
* Flows of incidents that nobody judged, or of what people judge differently, are left out.

Where both are said of one flow, true outweighs. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.bundle.manifest import LabelsTaught
from detector.casebook.told import Told
from detector.listed import counted
from training.gate.known import NOTHING_SAID, SHOWN, Spoken
from training.gate.meant import JudgedIncidents, Meant, meant_by, rows_of_incidents
from training.lessons.guards import Guards, Weighed, held_back, weighed

Mask = NDArray[np.bool_]

INCIDENT_MARGIN_S = 900.0
"""Before and after an incident: an attack begins before it is raised, and what is left in of it makes it usual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessons:
    """Masks and weights of shape (rows,), of the frame that was asked about."""

    keep: Mask
    """Which flows may be trained on."""
    held: Mask
    """Which are not, since they, or what they are of, were judged true."""
    taught: NDArray[np.int32]
    """How often each flow counts that was judged false; 0 of all others."""
    asked: tuple[Meant, ...]
    """What the gate asks about, with its flows: what was judged true, and what teaches."""
    told: LabelsTaught
    held_back: dict[str, int]
    """By who said them: labels that the guards held back."""
    unjudged: int
    """Incidents that nobody judged and that some of the flows are of."""

    def shares(self, label: str) -> NDArray[np.float32]:
        """Of each flow that was judged so, its share of its label's weight, 1 each; 0 of all others. Shape (rows,)."""
        found = np.zeros(len(self.keep), np.float32)
        for meant in self.asked:
            if meant.judgement.label == label and len(meant.rows):
                found[meant.rows] += np.float32(1.0 / len(meant.rows))
        return found

    @property
    def rows(self) -> int:
        """How many flows may not be trained on."""
        return int(len(self.keep) - self.keep.sum())


def lessons_of(
    frame: pl.DataFrame,
    incidents: Iterable[Told] = (),
    said: Spoken = NOTHING_SAID,
    *,
    guards: Guards | None = None,
    margin_s: float = INCIDENT_MARGIN_S,
    topic: str | None = None,
) -> Lessons:
    """Hold flows (ascending in ``ts``), which are of ``topic`` if of any, against incidents and what people said."""
    incidents, guards, ts = list(incidents), guards or Guards(), frame["ts"].to_numpy()
    meant = meant_by(said.judgements, frame, topic, incidents)
    contested = meant_by(said.contested, frame, topic, incidents)
    true = [each for each in meant if each.judgement.label == "true"]
    attacks, held = JudgedIncidents(each.judgement for each in true), marked(len(frame), true)
    others = list[Told]()
    for told in incidents:
        if told in attacks:
            held[rows_of_incidents(frame, ts, [told], margin_s)] = True
        else:
            others.append(told)
    said_false = [each for each in meant if each.judgement.label == "false"]
    free = [each._replace(rows=each.rows[~held[each.rows]]) for each in said_false]
    found = weighed([each for each in free if len(each.rows)], frame, guards)
    teaching = [each for each in found if each.weight]
    # What has no flow here may still name an incident, by one of its alerts.
    absent = [each for each in said_false if not len(each.rows)]
    harmless = JudgedIncidents(each.judgement for each in (*(each.meant for each in teaching), *absent))
    out, unjudged = marked(len(frame), contested), 0
    disputed = JudgedIncidents(each.judgement for each in contested)
    for told in others:
        if told in harmless and told not in disputed:
            continue
        rows = rows_of_incidents(frame, ts, [told], margin_s)
        out[rows] = True
        unjudged += bool(len(rows))
    taught = np.zeros(len(frame), np.int32)
    for each in teaching:
        taught[each.meant.rows] = np.maximum(taught[each.meant.rows], each.weight)
    return Lessons(
        keep=~held & (~out | (taught > 0)),
        held=held,
        taught=taught,
        asked=(*true, *(each.meant for each in teaching)),
        told=told_of(said, true, said_false, found, int((taught > 0).sum()), guards),
        held_back=held_back(found),
        unjudged=unjudged,
    )


def marked(count: int, meant: Iterable[Meant]) -> Mask:
    """Which of so many flows these judgements are of."""
    mask = np.zeros(count, np.bool_)
    for each in meant:
        mask[each.rows] = True
    return mask


def told_of(  # noqa: PLR0917 - what was said, and what became of it
    said: Spoken, true: Sequence[Meant], false: Sequence[Meant], found: Sequence[Weighed], flows: int, guards: Guards
) -> LabelsTaught:
    """How many labels taught, by whom and when they were said, and what was left out and why."""
    teaching = [each.meant for each in found if each.weight]
    here = [each for each in true if len(each.rows)]
    taught, absent = [*here, *teaching], [each for each in (*true, *false) if not len(each.rows)]
    out = Counter(
        {
            "people judge differently": len(said.contested),
            "not sure": said.unsure,
            "none of their flows is here: older, or of another cluster": len(absent),
            "their flows are judged true, too": sum(bool(len(each.rows)) for each in false) - len(found),
        }
    )
    out.update(
        f"beyond what one {each.beyond.of} may say, {each.beyond.name}"
        for each in found
        if each.beyond and not each.weight
    )
    return LabelsTaught(
        false=len(teaching),
        true=len(here),
        flows=flows,
        weight=guards.weight,
        weighed_down=sum(bool(each.weight and each.beyond) for each in found),
        by=_counts(each.judgement.whom for each in taught),
        days=_counts(each.judgement.day or "a day not told" for each in taught),
        left_out={why: count for why, count in out.items() if count},
    )


def _counts(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def words_of(told: LabelsTaught) -> Iterator[str]:
    """The same as lines for people; none where nobody said anything."""
    if not told.are_there:
        return
    flows = f" ({told.flows:,} flows)" if told.flows else ""
    whom = f"; by {counted(told.by, SHOWN)}" if told.by else ""
    days = f"; said on {counted(told.days, SHOWN)}" if told.days else ""
    yield f"labels: {told.false:,} false{flows} and {told.true:,} true teach{whom}{days}"
    if told.leaves:
        yield "labels: the forest's leaves are learnt from them"
    if told.weighed_down:
        yield f"labels: {told.weighed_down:,} count less often than they should: feedback.largest_share"
    for why, count in told.left_out.items():
        yield f"labels: {count:,} do not teach: {why}"
