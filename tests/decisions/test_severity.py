"""How severe something is: what raises a risk, what lowers it, and what bounds it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.decisions.severity import (
    Circumstances,
    Severity,
    bytes_out,
    is_from_inside,
    risk_of,
    severity_of,
    weighed,
)

ANY = st.builds(
    Circumstances,
    decades=st.floats(0, 6),
    alerts=st.integers(1, 1 << 40),
    kind_points=st.integers(-30, 30),
    bytes_out=st.integers(0, 1 << 62),
    from_inside=st.booleans(),
    unanswered=st.booleans(),
    first_contact=st.booleans(),
    worth=st.floats(0.1, 10),
)

MEBIBYTE = 1 << 20


@pytest.mark.parametrize(
    ("risk", "severity"),
    [
        (0, "low"),
        (21, "low"),
        (22, "medium"),
        (47, "medium"),
        (48, "high"),
        (73, "high"),
        (74, "critical"),
        (100, "critical"),
    ],
)
def test_each_risk_is_in_one_band(risk: int, severity: str) -> None:
    """The bands are those of Elastic's rules: to 21, 47, 73 and 100."""
    assert severity_of(risk).word == severity


@pytest.mark.parametrize(
    ("decades", "severity"),
    [(0.0, "low"), (0.99, "low"), (1.0, "medium"), (2.0, "high"), (3.0, "critical"), (9.0, "critical")],
)
def test_each_power_of_ten_is_a_band(decades: float, severity: str) -> None:
    """With nothing else known, what is ten times rarer is one step more severe."""
    assert severity_of(risk_of(Circumstances(decades=decades))).word == severity


@given(ANY)
def test_a_risk_is_bounded(case: Circumstances) -> None:
    """Whatever is known, a risk is 0 to 100, and critical is only what is rare by a hundred times."""
    assert 0 <= risk_of(case) <= 100
    assert case.decades >= 2.0 or severity_of(risk_of(case)) < Severity.CRITICAL


@given(ANY, st.floats(0, 3), st.integers(1, 1 << 50), st.floats(1, 5))
def test_what_is_graver_never_lowers_a_risk(case: Circumstances, rarer: float, more: int, worth: float) -> None:
    """Rarer, more bytes out, more alerts, a graver kind, an inside source, an answer, a first contact or a worthier
    host: none of them lowers the risk."""
    graver = (
        case._replace(decades=case.decades + rarer),
        case._replace(bytes_out=case.bytes_out + more),
        case._replace(alerts=case.alerts + more),
        case._replace(kind_points=case.kind_points + 1),
        case._replace(from_inside=True),
        case._replace(unanswered=False),
        case._replace(first_contact=True),
        case._replace(worth=case.worth * worth),
    )
    assert min(map(risk_of, graver)) >= risk_of(case)


def test_much_that_leaves_is_grave_however_rare() -> None:
    """747 MB sent out by an upload at the very edge of the budget are High; 10 MiB change nothing."""
    upload = Circumstances(decades=0.0, kind_points=15, from_inside=True)
    assert severity_of(risk_of(upload._replace(bytes_out=747_000_000))) is Severity.HIGH
    assert risk_of(upload._replace(bytes_out=10 * MEBIBYTE)) == risk_of(upload)
    assert risk_of(upload._replace(bytes_out=100 * MEBIBYTE)) == risk_of(upload) + 13
    assert risk_of(upload._replace(bytes_out=1 << 62)) == risk_of(upload) + 39


def test_what_left_is_told_by_the_direction() -> None:
    """What inside hosts send outward has left, and what they answer to outside ones; what stays inside has not."""
    out = {each: bytes_out(each, 5, 7) for each in ("outbound", "inbound", "internal", "external")}
    assert out == {"outbound": 5, "inbound": 7, "internal": 0, "external": 0}
    assert [is_from_inside(each) for each in ("outbound", "internal", "inbound", "external")] == [
        True,
        True,
        False,
        False,
    ]


@given(st.floats(0, 100), st.floats(0.1, 10))
def test_worth_moves_the_odds(risk: float, worth: float) -> None:
    """A host's worth multiplies the odds: usual hosts change nothing, and no risk leaves 0 to 100."""
    assert math.isclose(weighed(risk, 1.0), risk, abs_tol=1e-9)
    assert 0 <= weighed(risk, worth) <= 100 + 1e-9
    assert (weighed(risk, worth) >= risk - 1e-9) == (
        worth >= 1 or risk in {0.0, 100.0} or math.isclose(weighed(risk, worth), risk, abs_tol=1e-9)
    )
    assert math.isclose(weighed(50.0, 2.0), 200 / 3)
