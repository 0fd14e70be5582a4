"""Lists of incidents, one in full, a host's timeline, and those alike."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import permutations

import pytest

from detector.casebook.latest import Latest
from detector.casebook.told import read_told
from detector.errors import ConfigurationError, InputError
from detector.incidents.wholes import named
from tests.casebook.documents import EVIL, START, ocsf
from tests.casebook.test_parts import part
from tests.feedback.labels import uid
from tests.triage.documents import alert, incident, judge, put
from triage.reading import read_incident
from triage.store.engine import Database
from triage.store.filters import Filter, Order, Paging
from triage.store.incidents import alert as one_alert
from triage.store.incidents import incident as one
from triage.store.incidents import list_incidents, similar, timeline
from triage.store.put import put_incidents


def listed(database: Database, asked: Filter = Filter(), order: Order = "time") -> list[int]:  # noqa: B008
    """The numbers of what a list has, in its order."""
    with database.read() as session:
        page = list_incidents(session, asked, Paging(order=order))
    numbers = {uid(number): number for number in range(100)}
    assert (page.count, page.or_more, page.after) == (len(page.rows), False, "")
    return [numbers[row.id] for row in page.rows]


def test_what_comes_again_changes_nothing(database: Database) -> None:
    """The same documents twice, in one batch or in two, are as good as once."""
    for _ in range(2):
        with database.write() as session:
            put(session, [incident(1), incident(1)], [alert(7), alert(7)])
    with database.read() as session:
        found = one(session, uid(1))
    assert found is not None
    assert (found.row.alerts, found.alerts_stored, [each.id for each in found.alerts]) == (276, 1, [uid(7)])
    assert listed(database) == [1]


def test_the_highest_revision_stays_whatever_the_order(database: Database) -> None:
    """Three revisions of one incident, in whichever order they come, leave the third; the first telling is kept."""
    documents = [incident(1, revision=n, alerts=10 * n, step="close" if n == 3 else "update") for n in (1, 2, 3)]
    for number, order in enumerate(permutations(documents)):
        with database.write() as session:
            for place, document in enumerate(order):
                of_another = document.replace(uid(1).encode(), uid(10 + number).encode())
                put_incidents(session, [read_incident(of_another, START + place)])
        with database.read() as session:
            found = one(session, uid(10 + number))
        assert found is not None
        assert (found.row.alerts, found.row.state, found.told.ours.revision) == (30, "closed", 3)
        assert json.loads(found.document)["unmapped"]["oddflow"]["revision"] == 3
        if order[0] is documents[0]:
            assert found.row.first_told == START


def test_each_filter_leaves_out_what_it_should(database: Database) -> None:
    """Time, severity, kind, host, model, label, state and text each give those that fit, and together those of all."""
    with database.write() as session:
        put(
            session,
            [
                incident(1),
                incident(2, kind="beacon", risk=30, sources=["10.0.0.2"], headline="Beacon of 100 % EVIL_host"),
                incident(3, model_versions=["v2"], step="close", destinations=["2001:db8::1"]),
                ocsf(severity_id=2, id=uid(4), first_seen=START, last_seen=START, alerts=1, flows=[], risk=5),
            ],
        )
        judge(session, 1, "true")
        judge(session, 2, "false")
    assert listed(database) == [3, 2, 1, 4]
    assert listed(database, order="risk") == [3, 1, 2, 4]
    for asked, numbers in (
        (Filter(since=START + 100), [3, 2]),
        (Filter(until=START + 100), [1, 4]),
        (Filter(severity=3), [3, 2, 1]),
        (Filter(kinds=("beacon", "flood")), [2]),
        (Filter(host="10.0.0.2"), [2]),
        (Filter(host="2001:db8::1"), [3]),
        (Filter(model_version="v2"), [3]),
        (Filter(labels=("none",)), [3, 4]),
        (Filter(labels=("true", "false")), [2, 1]),
        (Filter(labels=("conflicting",)), []),
        (Filter(status="open"), [2, 1, 4]),
        (Filter(status="closed"), [3]),
        (Filter(suppressed=True), []),
        (Filter(suppressed=False), [3, 2, 1, 4]),
        (Filter(text="evil_HOST"), [2]),
        (Filter(text="100 %"), [2]),
        (Filter(text="evilxhost"), []),
        (Filter(text=uid(3)), [3]),
        (Filter(text="10.0.0.2", labels=("true",)), []),
    ):
        assert listed(database, asked) == numbers, asked


def test_an_incident_of_one_alert_ends_by_quiet(database: Database) -> None:
    """One of a single alert counts as closed once others were seen well after it, though nothing told its end."""
    with database.write() as session:
        put(session, [incident(1, alerts=1)])
    assert listed(database, Filter(status="open")) == [1]
    with database.write() as session:
        put(session, [incident(30)])
    assert listed(database, Filter(status="closed")) == [1]


@pytest.mark.parametrize("order", ["time", "risk"])
def test_pages_have_each_once(database: Database, order: Order) -> None:
    """Pages of a list one after the other have all of it, in its order, also among those of the same time and risk."""
    with database.write() as session:
        put(session, [incident(n, last_seen=START + n // 3, risk=n % 2) for n in range(20)])
    whole = [uid(n) for n in listed(database, order=order)]
    found: list[str] = []
    paging = Paging(3, "", order)
    with database.read() as session:
        while True:
            page = list_incidents(session, Filter(), paging)
            found += [row.id for row in page.rows]
            assert page.count == 20
            if not page.after:
                break
            paging = replace(paging, after=page.after)
    assert found == whole
    assert len(set(found)) == 20


@pytest.mark.parametrize(
    ("asked", "paging", "said"),
    [
        (Filter(), Paging(limit=0), "limit 0: give 1 to 500"),
        (Filter(), Paging(after="x"), "after 'x': it is no mark of a page in the order time"),
        (Filter(), Paging(after="1_2"), None),
        (Filter(), Paging(after="1_2", order="risk"), "no mark of a page in the order risk"),
        (Filter(text="x" * 300), Paging(), "text: it is too long"),
    ],
)
def test_what_cannot_be_asked_is_said(database: Database, asked: Filter, paging: Paging, said: str | None) -> None:
    """A page's mark that was made up, or a text without measure, is refused with what to give instead."""
    with database.read() as session:
        if said is None:
            assert list_incidents(session, asked, paging).rows == ()
        else:
            with pytest.raises(ConfigurationError, match=said):
                list_incidents(session, asked, paging)


def test_an_incident_has_its_reasons(database: Database) -> None:
    """What each feature adds comes first where alerts say it, with the usual range; else the sentence's numbers."""
    with database.write() as session:
        facts = [{"what": "ports", "value": 276.0, "unit": "ports", "usual_most": 4.0}]
        put(session, [incident(1, facts=facts), incident(2)], [alert(7, features=True), alert(8, incident=2, risk=50)])
    with database.read() as session:
        first, second, known = one(session, uid(1)), one(session, uid(2)), one_alert(session, uid(8))
    assert first is not None
    assert [(each.name, each.contribution, each.usual_high) for each in first.reasons] == [
        ("duration_log", 0.5, 9.0),
        ("pair_ports_60s", 0.2, 1.6),
        ("", None, 4.0),
    ]
    assert second is not None
    assert [(each.what, each.value, each.unit, each.usual_high, each.alert) for each in second.reasons] == [
        ("ports tried", 140.0, "ports", 4.0, uid(8))
    ]
    assert known is not None
    assert (known[0].src_ip, known[0].service, known[0].ts, known[2]) == ("10.0.10.17", "ssh", START, second.reasons)


def test_parts_of_one_thing_are_one_row_in_any_order(database: Database) -> None:
    """What three partitions told of a flood is one line, as `oddflow incidents` shows it, however its parts arrive."""
    parts = [part(n) for n in range(3)]
    latest = Latest(named=named)
    for each in parts:
        latest.put(read_told(ocsf(**each)))
    (whole,) = latest.wholes()
    for number, order in enumerate(permutations(range(3))):
        with database.write() as session:
            for place in order:
                moved = {name: parts[place][name] + 1e6 * number for name in ("first_seen", "last_seen")}
                document = ocsf(**parts[place] | moved | {"id": f"{number}-{place}"})
                put_incidents(session, [read_incident(document, START)])
    with database.read() as session:
        page = list_incidents(session)
        assert [row.id for row in page.rows] == [f"{number}-0" for number in reversed(range(6))]
        for row in page.rows:
            assert (row.alerts, row.kind, row.headline) == (1200, whole.ours.kind, whole.headline)
            found = one(session, row.id)
            assert found is not None
            assert found.told.ours.alerts == 1200
            assert {each.ours.id[-1] for each in found.told.parts} == {"0", "1", "2"}
        second = one(session, "0-1")
    assert second is not None
    assert (second.merged_into, second.row.alerts) == ("0-0", 400)


def test_what_became_part_of_another_is_not_listed(database: Database) -> None:
    """An incident that was merged is left out of lists, and shows by its id what it became part of."""
    with database.write() as session:
        put(session, [incident(1), incident(2, merged_into=uid(1), step="close")])
    assert listed(database) == [1]
    with database.read() as session:
        found = one(session, uid(2))
        assert one(session, "no such") is None
    assert found is not None
    assert (found.row.state, found.merged_into) == ("merged", uid(1))


def test_a_timeline_counts_what_a_host_did(database: Database) -> None:
    """Alerts of a host are in the part of its time that they are of, as source and as destination, with the gravest."""
    with database.write() as session:
        alerts = [alert(1, at=1), alert(2, at=1.5), alert(3, at=59, src_ip="10.0.0.9", dst_ip="10.0.10.17")]
        put(session, [incident(1), incident(2, sources=["10.0.0.9"])], [*alerts, alert(4, at=60), alert(5, at=-1)])
    with database.read() as session:
        found = timeline(session, "10.0.10.17", START, START + 60, 6)
        with pytest.raises(ConfigurationError, match="a time that begins before it ends"):
            timeline(session, "10.0.10.17", START, START)
    assert [(each.as_source, each.as_destination) for each in found.buckets] == [(2, 0), *[(0, 0)] * 4, (0, 1)]
    assert [each.severity for each in found.buckets] == ["critical", "", "", "", "", "critical"]
    assert [row.id for row in found.incidents] == []
    with database.read() as session:
        wide = timeline(session, "10.0.10.17", START, START + 61, 1)
    assert [row.id for row in wide.incidents] == [uid(1)]


def test_similar_ones_are_those_with_most_in_common(database: Database) -> None:
    """Of past incidents those with more traits in common come first, with their labels; others are left out."""
    with database.write() as session:
        put(
            session,
            [
                incident(1),
                incident(2),
                incident(3, kind="beacon"),
                incident(4, kind="beacon", sources=["10.9.9.9"], ports=[9], destinations=["10.8.8.8"]),
                incident(5, sources=["10.9.9.9"]),
            ],
        )
        judge(session, 3, "false")
    with database.read() as session:
        found = similar(session, uid(1))
    assert [(each.row.id, round(each.likeness, 2)) for each in found] == [(uid(2), 1.0), (uid(3), 0.75), (uid(5), 0.7)]
    assert found[1].row.label is not None
    assert (found[1].row.label.verdict, found[1].why) == ("false", "same source, same destination, same port")


def test_hostile_texts_are_printable_and_bounded(database: Database) -> None:
    """What a terminal would act on is spelt out in every text of a row, and nothing is too long for its column."""
    evil = EVIL + "\x00" + "x" * 5_000
    changes = dict.fromkeys(("kind", "headline", "size", "worked"), evil)
    lists = {name: [evil] for name in ("sources", "destinations", "model_versions")}
    flows = [{"topic": evil, "partition": 10**30, "offset": 10**30}]
    document = incident(1, **changes, **lists, flows=flows, revision=10**30, alerts=10**30, ports=[10**9])
    with database.write() as session:
        put(session, [document], [alert(1, src_ip=evil, dst_ip=evil)])
    with database.read() as session:
        found = one(session, uid(1))
    assert found is not None
    row = found.row
    texts = [row.kind, row.headline, row.size, row.source, row.destination, row.model_version, row.who]
    texts += [found.alerts[0].src_ip, found.alerts[0].message]
    assert all(text.isprintable() and 0 < len(text) <= 1_000 for text in texts)
    assert found.document == document


def test_an_id_without_measure_is_no_incident_s() -> None:
    """A document whose id no column holds is told as foreign."""
    with pytest.raises(InputError, match="its id is longer than 64 characters"):
        read_incident(incident(1, id="x" * 65), START)
