"""Which sources are kept: whole ones, so that what is windowed over a source stays true.

A uniform sample of single flows would change every count, gap and breadth that a window holds. A source is kept if the
hash of its address begins with so many zero bits: 0 keeps all, each further one halves what is kept, and what is kept
then was kept before. The hash is of no secret and the same everywhere, so that all daemons keep the same sources.
"""

from __future__ import annotations

from hashlib import blake2b

import polars as pl

MOST_HALVINGS = 20
"""A millionth of the sources; past that a bound is not kept."""


def share(halvings: int) -> float:
    """Share of the sources that is kept."""
    return 0.5**halvings


def of_kept_sources(frame: pl.DataFrame, halvings: int) -> pl.DataFrame:
    """The flows of the sources that are kept, in their order; all of a source's or none."""
    if not halvings or not len(frame):
        return frame
    kept = [address for address in frame["src_ip"].unique().to_list() if is_kept(address, halvings)]
    return frame.filter(pl.col("src_ip").is_in(kept))


def is_kept(address: str, halvings: int) -> bool:
    """Whether a source is kept."""
    return (
        int.from_bytes(blake2b(address.encode(), digest_size=8).digest()) >> (64 - halvings) == 0 if halvings else True
    )
