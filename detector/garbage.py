"""Python's collector of cycles, kept out of the records' way.

A message from Kafka counts as something that may be part of a cycle, so every few hundred of them the collector looks
through the young ones, and now and then through all that was ever loaded: a tenth of a second in which no thread moves.
What is there when reading begins stays for good, so it is set aside; and no cycle is made per record, so that looking
once in 100,000 new objects is soon enough.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG_OBJECTS = 100_000
"""New objects, less those that are gone again, before the collector looks: more than batches in flight have."""


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Within this block, leave what is there alone and look for new cycles seldom."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
