"""Which flows stand out as one incident: groups that are much odder than others, and than themselves at other times.

Of n flows that are usual the surprises above :data:`ODD_NATS`, less it, sum up to n·exp(−1.5): p-values are uniform. By
how much a group has more is its *excess*. Clean traffic has groups with an excess, too. So a group is cut where it has
:data:`BEYOND` times the excess of those that come after the oddest twentieth, and as many times what it has itself in
an hour of its median stretch: a habit is no incident, and an incident of a busy host is more than its habit. That does
not depend on how many flows are attacks, as long as the groups that these make are fewer. Of one source or one
destination only those flows count, and are cut, whose target is not there in most stretches: what a scanner's host or
a flooded server does anyway is not the attack.

An attack may *last*, though: a few sources, all day long, or what many send to one host. A habit that is seldom is odd
to models that saw it in other stretches, and one that is not seldom they have learnt. So sources and destinations
nearly all of whose flows are plainly odd, all along, are cut where they have :data:`LASTING_SHARE` of the flows
together. Then sources of fewer flows, as odd, go too where most of these are to the same hosts. What is sent to many at
once, by multicast or broadcast, is none of it. This needs no other groups to compare with, and small captures have
none.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.net.answers import is_shared

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

BEYOND, BEYOND_AT_ONE = 7.0, 12.0
"""So many times what other groups reach, and what it reaches itself; the second for one source or one destination: what
hosts do with all others differs from hour to hour more than what two do."""

LASTING_ODD, LASTING_NATS, LASTING_EXCESS = 0.9, 3.0, 12.0
"""Of who lasts: the share of odd flows, their mean surprise (one in twenty), and more nats than one flow brings."""

LASTING_FLOWS = 4
"""It may be missing from a stretch where it has fewer than so many for each of them; half it has in any case."""

LASTING_SHARE = 0.02
"""Of all flows; those of less are rare habits, such as the Internet's noise."""

LEAST_OF_ONE = 3
"""Flows of a source that is cut since it goes where others do who last: one or two may be a client's."""

PAIR = ("src_ip", "dst_ip")

WAYS = (PAIR, ("src_ip",), ("dst_ip",))
"""In this order: what is told by one pair says nothing against others that its destination has."""

WAYS_TO_LAST = (("src_ip",), ("dst_ip",))
"""Likewise; pairs of an attack that lasts are many, with a few flows each."""


def odd_rows(flows: pl.DataFrame) -> pl.DataFrame:
    """The flows of groups that stand out, each with its group's name ``who``, and ``times``, how many times as odd.

    Of each flow are told ``ts``, ``src_ip``, ``dst_ip``, ``dst_port``, its ``row``, its ``stretch`` of time, and its
    surprise in ``nats``, by what did not see that.
    """
    there = pl.col("stretch").n_unique().over("src_ip", "dst_ip", "dst_port")
    rest = flows.with_columns(
        (pl.col("ts") / CELL_S).floor().alias("cell"), (there > flows["stretch"].n_unique() / 2).alias("always")
    )
    found = []
    for by in WAYS:
        part = _dense(rest, by)
        found.append(part)
        rest = rest.join(part, on="row", how="anti")
    return pl.concat([*found, _lasting(rest)])


def _dense(flows: pl.DataFrame, by: tuple[str, ...]) -> pl.DataFrame:
    """The flows of groups of one way that stand out within an hour, as :func:`odd_rows` gives them."""
    all_groups = flows.group_by(*by, "cell").agg(_excess(), pl.len().alias("n"))
    reached = _reached(all_groups.filter(pl.col("n") >= SMALL)["excess"].to_numpy())
    counted, limit = (flows, BEYOND) if by == PAIR else (flows.filter(~pl.col("always")), BEYOND_AT_ONE)
    groups = counted.group_by(*by, "cell", maintain_order=True).agg(_excess(), _odd())
    habits = _habits(counted, by, flows["stretch"].n_unique())
    times = (pl.col("excess") / pl.max_horizontal("habit", pl.lit(reached))).alias("times")
    beyond = groups.join(habits, on=by, nulls_equal=True).filter(pl.col("odd") >= LEAST_FLOWS, times > limit)
    beyond = beyond.select(*by, "cell", times)
    return _named(counted.join(beyond, on=[*by, "cell"], nulls_equal=True), by)


def _habits(flows: pl.DataFrame, by: tuple[str, ...], stretches: int) -> pl.DataFrame:
    """What each group reaches in its oddest hour of the median stretch; 0 where it is in fewer than half of them."""
    hours = flows.group_by(*by, "stretch", "cell").agg(_excess())
    each = hours.group_by(*by, "stretch").agg(pl.col("excess").max())
    median = pl.col("excess").sort(descending=True).slice(stretches // 2, 1).first()
    return each.group_by(by).agg(median.fill_null(0.0).alias("habit"))


def _lasting(flows: pl.DataFrame) -> pl.DataFrame:
    """The flows of who is plainly odd all along, as :func:`odd_rows` gives them; none where they are few."""
    shared = [address for address in flows["dst_ip"].drop_nulls().unique().to_list() if is_shared(address)]
    rest = flows.join(pl.DataFrame({"dst_ip": shared}, {"dst_ip": pl.String}), on="dst_ip", how="anti")
    found, stretches = [], flows["stretch"].n_unique()
    for by in WAYS_TO_LAST:
        groups = _plain(rest, by).filter(
            (pl.col("excess") > LASTING_EXCESS)
            & (pl.col("stretches") > stretches / 2)
            & ((pl.col("stretches") == stretches) | (pl.col("stretches") > pl.col("n") / LASTING_FLOWS - 1))
        )
        part = _named(rest.join(groups.select(*by, "times"), on=by, how="inner", nulls_equal=True), by)
        found.append(part)
        rest = rest.join(part, on="row", how="anti")
    rows = pl.concat(found)
    if len(rows) < LASTING_SHARE * len(flows) or rows.is_empty():
        return rows.clear()
    return pl.concat([rows, _accomplices(rest, rows)])


def _accomplices(rest: pl.DataFrame, lasting: pl.DataFrame) -> pl.DataFrame:
    """The flows of sources as plainly odd, though few, most of which are to where what lasts goes."""
    there = rest.with_columns(pl.col("dst_ip").is_in(lasting["dst_ip"].unique().implode()).alias("there"))
    groups = _plain(there, ("src_ip",), pl.col("there").mean()).filter(
        pl.col("n") >= LEAST_OF_ONE, pl.col("there") > 0.5
    )
    return _named(rest.join(groups.select("src_ip", "times"), on="src_ip", nulls_equal=True), ("src_ip",))


def _plain(flows: pl.DataFrame, by: tuple[str, ...], *more: pl.Expr) -> pl.DataFrame:
    """Groups nearly all of whose flows are plainly odd, with what tells whether they last, and ``more`` of each."""
    groups = flows.group_by(*by, maintain_order=True).agg(
        _excess(),
        _odd(),
        pl.len().alias("n"),
        pl.col("nats").mean().alias("times"),
        pl.col("stretch").n_unique().alias("stretches"),
        *more,
    )
    return groups.filter(pl.col("odd") >= LASTING_ODD * pl.col("n"), pl.col("times") >= LASTING_NATS)


def _named(rows: pl.DataFrame, by: tuple[str, ...]) -> pl.DataFrame:
    """The plainly odd of these flows, each with whose they are."""
    named = [pl.col(name).fill_null("") for name in by]
    who_is = pl.concat_str([pl.lit("/".join(by)), *named], separator=" ").alias("who")
    return rows.filter(pl.col("nats") > PLAINLY_NATS).with_columns(who_is)


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
