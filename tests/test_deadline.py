"""Deadlines: what is left, what is kept for later, and what a flag ends."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from detector.deadline import Deadline, Interruptible


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_an_earlier_deadline_leaves_what_was_asked_or_half(seconds: float, kept: float) -> None:
    """``before`` is earlier by what is asked, but never by more than half of what is left."""
    deadline = Deadline.after(seconds)
    earlier = deadline.before(kept)
    assert earlier.at <= deadline.at
    assert deadline.at - earlier.at <= min(kept, seconds / 2) + 1e-3


def test_a_flag_ends_a_deadline() -> None:
    """An interruptible deadline has passed as soon as its flag is set, or its time is over."""
    flag = threading.Event()
    deadline = Interruptible(Deadline.after(600).at, flag)
    assert not deadline.passed
    assert Interruptible(Deadline.after(0).at, flag).passed
    flag.set()
    assert deadline.passed
