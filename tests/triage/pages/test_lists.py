"""The list of incidents: filters in the address, live pieces, empty states, and a file for spreadsheets."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest

from tests.triage.pages.places import NOW, Triage, document, filled, name_of, opened, text_of
from triage.pages.lists import ROWS
from triage.store.engine import Database


@pytest.fixture
def triage(database: Database) -> Triage:
    """With twelve incidents."""
    return filled(database, [document(place) for place in range(12)])


def shown(triage: Triage, query: str) -> list[int]:
    """Which incidents a list shows, in its order."""
    page = triage.client().get(f"/incidents?{query}")
    assert page.status_code == 200, page.text
    return [int(each[-12:], 16) - 1 for each in re.findall(r'<li class="row[^>]*data-incident="([^"]*)"', page.text)]


def test_the_address_says_what_is_shown(triage: Triage) -> None:
    """Each filter is in the address, and all that are given hold."""
    for query, expected in (
        ("", [*range(12)]),
        ("severity=critical", [3, 7, 11]),
        ("severity=high&kind=scan", [3, 6]),
        ("kind=flood", [2, 5, 8, 11]),
        ("host=10.0.0.4", [4]),
        ("text=number+7", [7]),
        ("label=none&kind=beacon", [1, 4, 7, 10]),
        ("label=true", []),
        ("state=open", []),
        ("model=20261124T034500Z-6813d1&severity=critical", [3, 7, 11]),
        (f"since={NOW - 200:.0f}", [0, 1, 2]),
        (f"until={NOW - 600:.0f}000", [10, 11]),
        ("since=2025-11-24T16:57:00Z", [0, 1, 2]),
    ):
        assert shown(triage, query) == expected, query


def test_the_time_goes_back_from_now(triage: Triage) -> None:
    """«The last hour» is of the clock on the wall."""
    assert shown(triage, "last=1h") == [*range(12)]
    triage.clock.now += 3_600.0 - 200.0
    assert shown(triage, "last=1h") == [0, 1, 2]


def test_what_cannot_be_asked_is_told(triage: Triage) -> None:
    """A filter that is none is refused with words that name it and what to give instead."""
    for query in ("severity=worst", "last=2y", "label=maybe", "state=x", "since=noon", "order=x", "after=1"):
        page = triage.client().get(f"/incidents?{query}")
        assert page.status_code == 400, query
        assert f"{query.partition('=')[0]} " in text_of(page.text)
        assert "give " in text_of(page.text) or "take the one" in text_of(page.text)


def test_pages_go_on_where_the_one_before_ended(database: Database) -> None:
    """Older ones are a link away, with the same filters, and none is shown twice."""
    triage = filled(database, [document(place) for place in range(ROWS + 7)])
    first = triage.client().get("/incidents?text=number")
    link = re.search(r'href="(/incidents\?[^"]*after=[^"]*)"', first.text)
    assert link is not None
    query = link[1].replace("&amp;", "&").partition("?")[2]
    assert (shown(triage, "text=number"), shown(triage, query)) == ([*range(ROWS)], [*range(ROWS, ROWS + 7)])


def test_a_piece_comes_only_where_it_changed(triage: Triage) -> None:
    """What a page shows already is not sent again; once something changes, it is."""
    client = triage.client()
    seen = re.search(r'data-seen="(\w+)"', client.get("/incidents?kind=scan").text)
    assert seen is not None
    polled = client.get("/incidents/rows?kind=scan", headers={"X-Seen": seen[1]})
    assert (polled.status_code, polled.text) == (204, "")
    assert client.get("/incidents/rows?kind=flood", headers={"X-Seen": seen[1]}).status_code == 200


def test_a_queue_gives_more(database: Database) -> None:
    """The link below shows the next twenty below the ones before, up to two hundred; all that there is has no link."""
    client = filled(database, [document(place) for place in range(230)]).client()
    asked, address, before = 0, "/queue", list[str]()
    while address:
        page = client.get(address).text
        shown = re.findall(r'data-incident="([^"]*)"', page)
        assert (len(shown), shown[: len(before)]) == (len(before) + 20, before)
        more = re.search(r'href="(/queue\?most=\d+)#i-[^"]*">20 more', page)
        asked, before, address = asked + 1, shown, more[1] if more else ""
    assert (asked, "There are more." in page) == (10, True)


def test_what_is_empty_says_what_to_do(tmp_path: Path, triage: Triage) -> None:
    """Without incidents, with a filter that fits none, and with nothing to judge, the page says what to do next."""
    assert "Take the filters away" in text_of(triage.client().get("/incidents?text=nothing").text)
    (tmp_path / "empty").mkdir()
    empty = Triage(opened(tmp_path / "empty")).client()
    told = {path: text_of(empty.get(path).text) for path in ("/incidents", "/queue", "/hosts", "/labels")}
    for path, words in (
        ("/incidents", "oddflow detect"),
        ("/queue", "Nothing to judge"),
        ("/hosts", "output.risk_topic"),
        ("/labels", "oddflow feedback import"),
    ):
        assert words in told[path]


def test_a_spreadsheet_gets_what_the_filter_covers(triage: Triage) -> None:
    """The file has a line for each incident of the filter, with its label."""
    answer = triage.client().get("/incidents.csv?kind=flood")
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert [line["id"] for line in lines] == [name_of(place) for place in (2, 5, 8, 11)]
    assert (lines[0]["last_seen"], lines[0]["severity"], lines[0]["verdict"]) == ("2025-11-24T16:57:00Z", "high", "")
    assert answer.headers["content-type"].startswith("text/csv")


def test_every_page_of_the_top_is_there(triage: Triage) -> None:
    """Whatever the top of a page leads to answers, and so do the files that a page loads."""
    client = triage.client()
    page = client.get("/incidents").text
    links = re.findall(r'(?:href|src)="(/[^"]*)"', page)
    assert {"/incidents", "/queue", "/hosts", "/labels"} <= set(links)
    assert [link for link in links if client.get(link.replace("&amp;", "&")).status_code != 200] == []
    assert client.get("/").headers["location"] == "/incidents"


def test_files_may_be_kept_and_pages_not(triage: Triage) -> None:
    """A browser keeps styles and scripts, whose addresses change with them, and no page."""
    client = triage.client()
    files = re.findall(r'(?:href|src)="(/static/[^"]*)"', client.get("/incidents").text)
    assert len(files) == 4
    assert {client.get(each).headers["cache-control"] for each in files} == {"public, max-age=31536000, immutable"}
    assert client.get("/incidents").headers["cache-control"] == "no-store"
