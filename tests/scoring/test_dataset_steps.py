"""What a file gives in small pieces is decoded in large ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.scoring import dataset
from detector.scoring.dataset import in_steps


@given(st.lists(st.lists(st.binary(max_size=9), max_size=9), max_size=30))
def test_steps_hold_the_same_values_in_the_same_order(parts: list[list[bytes]]) -> None:
    """Nothing is lost or moved, and none of them is empty; only the last is small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "STEP_RECORDS", 10)
        patch.setattr(dataset, "STEP_BYTES", 40)
        steps = list(in_steps(iter(parts)))
    assert [value for step in steps for value in step] == [value for part in parts for value in part]
    assert all(steps)
    assert all(len(step) >= 10 or sum(map(len, step)) >= 40 for step in steps[:-1])
    assert all(len(step) < 20 for step in steps)
