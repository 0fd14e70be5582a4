"""What a retraining is made of: the lease, the drift rule, the state's file, and which flows are left out."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from detector.alerts.identity import record_ids
from detector.casebook.told import Distinct, FlowPlace, Ours, Told
from detector.errors import RegistryError
from detector.registry.storage import open_storage
from training.gate.known import Judgement, Spoken
from training.lessons.guards import Guards
from training.lessons.lessons import lessons_of
from training.retrain.drift import DriftRule
from training.retrain.lease import LASTS_S, BusyError, Lease, Leases, this_host
from training.retrain.state import State, StateFile

NOW = 1_800_000_000.0
ADVISED = 'oddflow_drift_retrain_advised{reason="scores"} 1.0\noddflow_drift_retrain_advised{reason="tail"} 0.0\n'
CALM = ADVISED.replace("1.0", "0.0")


# --- the lease --------------------------------------------------------------------------------------------------------


def leases(folder: Path, now: float = NOW) -> Leases:
    """Of one model, at a time."""
    return Leases(open_storage(str(folder)), "flows", str(folder), now=lambda: now)


def hold(folder: Path, host: str, pid: int) -> None:
    """As another process would have left it."""
    (folder / "flows").mkdir()
    lease = Lease(host=host, pid=pid, since=NOW - 60.0, until=NOW - 60.0 + LASTS_S)
    (folder / "flows" / "retrain.lease").write_bytes(msgspec.json.encode(lease))


def test_a_second_one_is_told_who_holds_it(tmp_path: Path) -> None:
    """While another machine's lease lasts, nobody else retrains; the error names the machine and the process."""
    hold(tmp_path, "trainer-2/1", 77)
    with (
        pytest.raises(BusyError, match="process 77 on trainer-2 is at it, since 2027-01-15T07:59:00Z"),
        leases(tmp_path).held(),
    ):
        pass
    assert BusyError.exit_code == 10


def test_a_lease_that_was_not_renewed_is_over(tmp_path: Path) -> None:
    """Once its time is over, another takes it."""
    hold(tmp_path, "trainer-2/1", 77)
    with leases(tmp_path, NOW + LASTS_S).held():
        pass


def test_a_lease_of_a_process_that_died_here_is_over_at_once(tmp_path: Path) -> None:
    """Its owner ran on this machine and is no more: there is nothing to wait for."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    hold(tmp_path, this_host(), gone.pid)
    with leases(tmp_path).held():
        pass


def test_a_lease_of_a_process_that_lives_here_is_kept(tmp_path: Path) -> None:
    """Its owner runs on this machine."""
    hold(tmp_path, this_host(), os.getppid())
    with pytest.raises(BusyError), leases(tmp_path).held():
        pass


def test_a_lease_is_given_back(tmp_path: Path) -> None:
    """Whoever had it lets the next one have it at once, also after an error."""
    with pytest.raises(ZeroDivisionError), leases(tmp_path).held():
        raise ZeroDivisionError
    lease = msgspec.json.decode((tmp_path / "flows" / "retrain.lease").read_bytes(), type=Lease)
    assert lease.until == 0.0


def test_one_that_slept_too_long_learns_that_another_took_over(tmp_path: Path) -> None:
    """Its next step raises, and its end leaves the other's lease as it is."""
    with leases(tmp_path).held() as check:
        check()
        other = Lease(host="trainer-2/1", pid=77, since=NOW + LASTS_S, until=NOW + 2 * LASTS_S)
        (tmp_path / "flows" / "retrain.lease").write_bytes(msgspec.json.encode(other))
        with pytest.raises(BusyError, match=r"another took over: process 77 on trainer-2"):
            check()
    assert msgspec.json.decode((tmp_path / "flows" / "retrain.lease").read_bytes(), type=Lease) == other


class Once(threading.Event):
    """In place of what ends the renewing: it goes round once."""

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002 - as its parent has it
        """Whether it has gone round before."""
        before = self.is_set()
        self.set()
        return before


def test_it_is_known_until_when_a_lease_is_held(tmp_path: Path) -> None:
    """A renewal moves the time on; once another has taken it, none does."""
    clock = [NOW]
    lease = Leases(open_storage(str(tmp_path)), "flows", str(tmp_path), now=lambda: clock[0])
    mine = lease._take()
    assert lease.until == NOW + LASTS_S
    clock[0] += 60.0
    lease._renew(mine, Once())
    assert lease.until == NOW + 60.0 + LASTS_S
    other = Lease(host="trainer-2/1", pid=77, since=NOW, until=NOW + LASTS_S)
    (tmp_path / "flows" / "retrain.lease").write_bytes(msgspec.json.encode(other))
    clock[0] += 60.0
    lease._renew(mine, Once())
    assert lease.until == NOW + 60.0 + LASTS_S


# --- the drift rule ---------------------------------------------------------------------------------------------------


def test_drift_must_hold_for_its_time_without_a_break() -> None:
    """A reason counts once it has held at each look for an hour; a look without it begins anew."""
    pages = iter([ADVISED, ADVISED, CALM, ADVISED, ADVISED, ADVISED])
    rule = DriftRule(["http://one"], 3_600.0, lambda _: None, lambda _: next(pages))
    looks = [rule.look(at) for at in (0.0, 1_800.0, 3_600.0, 3_700.0, 7_200.0, 7_300.0)]
    assert looks == [(), (), (), (), (), ("scores",)]


def test_a_daemon_that_is_away_is_said_once() -> None:
    """Nothing is raised, and the next outage is said again."""
    said: list[str] = []
    up = iter([False, False, True, False])

    def fetch(_: str) -> str:
        if next(up):
            return ADVISED
        raise ConnectionRefusedError("refused")

    rule = DriftRule(["http://one/metrics"], 0.0, said.append, fetch)
    assert [rule.look(float(at)) for at in range(4)] == [(), (), ("scores",), ()]
    assert len(said) == 2
    assert "http://one/metrics" in said[0]


@pytest.mark.parametrize("page", ["# nothing\n", "<html>", "oddflow_drift_retrain_advised{ 1\n"])
def test_a_page_without_the_metric_is_no_reason(page: str) -> None:
    """Whatever answers there, it is said and no more."""
    said: list[str] = []
    rule = DriftRule(["http://one"], 0.0, said.append, lambda _: page)
    assert rule.look(0.0) == ()
    assert len(said) == 1


# --- the state's file -------------------------------------------------------------------------------------------------


def test_the_state_reads_back(tmp_path: Path) -> None:
    """What is written is read; a model that was never retrained has a new one."""
    file = StateFile(open_storage(str(tmp_path)), "flows", "here")
    assert file.read() == State()
    state = State(step="make", dataset="retrain-flows@1", began=3.0, results={"promoted": 2})
    file.write(state)
    assert file.read() == state


@pytest.mark.parametrize("damaged", [b"", b"{", b'{"step": "dance"}', b'{"state_version": 9}'])
def test_a_damaged_state_is_told(tmp_path: Path, damaged: bytes) -> None:
    """It says which file, and what to do."""
    file = StateFile(open_storage(str(tmp_path)), "flows", "here")
    file.write(State())
    (tmp_path / "flows" / "retrain.json").write_bytes(damaged)
    with pytest.raises(RegistryError, match=r"flows/retrain.json in registry here.*remove it"):
        file.read()


# --- flows of incidents -----------------------------------------------------------------------------------------------

FRAME = pl.DataFrame(
    {
        "ts": [100.0, 200.0, 210.0, 220.0, 230.0, 900.0],
        "src_ip": ["10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.1"],
        "dst_ip": ["10.0.0.9", "10.0.0.9", "10.0.0.9", "10.0.0.9", "10.0.0.8", "10.0.0.9"],
        "dst_port": [22, 22, 80, 22, 22, 22],
        "uid": ["a", "b", "c", "d", "e", "f"],
        "source": [0] * 6,
        "offset": [0, 1, 2, 3, 4, 5],
    },
    schema_overrides={"dst_port": pl.Int32, "source": pl.Int32},
)


ROOMY = Guards(largest_share=1.0)
"""Six flows are few."""


def incident(ports: int = 1) -> Told:
    """Of 10.0.0.1 against port 22 of 10.0.0.9, from 200 to 230, over so many ports in all."""
    ours = Ours(
        id="11112222-3333-4444-5555-666677778888",
        revision=1,
        step="close",
        kind="scan",
        alerts=2,
        first_seen=200.0,
        last_seen=230.0,
        sources=["10.0.0.1"],
        destinations=["10.0.0.9"],
        ports=[22],
        counts={"ports": Distinct(ports)},
        flows=[FlowPlace(topic="flows", partition=0, offset=1, uid="b")],
    )
    return Told(ours, "high", "", "", ())


def kept(told: Told, *judgements: Judgement, margin_s: float = 0.0) -> str:
    """Ids of the flows that are trained on."""
    out = lessons_of(FRAME, [told], Spoken(judgements), guards=ROOMY, margin_s=margin_s)
    return "".join(FRAME["uid"].to_numpy()[np.flatnonzero(out.keep)])


def test_flows_of_an_unjudged_incident_are_left_out() -> None:
    """Those of its source, destination, port and time, and no others."""
    assert kept(incident()) == "acdef"


def test_the_margin_is_before_and_after() -> None:
    """An attack begins before it is raised."""
    assert kept(incident(), margin_s=100.0) == "cdef"


def test_a_list_that_does_not_hold_all_asks_for_nothing() -> None:
    """Where an incident had more ports than it lists, flows to any port are of it."""
    assert kept(incident(ports=500)) == "adef"


@pytest.mark.parametrize("named", ["11112222-3333-4444-5555-666677778888", "11112222", "b", "0/1"])
def test_what_was_judged_false_stays_in(named: str) -> None:
    """By the incident's id, or its beginning as lists show it, or one of its flows."""
    assert kept(incident(), Judgement(id=named, label="false")) == "abcdef"


def test_an_alert_that_was_judged_true_is_left_out() -> None:
    """Its record is found by its id where the flows are of its topic, whatever was said of its incident."""
    (alert,) = record_ids("flows", np.array([0], np.int32), np.array([1]))
    judged = (Judgement(id="11112222", label="false"), Judgement(id=alert, label="true"))
    out = lessons_of(FRAME, [incident()], Spoken(judged), guards=ROOMY, margin_s=0.0, topic="flows")
    assert FRAME["uid"].filter(~out.keep).to_list() == ["b"]


def test_what_was_judged_true_is_left_out() -> None:
    """Also single flows, that no incident is of; true outweighs false."""
    judged = (Judgement(id="11112222", label="false"), Judgement(id="b", label="true"), Judgement(id="e", label="true"))
    assert kept(incident(), *judged) == "acdf"


def test_a_judgement_of_another_incident_changes_nothing() -> None:
    """Nor does one so short that it could be of any."""
    assert kept(incident(), Judgement(id="9999", label="false"), Judgement(id="1111", label="false")) == "acdef"
