"""What messages say, and that no text from the network is more than text in them."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.notify import slack, webhook
from detector.notify.cef import cef, header_text, value_text
from detector.notify.message import WORST, Message, Trial
from detector.notify.rfc5424 import FACILITIES, PRIORITIES, counted, syslog
from detector.notify.words import lines, link, title
from tests.notify.made import digest, notice

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "notify.md"

LINK = "https://triage.example/incidents/{id}?a=1&b=2"

HOSTILE = (
    "<!channel> @everyone <@U1> <https://evil.example|bank> https://evil.example www.evil.example evil.example"
    " [x](http://evil.example) mailto:a@b.example &amp; | = \\ \n<13>1 - - - \r\x00 \x1b[31m \u202e CEF:0|a|b|c|d|e|9|"
)

texts = st.text(max_size=60) | st.sampled_from([HOSTILE, "\\", "|", "=", "\\|", "\\=", "a=b", "\n", "]", "](", ""])


def hostile(text: str) -> list[Message]:
    """Messages with a text in each field that may hold one."""
    fields: dict[str, Any] = dict.fromkeys(
        ("kind", "headline", "size", "worked", "first_contact", "severity_why", "rule", "confidence", "tactic"), text
    )
    lists: dict[str, Any] = {
        name: [text, text] for name in ("check", "innocent", "techniques", "sources", "destinations")
    }
    made = notice(0, id=text or "x", **fields, **lists, assets={text: text})
    alone = notice(0, id=text or "x", headline=text, sources=[text], destinations=[text], merged_into=text)
    return [made, alone, digest(made, alone), digest(made, late=True)]


# --- people -----------------------------------------------------------------------------------------------------------


def test_a_message_says_who_did_what_to_whom_first() -> None:
    """Title and lines of one incident, as a person reads them."""
    assert title(notice(7)) == "HIGH Port scan of 10.0.10.35 by 10.0.10.17"
    assert lines(notice(7)) == [
        "276 alerts in 15 s, 99 % unanswered",
        "answered: 10.0.10.35 port 143/tcp",
        "risk 91 of 100: benign traffic is this odd once in 139 days; raised by 276 alerts",
        "check: is the source a scanner of yours; who was logged in there",
        "2025-11-24 16:00:00 to 2025-11-24 16:00:15 UTC, incident 00000000-0000-0000-0000-000000000007",
    ]
    assert title(notice(7, why="risen")).startswith("Now HIGH ")
    assert title(notice(7, why="ended")).startswith("Over: HIGH ")


def test_many_in_one_are_told_by_count_and_worst() -> None:
    """A message about many says how many there are, the worst, how severe they are and the ten gravest."""
    made = digest(*(notice(n, "critical" if n == 30 else "medium", risk=n) for n in range(37)))
    assert (
        title(made) == "37 more incidents in the last minute, the worst: CRITICAL Port scan of 10.0.10.35 by 10.0.10.17"
    )
    told = lines(made)
    assert told[0] == "by severity: 1 critical, 36 medium"
    assert told[1].endswith("(00000000-0000-0000-0000-000000000030)")
    assert told[2].endswith("(00000000-0000-0000-0000-000000000036)")
    assert told[-1] == "and 27 more; `oddflow incidents` lists all"


def test_an_incident_counts_once_among_many() -> None:
    """Two messages about one incident are one incident, as it was told last."""
    made = digest(notice(1, "medium"), notice(1, "high", why="risen", revision=2))
    assert title(made).startswith("1 more incident in the last minute, the worst: Now HIGH ")
    assert (made.messages, len(made.worst)) == (2, 1)


def test_what_waited_says_so() -> None:
    """Incidents that waited are told as such."""
    assert title(digest(notice(1), late=True)).startswith("1 more incident that waited to be told, the worst: ")


# --- Slack ------------------------------------------------------------------------------------------------------------


def shown(message: Message) -> dict[str, Any]:
    """What Slack gets."""
    found: dict[str, Any] = json.loads(slack.body(message, LINK))
    return found


def test_slack_gets_text_and_blocks() -> None:
    """The text has all of it, for what shows no blocks; the link is our own."""
    found = shown(notice(7))
    page = "<https://triage.example/incidents/00000000-0000-0000-0000-000000000007?a=1&amp;b=2|Open the incident>"
    assert found["text"].startswith("HIGH Port scan of 10.0.10.35 by 10.0.10.17\n276 alerts in 15 s")
    assert found["text"].endswith(f"\n{page}")
    assert [each["text"]["type"] for each in found["blocks"]] == ["plain_text", "plain_text", "mrkdwn"]
    assert found["blocks"][2]["text"] == {"type": "mrkdwn", "text": page, "verbatim": True}


@given(texts)
def test_no_text_is_a_mention_or_a_link_in_slack(text: str) -> None:
    """Whatever a field holds: no angle brackets but our link's, no ``@`` of a name, no address, and Slack's bounds."""
    for message in hostile(text):
        found = shown(message)
        own = r"<https://triage\.example/[^<>|]*\|Open the incident>"
        said = re.sub(own, "", found["text"])
        for block in found["blocks"]:
            if block["text"]["type"] == "plain_text":
                said += "\n" + block["text"]["text"]
        assert not re.search(r"[<>]|@(?!\]| …)|://|\]\(", said)
        assert not re.search(r"&(?!(amp|lt|gt);)", re.sub(r"&\w{0,3} …", "", said))
        assert not re.search(r"[a-z]\.[a-z]{2}", said)
        assert len(re.findall(own, found["text"])) <= 1
        assert len(re.sub(own, "", found["text"])) <= 4_001
        assert len(found["blocks"][0]["text"]["text"]) <= 150
        assert len(found["blocks"][1]["text"]["text"]) <= 3_000


# --- syslog -----------------------------------------------------------------------------------------------------------


def parsed(line: str) -> tuple[list[str], dict[str, str]]:
    """Header and extension of a CEF line, by its escapes: a parser of its own."""
    parts, at = [""], 0
    while at < len(line) and len(parts) < 8:
        if line[at] == "\\":
            parts[-1] += line[at + 1]
            at += 2
        elif line[at] == "|":
            parts.append("")
            at += 1
        else:
            parts[-1] += line[at]
            at += 1
    found: dict[str, str] = {}
    for pair in re.split(r" (?=\w+=)", line[at:]) if line[at:] else ():
        key, _, value = pair.partition("=")
        assert not re.search(r"(?<!\\)(\\\\)*=", value), value
        found[key] = re.sub(r"\\([\\=])", r"\1", value)
    return parts[:7], found


def test_an_incident_in_cef() -> None:
    """The fields of an incident where a SIEM looks for them."""
    header, found = parsed(cef(notice(7, ports=[22]), LINK, 2_000))
    assert header[:3] + header[4:] == [
        *("CEF:0", "oddflow", "oddflow"),
        *("scan", "HIGH Port scan of 10.0.10.35 by 10.0.10.17", "8"),
    ]
    assert found["externalId"] == "00000000-0000-0000-0000-000000000007"
    assert (found["src"], found["dst"], found["dpt"], found["cnt"]) == ("10.0.10.17", "10.0.10.35", "22", "276")
    assert (found["rt"], found["cat"], found["reason"]) == ("1764000015000", "scan", "opened")
    assert (found["cs1Label"], found["cs1"]) == ("link", link(LINK, found["externalId"]))
    assert found["msg"].startswith("276 alerts in 15 s, 99 % unanswered; answered:")
    assert (found["cn1Label"], found["cn1"]) == ("risk", "91")


@given(texts)
def test_what_is_put_into_text_is_escaped_by_itself(text: str) -> None:
    """None of the three relies on texts having been made printable before."""
    for made in (header_text(text), value_text(text), slack.harmless(text)):
        assert made.isprintable()


def test_addresses_of_ipv6_have_keys_of_their_own() -> None:
    """CEF's ``src`` is of IPv4; several addresses, and what is none, are left out."""
    _, found = parsed(cef(notice(7, sources=["2001:db8::1"], destinations=["10.0.0.1", "10.0.0.2"]), "", 2_000))
    assert (found["c6a2"], found["c6a2Label"]) == ("2001:db8::1", "Source IPv6 Address")
    assert not {"src", "dst", "c6a3"} & found.keys()


@given(texts, st.integers(480, 4_000))
def test_a_record_is_one_line_whatever_is_in_it(text: str, most: int) -> None:
    """Seven parts of a header, pairs that read back, one line, and never more bytes than allowed."""
    for message in hostile(text):
        line = cef(message, LINK, most)
        assert line.isprintable()
        assert len(line.encode()) <= max(most, len(line.partition("externalId=")[0].encode()))
        header, found = parsed(line)
        assert header[:3] == ["CEF:0", "oddflow", "oddflow"]
        assert header[6] in {"3", "6", "8", "10"}
        made = syslog(line, facility="local0", level=2, at=0.0, host=text, process=1, message_id="incident")
        assert re.fullmatch(
            rb"<131>1 1970-01-01T00:00:00\.000Z [!-~]{1,255} oddflow 1 incident - CEF:0\|[^\n\r\0]*", made
        )
        assert found.get("reason", "opened") == "opened"


def test_the_header_of_syslog() -> None:
    """RFC 5424: priority of facility and severity, time in UTC, and on a stream the length before it."""
    made = syslog("x", facility="auth", level=3, at=1_764_000_000.5, host="a b\n", process=7, message_id="test")
    assert made == b"<34>1 2025-11-24T16:00:00.500Z ab oddflow 7 test - x"
    assert counted(made) == b"52 " + made
    assert (FACILITIES["local7"], PRIORITIES) == (23, (5, 4, 3, 2))


# --- webhook ----------------------------------------------------------------------------------------------------------


def test_a_webhook_gets_the_document_as_it_is() -> None:
    """The body is the topic's document to the byte; what it is about stands in headers."""
    made = notice(7)
    assert webhook.body(made, LINK) == made.document
    found = webhook.headers(made, LINK)
    assert {name: found[name] for name in found if name != "User-Agent"} == {
        "Content-Type": "application/json",
        "Idempotency-Key": "00000000-0000-0000-0000-000000000007:1",
        "X-Oddflow-Message": "incident",
        "X-Oddflow-Severity": "high",
        "X-Oddflow-Why": "opened",
        "X-Oddflow-Link": link(LINK, "00000000-0000-0000-0000-000000000007"),
    }


def test_many_in_one_are_listed_for_programs() -> None:
    """The worst hundred are named, with their links; the key is the same for the same incidents."""
    made = [notice(n) for n in range(150)]
    found = json.loads(webhook.body(digest(*made), LINK))["digest"]
    assert (found["incidents"], found["severities"], len(found["worst"])) == (150, {"high": 150}, WORST)
    assert found["worst"][0].keys() == {"id", "revision", "why", "severity", "kind", "headline", "link"}
    assert digest(*made).key == digest(*made).key != digest(*made[1:]).key


@given(texts)
def test_no_text_breaks_a_header_or_the_json(text: str) -> None:
    """Whatever a field holds, headers are printable ASCII, and the body is JSON without a sign that acts."""
    for message in hostile(text):
        for value in webhook.headers(message, LINK).values():
            assert value.isascii()
            assert value.isprintable()
        body = webhook.body(message, LINK).decode()
        assert isinstance(json.loads(body), dict)
        assert body.isprintable()


def test_a_signature_is_verified_as_the_guide_says() -> None:
    """The guide's own example takes what is signed now, and nothing of another body, key or time."""
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - of our own page
    is_genuine, now, key, body = names["is_genuine"], int(time.time()), "a key of 16 signs", b'{"a": 1}'
    made = webhook.signature(key, now, body)
    assert is_genuine(made, body, key)
    wrong = [
        (made, b"{}", key),
        (made, body, "another key of it"),
        (webhook.signature(key, now - 301, body), body, key),
    ]
    assert not any(is_genuine(*each) for each in wrong)


def test_a_signature_is_of_time_and_body() -> None:
    """The header holds a time and the HMAC of time and body; another body, time or key has another one."""
    body = b'{"a": 1}'
    made = webhook.signature("a key of 16 signs", 1_764_000_000, body)
    t, v1 = (part.partition("=")[2] for part in made.split(","))
    assert v1 == hmac.new(b"a key of 16 signs", f"{t}.".encode() + body, hashlib.sha256).hexdigest()
    others = [("another key of it", 1_764_000_000, body), ("a key of 16 signs", 1_764_000_001, body)]
    assert made not in [webhook.signature(*each) for each in (*others, ("a key of 16 signs", 1_764_000_000, b"{}"))]


@pytest.mark.parametrize("made", [notice(1), digest(notice(1)), Trial("test:1", 0.0)])
def test_a_test_is_plainly_one(made: Message) -> None:
    """A test message says that nothing happened, each way; no other message does."""
    texts = (slack.body(made, "").decode(), webhook.body(made, "").decode(), cef(made, "", 2_000))
    assert [("This is a test message" in text, "test" in text.lower()) for text in texts] == [
        (isinstance(made, Trial), isinstance(made, Trial))
    ] * 3
