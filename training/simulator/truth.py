"""The truth about a run: which attacks are in what was written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
import polars as pl

from detector.records.flow import LABEL
from training.simulator.frames import ATTACK_ID

_MOST_ADDRESSES = 16
"""Of each side of an attack that are named; a flood may come from thousands."""


@dataclass(slots=True)
class Truth:
    """Collects what passes: flows, attacks and their flows."""

    flows: int = 0
    attack_flows: int = 0
    _seen: list[pl.DataFrame] = field(default_factory=list)

    def note(self, frame: pl.DataFrame) -> None:
        """Count the flows of a frame that is being written."""
        self.flows += len(frame)
        attacks = frame.filter(pl.col(ATTACK_ID).is_not_null())
        if len(attacks):
            self.attack_flows += len(attacks)
            self._seen.append(
                attacks.group_by(ATTACK_ID).agg(
                    pl.col(LABEL).first(),
                    pl.col("ts").min().alias("start"),
                    pl.col("ts").max().alias("end"),
                    pl.len().alias("flows"),
                    pl.col("src_ip").unique(),
                    pl.col("dst_ip").unique(),
                )
            )

    def attacks(self) -> list[dict[str, Any]]:
        """Each attack by its first flow: id, kind, start, end, src, dst (16 addresses at most) and number of flows."""
        if not self._seen:
            return []
        rows = (
            pl.concat(self._seen)
            .group_by(ATTACK_ID)
            .agg(
                pl.col(LABEL).first(),
                pl.col("start").min(),
                pl.col("end").max(),
                pl.col("flows").sum(),
                pl.col("src_ip").explode().unique().sort().alias("src"),
                pl.col("dst_ip").explode().unique().sort().alias("dst"),
            )
            .sort("start", ATTACK_ID)
            .select(
                pl.col(ATTACK_ID).alias("id"),
                pl.col(LABEL).alias("kind"),
                "start",
                "end",
                "flows",
                pl.col("src").list.len().alias("sources"),
                pl.col("dst").list.len().alias("destinations"),
                pl.col("src").list.head(_MOST_ADDRESSES),
                pl.col("dst").list.head(_MOST_ADDRESSES),
            )
        )
        found: list[dict[str, Any]] = rows.to_dicts()
        return found

    def lines(self) -> list[bytes]:
        """The attacks as JSON lines."""
        return [msgspec.json.encode(attack) for attack in self.attacks()]
