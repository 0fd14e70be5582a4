"""The pages in Chromium, on a phone and on a desk, by day and by night: fit, legible, by keyboard, from here alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from detector.feedback.label import Of
from tests.chromium import LOOK, READABLE, WIDTHS
from tests.triage.access.places import PASSWORD
from tests.triage.pages.browser import Page, chromium
from tests.triage.pages.places import NOW, Triage, document, name_of, opened
from tests.triage.pages.serving import served
from triage.access.accounts import add_user
from triage.reading import read_incident
from triage.store.labels import list_labels, standing
from triage.store.put import put_incidents
from triage.store.suppressions import list_rules

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SEEN = LOOK.partition("onload")[0]

FAULTS = r"""(() => {
  const seen = (e) => e.getClientRects().length && getComputedStyle(e).visibility !== 'hidden'
  const named = (e) => (e.labels?.[0]?.textContent || e.textContent || e.ariaLabel || e.title || '').trim()
  const all = (selector) => [...document.querySelectorAll(selector)].filter(seen)
  const brief = (e) => e.outerHTML.slice(0, 120)
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id)
  return [
    ...all('a, button, input:not([type=hidden]), select').filter((e) => !named(e)).map((e) => `no name: ${brief(e)}`),
    ...ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `twice: ${id}`),
    ...all('button, select, input:not([type=radio], [type=checkbox])').map((e) => [e, e.getBoundingClientRect()])
      .filter(([, box]) => box.height < 24 || box.width < 24).map(([e]) => `too small: ${brief(e)}`),
    ...(document.querySelectorAll('h1').length === 1 ? [] : ['not one h1']),
    ...(document.documentElement.lang ? [] : ['no language']),
    ...[...document.querySelectorAll('[style], style, script:not([src])')].map((e) => `inline: ${brief(e)}`),
  ]
})()"""
"""What a person who sees or clicks otherwise would stumble over, as far as a script tells."""


@dataclass
class Seat:
    """Triage, served, and a browser before it."""

    triage: Triage
    address: str
    page: Page

    def go(self, path: str) -> None:
        """Open one of its pages."""
        self.page.go(f"{self.address}{path}")

    def verdict(self, place: int) -> str | None:
        """The last word on an incident."""
        with self.triage.database.read() as session:
            said = standing(session, Of(incident=name_of(place)))
        return None if said is None else said.verdict

    def focused(self) -> str:
        """What has the focus."""
        return str(self.page.ask("document.activeElement.id"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    """One browser for all of this."""
    with chromium() as page:
        yield page


@pytest.fixture
def seat(tmp_path: Path, browser: Page) -> Iterator[Seat]:
    """With twelve incidents; afterwards nothing was asked of others, and nothing was complained of."""
    facts = [{"what": "ports tried", "value": 276, "unit": "ports", "usual_most": 4}]
    long = {"headline": "Port scan of " + "fe80::1234:5678:9abc:def0%" * 4, "assets": {"10.0.0.3": "x" * 200}}
    documents = [document(place, facts=facts, **(long if place == 3 else {})) for place in range(12)]
    triage = Triage(opened(tmp_path, documents), grafana_url="https://grafana.example.org/?h={host}")
    browser.command("Network.clearBrowserCookies")
    browser.see(1280, dark=False)
    with served(triage.app) as address:
        seat = Seat(triage, address, browser)
        browser.requests.clear()
        browser.said.clear()
        yield seat
        elsewhere = [each for each in browser.requests if not each.startswith(address)]
        said = list(browser.said)
        browser.go("about:blank")
    triage.database.stop()
    assert elsewhere == []
    assert said == []


def test_every_page_fits_and_can_be_read(seat: Seat) -> None:
    """Nothing is cut off or faint, every control has a name and a size to hit, and nothing stands inline."""
    seat.triage.clock.now = NOW
    client = seat.triage.client()
    csrf = str(client.get("/incidents").text.partition('name="csrf" value="')[2].partition('"')[0])
    for place, verdict in ((0, "true"), (1, "false"), (2, "unsure")):
        given = {"csrf": csrf, "verdict": verdict, "comment": "as every night " * 9}
        assert client.post(f"/incidents/{name_of(place)}/label", data=given).status_code == 303
    offer = f"/incidents/{name_of(4)}/suppress?scope=source&hours=720&reason=ours"
    rule = {"csrf": csrf, "scope": "source", "hours": "720", "reason": "our backup", "confirmed": "yes"}
    assert client.post(f"/incidents/{name_of(1)}/suppress", data=rule).status_code == 303
    paths = (
        *("/incidents", "/incidents?text=nothing", f"/incidents/{name_of(0)}", f"/incidents/{name_of(3)}", "/queue"),
        *("/hosts", "/hosts/10.0.0.3", "/labels", "/bulk?kind=scan", offer, "/suppressions", "/figures", "/nothing"),
    )
    wrong = []
    for path in paths:
        seat.go(path)
        for width, dark in product(WIDTHS, (False, True)):
            seat.page.see(width, dark=dark)
            seen = seat.page.ask(f"(() => {{ {SEEN}; return look(window) }})()")
            bad = [*seat.page.ask(FAULTS), *seen["muddled"]]
            bad += [f"{seen['width']} wide"] if seen["width"] != width else []
            bad += [f"{seen['contrast']:.1f}: {seen['faintest']}"] if seen["contrast"] < READABLE else []
            wrong += [(width, dark, path, each) for each in bad]
    seat.page.said[:] = [each for each in seat.page.said if "/nothing" not in each]  # the console tells of the 404
    assert wrong == []


def test_one_key_labels_and_one_takes_back(seat: Seat) -> None:
    """j and k go along the list, t, f and u label what has the focus, which stays, and z takes the last one back."""
    seat.go("/incidents")
    for key in ("j", "j", "j", "k"):
        seat.page.press(key)
    assert seat.focused() == f"i-{name_of(1)}"
    for key, verdict in (("f", "false"), ("t", "true"), ("u", "unsure")):
        seat.triage.clock.now += 1.0
        seat.page.press(key)
        seat.page.until(f"document.querySelector('#toast')?.textContent.includes('Labelled {verdict}')")
        assert (seat.verdict(1), seat.focused()) == (verdict, f"i-{name_of(1)}")
    seat.page.press("z")
    seat.page.until("document.querySelector('#toast')?.textContent.includes('Taken back')")
    assert (seat.verdict(1), seat.verdict(0), seat.verdict(2)) == ("true", None, None)
    with seat.page.going():
        seat.page.press("Enter")
    assert seat.page.ask("location.pathname") == f"/incidents/{name_of(1)}"


def test_what_is_written_is_no_command(seat: Seat) -> None:
    """Keys in a field are its text; ? opens the help, which Escape closes; / goes to the search."""
    seat.go("/incidents")
    seat.page.press("/")
    assert seat.focused() == "search"
    for key in "flood":
        seat.page.press(key)
    seat.page.until("document.querySelector('.count')?.textContent.trim().startsWith('4 ')")
    assert seat.page.ask("location.search") == "?text=flood"
    seat.page.press("Escape")
    seat.page.press("?")
    seat.page.until("document.querySelector('#help').open")
    seat.page.press("t")
    seat.page.press("Escape")
    seat.page.until("!document.querySelector('#help').open")
    with seat.triage.database.read() as session:
        assert list_labels(session) == []


def test_what_comes_in_leaves_the_focus_where_it_is(seat: Seat) -> None:
    """The list renews itself; what has the focus keeps it, and its place on the screen."""
    seat.page.see(1280, dark=False, height=420)
    seat.go("/incidents")
    for _ in range(6):
        seat.page.press("j")
    top = "Math.round(document.activeElement.getBoundingClientRect().top)"
    before, height = seat.focused(), seat.page.ask(top)
    with seat.triage.database.write() as session:
        put_incidents(session, [read_incident(document(20, last_seen=NOW, headline="the newest"), NOW)])
    seat.page.until("document.querySelector('.rows').textContent.includes('the newest')")  # by itself, in seconds
    assert seat.focused() == before
    assert abs(seat.page.ask(top) - height) <= 2  # parts of pixels; a row has 50 and more


def test_the_queue_hands_on_the_focus(seat: Seat) -> None:
    """After each label the next one has the focus, so that a queue is one key each."""
    seat.go("/queue")
    order = seat.page.ask("[...document.querySelectorAll('.rows [data-incident]')].map((e) => e.dataset.incident)")
    for place in range(3):
        seat.page.until("true") if place else seat.page.press("j")
        assert seat.focused() == f"i-{order[place]}"
        seat.page.press("f")
        seat.page.until(f"document.activeElement.id === 'i-{order[place + 1]}'")
    with seat.triage.database.read() as session:
        assert len(list_labels(session)) == 3


def test_a_phone_labels_with_a_comment(seat: Seat) -> None:
    """On a phone the buttons are a finger wide, and a label of an incident's page takes the comment along."""
    seat.page.see(400, dark=True)
    seat.go(f"/incidents/{name_of(0)}")
    sizes = "[...document.querySelectorAll('.judge button')].map((e) => e.getBoundingClientRect().height)"
    assert min(seat.page.ask(sizes)) >= 44
    seat.page.click("#comment")
    seat.page.write("ours, each night")
    seat.page.click(".judge .says-false")
    seat.page.until("document.querySelector('.history')?.textContent.includes('ours, each night')")
    assert seat.verdict(0) == "false"


def test_a_phone_shows_what_happened_the_label_and_what_to_do_first(seat: Seat) -> None:
    """On a phone these come before all else of an incident; the name of the page that is open can be read."""
    seat.page.see(400, dark=False)
    seat.go(f"/incidents/{name_of(0)}")
    top = "(e) => document.querySelector(e).getBoundingClientRect().top"
    order = seat.page.ask(f"['#what', '#judged', '#guide', '#why', '#flows'].map({top})")
    assert order == sorted(order)
    seat.go("/figures")
    box = "document.querySelector('.top nav [aria-current]').getBoundingClientRect()"
    left, right = seat.page.ask(f"(({{ left, right }}) => [left, right])({box})")
    assert 0 <= left < right <= 400


def test_many_are_labelled_by_clicks(seat: Seat) -> None:
    """From the list through preview and second look to the labels."""
    seat.go("/incidents?kind=beacon")
    for selector in ("a[href^='/bulk']", "button.says-false", "button.main"):
        with seat.page.going():
            seat.page.click(selector)
    assert [seat.verdict(place) for place in (1, 4, 7, 10, 0)] == ["false"] * 4 + [None]


def test_what_is_false_is_kept_quiet_by_clicks(seat: Seat) -> None:
    """A false one is offered for suppression; the preview says what it would hide; one that hides true ones is refused
    until that is meant.
    """
    client = seat.triage.client()
    csrf = str(client.get("/incidents").text.partition('name="csrf" value="')[2].partition('"')[0])
    client.post(f"/incidents/{name_of(0)}/label", data={"csrf": csrf, "verdict": "true"})
    seat.go("/incidents")
    seat.page.press("j")
    seat.page.press("f")
    seat.page.until("document.querySelector('#toast [data-suppress]')")
    seat.triage.clock.now += 1.0
    client.post(f"/incidents/{name_of(0)}/label", data={"csrf": csrf, "verdict": "true"})
    with seat.page.going():
        seat.page.press("s")
    seat.page.click("[value=source]")
    seat.page.click("#comment")
    seat.page.write("our scanner")
    with seat.page.going():
        seat.page.press("Enter")
    told = str(seat.page.ask("document.querySelector('#preview').textContent"))
    assert "would have hidden 1 of 12 incidents in the last 7 days, 1 of them labelled true" in told
    with seat.page.going():
        seat.page.click("#suppress")
    assert "force it if that is meant" in str(seat.page.ask("document.querySelector('[role=alert]').textContent"))
    seat.page.click("[name=forced]")
    with seat.page.going():
        seat.page.click("#suppress")
    with seat.triage.database.read() as session:
        (row,) = list_rules(session, seat.triage.clock())
    assert (row.rule.words, row.rule.reason) == ("all that 10.0.0.0 begins", "our scanner")
    seat.page.said[:] = [each for each in seat.page.said if "400" not in each]  # the console tells of what was refused


def test_signing_in_and_out(seat: Seat) -> None:
    """A wrong password is told, the right one leads to the page that was asked for, and scripts see no cookie."""
    with seat.triage.database.write() as session:
        add_user(session, "ada", "analyst", PASSWORD, NOW)
    seat.go("/incidents?kind=scan")
    assert seat.focused() or seat.page.ask("document.activeElement.name") == "name"
    for password, expected in (("wrong password", "/sign-in"), (PASSWORD, "/incidents")):
        seat.page.ask("document.querySelector('[name=name]').value = ''; document.querySelector('[name=name]').focus()")
        seat.page.write("ada")
        seat.page.ask("document.querySelector('[name=password]').focus()")
        seat.page.write(password)
        with seat.page.going():
            seat.page.press("Enter")
        assert seat.page.ask("location.pathname") == expected
    assert seat.page.ask("location.search") == "?kind=scan"
    assert seat.page.ask("document.cookie") == ""
    (cookie,) = seat.page.command("Network.getCookies", urls=[seat.address])["cookies"]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    with seat.page.going():
        seat.page.click(".me form button")
    assert json.dumps(seat.page.command("Network.getCookies", urls=[seat.address])["cookies"]) == "[]"
    seat.page.said[:] = [each for each in seat.page.said if "401" not in each]  # the console tells of what was refused
