"""How Python runs while records pass."""

from __future__ import annotations

import gc
import sys
import weakref

import pytest

from detector.pipeline.interpreter import HAND_ON_S, YOUNG_OBJECTS, tuned


def test_interpreter_is_as_before_afterwards() -> None:
    """Within the block the collector looks seldom and the lock is handed on quickly; after it, all is as before."""
    before, interval = gc.get_threshold(), sys.getswitchinterval()

    def fail() -> None:
        with tuned():
            assert gc.get_threshold() == (YOUNG_OBJECTS, *before[1:])
            assert gc.get_freeze_count() > 0
            assert sys.getswitchinterval() == pytest.approx(HAND_ON_S)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
    assert sys.getswitchinterval() == interval


def test_new_cycles_are_still_found() -> None:
    """A cycle that is made within the block is collected within it, once there is enough of new objects."""

    class Ring:
        ring: Ring

    with tuned():
        ring = Ring()
        ring.ring = ring
        seen = weakref.ref(ring)
        del ring
        kept: list[list[int]] = [[] for _ in range(2 * YOUNG_OBJECTS)]
        assert len(kept) == 2 * YOUNG_OBJECTS
        assert seen() is None
