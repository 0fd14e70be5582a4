"""What is left out of training since a first model finds it as one incident: nobody's traffic is clean.

An attack in the flows that are learnt from makes others like it usual, and holds thresholds above them. What a first
model makes of each flow, by what did not see its stretch of time, tells who stands out: **one source, one destination
or one pair, within an hour, by many odd flows**. Such flows are left out, and the model is trained anew.

Who stands out, and how far, is told by ``training.odd_groups``. Nothing is cut where it would be more than
:data:`MOST_SHARE` of the flows, since that is no incident in a network but the network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.decisions.passed import TAUGHT
from detector.decisions.views import SURPRISE
from detector.kernels.clock import told
from training.calibration_audit import who, whom
from training.learn import Choice, Learnt, TellStep
from training.odd_groups import odd_rows

Mask = NDArray[np.bool_]

MOST_SHARE = 0.2
"""Of the flows."""

ROUNDS = 2
"""So many times at most is looked for more, and trained anew."""

SHOWN = 20
"""Incidents that are told to people."""

DENSE = 0.5
"""Nine of ten flows within less than so much of the time are told by themselves: with a flood goes what else was odd at
its target within the hour."""

_TIMES = ("first", "last", "nearly_from", "nearly_until")


@dataclass(frozen=True, slots=True)
class Cut:
    """What is left out."""

    rows: Mask
    """Shape (rows,); none where it is ``too_much``."""
    incidents: pl.DataFrame
    """A row for each source, destination or pair, the largest first: ``src_ip`` and ``dst_ip``, null where there are
    several; ``dst_port`` and ``proto`` likewise; ``sources``, ``destinations``, ``ports``, ``flows``; ``first`` and
    ``last``, seconds since 1970, and ``nearly_from`` and ``nearly_until``, between which nine of ten are; ``times``,
    how many times as odd as other groups it is."""
    too_much: bool = False
    """Whether it would have been more than :data:`MOST_SHARE`: ``incidents`` has them all the same."""

    @classmethod
    def nothing(cls, rows: int) -> Cut:
        """Of so many rows."""
        return cls(np.zeros(rows, np.bool_), pl.DataFrame())

    @property
    def flows(self) -> int:
        """How many are left out."""
        return int(self.rows.sum())


def learn_without(
    frame: pl.DataFrame,
    choice: Choice,
    learning: Callable[[Choice], Learnt],
    tell: TellStep = lambda _: None,
) -> tuple[Learnt, Cut]:
    """Learn by ``learning``, leave out of ``choice`` what stands out, and learn anew; :data:`ROUNDS` times at most.

    A model that is free of the largest incidents finds smaller ones. What people called harmless stays.
    """
    learnt, found = learning(choice), Cut.nothing(len(frame))
    may = ~(frame[TAUGHT].fill_null(0).to_numpy() > 0) if TAUGHT in frame.columns else np.ones(len(frame), np.bool_)
    for _ in range(ROUNDS):
        if learnt.unseen is None:
            break
        rows = learnt.weighed
        more = standing_out(frame[rows], learnt.unseen[SURPRISE.name], learnt.stretches, may[rows])
        both = found.rows.copy()
        both[rows[more.rows]] = True
        if more.too_much or both.mean() > MOST_SHARE:
            return learnt, Cut(found.rows, _joined(found, more), too_much=True)
        if not more.flows:
            break
        found = Cut(both, _joined(found, more))
        tell(f"leaving out {found.flows:,} flows that stand out as {_incidents(found)}, and training anew")
        left = ~both
        learnt = learning(Choice(calm=choice.calm & left, chosen=choice.chosen & left, peaceful=choice.peaceful & left))
    return learnt, found


def standing_out(frame: pl.DataFrame, surprise: NDArray[np.float64], stretches: NDArray[np.intp], may: Mask) -> Cut:
    """Find incidents among flows in order of time.

    ``surprise`` (rows,) is in nats, by models that did not see the flow's stretch, whose number ``stretches`` has.
    Only flows that ``may`` be cut are.
    """
    flows = frame.select("ts", "src_ip", "dst_ip", "dst_port", "proto").with_columns(
        pl.int_range(pl.len()).alias("row"),
        pl.Series("nats", np.where(may, surprise, 0.0)),
        pl.Series("stretch", stretches),
    )
    rows = odd_rows(flows)
    too_much = len(rows) > MOST_SHARE * len(frame)
    cut = np.zeros(len(frame), np.bool_)
    if not too_much:
        cut[rows["row"].to_numpy()] = True
    return Cut(cut, _told(rows), too_much)


def as_rows(cut: Cut) -> list[dict[str, Any]]:
    """Its incidents for a program: times in ISO 8601."""
    return [row | {name: told(row[name]) for name in _TIMES} for row in cut.incidents.rows(named=True)]


def as_text(cut: Cut) -> str:
    """Its incidents for a person."""
    if cut.too_much:
        begins = (
            f"more than {MOST_SHARE:.0%} of the flows stand out as {_incidents(cut)}, so that they were trained on:"
            " look at these, and name attackers with --attacker ADDRESS --train-on normal"
        )
    else:
        begins = f"left out of training, since they stand out as {_incidents(cut)} ({cut.flows:,} flows):"
    lines = [f"  {_line(row)} times as odd as others" for row in cut.incidents.head(SHOWN).rows(named=True)]
    more = len(cut.incidents) - len(lines)
    last = [f"  and {more:,} more"] if more else []
    ends = [] if cut.too_much else ["  what is yours and will come again: train with --no-cut"]
    return "\n".join([begins, *lines, *last, *ends])


def _line(row: dict[str, Any]) -> str:
    """When who did what to whom; when nearly all of it was, where that was far shorter than from first to last."""
    dense = row["nearly_until"] - row["nearly_from"] < DENSE * (row["last"] - row["first"])
    begins, ends = ("nearly_from", "nearly_until") if dense else ("first", "last")
    until = f"{', nearly all' if dense else ''} until {told(row[ends])}"
    return f"{told(row[begins])}  {who(row)}{until}, {row['times']:,.0f}"


def _incidents(cut: Cut) -> str:
    return "1 incident" if len(cut.incidents) == 1 else f"{len(cut.incidents):,} incidents"


def _joined(found: Cut, more: Cut) -> pl.DataFrame:
    parts = [each.incidents for each in (found, more) if len(each.incidents)]
    if not parts:
        return pl.DataFrame()
    return pl.concat(parts).sort("flows", "first", descending=[True, False])


def _told(rows: pl.DataFrame) -> pl.DataFrame:
    return (
        rows.group_by("who")
        .agg(
            *whom(),
            pl.len().alias("flows"),
            pl.col("ts").min().alias("first"),
            pl.col("ts").max().alias("last"),
            *(
                pl.col("ts").quantile(share, "nearest").alias(name)
                for name, share in (("nearly_from", 0.05), ("nearly_until", 0.95))
            ),
            pl.col("times").max(),
        )
        .sort("flows", "first", "who", descending=[True, False, False])
        .drop("who")
    )
