"""The model card: says first what matters, the same to people and programs, and is one page whatever is in it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from detector.bundle.files import seal_bundle
from detector.bundle.manifest import MANIFEST, Manifest, decode_manifest
from detector.bundle.verdict import VERDICT_VERSION, RuleResult, Verdict
from detector.errors import BundleError
from detector.registry.registry import Registry
from tests.bundles import bundle, version_of
from tests.cards.reports import report
from tests.chromium import assert_readable
from training.cards.card import card_files, card_of
from training.cards.contract import CARD, PAGE, decode_card
from training.cards.facts import CardFacts, Parent
from training.cards.parent import parent_of
from training.evaluation.report import REPORT

HOSTILE = "<script>alert(1)</script>\u202e"

BEFORE = "20261128T000000Z-abcdef"


def manifest(**changes: Any) -> Manifest:
    """Of a small bundle."""
    return msgspec.structs.replace(decode_manifest(bundle(windows=True)[MANIFEST]), **changes)


def facts(**changes: Any) -> CardFacts:
    """What is known of it: a report, and that the gate refused it."""
    refused = RuleResult(rule="least_recall", passed=False, measured=0.2, bound=0.5, why="it finds 20 %, not 50 %")
    verdict = Verdict(verdict_version=VERDICT_VERSION, passed=False, champion=None, at="2026", rules=(refused,))
    names = manifest().features.names
    given: dict[str, Any] = {
        "labels": {"unlabelled": 1_500},
        "rejected": {"bad_protocol": 2},
        "passed_over": {},
        "thresholds": {0.01: 0.5},
        "matters": {names[0]: 0.75, names[1]: 0.25},
        "report": report(),
        "verdict": verdict,
    }
    return CardFacts(**(given | changes))


def test_first_screen_says_what_a_person_must_know() -> None:
    """What it was trained on, finds and misses, raises falsely, and why the gate refused it: with their numbers."""
    told = " ".join(card_of(manifest(), facts(report=report(found=0.25))).summary)
    assert "trained on 1,500 flows of 42 inside hosts" in told
    assert "finds syn-flood (8 of 8)" in told
    assert "mostly misses beacon (2 of 8)" in told
    assert "about 12 false incidents a day (10 to 14), where 10 are asked for" in told
    assert "refused it: it finds 20 %, not 50 %" in told


@pytest.mark.parametrize(("found", "word"), [(1.0, "finds"), (0.75, "some"), (0.25, "misses")])
def test_kinds_are_told_by_how_often_they_are_found(found: float, word: str) -> None:
    """A kind is named where it belongs: among what it finds, finds in part, or misses."""
    lines = card_of(manifest(), facts(report=report(found))).summary
    (line,) = [each for each in lines if "beacon" in each]
    assert word in line


def test_card_without_an_evaluation_says_what_is_not_known() -> None:
    """Where nothing could be measured, neither page nor document claims anything."""
    files = card_files(manifest(), facts(report=None, verdict=None))
    card = decode_card(files[CARD])
    assert [line for line in card.summary if "not known" in line]
    assert (card.found, card.expected, card.passed) == ((), (), None)
    assert b'<svg class="plot"' not in files[PAGE]


def test_what_changed_against_the_parent_is_told() -> None:
    """Fewer flows, another parameter, and figures beside those of the model that it replaces."""
    before = manifest(version=BEFORE, parameters={"n_estimators": 50})
    before = msgspec.structs.replace(before, training=msgspec.structs.replace(before.training, rows=3_000))
    parent = Parent(version=BEFORE, manifest=before, report=report(found=0.5))
    told = card_of(manifest(parent=BEFORE), facts(parent=parent)).changed
    assert told == (
        f"It is to take the place of {BEFORE}.",
        "It was trained on 50 % fewer flows.",
        "Parameters: n_estimators is as it comes, was 50.",
        "88% of the attacks tried are found, 75% were.",
        "11.0 false incidents a day, 11.0 were.",
    )


def test_parent_that_cannot_be_read_stops_nothing(tmp_path: Path) -> None:
    """A parent that is gone or damaged is named with the reason; one without a report is read without it."""
    registry, files = Registry(str(tmp_path)), bundle()
    version = version_of(files)
    registry.publish("flows", version, files)
    assert parent_of(registry, "flows", None) is None
    whole, gone = parent_of(registry, "flows", version), parent_of(registry, "flows", BEFORE)
    assert whole is not None
    assert (whole.manifest, whole.report) == (decode_manifest(files[MANIFEST]), None)
    assert gone is not None
    assert gone.why_not.startswith("cannot be read (")
    (tmp_path / "flows" / "versions" / version / MANIFEST).write_bytes(b"{}")
    damaged = parent_of(registry, "flows", version)
    assert damaged is not None
    assert "cannot be read" in " ".join(card_of(manifest(parent=version), facts(parent=damaged)).summary)


def test_same_facts_give_the_same_bytes() -> None:
    """Both files are reproducible, and the document is read back as it was."""
    files = card_files(manifest(), facts())
    assert card_files(manifest(), facts()) == files
    assert decode_card(files[CARD]) == card_of(manifest(), facts())


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b"[" * 100_000])
def test_damaged_document_is_refused(data: bytes) -> None:
    """What is no card gives one line that says what to do."""
    with pytest.raises(BundleError, match="train the model again") as caught:
        decode_card(data)
    assert "\n" not in str(caught.value)


def test_nothing_from_outside_is_markup() -> None:
    """Labels, reasons, kinds, subnets, parameters and file names are shown as they are spelt."""
    training = msgspec.structs.replace(manifest().training, sources=(HOSTILE,), dataset=HOSTILE)
    hostile = facts(
        labels={HOSTILE: 1},
        rejected={HOSTILE: 1},
        constant=[HOSTILE],
        report=report(kind=HOSTILE, segment=HOSTILE),
        drift={HOSTILE: 1.0},
        parent=Parent(version=HOSTILE, why_not=HOSTILE),
        members=HOSTILE,
    )
    verdict = hostile.verdict
    assert verdict is not None
    rules = (msgspec.structs.replace(verdict.rules[0], rule=HOSTILE, why=HOSTILE),)
    hostile = replace(hostile, verdict=msgspec.structs.replace(verdict, rules=rules))
    made = manifest(training=training, parameters={HOSTILE: HOSTILE}, libraries={HOSTILE: HOSTILE}, parent=HOSTILE)
    page = card_files(made, hostile)[PAGE].decode()
    assert "<script" not in page
    assert "\u202e" not in page
    assert page.count("&lt;script&gt;") > 10


def test_page_fetches_nothing_and_stands_alone() -> None:
    """No script, no link and no address of anything outside is in the page."""
    page = card_files(manifest(), facts())[PAGE].decode()
    assert not re.search(r"<(script|link|img|iframe)|https?:|url\(", page)
    assert page.count('<svg class="plot"') == 4


def test_card_is_small() -> None:
    """Both files together are a small part of a bundle."""
    assert sum(map(len, card_files(manifest(), facts()).values())) < 256 << 10


@pytest.mark.browser
@pytest.mark.slow
def test_page_can_be_read_in_a_browser(tmp_path: Path) -> None:
    """On a phone and on a desk, by day and by night: nothing is cut off, no text is faint or lies on another."""
    assert_readable(card_files(manifest(), facts())[PAGE].decode(), tmp_path)


def test_report_of_the_parent_is_read_from_its_bundle(tmp_path: Path) -> None:
    """Where the parent's version has a report, changes are told against it."""
    files = {name: data for name, data in bundle().items() if name != MANIFEST}
    files = seal_bundle(decode_manifest(bundle()[MANIFEST]), {**files, REPORT: report().encode()})
    registry = Registry(str(tmp_path))
    registry.publish("flows", version_of(files), files)
    parent = parent_of(registry, "flows", version_of(files))
    assert parent is not None
    assert parent.report == report()
