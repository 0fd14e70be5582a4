"""Each way to a receiver on this machine: what arrives, and what comes of answers, silence and refusals."""

from __future__ import annotations

import json
import socket
import ssl
import struct
from pathlib import Path
from typing import Any

import pytest

from detector.errors import ConfigurationError
from detector.notify import webhook
from detector.notify.message import Trial
from detector.notify.retry import LONGEST_ASKED_S, Outcome, pause_s, seconds_of
from detector.notify.ways import NAMES, Way, link_of, notes_on, open_ways
from detector.settings.tree import Settings
from tests.notify.made import notice
from tests.notify.receivers import Certificates, Reply, certificates, listening, receiving, to_the_end

SECRETS = ("top-secret-path", "a-bearer-token", "a-signing-key-of-16")


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates for 127.0.0.1 as localhost."""
    return certificates(tmp_path_factory.mktemp("pem"))


def given(**sections: Any) -> Settings:
    """Settings with these sections; attempts end after a short time."""
    return Settings(**{"notify": {"timeout_s": 5.0}, **sections})


def only(**sections: Any) -> Way:
    """The one way of these settings."""
    (way,) = open_ways(given(**sections))
    return way


def test_nothing_is_set_by_default() -> None:
    """Without settings there is no way; with all three there are three."""
    assert open_ways(Settings()) == []
    every = given(
        webhook={"url": "https://a.example"}, slack={"url": "https://b.example"}, syslog={"address": "c.example:6514"}
    )
    assert tuple(way.name for way in open_ways(every)) == NAMES
    assert notes_on(every) == []


def test_links_lead_to_triage_or_where_the_setting_says() -> None:
    """Where triage has an address, that of its page of the incident; `notify.link` wins; without both there is none."""
    triage = {"public_url": "https://triage.example/"}
    link = {"link": "https://other.example/{id}"}
    assert [link_of(given(**each)) for each in ({}, {"triage": triage}, {"triage": triage, "notify": link})] == [
        "",
        "https://triage.example/incidents/{id}",
        "https://other.example/{id}",
    ]


# --- HTTP -------------------------------------------------------------------------------------------------------------


def test_a_webhook_is_posted_with_token_and_signature() -> None:
    """The document arrives to the byte, with its token, and a signature that verifies over what arrived."""
    with receiving() as receiver:
        way = only(webhook={"url": receiver.url, "bearer_token": SECRETS[1], "signing_key": SECRETS[2]})
        assert way.deliver(notice(7)) == Outcome("sent", "answered 200 (ok)")
    (request,) = receiver.requests
    assert (request.path, request.body) == ("/hooks/top-secret-path", notice(7).document)
    assert request.headers["Authorization"] == f"Bearer {SECRETS[1]}"
    signed = request.headers["X-Oddflow-Signature"]
    at = int(signed.partition("t=")[2].partition(",")[0])
    assert signed == webhook.signature(SECRETS[2], at, request.body)


def test_slack_is_posted_as_json() -> None:
    """The body is JSON with text and blocks."""
    with receiving() as receiver:
        assert only(slack={"url": receiver.url}).deliver(notice(7)).fate == "sent"
    (request,) = receiver.requests
    assert json.loads(request.body)["text"].startswith("HIGH Port scan")
    assert request.headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Reply(204, body=b""), Outcome("sent", "answered 204")),
        (Reply(500, body=b"oops"), Outcome("later", "answered 500 (oops)", "server")),
        (
            Reply(503, (("Retry-After", "17"),), b""),
            Outcome("later", "answered 503", "server", 17.0),
        ),
        (Reply(429, (("Retry-After", "30"),), b""), Outcome("later", "answered 429", "throttled", 30.0)),
        (Reply(408, body=b""), Outcome("later", "answered 408", "server")),
        (Reply(400, body=b"invalid_payload"), Outcome("unfit", "answered 400 (invalid_payload)", "refused")),
        (Reply(404, body=b"no_service"), Outcome("refused", "answered 404 (no_service)", "refused")),
        (Reply(401, body=b""), Outcome("refused", "answered 401", "refused")),
        (
            Reply(302, (("Location", "http://127.0.0.1:1/"),), b""),
            Outcome("refused", "answered 302: it sends us elsewhere, which is not followed", "refused"),
        ),
        (Reply(200, body=b"\x1b[31m\n" + b"x" * 100_000), Outcome("sent", f"answered 200 (\\x1b[31m\\n{'x' * 70})")),
    ],
    ids=lambda value: str(getattr(value, "status", "")),
)
def test_answers_are_told_apart(reply: Reply, outcome: Outcome) -> None:
    """What is sent, what is tried again, what its receiver will never take, and what is wrong with this one message."""
    with receiving() as receiver:
        receiver.replies.append(reply)
        assert only(webhook={"url": receiver.url}).deliver(notice()) == outcome


def test_an_answer_that_repeats_secrets_is_masked() -> None:
    """Address, token and key are not told, whatever the receiver says of them."""
    with receiving() as receiver:
        receiver.replies.append(Reply(403, body=f"{receiver.url} {' '.join(SECRETS)}".encode()))
        outcome = only(webhook={"url": receiver.url, "bearer_token": SECRETS[1], "signing_key": SECRETS[2]}).deliver(
            notice()
        )
    assert outcome.detail == "answered 403 ((hidden) (hidden) (hidden) (hidden))"


def free_port() -> int:
    """One that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_nobody_there_is_tried_again() -> None:
    """A port that nobody listens on, and a name that nobody has, are unreachable; no secret is in the words."""
    closed = only(webhook={"url": f"http://127.0.0.1:{free_port()}/top-secret-path"}).deliver(notice())
    assert closed == Outcome("later", "Connection refused", "unreachable")
    unknown = only(webhook={"url": "http://no-such-host.invalid/top-secret-path"}).deliver(notice())
    assert (unknown.fate, unknown.reason, "secret" in unknown.detail) == ("later", "unreachable", False)


def drips(connection: socket.socket) -> bytes:
    """Answer a byte at a time, for ever."""
    connection.recv(65_536)
    try:
        for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000:
            connection.sendall(bytes([byte]))
            connection.settimeout(0.01)
            try:
                if not connection.recv(1):
                    break
            except TimeoutError:
                continue
    except OSError:
        pass
    return b""


def silent(connection: socket.socket) -> bytes:
    """Answer nothing until the other side goes."""
    return to_the_end(connection)


@pytest.mark.parametrize("meet", [drips, silent])
def test_a_receiver_that_does_not_finish_is_left(meet: Any) -> None:
    """An attempt ends after ``timeout_s`` in all, however its answer is spread."""
    with listening(meet=meet) as stream:
        way = only(webhook={"url": f"http://127.0.0.1:{stream.port}/"}, notify={"timeout_s": 0.5})
        assert way.deliver(notice()) == Outcome("later", "no answer in time", "timeout")


def test_what_is_no_http_is_tried_again() -> None:
    """Another kind of server's answer is told as such."""

    def greet(connection: socket.socket) -> bytes:
        connection.sendall(b"220 mail.example ESMTP\r\n")
        return to_the_end(connection)

    with listening(meet=greet) as stream:
        outcome = only(webhook={"url": f"http://127.0.0.1:{stream.port}/"}).deliver(notice())
    assert (outcome.fate, outcome.reason) == ("later", "server")


def test_https_holds_to_its_certificates(pem: Certificates) -> None:
    """A certificate of an authority that is named is trusted; any other, or of another name, is not."""
    with receiving(context=pem.server()) as receiver:
        url = f"https://localhost:{receiver.port}/x"
        assert only(webhook={"url": url, "ca_file": pem.authority}).deliver(notice()).fate == "sent"
        unknown = only(webhook={"url": url}).deliver(notice())
        other = only(webhook={"url": url.replace("localhost", "127.0.0.1"), "ca_file": pem.authority}).deliver(notice())
    assert [(each.fate, each.reason) for each in (unknown, other)] == [("later", "tls")] * 2
    assert "issuer" in unknown.detail
    assert len(receiver.requests) == 1


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``http_proxy`` the whole address is asked of the proxy, with its own name and password."""
    with receiving() as proxy:
        monkeypatch.setenv("http_proxy", f"http://me:word@127.0.0.1:{proxy.port}")
        assert only(webhook={"url": "http://hooks.invalid/x?y=1"}).deliver(notice()).fate == "sent"
    (request,) = proxy.requests
    assert request.path == "http://hooks.invalid/x?y=1"
    assert request.headers["Proxy-Authorization"] == "Basic bWU6d29yZA=="


def test_a_proxy_is_asked_for_a_tunnel(monkeypatch: pytest.MonkeyPatch) -> None:
    """For https the proxy hears a host and a port, and nothing of path or token; its refusal is told."""

    def refuse(connection: socket.socket) -> bytes:
        data = connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
        return data

    with listening(meet=refuse) as proxy:
        monkeypatch.setenv("https_proxy", f"http://me:word@127.0.0.1:{proxy.port}")
        way = only(webhook={"url": "https://hooks.invalid/top-secret-path", "bearer_token": SECRETS[1]})
        outcome = way.deliver(notice())
    assert outcome == Outcome("later", "Tunnel connection failed: 403 Forbidden", "unreachable")
    (asked,) = proxy.received
    assert asked.startswith(b"CONNECT hooks.invalid:443 HTTP/1.")
    assert b"Proxy-Authorization: Basic bWU6d29yZA==" in asked
    assert not any(secret.encode() in asked for secret in SECRETS)


def test_retry_after_is_seconds_or_a_date() -> None:
    """Both forms of the standard, within an hour; what is neither says nothing."""
    now = 1_764_000_000.0
    texts = {
        "5": 5.0,
        " 0 ": 0.0,
        "Mon, 24 Nov 2025 16:00:30 GMT": 30.0,
        "Mon, 24 Nov 2024 16:00:30 GMT": 0.0,
        "999999999999999": LONGEST_ASKED_S,
        "soon": None,
        "-3": None,
        "٣": None,
        "": None,
    }
    assert {text: seconds_of(text, now) for text in texts} == texts


def test_pauses_double_within_a_bound() -> None:
    """Chance takes up to half of a pause away, and no number of attempts is too large."""
    assert [pause_s(n, 0.0) for n in (1, 2, 3, 9, 10, 10**9)] == [1, 2, 4, 256, 300, 300]
    assert pause_s(3, 1.0) == 2.0


# --- syslog -----------------------------------------------------------------------------------------------------------


def test_syslog_over_udp() -> None:
    """One datagram a message, without a length before it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(30.0)
        way = only(syslog={"address": f"127.0.0.1:{server.getsockname()[1]}", "protocol": "udp"})
        assert way.deliver(notice(7)).fate == "sent"
        data = server.recv(65_536)
    assert data.startswith(b"<131>1 ")
    assert b"- CEF:0|oddflow|oddflow|" in data
    assert len(data) <= 2_048


def test_syslog_over_tcp_counts_octets() -> None:
    """The length stands before each message (RFC 6587)."""
    with listening() as stream:
        way = only(syslog={"address": f"127.0.0.1:{stream.port}", "protocol": "tcp"})
        assert [way.deliver(notice(n)).fate for n in (1, 2)] == ["sent", "sent"]
    for data in stream.received:
        length, _, message = data.partition(b" ")
        assert (int(length), message[:7]) == (len(message), b"<131>1 ")
    assert len(stream.received) == 2


def test_syslog_over_tls(pem: Certificates) -> None:
    """To a server whose certificate is trusted the message goes; to another it does not."""
    with listening(pem.server()) as stream:
        address = {"address": f"localhost:{stream.port}"}
        assert only(syslog={**address, "ca_file": pem.authority}).deliver(notice(7)).fate == "sent"
        unknown = only(syslog=address).deliver(notice(7))
    assert (unknown.fate, unknown.reason) == ("later", "tls")
    assert [b" CEF:0|" in data for data in stream.received] == [True]


def test_a_server_that_asks_for_a_certificate_gets_one(pem: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ours the message does not count as sent, though TLS 1.3 tells that late."""
    monkeypatch.setattr("detector.notify.stream.GOODBYE_S", 30.0)
    monkeypatch.setattr("detector.notify.stream.REFUSAL_S", 3.0)
    patient = {"timeout_s": 30.0}
    with listening(pem.server(asks=True)) as stream:
        chosen = {"address": f"localhost:{stream.port}", "ca_file": pem.authority}
        without = only(syslog=chosen, notify=patient).deliver(notice(7))
        ours = {**chosen, "cert_file": pem.certificate, "key_file": pem.key}
        with_ours = only(syslog=ours, notify=patient).deliver(notice(7))
    assert (without.fate, with_ours.fate) == ("later", "sent")
    assert len([data for data in stream.received if data]) == 1


def resets(connection: socket.socket) -> bytes:
    """Hang up at once, with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return b""


def test_a_connection_that_is_reset_did_not_take_the_message() -> None:
    """Syslog acknowledges nothing; a reset says that nobody read it."""
    with listening(meet=resets) as stream:
        way = only(syslog={"address": f"127.0.0.1:{stream.port}", "protocol": "tcp"})
        outcome = way.deliver(notice(7))
    assert (outcome.fate, outcome.reason) == ("later", "unreachable")


def test_a_server_that_resets_once_it_has_read_did_not_take_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """We say that no more comes, and then hear what the other side makes of it."""
    monkeypatch.setattr("detector.notify.stream.GOODBYE_S", 30.0)

    def read_and_reset(connection: socket.socket) -> bytes:
        return to_the_end(connection) + resets(connection)

    with listening(meet=read_and_reset) as stream:
        syslog = {"address": f"127.0.0.1:{stream.port}", "protocol": "tcp"}
        outcome = only(syslog=syslog, notify={"timeout_s": 30.0}).deliver(notice(7))
    assert (outcome.fate, outcome.reason) == ("later", "unreachable")


def test_a_server_that_keeps_its_connection_has_taken_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many servers never close; that is waited for a moment, and no failure."""
    monkeypatch.setattr("detector.notify.stream.GOODBYE_S", 0.05)

    def keep(connection: socket.socket) -> bytes:
        data = to_the_end(connection)
        kept.append(connection.dup())
        return data

    kept: list[socket.socket] = []
    with listening(meet=keep) as stream:
        way = only(syslog={"address": f"127.0.0.1:{stream.port}", "protocol": "tcp"})
        assert way.deliver(notice(7)).fate == "sent"
    for each in kept:
        each.close()


def test_a_test_message_goes_each_way() -> None:
    """It says what it is wherever it arrives."""
    with receiving() as receiver, listening() as stream:
        chosen = {"url": receiver.url}
        syslog = {"address": f"127.0.0.1:{stream.port}", "protocol": "tcp"}
        settings = given(webhook=chosen, slack=chosen, syslog=syslog)
        outcomes = [way.deliver(Trial("test:1", 1_764_000_000.0)) for way in open_ways(settings)]
    assert [each.fate for each in outcomes] == ["sent"] * 3
    assert json.loads(receiver.requests[0].body)["test"]["time"] == "2025-11-24T16:00:00Z"
    assert all(b"This is a test message" in data for data in (*stream.received, receiver.requests[1].body))


# --- files that are wrong ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("section", ["webhook", "slack"])
def test_a_file_of_certificates_that_is_none_is_told(section: str, tmp_path: Path) -> None:
    """It names the key, the file and what to give instead."""
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate")
    for path, why in ((wrong, "cannot be read as PEM"), (tmp_path / "none.pem", "No such file or directory")):
        with pytest.raises(ConfigurationError) as caught:
            open_ways(given(**{section: {"url": "https://a.example", "ca_file": path}}))
        assert str(caught.value) == f"{section}.ca_file {path}: {why}; give a file of certificates in PEM"


def test_a_key_without_a_certificate_is_told(pem: Certificates, tmp_path: Path) -> None:
    """So is one that is not of its certificate."""
    address = {"address": "a.example:6514"}
    with pytest.raises(ConfigurationError, match=r"syslog\.key_file .*: set syslog\.cert_file, too"):
        only(syslog={**address, "key_file": pem.key})
    other = certificates(tmp_path)
    with pytest.raises(ConfigurationError, match=r"syslog\.cert_file .*: cannot be read as PEM; give a certificate"):
        only(syslog={**address, "cert_file": pem.certificate, "key_file": other.key})
    assert ssl.OPENSSL_VERSION


def test_what_goes_without_tls_is_noted() -> None:
    """``config check`` says which messages others may read; TLS needs no note."""
    plain = given(
        webhook={"url": "http://a.example"},
        slack={"url": "https://a.example"},
        syslog={"address": "c.example:514", "protocol": "udp"},
    )
    assert [note.partition(":")[0].split()[0] for note in notes_on(plain)] == ["webhook.url", "syslog.protocol"]
