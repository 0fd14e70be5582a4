"""The settings: what wins over what, what is refused and in which words, what is never shown."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.errors import ConfigurationError
from detector.settings.kafka import Kafka
from detector.settings.load import FLAGS, known_keys, load_settings
from detector.settings.pages import HIDDEN, dumped, plain, schema
from detector.settings.tree import Batch, Input, Settings, Web


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the variables of whoever runs the tests out of the way."""
    for name in os.environ:
        if name.startswith("ODDFLOW_"):
            monkeypatch.delenv(name)


def written(folder: Path, text: str) -> Path:
    """A settings file with ``text``."""
    path = folder / "oddflow.toml"
    path.write_text(text, encoding="utf-8")
    return path


def complaint(path: Path | None = None, **flags: object) -> str:
    """The message that loading ends with."""
    with pytest.raises(ConfigurationError) as caught:
        load_settings(path, {key.replace("__", "."): value for key, value in flags.items()})
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_defaults_need_nothing() -> None:
    """Without file, variables or flags every setting has its default."""
    assert load_settings() == Settings()


def test_environment_wins_over_file_and_flags_over_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Defaults < file < environment < flags, key by key."""
    path = written(tmp_path, '[kafka]\ngroup = "file"\n[input]\ntopic = "file"\nformat = "zeek-tsv"\n')
    monkeypatch.setenv("ODDFLOW_KAFKA__GROUP", "variable")
    monkeypatch.setenv("ODDFLOW_INPUT__TOPIC", "variable")
    settings = load_settings(path, {"input.topic": "flag", "input.format": None})
    assert (settings.input.topic, settings.kafka.group, settings.input.format) == ("flag", "variable", "zeek-tsv")
    assert settings.output.alerts_topic == "oddflow.alerts"


def test_variable_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ODDFLOW_CONFIG names the settings file where no path is given."""
    monkeypatch.setenv("ODDFLOW_CONFIG", str(written(tmp_path, '[input]\ntopic = "there"\n')))
    assert load_settings().input.topic == "there"


def test_variables_are_read_as_their_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers, booleans, lists and tables come from variables; an empty one counts as not set."""
    monkeypatch.setenv("ODDFLOW_BATCH__MAX_RECORDS", "500")
    monkeypatch.setenv("ODDFLOW_WEB__ENABLED", "false")
    monkeypatch.setenv("ODDFLOW_INPUT__PATHS", '["a.log", "b.log"]')
    monkeypatch.setenv("ODDFLOW_INPUT__MAPPING", '{"ts": "time"}')
    monkeypatch.setenv("ODDFLOW_INPUT__TOPIC", "")
    settings = load_settings()
    assert (settings.batch.max_records, settings.web.enabled) == (500, False)
    assert (settings.input.paths, settings.input.mapping, settings.input.topic) == (
        ("a.log", "b.log"),
        {"ts": "time"},
        "flows",
    )


def test_the_schema_registry_s_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Address, user, secret and properties reach the registry's client, by its names."""
    secret = tmp_path / "secret"
    secret.write_text("a:b\n", encoding="utf-8")
    path = written(
        tmp_path,
        '[input]\nencoding = "avro"\n[schema_registry]\nurl = "https://r:8081"\nusername = "u"\ntimeout_s = 3\n'
        f"password_file = {json.dumps(str(secret))}\n",
    )
    monkeypatch.setenv("ODDFLOW_SCHEMA_REGISTRY__PROPERTIES__SSL_CA_LOCATION", "/ca.pem")
    settings = load_settings(path)
    assert settings.schema_registry.client() == {
        "url": "https://r:8081",
        "timeout": 3.0,
        "basic.auth.user.info": "u:a:b",
        "ssl.ca.location": "/ca.pem",
    }
    assert "a:b" not in dumped(settings)


def test_encoded_values_need_a_registry() -> None:
    """An encoding without the registry's address says which key is lacking; files need none."""
    said = "settings: input.encoding is protobuf, but schema_registry.url names no schema registry"
    assert complaint(input__encoding="protobuf") == said
    load_settings(None, {"input.encoding": "avro", "input.transport": "files", "input.paths": ["-"]})


@pytest.mark.parametrize("key", ["alerts", "dead_letters", "scores", "incidents", "risk"])
def test_no_output_is_read_as_flows(key: str) -> None:
    """A topic that is read and written would go round for ever: it is refused; where files are read, topics are not."""
    given = {f"output.{key}_topic": "conn", "input.topic": "conn"}
    with pytest.raises(ConfigurationError, match=rf"output\.{key}_topic is 'conn', as input\.topic is"):
        load_settings(None, given)
    load_settings(None, given | {"input.transport": "files", "input.paths": ["-"]})


def test_risks_have_a_topic_of_their_own() -> None:
    """Risks are compacted and deleted by key, so that whatever else was on their topic would be, too."""
    said = "settings: output.risk_topic and output.incidents_topic are both 'oddflow.incidents': risks are compacted"
    assert complaint(output__risk_topic="oddflow.incidents").startswith(said)
    load_settings(None, {"output.risk_topic": "", "output.incidents_topic": ""})


def test_labels_have_a_topic_of_their_own() -> None:
    """Labels are read strictly, so that whatever else was on their topic would be told as wrong."""
    assert "output.alerts_topic is 'oddflow.feedback', as feedback.topic is" in complaint(
        output__alerts_topic="oddflow.feedback"
    )
    assert "feedback.topic is 'flows', as input.topic is" in complaint(feedback__topic="flows")
    load_settings(None, {"feedback.topic": ""})


def test_suppressions_have_a_topic_of_their_own() -> None:
    """It is compacted, so that whatever else was on it would go."""
    said = "suppression.topic and output.alerts_topic are both 'oddflow.alerts': suppressions are compacted"
    assert said in complaint(suppression__topic="oddflow.alerts")
    assert "both 'oddflow.risk'; give each" in complaint(suppression__topic="oddflow.risk")
    assert "suppression.topic is 'flows', as input.topic is" in complaint(suppression__topic="flows")
    load_settings(None, {"suppression.topic": ""})


UNKNOWN = "unknown key; the nearest known one is"

BAD_FILES = {
    "[kafka]\nbootstrap_server = 1\n": f"kafka.bootstrap_server: {UNKNOWN} kafka.bootstrap_servers",
    "[kafka]\ntopic = 1\n": f"kafka.topic: {UNKNOWN} input.topic",
    "[kafak]\ngroup = 1\n": f"kafak: {UNKNOWN} kafka",
    "[metrics]\nport = 1\n": f"metrics: unknown key; the sections are {', '.join(Settings.model_fields)}",
    "topic = 1\n": f"topic: {UNKNOWN} input.topic",
    "[batch]\nmax_records = 0\n": "batch.max_records: input should be greater than or equal to 1",
    '[log]\nlevel = "loud"\n': "log.level: input should be 'debug', 'info', 'warning' or 'error'",
    "kafka = 3\n": "kafka: input should be a valid dictionary or instance of Kafka",
    '[kafka.properties]\n"group.id" = "x"\n': (
        "kafka.properties: group.id may not be given here; set kafka.group instead"
    ),
    "[kafka.properties]\nenable.auto.commit = true\n": (
        "kafka.properties: enable.auto.commit may not be given here;"
        " oddflow commits by itself, once outputs are acknowledged"
    ),
    '[schema_registry]\npassword = "hush"\n': (
        "schema_registry.password: a secret may not stand here;"
        " set ODDFLOW_SCHEMA_REGISTRY__PASSWORD or schema_registry.password_file"
    ),
    '[schema_registry.properties]\nurl = "x"\n': (
        "schema_registry.properties: url may not be given here; set schema_registry.url instead"
    ),
    '[kafka]\nsasl_password = "hush"\n': (
        "kafka.sasl_password: a secret may not stand here; set ODDFLOW_KAFKA__SASL_PASSWORD or kafka.sasl_password_file"
    ),
}


@pytest.mark.parametrize(("text", "expected"), BAD_FILES.items())
def test_a_bad_file_is_one_line(tmp_path: Path, text: str, expected: str) -> None:
    """The message names the file, the key, and what to write instead."""
    path = written(tmp_path, text)
    assert complaint(path) == f"settings file {path}: {expected}"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("ODDFLOW_TOPIC", "x", f"{UNKNOWN} ODDFLOW_INPUT__TOPIC"),
        ("ODDFLOW_KAFKA__GRUOP", "x", f"{UNKNOWN} ODDFLOW_KAFKA__GROUP"),
        ("ODDFLOW_KAFKA_BOOTSTRAP_SERVERS", "x", f"{UNKNOWN} ODDFLOW_KAFKA__BOOTSTRAP_SERVERS"),
        ("ODDFLOW_DEBUG", "1", "unknown key; docs/reference/configuration.md has all"),
        ("ODDFLOW_WEB__PORT", "http", "input should be a valid integer, unable to parse string as an integer"),
        ("ODDFLOW_TRAINING__HALF_LIVES_S", "[]", "give one half-life or up to 8, each once"),
        ("ODDFLOW_TRAINING__HALF_LIVES_S", "[60, 60]", "give one half-life or up to 8, each once"),
        ("ODDFLOW_TRAINING__HALF_LIVES_S", "[0.5]", "a half-life has 1 to 10,000,000 seconds"),
        ("ODDFLOW_INPUT__PATHS", "a.log", "lists and tables are JSON here: Expecting value: line 1 column 1 (char 0)"),
    ],
)
def test_a_bad_variable_is_one_line(monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str) -> None:
    """A variable with our prefix that names no key is an error as well, told by its own name."""
    monkeypatch.setenv(name, value)
    assert complaint() == f"environment variable {name}: {expected}"


def test_a_bad_flag_is_one_line() -> None:
    """A flag's value out of bounds names flag and key."""
    assert complaint(web__port=70_000) == "--port (web.port): input should be less than or equal to 65535"


def test_flags_are_of_keys() -> None:
    """Every flag that messages name is of a key that there is."""
    assert set(FLAGS) <= set(known_keys())


def test_several_faults_are_counted(tmp_path: Path) -> None:
    """More than one fault is still one line, which tells how many there are."""
    path = written(tmp_path, "[batch]\nmax_records = 0\nmax_byte = 1\n")
    assert complaint(path).endswith(
        "batch.max_byte: unknown key; the nearest known one is batch.max_bytes (and 1 more)"
    )


@pytest.mark.parametrize(
    "name", ["ODDFLOW_SERVICE_HOST", "ODDFLOW_METRICS_PORT_9464_TCP_ADDR", "ODDFLOW_TEST_BOOTSTRAP"]
)
def test_variables_that_are_no_settings(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """What Kubernetes sets for a service named oddflow, and what the tests use, is passed over."""
    monkeypatch.setenv(name, "10.0.0.1")
    assert load_settings() == Settings()


def test_files_need_paths() -> None:
    """The files transport without a path says what to give."""
    assert complaint(input__transport="files") == (
        "settings: input.transport is files, but input.paths names no file; use `-` for standard input"
    )


def test_missing_and_broken_files_are_one_line(tmp_path: Path) -> None:
    """A settings file that is absent, a folder, not text or not TOML is one line naming it."""
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    assert complaint(tmp_path / "none.toml").endswith("none.toml: no such file; check --config or ODDFLOW_CONFIG")
    assert "cannot be read" in complaint(tmp_path)
    assert "cannot be read" in complaint(binary)
    assert "not TOML" in complaint(written(tmp_path, "[kafka\n"))


def test_secrets_come_from_files_and_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret's file is read without its last line break; a variable wins over it."""
    secret = tmp_path / "password"
    secret.write_text("from-file\n", encoding="utf-8")
    path = written(tmp_path, f"[kafka]\nsasl_password_file = {json.dumps(str(secret))}\n")
    assert load_settings(path).kafka.consumer()["sasl.password"] == "from-file"
    monkeypatch.setenv("ODDFLOW_KAFKA__SASL_PASSWORD", "from-variable")
    assert load_settings(path).kafka.consumer()["sasl.password"] == "from-variable"


def test_a_missing_secret_file_is_one_line(tmp_path: Path) -> None:
    """A secret's file that is not there names the key and the file."""
    path = written(tmp_path, '[kafka]\nsasl_password_file = "/nowhere/password"\n')
    message = complaint(path)
    assert message.startswith(f"settings file {path}: kafka.sasl_password_file: cannot be read:")
    assert "/nowhere/password" in message


def test_no_dump_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither dump, repr nor JSON shows a secret, whichever key it came by."""
    monkeypatch.setenv("ODDFLOW_KAFKA__SASL_PASSWORD", "hush-1")
    properties = {
        "ssl.keystore.password": "hush-2",
        "sasl.oauthbearer.client.secret": "hush-3",
        "ssl.key.pem": "hush-4",
    }
    monkeypatch.setenv("ODDFLOW_KAFKA__PROPERTIES", json.dumps(properties))
    settings = load_settings(None, {"model.registry": "s3://key:hush-5@bucket/models"})
    shown = dumped(settings) + json.dumps(plain(settings))
    assert [secret for secret in (f"hush-{n}" for n in range(1, 6)) if secret in shown] == []
    assert "hush-1" not in repr(settings)
    assert plain(settings)["model"]["registry"] == f"s3://{HIDDEN}@bucket/models"


def test_properties_pass_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Client properties reach the client by their own names, from file and variables; the narrower table wins."""
    path = written(
        tmp_path,
        '[kafka]\ngroup = "g"\n[kafka.properties]\nsecurity.protocol = "SSL"\n"client.id" = "a"\nlinger.ms = 5\n'
        '[kafka.consumer_properties]\nclient.id = "b"\n',
    )
    monkeypatch.setenv("ODDFLOW_KAFKA__PROPERTIES__SSL_CA_LOCATION", "/ca.pem")
    kafka = load_settings(path).kafka
    shared = {
        "bootstrap.servers": "localhost:9092",
        "security.protocol": "SSL",
        "linger.ms": 5,
        "ssl.ca.location": "/ca.pem",
    }
    assert kafka.consumer() == {**shared, "client.id": "b", "group.id": "g"}
    assert kafka.producer() == {**shared, "client.id": "a"}


@given(
    topic=st.text(min_size=1).filter(lambda topic: not topic.startswith("oddflow.")),  # is an output's
    paths=st.lists(st.text(), max_size=3).map(tuple),
    records=st.integers(1, 1_000_000),
    properties=st.dictionaries(st.from_regex(r"[a-z]+(\.[a-z]+){1,2}", fullmatch=True), st.text() | st.booleans()),
)
def test_a_dump_reads_back(topic: str, paths: tuple[str, ...], records: int, properties: dict[str, str | bool]) -> None:
    """The dump is TOML that gives the same settings, whatever text is in them."""
    try:
        kafka = Kafka(properties=dict(properties))
    except ValueError:  # a property that may not pass through
        return
    settings = Settings(input=Input(topic=topic, paths=paths), batch=Batch(max_records=records), kafka=kafka)
    text = dumped(settings)
    if HIDDEN in json.dumps(plain(settings)) or "hidden" in text:
        return
    assert Settings(**tomllib.loads(text)) == settings


def test_schema_knows_every_key() -> None:
    """The JSON Schema has a property for every section and refuses others."""
    given_schema = schema()
    assert set(given_schema["properties"]) == {key.partition(".")[0] for key in known_keys()}
    assert given_schema["additionalProperties"] is False
    json.dumps(given_schema)


@pytest.mark.parametrize(
    ("host", "asked", "shown"),
    [
        ("127.0.0.1", None, True),
        ("::1", None, True),
        ("localhost", None, True),
        ("0.0.0.0", None, False),  # noqa: S104 - as in a container
        ("::", None, False),
        ("10.1.2.3", None, False),
        ("oddflow.example.org", None, False),
        ("0.0.0.0", True, True),  # noqa: S104 - as in a container
        ("127.0.0.1", False, False),
    ],
)
def test_incidents_are_shown_on_loopback_alone_unless_asked_for(host: str, asked: bool | None, shown: bool) -> None:
    """Nobody signs in to read them, so a port that others reach has none unless it is said."""
    assert Web(host=host, incidents=asked).shows_incidents is shown
