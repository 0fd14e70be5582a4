"""What is left out of training since a first model finds it as one incident: nobody's traffic is clean.

An attack in the flows that are learnt from makes others like it usual, and holds thresholds above them. What a first
model makes of each flow, by what did not see its stretch of time, tells who stands out: **one source, one destination
or one pair, within an hour, by many odd flows**. Such flows are left out, and the model is trained anew.

Of n flows that are usual the surprises above :data:`ODD_NATS`, less it, sum up to n·exp(−1.5): p-values are uniform. By
how much a group has more is its *excess*. Clean traffic has groups with an excess, too. So a group is cut where it has
:data:`BEYOND` times the excess of those that come after the oddest twentieth. That does not depend on how many flows
are attacks, as long as the groups that these make are fewer. Two things are never cut so: who is as odd in most
stretches of the time, since that is a habit; and anything at all where it would be more than :data:`MOST_SHARE` of the
flows, since that is no incident in a network but the network.

An attack may *last*, though: a few sources, all day long, or what many send to one host. A habit that is seldom is odd
to models that saw it in other stretches, and one that is not seldom they have learnt. So sources and destinations
nearly all of whose flows are plainly odd, all along, are cut where they have :data:`LASTING_SHARE` of the flows
together. What is sent to many at once, by multicast or broadcast, is none of it. This needs no other groups to compare
with, and small captures have none.
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
from detector.net.answers import is_shared
from training.calibration_audit import who, whom
from training.learn import Choice, Learnt, TellStep

Mask = NDArray[np.bool_]

ODD_NATS = 1.5
"""As for evidence: what a flow's surprise exceeds counts."""

PLAINLY_NATS = 1.0
"""Of a group that is cut, so surprising flows go."""

CELL_S = 3600.0

LEAST_FLOWS = 50
"""Odd ones in a group: fewer teach a model little, and an analyst reads them in the list of the oddest."""

SMALL = 10
"""Groups of fewer flows tell nothing of what groups reach."""

LEAST_GROUPS = 50
"""Where there are fewer of those, nobody knows what a group reaches, and none is cut."""

RANK, RANK_SHARE = 20, 0.05
"""The oddest groups that may be attacks, so many or this share of all; the next is what clean ones reach."""

LEAST_REACHED = 5.0
"""In nats: what clean groups reach at least."""

BEYOND, BEYOND_AT_ONE = 10.0, 30.0
"""So many times; the second for one destination of many sources: a busy server's hours differ most of all."""

LASTING_ODD, LASTING_NATS, LASTING_EXCESS = 0.9, 3.0, 12.0
"""Of who lasts: the share of odd flows, their mean surprise (one in twenty), and more nats than one flow brings."""

LASTING_FLOWS = 4
"""It may be missing from a stretch where it has fewer than so many for each of them; half it has in any case."""

LASTING_SHARE = 0.02
"""Of all flows; those of less are rare habits, such as the Internet's noise."""

MOST_SHARE = 0.2
"""Of the flows."""

ROUNDS = 2
"""So many times at most is looked for more, and trained anew."""

SHOWN = 20
"""Incidents that are told to people."""

WAYS = (("src_ip", "dst_ip"), ("src_ip",), ("dst_ip",))
"""In this order: what is told by one pair says nothing against others that its destination has."""

WAYS_TO_LAST = (("src_ip",), ("dst_ip",))
"""Likewise; pairs of an attack that lasts are many, with a few flows each."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What is left out."""

    rows: Mask
    """Shape (rows,); none where it is ``too_much``."""
    incidents: pl.DataFrame
    """A row for each source, destination or pair, the largest first: ``src_ip`` and ``dst_ip``, null where there are
    several; ``dst_port`` and ``proto`` likewise; ``sources``, ``destinations``, ``ports``, ``flows``; ``first`` and
    ``last``, seconds since 1970; ``times``, how many times as odd as other groups it is."""
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
        (pl.col("ts") / CELL_S).floor().alias("cell"),
        pl.Series("stretch", stretches),
    )
    rest, found = flows, []
    for by in WAYS:
        part = _found(rest, by)
        found.append(part)
        rest = rest.join(part, on="row", how="anti")
    found.append(_lasting(rest))
    rows = pl.concat(found)
    too_much = len(rows) > MOST_SHARE * len(frame)
    cut = np.zeros(len(frame), np.bool_)
    if not too_much:
        cut[rows["row"].to_numpy()] = True
    return Cut(cut, _told(rows), too_much)


def as_rows(cut: Cut) -> list[dict[str, Any]]:
    """Its incidents for a program: times in ISO 8601."""
    return [{**row, "first": told(row["first"]), "last": told(row["last"])} for row in cut.incidents.rows(named=True)]


def as_text(cut: Cut) -> str:
    """Its incidents for a person."""
    if cut.too_much:
        begins = (
            f"more than {MOST_SHARE:.0%} of the flows stand out as {_incidents(cut)}, so that they were trained on:"
            " look at these, and name attackers with --attacker ADDRESS --train-on normal"
        )
    else:
        begins = f"left out of training, since they stand out as {_incidents(cut)} ({cut.flows:,} flows):"
    lines = [
        f"  {told(row['first'])}  {who(row)} until {told(row['last'])}, {row['times']:,.0f} times as odd as others"
        for row in cut.incidents.head(SHOWN).rows(named=True)
    ]
    more = len(cut.incidents) - len(lines)
    last = [f"  and {more:,} more"] if more else []
    ends = [] if cut.too_much else ["  what is yours and will come again: train with --no-cut"]
    return "\n".join([begins, *lines, *last, *ends])


def _incidents(cut: Cut) -> str:
    return "1 incident" if len(cut.incidents) == 1 else f"{len(cut.incidents):,} incidents"


def _joined(found: Cut, more: Cut) -> pl.DataFrame:
    parts = [each.incidents for each in (found, more) if len(each.incidents)]
    if not parts:
        return pl.DataFrame()
    return pl.concat(parts).sort("flows", "first", descending=[True, False])


def _found(flows: pl.DataFrame, by: tuple[str, ...]) -> pl.DataFrame:
    """The flows of groups of one way that stand out, each with its group's number, size and how many times as odd."""
    groups = flows.group_by(*by, "cell", maintain_order=True).agg(_excess(), pl.len().alias("n"), _odd())
    reached = _reached(groups.filter(pl.col("n") >= SMALL)["excess"].to_numpy())
    times = BEYOND_AT_ONE if by == ("dst_ip",) else BEYOND
    beyond = groups.filter((pl.col("excess") > times * reached) & (pl.col("odd") >= LEAST_FLOWS))
    of_them = flows.join(beyond.select(by).unique(), on=by, how="semi", nulls_equal=True)
    odd_in = of_them.group_by(*by, "stretch").agg(_excess()).filter(pl.col("excess") > reached).group_by(by).len()
    habits = odd_in.filter(pl.col("len") > flows["stretch"].n_unique() / 2)
    beyond = beyond.join(habits, on=by, how="anti", nulls_equal=True)
    groups = beyond.select(*by, "cell", (pl.col("excess") / reached).alias("times"))
    return _named(of_them.join(groups, on=[*by, "cell"], how="inner", nulls_equal=True), by)


def _lasting(flows: pl.DataFrame) -> pl.DataFrame:
    """The flows of who is plainly odd all along, as :func:`_found` gives them; none where they are few."""
    shared = [address for address in flows["dst_ip"].drop_nulls().unique().to_list() if is_shared(address)]
    rest = flows.join(pl.DataFrame({"dst_ip": shared}, {"dst_ip": pl.String}), on="dst_ip", how="anti")
    found, stretches = [], flows["stretch"].n_unique()
    for by in WAYS_TO_LAST:
        groups = (
            rest.group_by(*by, maintain_order=True)
            .agg(_excess(), _odd(), pl.len().alias("n"), pl.col("nats").mean().alias("times"), _stretches())
            .filter(
                (pl.col("odd") >= LASTING_ODD * pl.col("n"))
                & (pl.col("times") >= LASTING_NATS)
                & (pl.col("excess") > LASTING_EXCESS)
                & (pl.col("stretches") > stretches / 2)
                & ((pl.col("stretches") == stretches) | (pl.col("stretches") > pl.col("n") / LASTING_FLOWS - 1))
            )
        )
        part = _named(rest.join(groups.select(*by, "times"), on=by, how="inner", nulls_equal=True), by)
        found.append(part)
        rest = rest.join(part, on="row", how="anti")
    rows = pl.concat(found)
    return rows if len(rows) >= LASTING_SHARE * len(flows) else rows.clear()


def _named(rows: pl.DataFrame, by: tuple[str, ...]) -> pl.DataFrame:
    """The plainly odd of these flows, each with whose they are."""
    named = [pl.col(name).fill_null("") for name in by]
    who_is = pl.concat_str([pl.lit("/".join(by)), *named], separator=" ").alias("who")
    return rows.filter(pl.col("nats") > PLAINLY_NATS).with_columns(who_is)


def _stretches() -> pl.Expr:
    return pl.col("stretch").n_unique().alias("stretches")


def _excess() -> pl.Expr:
    return ((pl.col("nats") - ODD_NATS).clip(lower_bound=0).sum() - pl.len() * float(np.exp(-ODD_NATS))).alias("excess")


def _odd() -> pl.Expr:
    return (pl.col("nats") > ODD_NATS).sum().alias("odd")


def _reached(excesses: NDArray[np.float64]) -> float:
    """What groups of clean traffic reach, whatever the oddest are; infinite where there are too few to tell."""
    if len(excesses) < LEAST_GROUPS:
        return np.inf
    rank = max(RANK, round(RANK_SHARE * len(excesses)))
    return max(float(np.sort(excesses)[::-1][rank]), LEAST_REACHED)


def _told(rows: pl.DataFrame) -> pl.DataFrame:
    return (
        rows.group_by("who")
        .agg(
            *whom(),
            pl.len().alias("flows"),
            pl.col("ts").min().alias("first"),
            pl.col("ts").max().alias("last"),
            pl.col("times").max(),
        )
        .sort("flows", "first", "who", descending=[True, False, False])
        .drop("who")
    )
