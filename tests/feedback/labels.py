"""Labels for tests: some, and a strategy for any."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from detector.feedback.label import Label, convert_label, iso

START = datetime(2026, 11, 24, 9, tzinfo=UTC)

PEOPLE = ("ada", "bo", "=cmd|' /C calc'!A0", "Zoë")


def uid(number: int) -> str:
    """An id as incidents and alerts have it."""
    return str(UUID(int=(number << 80) + (5 << 76) + (8 << 60)))


def label(verdict: str = "false", *, at: float = 0.0, **changes: Any) -> Label:
    """One of incident 1, by ada, so many seconds after the start."""
    given = {"id": "l1", "verdict": verdict, "of": {"incident": uid(1)}, "by": "ada"} | changes
    given |= {"at": iso(START + timedelta(seconds=at))}
    return convert_label({name: value for name, value in given.items() if value is not None})


def withdrawal(of: str, *, at: float = 0.0, **changes: Any) -> Label:
    """Of the label with that id."""
    given = {"id": f"no {of}", "withdraws": of, "by": "ada", "at": iso(START + timedelta(seconds=at))}
    return convert_label(given | changes)


MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
TEXTS = st.text(min_size=1, max_size=12)
ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)


@st.composite
def flows(draw: st.DrawFn) -> dict[str, Any]:
    """A range of flows."""
    since = draw(MOMENTS)
    given = {
        "src_ip": draw(ADDRESSES),
        "dst_ip": draw(st.none() | ADDRESSES),
        "dst_port": draw(st.none() | st.integers(0, 65_535)),
        "proto": draw(st.none() | st.sampled_from(["tcp", "udp"])),
        "since": iso(since),
        "until": iso(since + draw(st.timedeltas(timedelta(microseconds=1), timedelta(days=30)))),
    }
    return {name: value for name, value in given.items() if value is not None}


SUBJECTS = st.one_of(
    st.builds(lambda number: {"incident": uid(number)}, st.integers(0, 3)),
    st.builds(lambda number: {"alert": uid(number)}, st.integers(0, 3)),
    st.builds(lambda given: {"flows": given}, flows()),
)


@st.composite
def any_label(draw: st.DrawFn) -> Label:
    """Any label there can be."""
    names = TEXTS.filter(lambda text: bool(text.strip()))
    given: dict[str, Any] = {"id": draw(names), "by": draw(names | st.sampled_from(PEOPLE)), "at": iso(draw(MOMENTS))}
    if draw(st.booleans()):
        given |= {"verdict": draw(st.sampled_from(["true", "false", "unsure"])), "of": draw(SUBJECTS)}
    else:
        given |= {"withdraws": draw(names)}
    if comment := draw(st.none() | st.text(max_size=40) | st.sampled_from(["=1+1", "'=1", "a\nb", '","', "-2;=3"])):
        given |= {"comment": comment}
    if model := draw(st.none() | names):
        given |= {"model_version": model}
    return convert_label(given)
