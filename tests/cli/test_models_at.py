"""``oddflow models at`` and ``diff``: what was in charge then, and two versions side by side."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from detector.bundle.files import read_bundle
from detector.registry.registry import Registry
from detector.registry.watcher import ModelWatcher
from detector.shadow.figures import Figures
from tests.bundles import bundle
from tests.cli.test_models import FIRST, SECOND, run, told

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def put_in_charge(folder: Path, number: int, at: datetime, reason: str = "") -> None:
    """Ann publishes and promotes a model where the clock says this."""
    registry, version = Registry(str(folder / "registry"), now=lambda: at), (FIRST, SECOND)[number]
    registry.publish("flows", version, bundle(number))
    registry.promote("flows", version, by="ann", reason=reason)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """The first was promoted at nine, the second an hour later."""
    monkeypatch.delenv("ODDFLOW_CONFIG", raising=False)
    monkeypatch.setenv("ODDFLOW_MODEL__REGISTRY", str(tmp_path / "registry"))
    monkeypatch.setenv("COLUMNS", "200")
    for number, at in ((0, AT), (1, AT + timedelta(hours=1))):
        put_in_charge(tmp_path, number, at, reason=f"number {number}")
    return Registry(str(tmp_path / "registry"))


@pytest.mark.parametrize(
    ("when", "version", "since", "until"),
    [
        ("2026-11-20T09:00", FIRST, AT, AT + timedelta(hours=1)),
        ("2026-11-20T10:30+01:00", FIRST, AT, AT + timedelta(hours=1)),
        ("2026-11-20T10:30", SECOND, AT + timedelta(hours=1), None),
    ],
)
@pytest.mark.usefixtures("registry")
def test_at_says_what_was_in_charge(when: str, version: str, since: datetime, until: datetime | None) -> None:
    """A time without a zone is UTC; told are the version, since and until when, by whom, why and its digest."""
    found = told("at", when)
    assert (found["version"], found["since"]) == (version, since.isoformat())
    assert found["until"] == (until.isoformat() if until else None)
    assert (found["by"], found["reason"]) == ("ann", f"number {[FIRST, SECOND].index(version)}")
    assert len(found["digest"]) == 64
    code, out, _ = run("at", when)
    assert (code, version in out, "ann" in out, found["digest"] in out) == (0, True, True, True)


@pytest.mark.usefixtures("registry")
def test_at_before_the_first_says_so() -> None:
    """Before the first promotion none was in charge; what is no time is exit code 2."""
    assert told("at", "2026-11-20T08:59:59")["version"] is None
    assert "none yet; the first was set at 2026-11-20T09:00:00+00:00" in run("at", "2026-11-20")[1]
    code, _, err = run("at", "yesterday")
    assert (code, "not a time" in err) == (2, True)


@pytest.mark.parametrize("wrong", [timedelta(days=-7), timedelta(days=36_500)], ids=["behind", "ahead"])
def test_a_trainer_s_wrong_clock_changes_no_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: timedelta
) -> None:
    """Whatever the trainer's clock, the last to be promoted is in charge, a daemon follows it, and a rollback leads
    back from it."""
    monkeypatch.setenv("ODDFLOW_MODEL__REGISTRY", str(tmp_path / "registry"))
    put_in_charge(tmp_path, 1, AT)
    registry = Registry(str(tmp_path / "registry"))
    daemon = ModelWatcher(registry, "flows", "champion", 0.01, read_bundle, lambda _: None, serving=SECOND)
    put_in_charge(tmp_path, 0, AT + wrong)  # a version is named by the trainer's clock, too
    assert (registry.versions("flows"), registry.resolve("flows")) == ([FIRST, SECOND], FIRST)
    daemon.look()
    taken = daemon.take()
    assert taken is not None
    assert taken.version == FIRST
    assert run("rollback")[0] == 0
    assert registry.resolve("flows") == SECOND


def test_at_goes_by_the_order_of_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A move by a clock that is behind counts from the move before it: the last of them is what is in charge."""
    monkeypatch.setenv("ODDFLOW_MODEL__REGISTRY", str(tmp_path / "registry"))
    put_in_charge(tmp_path, 1, AT)
    put_in_charge(tmp_path, 0, AT - timedelta(days=7))
    found = told("at", (AT + timedelta(hours=1)).isoformat())
    assert (found["version"], found["since"], found["until"]) == (FIRST, AT.isoformat(), None)
    assert told("at", (AT - timedelta(days=3)).isoformat())["version"] is None


def test_diff_shows_both_and_what_daemons_found(registry: Registry) -> None:
    """Manifests stand side by side; fresh figures are added up, and stale ones are named and left out."""
    assert told("diff", FIRST, SECOND)["shadow"] is None
    for member, at in (("one-1", time.time()), ("two-1", time.time()), ("old-1", time.time() - 9_999.0)):
        figures = Figures(
            champion=FIRST, challenger=SECOND, share=0.1, member=member, at=at, interval_s=30.0, both=1, neither=99
        )
        registry.put_figures("flows", "shadow", SECOND, member, msgspec.json.encode(figures))
    found = told("diff", FIRST, SECOND)
    assert found["versions"] == [FIRST, SECOND]
    assert [row["rows"] for row in found["manifests"]] == [1_500, 1_500]
    assert (found["shadow"]["flows"], found["shadow"]["agreement"]) == (200, 1.0)
    assert (sorted(found["shadow"]["daemons"]), list(found["shadow"]["stale_s"])) == (["one-1", "two-1"], ["old-1"])
    code, out, _ = run("diff", FIRST, SECOND)
    assert (code, "isolation-forest" in out, "old-1" in out) == (0, True, True)
