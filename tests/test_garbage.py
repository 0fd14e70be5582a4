"""The collector of cycles while records pass."""

from __future__ import annotations

import gc
import weakref

import pytest

from detector.garbage import YOUNG_OBJECTS, seldom_collected


def test_what_is_there_is_set_aside() -> None:
    """Within the block the collector looks seldom, and at new objects only; after it, as before, even when it fails."""
    before = gc.get_threshold()

    def fail() -> None:
        with seldom_collected():
            assert gc.get_threshold() == (YOUNG_OBJECTS, *before[1:])
            assert gc.get_freeze_count() > 0
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_new_cycles_are_still_found() -> None:
    """A cycle that is made within the block is collected within it, once there is enough of new objects."""

    class Ring:
        ring: Ring

    with seldom_collected():
        ring = Ring()
        ring.ring = ring
        seen = weakref.ref(ring)
        del ring
        kept: list[list[int]] = [[] for _ in range(2 * YOUNG_OBJECTS)]
        assert len(kept) == 2 * YOUNG_OBJECTS
        assert seen() is None
