"""Volume: what is sent to something new, how often and how long, stands out at its host's scale; habits do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.decisions.passed import FAILED, SOURCES, TAUGHT, EvidenceKeys, Passed, Surprises
from detector.decisions.views import much_and_odd
from detector.decisions.volume import LASTED, PORT, RECEIVED, SENT, Volumes, VolumeState
from detector.decisions.volume_counts import AMOUNTS, BOUNDS
from detector.decisions.volume_kernel import HIGHEST, LEAST
from detector.errors import InputError
from tests.damage import damaged
from tests.decisions.test_regular import hashed

HOUR_S, DAY_S = 3600.0, 86_400.0
START = 1.7e9
TRIED = START + 2 * DAY_S
"""When the third day begins: two are watched before it."""


def passed(  # noqa: PLR0917
    ts: Any, source: Any = 1, there: Any = 1, port: Any = 443, sent: Any = 2000.0, received: Any = 6000.0,
    lasted: Any = 1.0, failed: Any = 0.0, partition: Any = 0,
) -> Passed:  # fmt: skip
    """Flows of sources to destinations, by their numbers; in order of time."""
    columns = np.broadcast_arrays(np.atleast_1d(ts), source, there, port, sent, received, lasted, failed, partition)
    order = np.argsort(columns[0].ravel(), kind="stable")
    ts, source, there, port, sent, received, lasted, failed, partition = (each.ravel()[order] for each in columns)
    by, to = hashed(source), hashed(there + 10_000)
    with np.errstate(over="ignore"):
        service = hashed(to + port.astype(np.uint64))
        keys = EvidenceKeys(hashed(by * np.uint64(3) + service), by, by ^ to, service)
    none = np.zeros(len(ts))
    told = {
        SOURCES: by, PORT: port.astype(float), SENT: sent.astype(float), RECEIVED: received.astype(float),
        LASTED: lasted.astype(float), FAILED: failed.astype(np.float32),
    }  # fmt: skip
    return Passed(keys, ts.astype(float), Surprises(none, none), partition.astype(np.int32), told)


def people(seed: int = 3, visits: int = 30_000) -> Passed:
    """Twenty who visit new places for two days, mostly by 443, and now and then send more; one of them always does."""
    rng = np.random.default_rng(seed)
    source = rng.integers(0, 20, visits)
    heavy = (source == 7) & (rng.random(visits) < 0.2)
    return passed(
        START + rng.random(visits) * 2 * DAY_S,
        source,
        100 + rng.integers(0, 300, visits),
        np.where(rng.random(visits) < 0.95, 443, rng.integers(1, 3000, visits)),
        rng.lognormal(7.5, 1.2, visits) * np.where(heavy, 5000.0, 1.0),
        rng.lognormal(8.5, 1.4, visits),
        rng.lognormal(0.5, 1.0, visits) * np.where(rng.random(visits) < 0.1, 200.0, 1.0),
        rng.random(visits) < 0.02,
    )


def after_two_days() -> VolumeState:
    """A state that has watched the people."""
    state = VolumeState(32_768, 1024, 65_536)
    state.update(people())
    return state


def volumes(flows: Passed, state: VolumeState | None = None) -> Volumes:
    """Of these flows, after two days of people."""
    return (state or after_two_days()).update(flows)


def highest(*arguments: Any, **named: Any) -> float:
    """The most of flows to something new, on the third day."""
    return float(volumes(passed(*arguments, **{"source": 3, "there": 90_000} | named)).volume.max())


def test_an_exfiltration_stands_out() -> None:
    """Many bytes to something new are odd, in one flow as in twenty; as many that came in are not."""
    one = highest(TRIED, sent=1e9)
    many = highest(TRIED + np.arange(20) * 300.0, sent=5e7)
    assert min(one, many) > 7.0
    assert highest(TRIED, received=1e9) == 0


def test_a_host_is_held_to_what_it_does() -> None:
    """What is odd for one is usual for another that has always sent as much to new places."""
    assert highest(TRIED, sent=2e7) > highest(TRIED, sent=2e7, source=7) + 2.0


@pytest.mark.parametrize(
    ("flows", "what"),
    [
        ({"ts": TRIED + np.arange(300) * 6.0, "sent": 90.0}, "connections"),
        ({"ts": TRIED, "lasted": 30_000.0}, "time connected"),
        ({"ts": TRIED + np.arange(40) * 20.0, "sent": 0.0, "failed": 1.0}, "failed connections"),
        ({"ts": TRIED + np.arange(12) * 400.0, "sent": 60_000.0}, "flows that sent more than came back"),
    ],
)
def test_persistence_stands_out(flows: dict[str, Any], what: str) -> None:
    """Connections, time, failures and uploads at something new are each odd where nobody has as many."""
    found = volumes(passed(source=3, there=90_000, **flows))
    assert found.volume[-1] > 6.0
    assert AMOUNTS[int(found.done[-1])].what == what


def test_a_port_that_hardly_anybody_uses_counts_more() -> None:
    """As long a connection at a port of few pairs is rarer than at the one that all use."""
    assert highest(TRIED, lasted=400.0, port=4449) > highest(TRIED, lasted=400.0) + 2.0


def test_much_that_is_odd_too_is_rarer() -> None:
    """Evidence adds to what is much, and makes nothing of what is not."""
    found = {"volume": np.array([0.0, 5.0, 5.0]), "evidence": np.array([50.0, 0.0, 50.0])}
    none, much, both = much_and_odd(found).tolist()
    assert (none, much) == (0.0, 5.0)
    assert both > 10.0


def test_what_is_usual_for_a_host_is_told() -> None:
    """It is what hardly any of its other new places gets: more for a host that sends much, nothing for a new host."""
    upload = {"ts": TRIED, "sent": 1e9, "there": 90_000}
    of = [volumes(passed(source=source, **upload)).usual[0] for source in (3, 7, 500)]
    assert 0 < of[0] < of[1] < 1e9
    assert of[2] == 0


def test_what_is_old_is_usual() -> None:
    """A pair has no volume two days after it began, whatever it goes on with."""
    ts = TRIED + np.arange(0.0, 3 * DAY_S, 600.0)
    found = volumes(passed(ts, source=3, there=90_000, sent=1e8)).volume
    assert found[ts < TRIED + DAY_S].max() > 7.0
    assert found[ts > TRIED + 2 * DAY_S].max() == 0


def test_a_pair_that_is_rarely_used_is_young_again() -> None:
    """What is old has no volume; after a silence of more than a day it counts as at first."""
    state = after_two_days()
    ts = np.arange(TRIED, TRIED + 6 * DAY_S, 500.0)
    state.update(passed(ts[:500], source=3, there=90_000))
    assert volumes(passed(ts[500], source=3, there=90_000, sent=1e9), state).volume[0] == 0
    state.update(passed(ts[501:-1], source=3, there=5))
    assert volumes(passed(ts[-1], source=3, there=90_000, sent=1e9), state).volume[0] > 7.0


def test_what_a_person_called_harmless_stays_quiet() -> None:
    """Its pair has no volume from then on, over a restart and a silence too; another place of the same host has."""
    upload = passed(TRIED, sent=1e9, source=3, there=90_000)
    state, said = after_two_days(), VolumeState(32_768, 1024, 65_536)
    assert state.update(upload.telling(TAUGHT, np.ones(1, np.float32))).volume.max() == 0
    said.restore(0, state.snapshot(0))
    again = passed(TRIED + np.array([HOUR_S, 3 * DAY_S]), sent=1e9, source=3, there=np.array([90_000, 90_000]))
    assert said.update(again).volume.max() == 0
    assert said.update(passed(TRIED + 3 * DAY_S, sent=1e9, source=3, there=90_001)).volume.max() > 5.0


def test_what_many_do_is_usual() -> None:
    """The more hosts have gone there, the less each counts."""

    def of_the_last(hosts: int) -> float:
        ts = TRIED + np.arange(hosts)
        return float(volumes(passed(ts, source=np.arange(hosts), there=90_000, sent=1e9)).volume[-1])

    assert of_the_last(1) > 1.5 * of_the_last(5)
    assert of_the_last(19) < LEAST


def test_without_a_day_before_nothing_is_told() -> None:
    """Nobody can say what is much before twenty hours of a partition were seen."""
    assert VolumeState().update(passed(START + np.arange(200) * 300.0, sent=1e9)).volume.max() == 0


def test_what_is_told_is_what_was_done() -> None:
    """The amount is one that the pair has reached, with its age and how many hosts go there."""
    ts = TRIED + np.arange(30) * 60.0
    found = volumes(passed(ts, source=3, there=90_000, sent=2e8))
    last = Volumes(*(values[-1] for values in found))
    assert last.amount in BOUNDS[int(last.done)]
    assert last.amount <= 30 * 2e8
    assert last.age == pytest.approx(29 * 60.0, abs=1.5)
    assert last.visitors == pytest.approx(1.0, abs=0.1)
    assert LEAST < last.volume <= HIGHEST


def mixture(seed: int, count: int = 300) -> Passed:
    """Few pairs at random in three partitions, over days; some sizes and times are absurd."""
    rng = np.random.default_rng(seed)
    who = rng.integers(0, 6, count)
    return passed(
        START + np.cumsum(rng.choice([1.0, 60.0, 600.0, 9000.0], count)),
        who,
        rng.integers(0, 9, count),
        rng.choice([443, 22, -1, 70_000], count),
        rng.choice([0.0, 5e3, 1e9, np.nan, np.inf, -5.0], count),
        rng.choice([0.0, 5e3, np.nan], count),
        rng.choice([0.0, 1e4, np.nan, np.inf], count),
        rng.random(count) < 0.1,
        who % 3,
    )


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 300), st.integers(0, 99), st.sampled_from([4, 1000]))
def test_batches_and_restarts_change_nothing(cut: int, seed: int, bound: int) -> None:
    """Split anywhere, with the state written down and read back there, all is the same, evictions or not."""
    flows, rows = mixture(seed), np.arange(300)
    whole, before, after = (VolumeState(bound, bound, bound) for _ in range(3))
    expected = whole.update(flows)
    first = before.update(flows.take(rows[:cut]))
    for partition in range(3):
        after.restore(partition, before.snapshot(partition))
    second = after.update(flows.take(rows[cut:]))
    assert np.array_equal(np.concatenate([first, second], axis=1), expected)
    assert [after.snapshot(p) for p in range(3)] == [whole.snapshot(p) for p in range(3)]


def test_volume_is_the_same_by_batches_where_it_is_told() -> None:
    """A day after two days of people has the same volumes flow by flow as at once."""
    flows = passed(TRIED + np.arange(60) * 100.0, source=3, there=np.arange(60) % 4 + 90_000, sent=1e8)
    at_once, one_by_one = volumes(flows).volume, after_two_days()
    each = [one_by_one.update(flows.take(np.array([row]))).volume[0] for row in range(60)]
    assert at_once.max() > 7.0
    assert at_once.tolist() == each


def test_memory_is_bounded() -> None:
    """Beyond the bounds keys make room, and are counted."""
    state = VolumeState(64, 16, 64)
    state.update(passed(START + np.arange(5000.0), source=np.arange(5000), there=np.arange(5000)))
    assert state.pairs == 64
    assert state.evicted > 10_000
    held: NDArray[np.uint32] = state._partitions[0].tables[0].words
    assert (held.nbytes + state._partitions[0].tables[0].tags.nbytes) / 64 <= 160
    assert state.memory_bytes < 1_500_000
    state.forget(0)
    assert (state.pairs, state.partitions) == (0, frozenset())


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_damaged_state_is_refused(data: st.DataObject) -> None:
    """Bytes that were changed or cut off anywhere are an InputError, and leave what there was."""
    state = VolumeState(16, 16, 16)
    state.update(mixture(1, 120))
    good = state.snapshot(0)
    for broken in damaged(data, good):
        with pytest.raises(InputError, match="restoring volumes"):
            state.restore(0, broken)
    assert state.snapshot(0) == good


@pytest.mark.parametrize("wrong", [0.0, 1.8e9, -np.inf, np.nan])
def test_absurd_time_changes_little(wrong: float) -> None:
    """A record from a wrong time counts as happening now."""
    flows = passed(TRIED + np.arange(20) * 300.0, source=3, there=90_000, sent=5e7)
    flows.ts[7] = wrong
    assert volumes(flows).volume[-1] > 7.0
