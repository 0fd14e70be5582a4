"""Figures, the rules of promotion and rollback, and who moves the alias by them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from detector.registry.history import Entry
from detector.registry.registry import AliasMovedError, Registry
from detector.settings.life_cycle import Model
from detector.settings.life_cycle import Shadow as Rules
from detector.shadow.clerk import Clerk
from detector.shadow.events import FiguresFailed, FiguresWork, ModelMoved, PromotionHeld
from detector.shadow.figures import Figures, read_figures, total
from detector.shadow.rules import Holding, broken, is_on_trial, was_rolled_back, why_roll_back
from detector.shadow.tenure import Tenure
from tests.bundles import bundle, judged, verdict, version_of
from tests.shadow.world import Heard

FIRST, SECOND, THIRD = (version_of(bundle(number)) for number in (0, 1, 2))
DAY_S = 86_400.0
NOW = 1.9e9


def figures(**changed: Any) -> Figures:
    """Those of a day that keep every rule."""
    kept: dict[str, Any] = {
        "champion": FIRST,
        "challenger": SECOND,
        "share": 0.5,
        "covered_s": DAY_S,
        "offered": 1_000_000,
        "sources": 100,
        "both": 40,
        "champion_only": 10,
        "challenger_only": 10,
        "neither": 499_940,
        "champion_s": 1.0,
        "champion_rows": 1_000_000,
        "challenger_s": 1.0,
    }
    return Figures(**kept | changed)


def test_figures_say_how_far_two_models_agree() -> None:
    """Agreement, kappa and Jaccard are of the four counts; a day's incidents are estimated for all sources."""
    found = figures(neither=40, incidents_gained=3)
    assert found.agreement == pytest.approx(0.8)
    assert found.kappa == pytest.approx(0.6)
    assert found.jaccard == pytest.approx(40 / 60)
    assert found.gained_per_day == pytest.approx(6.0)
    assert figures().latency_ratio == pytest.approx(2.0)


def test_daemons_figures_add_up() -> None:
    """Counts of several daemons are summed, the time is the longest, and damaged files are passed over."""
    files = [msgspec.json.encode(figures()), b"{", msgspec.json.encode(figures(covered_s=2 * DAY_S, both=2))]
    summed = total(read_figures(files))
    assert summed is not None
    assert (summed.both, summed.sources, summed.covered_s) == (42, 200, 2 * DAY_S)
    assert summed.share == pytest.approx(0.5)


@pytest.mark.parametrize(
    "changed",
    [
        {"neither": 1_000},
        {"sources": 3},
        {"champion_only": 9_000},
        {"incidents_gained": 6},
        {"incidents_lost": 6},
        {"challenger_s": 9.0},
        {"dropped": 20_000},
        {"failed": "it crashed"},
        {"covered_s": 0.0},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_each_rule_refuses(changed: dict[str, Any]) -> None:
    """A challenger that keeps all rules but one is told to break one."""
    assert broken(figures(), Rules()) == []
    assert broken(figures(**changed), Rules())


def test_rules_hold_in_a_row_by_the_flows_time() -> None:
    """The time that rules have held begins anew where one is broken, or where the pair is another."""
    holding = Holding()
    assert holding.held_s(figures(covered_s=100.0), held=True) == 0.0
    assert holding.held_s(figures(covered_s=160.0), held=True) == 60.0
    assert holding.held_s(figures(covered_s=170.0), held=False) == 0.0
    assert holding.held_s(figures(covered_s=180.0), held=True) == 0.0
    assert holding.held_s(figures(covered_s=190.0, challenger=THIRD), held=True) == 0.0
    assert holding.held_s(figures(covered_s=195.0, challenger=THIRD), held=True) == 5.0


@pytest.mark.parametrize(
    ("incidents", "days", "rolled"),
    [(51, 0.01, True), (50, 0.5, False), (99, 2.0, False), (101, 2.0, True), (0, 3, True)],
)
def test_incidents_a_day_beyond_their_bounds_roll_back(incidents: int, days: float, rolled: bool) -> None:
    """More than a whole day may have is too many at once; too few are told once a day has passed."""
    tenure = Tenure(version=SECOND, incidents=incidents, covered_s=days * DAY_S, budget=10.0)
    assert bool(why_roll_back(tenure, Rules(rollback_below_per_day=1.0))) == rolled


def test_a_trial_ends_by_time_or_by_another_move() -> None:
    """A champion is on trial after a promotion that left another behind, for the stated time."""
    at = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
    first = Entry(at=at, action="promote", alias="champion", version=FIRST)
    second = Entry(at=at, action="promote", alias="champion", version=SECOND, previous=FIRST)
    back = Entry(at=at, action="rollback", alias="champion", version=FIRST, previous=SECOND)
    assert is_on_trial([first, second], "champion", SECOND, at, 60.0)
    assert not is_on_trial([first], "champion", FIRST, at, 60.0)
    assert not is_on_trial([first, second, back], "champion", FIRST, at, 60.0)
    assert not is_on_trial([first, second], "champion", SECOND, at.replace(minute=2), 60.0)
    assert was_rolled_back([first, second, back], "champion", SECOND)
    assert not was_rolled_back([first, second], "champion", SECOND)


# --- the clerk ------------------------------------------------------------------------------------------------------


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """Two models that passed the gate, a champion and a challenger."""
    registry = Registry(str(tmp_path / "registry"))
    for number in (0, 1):
        registry.publish("flows", version_of(bundle(number)), judged(number, verdict(passed=True)))
    registry.promote("flows", FIRST)
    registry.promote("flows", SECOND, "challenger")
    return registry


class Desk:
    """A clerk, and what it is given."""

    def __init__(self, registry: Registry, **chosen: Any) -> None:
        self.heard = Heard()
        self.figures: Figures | None = figures()
        self.tenure = Tenure(version="")
        self.now = NOW
        self.clerk = Clerk(
            registry,
            Model(),
            Rules(**{"promote": True, "rollback": True, "hold_s": 100.0, **chosen}),
            figures=lambda: self.figures,
            tenure=lambda: self.tenure,
            before=lambda: None,
            tell=self.heard,
            member="here-1",
            now=lambda: self.now,
        )


def test_a_challenger_is_promoted_once_the_rules_have_held(registry: Registry) -> None:
    """It is promoted after the stated time, not before, and the history says by whom and why."""
    desk = Desk(registry)
    desk.clerk.look()
    desk.figures = figures(covered_s=DAY_S + 99.0)
    desk.clerk.look()
    assert registry.resolve("flows") == FIRST
    desk.figures = figures(covered_s=DAY_S + 101.0)
    desk.clerk.look()
    assert registry.resolve("flows") == SECOND
    (moved,) = desk.heard.of(ModelMoved)
    assert (moved.action, moved.old, moved.new) == ("promote", FIRST, SECOND)
    entry = registry.history("flows")[-1]
    assert (entry.action, entry.by, entry.reason) == ("promote", "oddflow detect, here-1", moved.reason)
    assert "all rules held" in entry.reason


@pytest.mark.parametrize("files", [bundle(1), judged(1, verdict(passed=False))], ids=["unjudged", "refused"])
def test_what_the_gate_has_not_passed_is_not_promoted_by_itself(tmp_path: Path, files: Mapping[str, bytes]) -> None:
    """Whoever made it the challenger, and though it keeps all rules: that is told once."""
    registry = Registry(str(tmp_path / "other"))
    registry.publish("flows", FIRST, bundle(0))
    registry.publish("flows", SECOND, files)
    registry.promote("flows", FIRST)
    registry.promote("flows", SECOND, "challenger")
    desk = Desk(registry, hold_s=0.0)
    desk.clerk.look()
    desk.clerk.look()
    assert registry.resolve("flows") == FIRST
    (held,) = desk.heard.of(PromotionHeld)
    assert held.version == SECOND
    assert "gate" in held.why


def test_another_daemons_figures_count_while_they_are_fresh(registry: Registry) -> None:
    """What another daemon saw can break a rule; what it wrote long ago breaks none any more."""
    bad = msgspec.structs.replace(figures(incidents_gained=99), member="there-1", at=NOW, interval_s=30.0)
    registry.put_figures("flows", "shadow", SECOND, "there-1", msgspec.json.encode(bad))
    desk = Desk(registry, hold_s=0.0)
    desk.clerk.look()
    assert registry.resolve("flows") == FIRST
    desk.now += 151.0
    desk.clerk.look()
    assert registry.resolve("flows") == SECOND


def test_a_bad_champion_is_rolled_back_and_not_promoted_again(registry: Registry) -> None:
    """Above its bound a champion on trial goes, and keeping all rules does not bring it back."""
    desk = Desk(registry, hold_s=0.0)
    desk.clerk.look()
    assert registry.resolve("flows") == SECOND
    desk.figures, desk.tenure = None, Tenure(version=SECOND, incidents=51, covered_s=60.0, budget=10.0)
    desk.now = registry.history("flows")[-1].at.timestamp() + 60.0
    desk.clerk.look()
    assert registry.resolve("flows") == FIRST
    assert registry.history("flows")[-1].reason == "51 incidents in 0.00 days of flows, at most 50 a day are asked for"
    desk.figures, desk.tenure = figures(), Tenure(version=FIRST)
    desk.clerk.look()
    assert registry.resolve("flows") == FIRST
    assert [event.action for event in desk.heard.of(ModelMoved)] == ["promote", "rollback"]


def test_nothing_is_moved_where_it_is_not_asked_for(registry: Registry) -> None:
    """By default figures are written and nothing is moved."""
    desk = Desk(registry, promote=False, rollback=False, hold_s=0.0)
    desk.clerk.look()
    assert registry.resolve("flows") == FIRST
    (written,) = read_figures(registry.figures("flows", "shadow", SECOND))
    assert (written.member, written.at, written.both) == ("here-1", NOW, 40)


def test_an_alias_that_moved_meanwhile_is_left(registry: Registry) -> None:
    """Compared with another champion than the alias has by now, a challenger is not promoted."""
    with pytest.raises(AliasMovedError, match=f"champion is {FIRST} by now, not {THIRD}"):
        registry.promote("flows", SECOND, expect={"champion": THIRD})
    with pytest.raises(AliasMovedError):
        registry.rollback("flows", expect={"champion": SECOND})
    desk = Desk(registry, hold_s=0.0)
    desk.figures = figures(champion=THIRD)
    desk.clerk.look()
    assert registry.resolve("flows") == FIRST
    assert desk.heard.events == []


@contextmanager
def away(registry: Registry) -> Iterator[None]:
    """The registry's place is gone, and a file is in its place, for the length of the block."""
    place = Path(registry.url)
    aside = place.rename(place.with_name("aside"))
    place.write_text("")
    yield
    place.unlink()
    aside.rename(place)


def test_a_registry_that_is_away_is_told_once(registry: Registry) -> None:
    """Figures that cannot be written are told once an outage, counted each time, and written again after it."""
    desk = Desk(registry, promote=False)
    with away(registry):
        for _ in range(3):
            desk.clerk.look()
    assert [event.known for event in desk.heard.of(FiguresFailed)] == [False, True, True]
    desk.clerk.look()
    assert [event.after_failures for event in desk.heard.of(FiguresWork)] == [3]
    assert read_figures(registry.figures("flows", "shadow", SECOND))
