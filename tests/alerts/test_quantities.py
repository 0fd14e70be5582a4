"""Numbers, as alerts and incidents say them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.alerts.quantities import rounded, said
from detector.features.meanings import Unit

ROUNDED = [
    (0, Unit.FLOWS, "0 flows"),
    (1, Unit.PORTS, "1 port"),
    (142.3, Unit.PORTS, "140 ports"),
    (1e15, Unit.HOSTS, "1,000,000,000,000,000 hosts"),
    (1, Unit.BYTES, "1 byte"),
    (512, Unit.BYTES, "512 bytes"),
    (2_040, Unit.BYTES, "2 kB"),
    (747_213_043, Unit.BYTES, "747 MB"),
    (999_999, Unit.BYTES, "1 MB"),
    (3.2e-5, Unit.SECONDS, "32 µs"),
    (0.25, Unit.SECONDS, "250 ms"),
    (18.2, Unit.SECONDS, "18 s"),
    (960, Unit.SECONDS, "16 min"),
    (9_000, Unit.SECONDS, "2.5 h"),
    (3 * 86_400, Unit.SECONDS, "3 days"),
    (10 * 31_557_600, Unit.SECONDS, "10 years"),
    (91.2, Unit.PERCENT, "91 %"),
    (0.312, Unit.PERCENT, "0.31 %"),
    (99.87, Unit.PERCENT, "99.9 %"),
    (12.3, Unit.TIMES, "12-fold"),
    (-12.25, Unit.PLAIN, "-12.2"),
]


@pytest.mark.parametrize(("value", "unit", "words"), ROUNDED)
def test_numbers_are_said_as_people_say_them(value: float, unit: Unit, words: str) -> None:
    """Amounts are rounded to what is meant, in the unit that suits them."""
    assert said(rounded(value, unit), unit) == words


AMOUNTS = st.floats(0, allow_nan=False, allow_infinity=False) | st.floats(0, 1e6)


@given(AMOUNTS, st.sampled_from(Unit))
def test_any_number_is_said_shortly_and_plainly(value: float, unit: Unit) -> None:
    """No amount is told in scientific notation, as negative, or without end; rounded again it is the same."""
    once = rounded(value, unit)
    text = said(once, unit)
    assert once >= 0
    assert len(text) <= 40
    assert not set(text.split()[0]) - set("0123456789,.-fold")
    assert rounded(once, unit, exact=once == int(once)) == once or unit in {Unit.FLOWS, Unit.PERCENT, Unit.BYTES}
