"""``oddflow notify``: tries of the ways, messages of files, and what is wrong; no secret in any of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from detector.casebook.told import read_told
from detector.cli import app
from tests.notify.made import document
from tests.notify.receivers import Receiver, Reply, listening, receiving


class Ran(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str


def run(*arguments: str, **environment: str) -> Ran:
    """Run a command with settings by the environment."""
    result = CliRunner(env=environment).invoke(app, arguments)
    assert "top-secret-path" not in result.output
    return Ran(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A webhook."""
    with receiving() as made:
        yield made


@pytest.fixture
def incidents(tmp_path: Path) -> str:
    """A file of three incidents, one of them twice, and a foreign line."""
    path = tmp_path / "incidents.jsonl"
    documents = [document(1), document(1, revision=2), b"{}", document(2, "critical"), document(3, "low")]
    path.write_bytes(b"\n".join(documents) + b"\n")
    return str(path)


def test_a_test_says_what_came_back(receiver: Receiver) -> None:
    """One line for each way, and exit code 7 where one took nothing."""
    receiver.replies.append(Reply(200, body=b"thanks"))
    with listening() as stream:
        syslog = {"ODDFLOW_SYSLOG__ADDRESS": f"127.0.0.1:{stream.port}", "ODDFLOW_SYSLOG__PROTOCOL": "tcp"}
        ran = run("notify", "--test", ODDFLOW_WEBHOOK__URL=receiver.url, **syslog)
    assert ran == (0, "webhook: sent: answered 200 (thanks)\nsyslog: sent: taken by the connection\n", "")
    receiver.replies.append(Reply(403, body=b"invalid_token"))
    ran = run("notify", "--test", ODDFLOW_SLACK__URL=receiver.url)
    assert ran.code == 7
    assert ran.out == "slack: not sent: answered 403 (invalid_token)\n"
    assert ran.err == "oddflow: 1 of 1 test messages were not taken; see above\n"


def test_a_test_tells_programs(receiver: Receiver) -> None:
    """As JSON, a line for each way."""
    ran = run("notify", "--test", "--json", ODDFLOW_WEBHOOK__URL=receiver.url)
    assert json.loads(ran.out) == {"way": "webhook", "sent": True, "said": "answered 200 (ok)"}


def test_files_are_sent(receiver: Receiver, incidents: str) -> None:
    """Each incident that is severe enough is sent once; what is no incident is told and passed over."""
    ran = run("notify", "--input", incidents, ODDFLOW_WEBHOOK__URL=receiver.url)
    assert (ran.code, ran.out) == (0, "webhook: 2 messages sent\n")
    assert "notify.unfit" in ran.err
    assert [request.headers["X-Oddflow-Severity"] for request in receiver.requests] == ["high", "critical"]


def test_of_a_file_the_latest_revision_is_sent(receiver: Receiver, tmp_path: Path) -> None:
    """One message says what each incident became by the file's end, whatever order its documents are in."""
    path = tmp_path / "incidents.jsonl"
    sizes = [(1, 1, "of 12 hosts"), (2, 1, "of 3 hosts"), (1, 3, "of 67 hosts"), (1, 2, "of 40 hosts")]
    documents = [
        document(number, "high" if revision < 3 else "critical", revision=revision, size=size)
        for number, revision, size in sizes
    ]
    merged = [document(3), document(3, revision=2, merged_into="00000000-0000-0000-0000-000000000001")]
    path.write_bytes(b"\n".join([*documents, *merged]) + b"\n")
    ran = run("notify", "--input", str(path), ODDFLOW_WEBHOOK__URL=receiver.url)
    assert (ran.code, ran.out) == (0, "webhook: 2 messages sent\n")
    told = [read_told(request.body) for request in receiver.requests]
    assert [(each.ours.size, each.severity) for each in told] == [("of 67 hosts", "critical"), ("of 3 hosts", "high")]


def test_files_beyond_the_bound_go_together_at_the_end(receiver: Receiver, incidents: str) -> None:
    """With a file nobody waits for the minute to end."""
    chosen = {"ODDFLOW_NOTIFY__MESSAGES_PER_MINUTE": "2", "ODDFLOW_NOTIFY__LEAST_SEVERITY": "low"}
    ran = run("notify", "--input", incidents, ODDFLOW_WEBHOOK__URL=receiver.url, **chosen)
    assert ran.out == "webhook: 2 messages sent\n"
    assert json.loads(receiver.requests[1].body)["digest"]["severities"] == {"critical": 1, "low": 1}


def test_files_that_are_refused_end_with_seven(receiver: Receiver, incidents: str) -> None:
    """A message that is not taken is told, and the others are sent."""
    receiver.replies.append(Reply(400, body=b"invalid_payload"))
    ran = run("notify", "--input", incidents, ODDFLOW_SLACK__URL=receiver.url)
    assert (ran.code, ran.out) == (7, "slack: 1 message sent\n")
    assert ran.err.splitlines()[-1] == "oddflow: slack: 1 message refused: answered 400 (invalid_payload)"


def test_a_receiver_that_is_away_ends_with_seven(incidents: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried five times, not once more for each message."""
    monkeypatch.setattr("detector.notify.desk.pause_s", lambda *_: 0.0)
    with receiving() as receiver:
        receiver.replies += [Reply(503)] * 100
        ran = run("notify", "--input", incidents, ODDFLOW_WEBHOOK__URL=receiver.url)
    assert (ran.code, ran.out, len(receiver.requests)) == (7, "webhook: 0 messages sent\n", 5)
    assert "messages were not taken, after 5 attempts: answered 503 (ok); try `oddflow notify --test`" in ran.err


def test_what_is_wrong_is_told(tmp_path: Path) -> None:
    """Without a way there is nothing to do; flags that do not go together are refused, and a topic is needed."""
    assert run("notify", "--test").err == (
        "oddflow: nowhere to send to: set webhook.url_file, slack.url_file or syslog.address (docs/guides/notify.md has"
        " an example of each)\n"
    )
    url = {"ODDFLOW_WEBHOOK__URL": "https://hooks.example/top-secret-path"}
    assert run("notify", "--json", **url).code == 2
    (tmp_path / "files.toml").write_text(
        'input = {transport = "files", paths = ["x"]}\noutput = {incidents_topic = ""}\n'
    )
    told = run("notify", "--config", str(tmp_path / "files.toml"), **url).err
    assert told == "oddflow: output.incidents_topic is empty: name a topic with --topic, or files with --input\n"


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("WEBHOOK__URL", "ftp://top-secret-path", "give an address in ASCII that begins with https:// or http://"),
        ("SLACK__URL", "https:///top-secret-path", "give an address in ASCII that begins with https:// or http://"),
        ("SLACK__URL", "https://h.example/top-secret-path\r\nX: y", "give an address in ASCII that"),
        ("WEBHOOK__URL", "https://h.example:x/top-secret-path", "give an address in ASCII that"),
        ("WEBHOOK__BEARER_TOKEN", "top-secret-path\nX: y", "it has a sign that no header can hold"),
        ("WEBHOOK__SIGNING_KEY", "short", "at least 16"),
        ("SYSLOG__ADDRESS", "siem.example", "give host:port"),
        ("SYSLOG__ADDRESS", "siem.example:99999", "give host:port"),
        ("NOTIFY__LINK", "https://triage.example/", "give an address that has {id}"),
        ("NOTIFY__LINK", "javascript:{id}", "begins with https:// or http://"),
        ("NOTIFY__MESSAGES_PER_MINUTE", "1", "greater than or equal to 2"),
    ],
)
def test_settings_that_cannot_be_are_refused(variable: str, value: str, why: str) -> None:
    """Each error names its variable, says what to give, and nothing of a secret."""
    ran = run("config", "check", **{f"ODDFLOW_{variable}": value})
    assert ran.code == 2
    assert ran.err.startswith(f"oddflow: environment variable ODDFLOW_{variable}: ")
    assert why in ran.err


def test_secrets_are_of_files_or_the_environment_and_shown_nowhere(tmp_path: Path, receiver: Receiver) -> None:
    """A settings file may not hold one; a file beside it may; no dump shows any."""
    (tmp_path / "url").write_text(f"{receiver.url}\n")
    (tmp_path / "key").write_text("a-signing-key-of-16\n")
    settings = tmp_path / "oddflow.toml"
    settings.write_text(f'[webhook]\nurl_file = "{tmp_path / "url"}"\nsigning_key_file = "{tmp_path / "key"}"\n')
    assert run("notify", "--test", "--config", str(settings)).code == 0
    assert "X-Oddflow-Signature" in receiver.requests[0].headers
    for flags in ((), ("--json",)):
        out = run("config", "dump", "--config", str(settings), *flags).out
        assert ("a-signing-key" in out, str(tmp_path / "url") in out) == (False, True)
    settings.write_text(f'[slack]\nurl = "{receiver.url}"\n')
    told = run("config", "check", "--config", str(settings)).err
    assert "slack.url: a secret may not stand here; set ODDFLOW_SLACK__URL or slack.url_file" in told


def test_the_check_looks_at_certificates_and_tls(tmp_path: Path, receiver: Receiver) -> None:
    """``config check`` reads files of certificates, and notes what goes without TLS."""
    told = run("config", "check", ODDFLOW_WEBHOOK__URL=receiver.url).out
    assert told.splitlines()[1].startswith("note: webhook.url begins with http://: ")
    none = str(tmp_path / "none.pem")
    ran = run("config", "check", ODDFLOW_SLACK__URL="https://h.example/x", ODDFLOW_SLACK__CA_FILE=none)
    assert (ran.code, f"slack.ca_file {none}: No such file" in ran.err) == (2, True)


def test_messages_need_the_topic_of_incidents(tmp_path: Path) -> None:
    """A way that is set while incidents are not written is a mistake that the check finds."""
    (tmp_path / "none.toml").write_text('[output]\nincidents_topic = ""\n')
    ran = run("config", "check", "--config", str(tmp_path / "none.toml"), ODDFLOW_SYSLOG__ADDRESS="siem.example:6514")
    assert (ran.code, "syslog.address is set, but output.incidents_topic is empty" in ran.err) == (2, True)
