"""One incident's page, and what it is drawn and linked by."""

from __future__ import annotations

import json

import pytest

from detector.errors import ConfigurationError
from detector.incidents.kinds import KINDS, Kind
from tests.casebook.documents import ocsf
from tests.triage.pages.places import NOW, Triage, document, filled, name_of, text_of
from triage.pages.drawing import bar, picture, telling
from triage.pages.grafana import checked_template, link
from triage.pages.guides import GUIDES
from triage.pages.words import amount, lasting, short_time
from triage.reasons import Reason
from triage.store.engine import Database
from triage.store.rows import Bucket, Timeline


def reason(
    value: float, low: float | None = None, high: float | None = None, what: str = "x", alert: str = ""
) -> Reason:
    """A number beside what is usual."""
    return Reason("", what, value, "", low, high, None, alert)


def test_the_page_says_what_why_and_what_to_do(database: Database) -> None:
    """It has the document's own words, numbers beside what is usual, what to look at, others alike, and the record."""
    facts = [{"what": "ports tried", "value": 276, "unit": "ports", "usual_most": 4}]
    documents = [document(0, facts=facts, sources=["10.0.0.7"]), document(3, sources=["10.0.0.7"])]
    filled(database, documents)
    triage = Triage(database, grafana_url="https://g.example/d/x?var-host={host}&from={from_ms}&to={to_ms}")
    page = triage.client().get(f"/incidents/{name_of(0)}")
    told = text_of(page.text)
    for words in (
        "scan number 0",
        "276 alerts in 15 s, 99 % unanswered",
        "answered: 10.0.10.35 port 143/tcp",
        "benign traffic is this odd once in 139 days",
        "ports tried 276 ports",
        "usually at most 4 ports",
        "is the source a scanner of yours",
        "an inventory of yours",
        "T1046 Network Service Discovery",
        "scan number 3",
        "same source, same destination, same kind",
        name_of(0),
    ):
        assert words in told
    since, until = (f"{1_000 * each:.0f}" for each in (NOW - 75.0 - 1_800.0, NOW - 60.0 + 1_800.0))
    assert f"https://g.example/d/x?var-host=10.0.0.7&amp;from={since}&amp;to={until}" in page.text
    raw = triage.client().get(f"/incidents/{name_of(0)}/raw")
    assert json.loads(raw.content)["unmapped"]["oddflow"]["id"] == name_of(0)


def test_one_of_another_version_is_shown_as_far_as_it_goes(database: Database) -> None:
    """A kind that is not known here has no guide, and a document with little has a page."""
    triage = filled(database, [ocsf(id=name_of(0), kind="newer", check="", innocent="", sources=[], ports=[])])
    page = triage.client().get(f"/incidents/{name_of(0)}")
    assert page.status_code == 200
    assert "No guide is known for the kind “newer”" in text_of(page.text)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_has_a_guide(kind: Kind) -> None:
    """What it is, when it is called so, the usual innocent cause, what to look at; ATT&CK if it has a technique."""
    guide = GUIDES[kind.name]
    assert all((guide.meaning, guide.named_when, guide.innocent, guide.checks))
    assert bool(guide.links) == bool(kind.techniques)
    assert all(each.address.startswith("https://attack.mitre.org/t") for each in guide.links)


def test_a_host_has_its_time_and_incidents(database: Database) -> None:
    """A host's page leads to its incidents of the time that is asked for, also of a day long ago."""
    triage = filled(database, [document(0, sources=["10.0.0.7"])])
    triage.clock.now += 400 * 86_400.0
    page = triage.client().get("/hosts/10.0.0.7?last=7d")
    assert "scan number 0" in text_of(page.text)


def test_bars_are_in_proportion() -> None:
    """A value and its usual range are drawn to one scale, by logarithms where one is far from the other."""
    drawn = bar(reason(8.0, 1.0, 4.0))
    assert drawn.value == pytest.approx(2 * drawn.high, rel=0.01)
    assert drawn.value == pytest.approx(8 * drawn.low, rel=0.01)
    assert (drawn.logarithmic, bar(reason(8_000.0, 1.0, 4.0)).logarithmic) == (False, True)
    assert bar(reason(8.0)).has_range is False
    low = bar(reason(1.0, 4.0))
    assert low.value < low.low < low.high
    odd = [bar(reason(value, 0.0, 1.0)) for value in (float("nan"), float("inf"), -3.0, 1e300)]
    assert all(0.0 <= each.value <= 100.0 for each in odd)


def test_what_is_usual_is_no_reason() -> None:
    """Numbers beyond their range come first, each once, the whole incident's before an alert's; others are apart."""
    given = [
        reason(9, None, 4, "a", "alert"),
        reason(1, None, 4, "b"),
        reason(7, None, 4, "a"),
        reason(1, 2, None, "c"),
    ]
    beyond, others = telling(given)
    assert [(each.what, each.value) for each in beyond] == [("a", 7), ("c", 1)]
    assert [each.what for each in others] == ["b"]


def test_a_timeline_shows_one_beside_a_thousand() -> None:
    """A column for each part with alerts, higher with more, and the incident's own time marked."""
    buckets = (Bucket(0.0, 1, 0, "low"), Bucket(10.0, 0, 0, ""), Bucket(20.0, 1_000, 4, "high"))
    drawn = picture(Timeline("h", 0.0, 30.0, buckets, ()), (15.0, 18.0))
    assert [(round(each.x), each.severity) for each in drawn.columns] == [(0, "low"), (67, "high")]
    assert (drawn.columns[1].up, drawn.most) == (100.0, 1_000)
    assert 3.0 < drawn.columns[0].up < 4.0
    assert drawn.mark == (50.0, 10.0)
    assert picture(Timeline("h", 0.0, 30.0, (), ())).columns == ()


def test_a_timeline_beyond_all_years_has_ticks() -> None:
    """A time that no calendar has, as a foreign document may tell, is drawn as the last one that there is."""
    assert picture(Timeline("h", 1e15, 1e15 + 30.0, (), ())).ticks[-1].words == "23:59"


@pytest.mark.parametrize(
    "template",
    ["ftp://g", "g.example", "https://g/{hots}", "https://g/{host.__class__}", "https://g/{", "https://g/{0}"],
)
def test_a_wrong_template_is_refused(template: str) -> None:
    """A template that is no web address, or has other fields than there are, is refused with one that is right."""
    with pytest.raises(ConfigurationError, match=r"triage.grafana_url .*give one such as|triage.grafana_url: "):
        checked_template(template)


def test_a_host_s_name_stays_within_the_link() -> None:
    """Whatever a host is called is one value of the link."""
    template = checked_template("https://g/d?h={host}&f={from_ms}")
    assert link(template, "a&x=1#/../", 1_800.0, 9.0) == "https://g/d?h=a%26x%3D1%23%2F..%2F&f=0"


def test_numbers_have_units() -> None:
    """Amounts are told as everywhere, unknown units as they are, and what is no number says so."""
    told = [
        amount(747e6, "bytes"),
        amount(1, "ports"),
        amount(0.5, ""),
        amount(3.0, "furlongs"),
        amount(float("nan"), "s"),
    ]
    assert told == ["747 MB", "1 port", "0.5", "3 furlongs", "no number"]
    assert lasting(187.0) == "3.1 min"
    day = 1_764_000_000.0
    assert [short_time(day, now) for now in (day, day + 86_400.0, day + 86_400.0 * 365)] == [
        "16:00:00",
        "24 Nov 16:00",
        "2025-11-24",
    ]
