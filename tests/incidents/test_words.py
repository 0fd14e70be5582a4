"""Words: what an incident says beside what is usual, and that each of its numbers is a fact."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.alerts.facts import Fact
from detector.alerts.quantities import number, said
from detector.alerts.raised import Raised
from detector.alerts.reaching import KIN, LIKEWISE
from detector.alerts.readings import Readings
from detector.alerts.rhythm import Rhythm
from detector.alerts.usual import UsualOf
from detector.alerts.wording import Told
from detector.features.meanings import Unit
from detector.incidents.book import Change, IncidentBook
from detector.incidents.kinds import KINDS
from detector.incidents.words import _SIZES, words_of
from detector.models.baseline_ranges import BaselineRanges
from tests.alerts.contents import alert
from tests.alerts.rules import NUMBER
from tests.alerts.saying import SPEC, encoders, readings

T0 = 1.7e9
USUAL = UsualOf(readings())

WHY = Told(
    "10.0.0.1 → 10.0.0.2 443/tcp: 10.0.0.1 opened about 90 flows in 90 s (a host here usually at most 55 flows);"
    " benign traffic is this odd about once in 12 h.",
    [
        {"what": "flows opened by the source", "value": 90, "unit": "flows", "usual_most": 55, "window_s": 90.0},
        {"what": "time between benign incidents as odd", "value": 43_200.0, "unit": "s"},
    ],
)


def ended(alerts: Sequence[Raised], why: Told = WHY) -> list[Change]:
    """What is told last of the incidents of alerts, which are explained alike."""
    book = IncidentBook()
    for each in alerts:
        book.put(each)
    book.explain({each.id: why for each in alerts})
    book.close_all()
    last = {change.incident.id: change for change in book.take(USUAL)}
    return [change for change in last.values() if not change.incident.merged_into]


def told(alerts: Sequence[Raised], why: Told = WHY) -> str:
    """The size of the one incident that alerts are."""
    (change,) = ended(alerts, why)
    return words_of(change.incident, change.kind, change.usual).size.text


def scan(count: int, pause_s: float = 0.1) -> list[Raised]:
    """One host tries ports of another."""
    closed: dict[str, Any] = {"state": "REJ", "service": None, "duration_s": 0.0, "src_bytes": 0, "dst_bytes": 0}
    return [alert(i, ts=T0 + pause_s * i, dst_port=1_000 + i, **closed) for i in range(count)]


def upload(count: int, sent: int) -> list[Raised]:
    """Large flows to one host outside."""
    return [alert(i, ts=T0 + 60 * i, src_bytes=sent, dst_bytes=900) for i in range(count)]


def calls(jitter_s: float) -> list[Raised]:
    """A connection a minute, now and then late."""
    return [alert(i, ts=T0 + 60 * i + jitter_s * (i // 2 % 2), duration_s=1.0) for i in range(15)]


def test_a_scan_is_sized_by_its_ports() -> None:
    """Ports in how much time, how many unanswered, and what is usual in a window no shorter."""
    assert told(scan(276, 0.2)) == (
        "tried 276 ports in 55 s, 100 % unanswered; between any two hosts usually at most 4 ports in 90 s"
    )


def test_what_is_longer_than_any_window_is_told_on_average() -> None:
    """Of what took longer than the longest window, as much as came in one on average stands beside its bound."""
    high = [{"pair_ports_1h": math.log1p(6)}.get(name, 50.0) for name in SPEC.names]
    learnt = UsualOf(
        Readings.of(SPEC, BaselineRanges(np.full(len(high), -50.0, "f4"), np.array(high, "f4")), encoders())
    )
    beside = learnt.beside("pair", "ports", Fact("ports", 160, "ports"), 54_000.0)
    assert beside is not None
    assert beside.text == "on average about 16 ports in 90 min, between any two hosts usually at most 6 ports"
    assert beside.facts == (Fact("ports, on average", 16, "ports", usual_most=6, window_s=5_400.0),)
    assert learnt.beside("pair", "ports", Fact("ports", 60, "ports"), 54_000.0) is None


def test_an_upload_is_sized_by_its_bytes() -> None:
    """Bytes each way, over how many flows and how long, and a flow's share beside 99 of 100 flows."""
    assert (
        told(upload(4, 30_000_000))
        == "120 MB out, 3.6 kB back in 4 flows over 3 min; 30 MB a flow, 99 of 100 flows at most 42 kB"
    )


def test_a_beacon_is_sized_by_its_rhythm() -> None:
    """How often, how regularly, how much each time, and how pauses usually vary where it varies less."""
    assert told(calls(0.5)) == (
        "calls every 60 s ± 0.42 %, 15 times in 14 min, 1 kB each and 3 kB back; pauses usually vary by at least 40 %"
    )


REGULAR = Rhythm(
    period=7100.0, jitter=0.12, calls=9.0, size=620.0, alike=1.0, span=16.5 * 3600, active=16.0 * 3600, hosts=1.0
)


@pytest.mark.parametrize("count", [2, 6])
def test_a_regular_pair_is_a_beacon_told_by_its_rhythm(count: int) -> None:
    """However few of its calls were raised: period, jitter, count, sizes and who else does it, each a fact."""
    hours = [alert(n, ts=T0 + 7100.0 * n, period_s=7100.0, rhythm=REGULAR) for n in range(count)]
    (change,) = ended(hours)
    assert change.kind.name == "beacon"
    assert words_of(change.incident, change.kind, change.usual).size.text == (
        "calls every 118 min ± 12 %, 9 times in 16 h, about 620 bytes sent each, no other host goes there;"
        f" {count} flows raised"
    )
    told_of = {each["what"] for each in words_of(change.incident, change.kind, change.usual).facts}
    assert {"usual time between calls", "spread of the times between calls", "calls", "flows raised"} <= told_of


def test_the_rhythm_of_one_pair_does_not_name_two() -> None:
    """Calls to two ports, of which one is regular, are no beacon by that."""
    two = [alert(n, ts=T0 + 100.0 * n * n, dst_port=8443 - n % 2, rhythm=None if n % 2 else REGULAR) for n in range(4)]
    assert ended(two)[0].kind.name == "command and control"


def test_the_height_is_told_where_the_whole_is_not_unusual() -> None:
    """A flow that is no more than usual over all its time tells its height, by the alerts of it."""
    why = Told(
        "", [{"what": "flows to the destination", "value": 900, "unit": "flows", "usual_most": 60, "window_s": 90.0}]
    )
    flood = [
        alert(
            i, ts=T0 + 2.0 * i, src_ip=f"198.51.100.{i % 250}", state="S0", dst_bytes=0, dst_packets=0, duration_s=0.0
        )
        for i in range(600)
    ]
    assert told(flood, why).endswith("; at its height about 900 flows in 90 s, any host usually gets at most 60 flows")


def test_what_has_no_pattern_says_why() -> None:
    """An incident that no rule names tells why its strongest alert is one, with the numbers of that."""
    (change,) = ended([alert(0)])
    assert words_of(change.incident, change.kind, change.usual).message.endswith(
        "why: 10.0.0.1 opened about 90 flows in 90 s (a host here usually at most 55 flows);"
        " benign traffic is this odd about once in 12 h"
    )
    assert words_of(change.incident, change.kind, change.usual).facts[-2:] == WHY.facts


def test_what_is_usual_is_no_reason() -> None:
    """A number within its bound has none beside it."""
    assert told(upload(2, 6_000_000)).endswith("over 62 s; 6 MB a flow, 99 of 100 flows at most 42 kB")
    assert "usual" not in told(calls(45.0))
    assert "usual" not in told([alert(i, ts=T0 + i) for i in range(3)])


def test_every_size_is_of_a_kind() -> None:
    """No kind is sized that there is not."""
    assert set(_SIZES) <= {kind.name for kind in KINDS}


_ALERTS = st.lists(
    st.builds(
        lambda i, src, dst, at, port, state, sent, back, lasted, first: alert(
            i,
            src_ip=f"10.0.0.{src}",
            dst_ip=f"10.1.0.{dst}",
            ts=T0 + at,
            dst_port=port,
            state=state,
            src_bytes=sent,
            dst_bytes=back,
            duration_s=lasted,
            first_contact=first,
        ),
        st.integers(0, 10_000),
        st.integers(1, 3),
        st.integers(1, 40),
        st.floats(0, 600) | st.integers(0, 20).map(lambda n: 30.0 * n),
        st.sampled_from([22, 53, 443, 445, 8080, None]) | st.integers(0, 65_535),
        st.sampled_from(["SF", "S0"]),
        st.none() | st.integers(-1, 10**12),
        st.none() | st.integers(0, 10**12),
        st.none() | st.floats(0, 1e6),
        st.sampled_from([None, True, False]),
    ),
    min_size=1,
    max_size=60,
    unique_by=lambda each: each.id,
)


@given(alerts=_ALERTS)
@settings(deadline=None)
def test_no_incident_breaks_a_rule(alerts: list[Raised]) -> None:
    """Whatever an incident is: it is printable, each number is a fact, each bound stands beside what is beyond it."""
    for change in ended(alerts):
        text = words_of(change.incident, change.kind, change.usual).message
        assert list(broken_rules(text, words_of(change.incident, change.kind, change.usual).facts)) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a. tried 7 ports", [{"what": "ports", "value": 8, "unit": "ports"}]),
        ("a. tried 8 ports", [{"what": "ports", "value": 8, "unit": "ports", "usual_most": 9}]),
        ("a. tried 8 ports", [{"what": "ports", "value": 8, "unit": "ports", "usual_most": 4}]),
        ("a. tried nan ports", []),
    ],
)
def test_a_broken_rule_is_found(text: str, found: list[dict[str, Any]]) -> None:
    """The check of the rules finds a number that is no fact, a bound not passed or not told, and no number."""
    assert list(broken_rules(text, found))


def broken_rules(text: str, found: list[dict[str, Any]]) -> Iterator[str]:
    """Say which rules an incident's sentence breaks."""
    plain = re.sub(r"\d+\.\d+\.\d+\.\d+|ports? \d+(?:/\w+)?(?:, \d+/\w+)*", "·", text)
    known = {each for fact in found for form in _forms(fact) for each in NUMBER.findall(form)}
    if not text.isprintable() or re.search(r"\b(?:nan|inf|None)\b|[{}]", plain):
        yield "a sentence is in words and numbers"
    for each in NUMBER.findall(plain):
        if each not in known | {"1", "99", "100"}:  # of *99 of 100 flows*
            yield f"each number is a fact: {each}"
    for fact in found:
        most, least = fact.get("usual_most", -math.inf), fact.get("usual_least", math.inf)
        if not most < fact["value"] < least:
            yield f"a value inside its usual range is no reason: {fact}"
        if any(
            said(fact[side], Unit(fact["unit"])) not in plain for side in ("usual_most", "usual_least") if side in fact
        ):
            yield f"what is usual stands beside: {fact}"


def _forms(fact: dict[str, Any]) -> Iterator[str]:
    unit = Unit(fact["unit"])
    for side in ("value", "usual_most", "usual_least"):
        if side in fact:
            yield from (said(fact[side], unit), number(fact[side]))
    if "window_s" in fact:
        yield said(fact["window_s"], Unit.SECONDS)


@pytest.mark.parametrize(
    ("likewise", "words"),
    [(0, "none of about 57 hosts of its kind does likewise"), (3, "3 of about 57 hosts of its kind do likewise")],
)
def test_an_incident_says_who_of_its_kind_does_likewise(likewise: int, words: str) -> None:
    """Where the strongest alert tells of hosts of the source's kind, so does the incident; elsewhere it is silent."""
    counted = [{"what": KIN, "value": 57, "unit": "hosts"}, {"what": LIKEWISE, "value": likewise, "unit": "hosts"}]
    moves = [alert(i, ts=T0 + i, dst_ip=f"10.0.0.{i + 2}", dst_port=445, service="smb") for i in range(5)]
    for why, is_told in ((Told("reach", counted), True), (WHY, False)):
        (change,) = ended(moves, why)
        assert (words in words_of(change.incident, change.kind, change.usual).message) == is_told
        numbers = [
            fact["value"] for fact in words_of(change.incident, change.kind, change.usual).facts if fact["what"] == KIN
        ]
        assert numbers == [57] * is_told
