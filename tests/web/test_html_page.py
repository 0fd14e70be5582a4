"""Pages for a browser: whole, escaped, without anything that is run or fetched."""

from __future__ import annotations

import base64
import hashlib
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

from detector.casebook.latest import Latest
from detector.casebook.told import read_told
from detector.web.html_page import POLICY, html_incident, html_list
from tests.casebook.documents import EVIL, ID, ecs, ocsf

OTHER = "e0" + ID[2:]


class Seen(HTMLParser):
    """What a browser makes of a page: elements, their attributes, and texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.elements.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        """Note it."""
        self.texts.append(data)


def latest_of(*documents: bytes) -> Latest:
    """The latest revisions among these."""
    latest = Latest()
    for document in documents:
        latest.put(read_told(document))
    return latest


def evil() -> bytes:
    """A document with something evil wherever there is text."""
    texts: dict[str, Any] = dict.fromkeys(("id", "kind", "headline", "size", "worked", "rule", "merged_into"), EVIL)
    lists: dict[str, Any] = {name: [EVIL] for name in ("check", "innocent", "techniques", "sources")}
    return ocsf(**texts | {"merged_into": ""}, **lists, strongest=[{"why": EVIL, "alert": EVIL}])


def test_the_list_leads_to_each_incident() -> None:
    """The list has headline, size and a link for each incident, the latest flow first, without merged ones."""
    latest = latest_of(ocsf(), ecs(id=OTHER, last_seen=1.0), ocsf(id="f1", merged_into=ID))
    seen = Seen(html_list(latest))
    links = [value for name, value in seen.attributes if name == "href"]
    assert links == ["/incidents.json", f"/incidents/{ID}", f"/incidents/{OTHER}"]
    assert seen.texts.count("Port scan of 10.0.10.35 by 10.0.10.17") == 2
    assert "2 incidents: 2 critical " in seen.texts


def test_an_empty_list_says_so() -> None:
    """Without an incident the page says that there was none."""
    seen = Seen(html_list(Latest()))
    assert ("None was told since this daemon started. " in seen.texts, "table" in seen.elements) == (True, False)


def test_an_incident_s_page_tells_it_all() -> None:
    """One incident's page has what the terminal's has."""
    seen = Seen(html_incident(read_told(ocsf()), latest_of(ocsf())))
    expected = ("is the source a scanner of yours", "flows partition 2 offset 761, uid CIy", ID)
    assert [text for text in expected if text not in seen.texts] == []


def test_no_text_becomes_markup() -> None:
    """Whatever stands in a document is text on the page, with what turns it around spelt out."""
    clean, dirty = latest_of(ocsf()), latest_of(evil())
    told, worse = next(iter(clean)), next(iter(dirty))
    for good, bad in ((html_list(clean), html_list(dirty)), (html_incident(told, clean), html_incident(worse, dirty))):
        seen = Seen(bad)
        assert set(seen.elements) <= set(Seen(good).elements) | {"p"}
        assert [name for name, _ in seen.attributes if name.startswith("on") or name in {"src", "style"}] == []
        assert any("<script>alert(1)</script> &amp; \"'" in text for text in seen.texts)
        assert bad.replace("\n", "").isprintable()
        links = [value or "" for name, value in seen.attributes if name == "href"]
        assert [link for link in links if not link.startswith("/incidents") or link != quote(link, safe="/%.")] == []


def test_the_policy_allows_the_style_and_nothing_else() -> None:
    """The policy has the digest of the one style sheet that the page has, and forbids all other content."""
    page = html_list(latest_of(ocsf()))
    style = page.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert POLICY.split("; ")[:2] == ["default-src 'none'", f"style-src 'sha256-{digest}'"]
    assert ("<script" in page, "style=" in page, "http" in page) == (False, False, False)
