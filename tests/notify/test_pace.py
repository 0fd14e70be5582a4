"""So many messages a minute."""

from __future__ import annotations

from detector.notify.pace import Pace


def test_one_less_than_allowed_goes_in_any_minute() -> None:
    """One place is kept for what is put together; each other is free again 60 seconds after it was taken."""
    pace = Pace(3)
    assert [pace.take(at) for at in (0.0, 10.0, 20.0, 59.9)] == [True, True, False, False]
    assert [pace.take(at) for at in (60.0, 60.1, 70.0)] == [True, False, True]
