"""What every request is held to before anything answers it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.triage.access.places import HOUR, OAUTH, PASSWORD, Place, opened
from tests.triage.client import TestClient
from triage.access.accounts import add_token, add_user, close_session, remove_user, set_password, set_role
from triage.access.rules import AccessRules
from triage.store.engine import Database


@pytest.fixture
def place(database: Database) -> Place:
    """With a user, so that nobody gets in without."""
    made = Place(database)
    with made.people.write() as session:
        add_user(session, "first", "analyst", PASSWORD, 0.0)
    return made


def told(client: TestClient) -> dict[str, str]:
    """Who the application says asks."""
    answer = client.get("/x")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def change(client: TestClient, csrf: str, **headers: str) -> int:
    """The status of a change."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return int(client.post("/x", headers=sent, data={"csrf": csrf}).status_code)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_nobody_gets_in_unknown(place: Place, method: str) -> None:
    """Whoever is not known is refused with 401, whatever they ask."""
    assert place.client().request(method, "/x").status_code == 401


def test_what_is_open_needs_nobody(place: Place) -> None:
    """The sign-in, static files, probes and metrics answer anybody."""
    paths = ("/sign-in", "/static/x.css", "/healthz", "/readyz", "/metrics")
    assert [place.client().get(path).status_code for path in paths] == [200] * 5
    assert [place.client().get(path).status_code for path in ("/static", "/sign-in/x", "/metricsx")] == [401] * 3


def test_without_users_this_machine_may_do_all(tmp_path: Path) -> None:
    """On loopback without users everybody is an analyst; the first user ends that at once."""
    place = Place(opened(tmp_path))
    client = place.client()
    assert (told(client)["name"], told(client)["role"]) == ("local", "analyst")
    with place.people.write() as session:
        add_user(session, "ada", "viewer", PASSWORD, 0.0)
    assert client.get("/x").status_code == 401


def test_without_users_nothing_is_passed_on(tmp_path: Path) -> None:
    """What a proxy at this machine passes on is not this machine's own user."""
    place = Place(opened(tmp_path))
    assert place.client(x_forwarded_for="203.0.113.7").get("/x").status_code == 403


def test_without_users_others_get_nothing(tmp_path: Path) -> None:
    """Where others reach the address, no users means that nobody gets in."""
    place = Place(opened(tmp_path), AccessRules(host="192.0.2.1"))
    assert place.client("203.0.113.7", "192.0.2.1").get("/x").status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8465", "", "a@localhost"])
def test_other_names_are_refused(tmp_path: Path, host: str) -> None:
    """A page whose name was made to point here asks for that name, and gets nothing."""
    assert Place(opened(tmp_path)).client(host="localhost").get("/x", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "[::1]:8465", "triage.example.org", "t.lan", "t.lan."])
def test_own_names_are_known(tmp_path: Path, host: str) -> None:
    """This machine's names, those that are set and the public one are answered, whatever the port."""
    rules = AccessRules(names=("t.lan",), public_url="http://triage.example.org/")
    assert Place(opened(tmp_path), rules).client().get("/x", headers={"host": host}).status_code == 200


def test_a_session_is_its_user_s(place: Place) -> None:
    """The cookie tells who asks, with the role that they have now."""
    client = place.signed_in("ada", "analyst")
    assert (told(client)["name"], told(client)["role"]) == ("ada", "analyst")
    with place.people.write() as session:
        set_role(session, "ada", "viewer")
    assert told(client)["role"] == "viewer"


@pytest.mark.parametrize("ends", ["time", "sign-out", "password", "removed"])
def test_a_session_ends(place: Place, ends: str) -> None:
    """By its time, by signing out, and with a new password or without the user."""
    client = place.signed_in()
    secret = client.headers["cookie"].partition("=")[2]
    assert client.get("/x").status_code == 200
    with place.people.write() as session:
        if ends == "time":
            place.clock.now += HOUR
        elif ends == "sign-out":
            close_session(session, secret)
        elif ends == "password":
            set_password(session, "ada", PASSWORD[::-1])
        else:
            remove_user(session, "ada")
    assert client.get("/x").status_code == 401


def test_a_change_needs_what_the_page_holds(place: Place) -> None:
    """With a cookie, a change has to bring the page's token, in a field or a header; another one's does not do."""
    client = place.signed_in()
    csrf = told(client)["csrf"]
    assert [change(client, given) for given in (csrf, "", "x", csrf[:-1])] == [200, 403, 403, 403]
    assert change(client, "", x_csrf_token=csrf) == 200
    other = told(place.signed_in("eve"))["csrf"]
    assert change(client, other) == 403


def test_a_field_counts_in_a_form_alone(place: Place) -> None:
    """A body that a browser sends elsewhere without asking, as plain text, is no form."""
    client = place.signed_in()
    body = f"csrf={told(client)['csrf']}"
    kinds = ("application/x-www-form-urlencoded; charset=utf-8", "text/plain", "multipart/form-data; boundary=x")
    sent = [client.post("/x", content=body, headers={"content-type": kind}).status_code for kind in kinds]
    assert sent == [200, 403, 403]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://127.0.0.1:8465"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://["}, 403),
        ({"sec_fetch_site": "same-origin"}, 200),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
    ],
)
def test_another_site_changes_nothing(place: Place, headers: dict[str, str], status: int) -> None:
    """What a browser says comes from another site, or another port, is refused even with the page's token."""
    client = place.signed_in()
    assert change(client, told(client)["csrf"], **headers) == status


def test_signing_in_from_another_site_is_refused(place: Place) -> None:
    """Nobody is signed in as somebody else by another site's form."""
    client = place.client()
    assert client.post("/sign-in", headers={"origin": "https://evil.example"}).status_code == 403
    assert client.post("/sign-in").status_code == 200


def test_a_viewer_changes_nothing(place: Place) -> None:
    """A viewer reads, and may sign out, and no more."""
    client = place.signed_in("vic", "viewer")
    csrf = told(client)["csrf"]
    assert change(client, csrf) == 403
    assert client.post("/sign-out", data={"csrf": csrf}).status_code == 200


@pytest.mark.parametrize("role", ["viewer", "analyst"])
def test_a_token_is_a_program(place: Place, role: str) -> None:
    """A token needs no cookie and no page, does what its role may, until it expires."""
    with place.people.write() as session:
        token = add_token(session, "siem", role, place.clock(), HOUR)  # type: ignore[arg-type]
    client = place.client(authorization=f"Bearer {token}", origin="https://elsewhere.example")
    assert (told(client)["name"], told(client)["role"]) == ("token:siem", role)
    assert change(client, "") == (200 if role == "analyst" else 403)
    place.clock.now += HOUR
    assert client.get("/x").status_code == 401


def test_a_wrong_token_is_nobody(tmp_path: Path) -> None:
    """A token that is not known is refused, also where everybody else gets in."""
    client = Place(opened(tmp_path)).client()
    assert client.get("/x", headers={"authorization": "Bearer oddflow_wrong"}).status_code == 401


@pytest.mark.parametrize(
    ("groups", "role"), [("soc", "analyst"), ("x, soc", "analyst"), ("staff", "viewer"), ("x", None), ("", None)]
)
def test_a_proxy_tells_who_asks(tmp_path: Path, groups: str, role: str | None) -> None:
    """The proxy's header is believed, and its groups say what they may; who is in none of them gets nothing."""
    place = Place(opened(tmp_path), AccessRules(host="192.0.2.1", proxy=OAUTH))
    client = place.client("10.0.0.9", "192.0.2.1", x_forwarded_user="ada", x_forwarded_groups=groups)
    assert client.get("/x").status_code == (403 if role is None else 200)
    if role:
        assert (told(client)["name"], told(client)["role"]) == ("ada", role)
        assert change(client, "") == 403
        assert change(client, told(client)["csrf"]) == (200 if role == "analyst" else 403)


def test_only_the_proxy_is_believed(tmp_path: Path) -> None:
    """Who writes the proxy's header from elsewhere is nobody, this machine included."""
    place = Place(opened(tmp_path), AccessRules(proxy=OAUTH))
    for address in ("203.0.113.7", "127.0.0.1"):
        assert place.client(address, x_forwarded_user="ada", x_forwarded_groups="soc").get("/x").status_code == 401


def test_two_names_are_none(tmp_path: Path) -> None:
    """A header that is there twice names nobody: one of them may be the client's own."""
    client = Place(opened(tmp_path), AccessRules(proxy=OAUTH)).client("10.0.0.9")
    twice = [("x-forwarded-user", "ada"), ("x-forwarded-user", "eve"), ("x-forwarded-groups", "soc")]
    assert client.get("/x", headers=twice).status_code == 400


def test_the_address_is_what_the_proxy_saw(tmp_path: Path) -> None:
    """Behind the proxy an address is the last one that is not the proxy's; from elsewhere the header says nothing."""
    place = Place(opened(tmp_path), AccessRules(proxy=OAUTH))
    passed = {"x_forwarded_for": "1.1.1.1, 203.0.113.7, 10.0.0.3"}
    assert place.client("10.0.0.9", **passed).get("/sign-in").json()["address"] == "203.0.113.7"
    assert place.client("198.51.100.4", **passed).get("/sign-in").json()["address"] == "198.51.100.4"


def test_a_proxy_is_known_on_a_socket_of_both(tmp_path: Path) -> None:
    """Where `::` is listened on, an IPv4 address of the proxy is that, and one of elsewhere is not."""
    place = Place(opened(tmp_path), AccessRules(proxy=OAUTH))
    said = {"x_forwarded_user": "ada", "x_forwarded_groups": "soc"}
    assert told(place.client("::ffff:10.0.0.9", **said))["name"] == "ada"
    assert place.client("::ffff:198.51.100.4", **said).get("/x").status_code == 401


def test_a_large_body_is_refused(tmp_path: Path) -> None:
    """By the length that it tells, and where it tells none by what comes."""
    place = Place(opened(tmp_path), AccessRules(host="192.0.2.1", most_body_bytes=100))
    client = place.client()
    sizes = (50, 200)
    assert [client.post("/sign-in", content=b"x" * size).status_code for size in sizes] == [200, 413]
    assert [client.post("/sign-in", content=iter([b"x" * size])).status_code for size in sizes] == [200, 413]


def test_every_answer_has_the_headers(place: Place) -> None:
    """Also a refusal: no script and style within pages, no frames, no guessing of types, nothing kept."""
    for answer in (place.client().get("/x"), place.client().get("/sign-in"), place.signed_in().get("/x")):
        policy = dict(each.split(" ", 1) for each in answer.headers["content-security-policy"].split("; "))
        assert (policy["default-src"], policy["frame-ancestors"], policy["base-uri"]) == ("'none'",) * 3
        assert (policy["script-src"], policy["style-src"]) == ("'self'", "'self'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert "strict-transport-security" not in answer.headers


def test_encryption_is_kept_up(tmp_path: Path) -> None:
    """Where browsers reach it encrypted, they are to go on so, and the cookie is for that host alone."""
    place = Place(opened(tmp_path), AccessRules(public_url="https://triage.example.org"))
    assert "strict-transport-security" in place.client().get("/sign-in").headers
    assert place.rules.cookie == "__Host-oddflow"


def test_a_database_that_is_away_is_told(tmp_path: Path) -> None:
    """Without the tables the answer is 503 and says that it is the database, but not where that is."""
    place = Place(opened(tmp_path))
    with place.people.read() as session:
        for table in ("sessions", "users"):
            session.connection().exec_driver_sql(f"drop table {table}")
        session.commit()
    answer = place.client().get("/x")
    assert (answer.status_code, "database" in answer.text) == (503, True)
    assert "triage.db" not in answer.text
