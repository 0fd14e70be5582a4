"""How Python itself runs while records pass: its collector of cycles kept out of their way, its lock handed on quickly.

*Cycles.* A message from Kafka counts as something that may be part of a cycle, so every few hundred of them the
collector looks through the young ones, and now and then through all that was ever loaded: a tenth of a second in which
no thread moves. What is there when reading begins stays for good, so it is set aside; and no cycle is made per record,
so that looking once in 100,000 new objects is soon enough.

*The lock.* Stages give it up for every kernel, and want it back a moment later. Whoever has it meanwhile, such as the
poll that unpacks messages, is asked to hand it on after 5 ms unless told otherwise: as long as a kernel takes.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG_OBJECTS = 100_000
"""New objects, less those that are gone again, before the collector looks: more than batches in flight have."""

HAND_ON_S = 0.0001
"""How long one thread may keep the lock while another waits for it."""


@contextmanager
def tuned() -> Iterator[None]:
    """Within this block, leave what is there alone, look for new cycles seldom, and hand the lock on quickly."""
    thresholds, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *thresholds[1:])
    sys.setswitchinterval(HAND_ON_S)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        gc.set_threshold(*thresholds)
        gc.unfreeze()
