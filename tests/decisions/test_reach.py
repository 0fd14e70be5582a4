"""Reach: who begins to administer others as no host of its role does stands out; habits, crowds and failures do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.decisions.passed import ADMINISTERS, Passed, Surprises
from detector.decisions.reach import COLUMNS, Reach, ReachState
from detector.decisions.reach_kernel import HALF_LIFE_S, LEAST
from detector.errors import InputError
from detector.kernels.hash_table import WAYS
from detector.net.networks import networks_of
from detector.net.ports import REMOTE_SERVICES
from tests.damage import damaged

DAY_S = 86_400.0
START = 1.7e9

DESKS = [f"10.0.10.{host}" for host in range(1, 31)]
SERVERS = [f"10.0.1.{host}" for host in range(1, 7)]

Row = tuple[float, str, str, int]

NOON = START + 2 * DAY_S + 12 * 3600


def flows(rows: list[Row], *, state: str = "SF", partitions: Any = 0) -> Passed:
    """Of when, who, whom and at which port, in order of time."""
    rows = sorted(rows)
    ts, sources, destinations, ports = zip(*rows, strict=True) if rows else ((), (), (), ())
    frame = pl.DataFrame(
        {"ts": ts, "src_ip": sources, "dst_ip": destinations, "dst_port": ports, "state": [state] * len(rows)},
        schema={"ts": pl.Float64, "src_ip": pl.String, "dst_ip": pl.String, "dst_port": pl.Int32, "state": pl.String},
    ).with_columns(service=pl.lit(None, pl.String))
    none = np.zeros(len(rows))
    return Passed.of(frame, Surprises(none, none), np.broadcast_to(partitions, len(rows)).astype(np.int32), COLUMNS)


def usual(day: int) -> list[Row]:
    """What a network does in a day: desks look up names, and use their shares; who manages logs in to all servers."""
    began = START + day * DAY_S
    rows = [(began + 300.0 * step, "10.0.10.1", "10.0.1.1", 53) for step in range(288)]
    for number, desk in enumerate(DESKS):
        rows += [(began + 9 * 3600 + 60.0 * number, desk, server, 445) for server in SERVERS[:2]]
    rows += [(began + 3600.0 * hour, "10.0.1.9", server, 22) for hour in range(24) for server in SERVERS]
    return rows


class Watching:
    """A state, and the time that it knows: name look-ups go by while nothing else does."""

    def __init__(self) -> None:
        self.state = ReachState()
        self.now = START

    def sees(self, rows: list[Row], state: str = "SF") -> Reach:
        """What each of these flows reaches, in order of time, among those."""
        end = max(row[0] for row in rows)
        others = [(ts, "10.0.10.1", "10.0.1.1", 53) for ts in np.arange(self.now, end, 300.0).tolist()]
        self.now = end
        theirs = np.array([row in rows for row in sorted([*others, *rows])])
        return Reach(*(values[theirs] for values in self.state.update(flows([*others, *rows], state=state))))


def after_two_days() -> Watching:
    """One that has seen two usual days, of which nothing was odd, and the third until noon."""
    watching = Watching()
    for day in range(2):
        assert watching.sees(usual(day)).reach.max() == 0.0
    watching.sees([row for row in usual(2) if row[0] < NOON])
    return watching


def moves(source: str, to: list[str], at: float, ports: tuple[int, ...] = (5985, 3389)) -> list[Row]:
    """One host goes from one to the next."""
    return [
        (at + 20.0 * step, source, host, port) for step, (host, port) in enumerate((h, p) for h in to for p in ports)
    ]


def test_a_host_that_moves_on_stands_out_at_once() -> None:
    """The second host that it logs in to, as no other does, raises it above all that was usual."""
    found = after_two_days().sees(moves("10.0.10.7", DESKS[20:25], NOON))
    assert found.reach[1] > LEAST
    assert (np.diff(found.reach) > 0).all()
    assert found.reach[-1] > 15.0


def test_what_is_told_is_what_was_done() -> None:
    """Contacts, the hosts of its role and those that did likewise are told as they are."""
    first_move, second = moves("10.0.10.7", DESKS[20:24], NOON), moves("10.0.10.8", DESKS[25:27], NOON + 600)
    told = after_two_days().sees([*first_move, *second])
    first, last = (Reach(*(values[row] for values in told)) for row in (7, -1))
    assert first.contacts == pytest.approx(8.0, rel=0.1)
    assert first.kin == pytest.approx(30.0, abs=3.0)
    assert first.likewise < 0.5
    assert last.kin == pytest.approx(30.0, abs=3.0)
    assert last.likewise == pytest.approx(1.0, abs=0.2)


def test_what_a_role_does_daily_is_usual() -> None:
    """A desk that begins to use a share, as all others do, reaches nothing."""
    comes = [(NOON + 60.0, "10.0.10.77", server, 445) for server in SERVERS[:2]]
    assert after_two_days().sees(comes).reach.max() == 0.0


def test_who_administers_every_day_is_usual() -> None:
    """A host that logs in to new hosts every day is some days later less than a fifth as odd as on the first."""
    watching, reached = after_two_days(), []
    for day in range(3, 9):
        fresh = [f"10.0.{20 + day}.{host}" for host in range(1, 21)]
        work = moves("10.0.1.9", fresh, START + day * DAY_S + 12 * 3600, (22,))
        reached.append(watching.sees([*usual(day), *work]).reach.max())
    assert reached[0] > 10.0
    assert reached[-1] < 0.2 * reached[0]


def test_what_others_do_too_counts_less() -> None:
    """A login that twenty desks have made by then is less odd than it was for the first, and soon is not at all."""
    crowd = [(NOON + 120.0 * number, desk, SERVERS[number % 2], 3389) for number, desk in enumerate(DESKS[:20])]
    many = [(ts + 1, desk, SERVERS[2 + number % 2], 3389) for number, (ts, desk, _, _) in enumerate(crowd)]
    reached = after_two_days().sees([*crowd, *many]).reach
    assert reached[:4].max() > LEAST
    assert reached[-8:].max() == 0.0


def desktops(day: int, asked: int) -> list[Row]:
    """A morning on which every second desk, in its turn, opens six others one after the other, none of them twice."""
    began = START + day * DAY_S + 9 * 3600
    return [
        (began + 120.0 * number + step, desk, DESKS[(number + 1 + 6 * (asked // 2) + step) % len(DESKS)], 3389)
        for number, desk in enumerate(DESKS)
        if number % 2 == asked % 2
        for step in range(6)
    ]


@pytest.mark.parametrize("silent_days", [0, 1, 2, 6])
def test_a_silence_makes_nothing_rarer(silent_days: int) -> None:
    """What was usual before a time without any record is so after it: it was not watched that nobody did it."""
    watching = Watching()
    for day in range(2):
        watching.sees(desktops(day, day))
    watching.now = START + (2 + silent_days) * DAY_S + 8 * 3600
    assert watching.sees(desktops(2 + silent_days, 2)).reach.max() == 0.0


@pytest.mark.parametrize(("silent_days", "known"), [(0.5, True), (2.0, True), (7.0, False)])
def test_after_a_silence_what_nobody_does_stands_out(silent_days: float, known: bool) -> None:
    """It does at once after two days, which leave enough known; after a week nearly a day has to be watched first."""
    watching = after_two_days()
    watching.now += silent_days * DAY_S
    later = NOON + silent_days * DAY_S
    at_once = watching.sees(moves("10.0.10.7", DESKS[20:25], later + 3600)).reach.max()
    assert bool(at_once > LEAST) == known
    assert watching.sees(moves("10.0.10.8", DESKS[20:25], later + DAY_S)).reach.max() > LEAST


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        (moves("10.0.10.7", DESKS[20:25], NOON), "S0"),
        (moves("10.0.10.7", DESKS[20:25], NOON, (443, 8080)), "SF"),
        (moves("10.0.10.7", [f"198.51.100.{host}" for host in range(1, 9)], NOON), "SF"),
    ],
    ids=["unanswered", "no administration", "outside"],
)
def test_other_flows_are_no_contacts(rows: list[Row], state: str) -> None:
    """What failed, goes to other ports or to outside reaches nothing."""
    assert after_two_days().sees(rows, state).reach.max() == 0.0


def test_what_failed_at_first_is_a_contact_once_it_is_answered() -> None:
    """An attempt in vain makes no later success an old one."""
    watching, rows = after_two_days(), moves("10.0.10.7", DESKS[20:25], NOON)
    watching.sees(rows, "REJ")
    assert watching.sees([(row[0] + 300.0, *row[1:]) for row in rows]).reach.max() > 15.0


def test_outside_hosts_are_a_role_of_their_own() -> None:
    """Whether an end is inside is told by the networks that the model says are; from outside counts, too."""
    told = administered(["198.51.100.1", "203.0.113.9", "10.0.0.1"], [22, 22, 80], [None, None, "http"])
    assert told == [-22.0, 22.0, 0.0]


@pytest.mark.parametrize(("service", "port"), REMOTE_SERVICES.items())
def test_a_protocol_of_remote_administration_is_that_at_any_port(service: str, port: int) -> None:
    """A shell moved to a port of its own is a shell; where a known port says another, the port counts."""
    assert administered(["203.0.113.9", "198.51.100.1", "10.0.0.1"], [2222, 8022, 445], [service] * 3) == [
        port, -port, 445.0,
    ]  # fmt: skip


def administered(sources: list[str], ports: list[int], services: list[str | None]) -> list[float]:
    """What flows of these to one host inside administer, where 203.0.113.0/24 is inside, too."""
    columns = {"src_ip": sources, "dst_ip": ["10.0.0.1"] * len(ports), "dst_port": ports, "service": services}
    frame = pl.DataFrame(columns, schema_overrides={"service": pl.String}).with_columns(ts=pl.lit(NOON))
    none = np.zeros(len(ports))
    told = Passed.of(
        frame, Surprises(none, none), none.astype(np.int32), [ADMINISTERS], inside=networks_of(["203.0.113.0/24"])
    )
    told_of: list[float] = told.columns[ADMINISTERS].tolist()
    return told_of


def test_later_flows_of_a_contact_have_what_is_left() -> None:
    """For half an hour they are of the same move; then that contact is an old one."""
    watching, rows = after_two_days(), moves("10.0.10.7", DESKS[20:25], NOON)
    last = watching.sees(rows).reach[-1]
    soon, late = ([(rows[-1][0] + wait, *rows[-1][1:])] for wait in (600.0, HALF_LIFE_S + 60.0))
    assert 0.7 * last < watching.sees(soon).reach[0] < last
    assert watching.sees(late).reach[0] == 0.0


def test_nothing_is_odd_before_a_day_was_seen() -> None:
    """Nobody can say what is never done without a day before."""
    watching = Watching()
    watching.sees([row for row in usual(0) if row[0] < START + 12 * 3600])
    assert watching.sees(moves("10.0.10.7", DESKS[20:25], START + 13 * 3600)).reach.max() == 0.0


CALLS = st.lists(
    st.tuples(
        st.floats(0, 3 * DAY_S),
        st.sampled_from(DESKS[:5]),
        st.sampled_from([*DESKS[5:8], *SERVERS]),
        st.sampled_from([22, 445, 80]),
    ),
    min_size=1,
    max_size=60,
)


@given(CALLS, st.integers(0, 60), st.integers(1, 3))
@settings(deadline=None, max_examples=60)
def test_batches_and_restarts_change_nothing(rows: list[Row], cut: int, partitions: int) -> None:
    """However flows are cut, with what is known taken out and put back in between, each has the same values."""
    came_by = np.arange(len(rows)) % partitions
    whole = flows([(START + row[0], *row[1:]) for row in rows], partitions=came_by)
    expected = ReachState().update(whole)
    state, other = ReachState(), ReachState()
    first = state.update(whole.take(np.arange(min(cut, len(rows)))))
    for partition in state.partitions:
        other.restore(partition, state.snapshot(partition))
        assert other.snapshot(partition) == state.snapshot(partition)
    second = other.update(whole.take(np.arange(min(cut, len(rows)), len(rows))))
    for all_, one, two in zip(expected, first, second, strict=True):
        np.testing.assert_array_equal(all_, np.concatenate([one, two]))


def test_memory_is_bounded() -> None:
    """Beyond the bound the least recently used make room, and values stay finite and within bounds."""
    state = ReachState(WAYS)
    for day in range(3):
        found = state.update(flows(usual(day)))
        assert all(np.isfinite(values).all() and (values >= 0).all() for values in found)
    assert state.keys <= WAYS
    assert state.evicted > 100
    assert state.memory_bytes < 64 * 1024


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_damaged_state_is_refused(data: st.DataObject) -> None:
    """Bytes that are off are refused, and change nothing."""
    state = ReachState()
    state.update(flows(usual(0)))
    before = state.snapshot(0)
    for bad in damaged(data, before):
        with pytest.raises(InputError, match="reach"):
            state.restore(0, bad)
    assert state.snapshot(0) == before
