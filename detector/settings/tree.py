"""The settings as declarations: every key, its type, bounds, default and meaning, and nothing that reads a file.

``config/oddflow.toml``, ``docs/reference/configuration.md`` and ``oddflow config schema`` are made from these classes,
so a description here is the reference page's text. Keys are nouns with units; a section is a component.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, WithJsonSchema, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

Scalar = bool | int | float | str

OWN_PROPERTIES: dict[str, str] = {
    "bootstrap.servers": "set kafka.bootstrap_servers instead",
    "group.id": "set kafka.group instead",
    "enable.auto.commit": "oddflow commits by itself, once outputs are acknowledged",
    "enable.auto.offset.store": "oddflow stores offsets by itself, once outputs are acknowledged",
    "sasl.username": "set kafka.sasl_username instead",
    "sasl.password": "set ODDFLOW_KAFKA__SASL_PASSWORD or kafka.sasl_password_file instead",
    "ssl.key.password": "set ODDFLOW_KAFKA__SSL_KEY_PASSWORD or kafka.ssl_key_password_file instead",
}
"""Client properties that may not pass through: they have a key of their own, or would break a promise."""


def flat_properties(value: object) -> object:
    """Join nested tables into dotted keys: TOML reads an unquoted ``security.protocol = …`` as a table in a table."""
    if not isinstance(value, Mapping):
        return value
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        below = flat_properties(inner)
        flat |= {f"{key}.{name}": leaf for name, leaf in below.items()} if isinstance(below, dict) else {key: below}
    return flat


OWN_REGISTRY_PROPERTIES: dict[str, str] = {
    "url": "set schema_registry.url instead",
    "timeout": "set schema_registry.timeout_s instead",
    "basic.auth.user.info": "set schema_registry.username and ODDFLOW_SCHEMA_REGISTRY__PASSWORD instead",
    "max.retries": "oddflow tries again by itself",
}
"""The same for the schema registry's client."""


def _allowed_properties(value: object, own: Mapping[str, str] = OWN_PROPERTIES) -> object:
    flat = flat_properties(value)
    for key in flat if isinstance(flat, dict) else ():
        if key in own:
            raise ValueError(f"{key} may not be given here; {own[key]}")
    return flat


Properties = Annotated[dict[str, Scalar], BeforeValidator(_allowed_properties)]

RegistryProperties = Annotated[
    dict[str, Scalar], BeforeValidator(lambda value: _allowed_properties(value, OWN_REGISTRY_PROPERTIES))
]


def _split_words(value: object) -> object:
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_split_words)]
"""Several words, each by itself or all in one text."""


class Section(BaseModel):
    """One table of the settings: immutable, and no key that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Input(Section):
    """Where flow records come from, and what they look like."""

    transport: Literal["confluent", "kafka-python", "files", "memory"] = Field(
        default="confluent",
        description="How records are read and results are written: `confluent` (Kafka through librdkafka),"
        " `kafka-python` (Kafka in pure Python, many times slower), `files`, or `memory` (tests only).",
    )
    topic: str = Field(default="flows", min_length=1, description="Kafka topic with the flow records.")
    paths: tuple[str, ...] = Field(
        default=(),
        description="With `files`: the files to read, in order, plain or compressed (gzip, bzip2, xz, Zstandard),"
        " folders of them, or globs such as `logs/**/conn.*.gz`; `-` is standard input.",
    )
    format: str = Field(
        default="zeek", min_length=1, description="Format of a record, such as `zeek`, `suricata` or `mapping`."
    )
    encoding: Literal["plain", "avro", "protobuf"] = Field(
        default="plain",
        description="How Kafka values are encoded: `plain` (text, as the format has it), or `avro` or `protobuf` with a"
        " schema registry's id before them, read as if they were the format's JSON. Files are always `plain`.",
    )
    mapping: dict[str, str | tuple[str, ...]] = Field(
        default={},
        examples=[{"ts": "time", "src_ip": "client.ip", "dst_ip": "server.ip", "proto": "protocol"}],
        description="With `mapping`: for each column of a flow, the path of the record's field that holds it, or a list"
        " of them, of which the first that a record has counts.",
    )
    unpack: Words = Field(
        default=(),
        examples=[("message",)],
        description="Where a message is not the record but holds it: the path to it, such as `message` (Filebeat,"
        " Firehose), `json`, `log` (Fluentd, Docker), `conn` (zeek-kafka's tag), `records` (Azure), `logEvents.message`"
        " (CloudWatch) or `@cee:` (syslog). Of several paths the first that leads anywhere counts. Unset: messages are"
        " records.",
    )
    columns: Words = Field(
        default=(),
        examples=[("version", "srcaddr", "dstaddr", "protocol", "bytes", "start", "end")],
        description="With separated values (Zeek TSV, Argus, VPC flow logs …): the names of the columns in order, where"
        " no header line says them, such as a custom format of VPC flow logs; or one text with blanks or commas"
        " between them, as AWS shows it.",
    )
    log_paths: Words = Field(
        default=("conn",),
        min_length=1,
        description="With Zeek: the names of the logs that hold connections, as `_path` and `#path` give them; all"
        " others are passed over. `conn_long` holds interim states of connections that `conn` tells at their end.",
    )
    extra: dict[str, str | tuple[str, ...]] = Field(
        default={},
        examples=[{"retransmits": "tcp.retransmits", "jitter": "stats.jitter_ms"}],
        description="With `mapping`: further numbers of a record, by names of your own. Each is a feature of the models"
        " that are trained with it, and these need it in every record's source from then on.",
    )
    max_record_bytes: int = Field(
        default=1_048_576, ge=64, description="A longer record goes to the dead letters unread. Bytes."
    )
    partitions: int | None = Field(
        default=None,
        examples=[4],
        ge=1,
        description="Partitions that the topic should have, since windowed features depend on it: another number is"
        " told at start, and `--create-topics` makes so many. Unset: any.",
    )


class Kafka(Section):
    """The brokers, for both Kafka transports."""

    bootstrap_servers: str = Field(
        default="localhost:9092", min_length=1, description="Brokers to ask first, as `host:port`, separated by commas."
    )
    group: str = Field(
        default="oddflow", min_length=1, description="Consumer group: daemons of one group share the partitions."
    )
    sasl_username: str | None = Field(default=None, examples=["oddflow"], description="SASL user name.")
    sasl_password: SecretStr | None = Field(default=None, description="SASL password. From the environment only.")
    sasl_password_file: Path | None = Field(
        default=None, examples=["/run/secrets/kafka-password"], description="File that holds the SASL password."
    )
    ssl_key_password: SecretStr | None = Field(
        default=None, description="Passphrase of the private key. From the environment only."
    )
    ssl_key_password_file: Path | None = Field(
        default=None,
        examples=["/run/secrets/kafka-key-password"],
        description="File that holds the private key's passphrase.",
    )
    properties: Properties = Field(
        default={},
        examples=[{"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512"}],
        description="Any property of the Kafka client by its librdkafka name, such as `security.protocol`, for reading"
        " and writing alike.",
    )
    consumer_properties: Properties = Field(
        default={},
        examples=[{"fetch.min.bytes": 65536}],
        description="The same, for reading only; wins over `properties`.",
    )
    producer_properties: Properties = Field(
        default={},
        examples=[{"compression.type": "zstd"}],
        description="The same, for writing only; wins over `properties`.",
    )

    def consumer(self) -> dict[str, Scalar]:
        """All properties for reading, secrets in the clear: hand it to the client, never to a log."""
        return self._credentials() | self.properties | self.consumer_properties | {"group.id": self.group}

    def producer(self) -> dict[str, Scalar]:
        """All properties for writing, secrets in the clear: hand it to the client, never to a log."""
        return self._credentials() | self.properties | self.producer_properties

    def _credentials(self) -> dict[str, Scalar]:
        given = {
            "sasl.username": self.sasl_username,
            "sasl.password": self.sasl_password.get_secret_value() if self.sasl_password else None,
            "ssl.key.password": self.ssl_key_password.get_secret_value() if self.ssl_key_password else None,
        }
        known: dict[str, Scalar] = {"bootstrap.servers": self.bootstrap_servers}
        return known | {name: value for name, value in given.items() if value is not None}


class SchemaRegistry(Section):
    """The schema registry, where `input.encoding` is `avro` or `protobuf`. Needs `oddflow[schema-registry]`."""

    url: str | None = Field(
        default=None,
        min_length=1,
        examples=["http://localhost:8081"],
        description="Address of a registry with Confluent's API (Apicurio has it at `/apis/ccompat/v7`); several, of"
        " one registry, are separated by commas.",
    )
    username: str | None = Field(default=None, examples=["oddflow"], description="User name, or API key.")
    password: SecretStr | None = Field(default=None, description="Password, or API secret. From the environment only.")
    password_file: Path | None = Field(
        default=None, examples=["/run/secrets/schema-registry-password"], description="File that holds the password."
    )
    timeout_s: float = Field(default=10.0, gt=0, le=600, description="Seconds to wait for an answer.")
    properties: RegistryProperties = Field(
        default={},
        examples=[{"ssl.ca.location": "/etc/ssl/registry-ca.pem"}],
        description="Any property of Confluent's Python client for the registry.",
    )

    def client(self) -> dict[str, Scalar]:
        """All properties of the client, secrets in the clear: hand it to the client, never to a log."""
        known: dict[str, Scalar] = {"url": self.url or "", "timeout": self.timeout_s}
        if self.username is not None:
            secret = self.password.get_secret_value() if self.password else ""
            known["basic.auth.user.info"] = f"{self.username}:{secret}"
        return known | self.properties


class Batch(Section):
    """When a batch closes, whichever comes first: larger means more records a second, shorter means sooner alerts."""

    max_records: int = Field(default=20_000, ge=1, le=1_000_000, description="Records at most.")
    max_bytes: int = Field(default=16_777_216, ge=1_024, description="Bytes of record values, about, at most.")
    max_wait_ms: int = Field(default=50, ge=1, le=60_000, description="Milliseconds to wait for a batch to fill.")
    commit_interval_s: float = Field(
        default=1.0, gt=0, le=600, description="Seconds between commits of offsets: what is read again after a crash."
    )


class Output(Section):
    """Where alerts, dead letters and scores go."""

    alerts_topic: str = Field(default="oddflow.alerts", min_length=1, description="Kafka topic for alerts.")
    dead_letters_topic: str = Field(
        default="oddflow.dead-letters",
        min_length=1,
        description="Kafka topic for records that cannot be used, bytes unchanged.",
    )
    scores_topic: str | None = Field(
        default=None,
        examples=["oddflow.scores"],
        min_length=1,
        description="Kafka topic for every record's score. Unset: scores are not written.",
    )
    incidents_topic: str = Field(
        default="oddflow.incidents",
        description="Kafka topic for incidents: alerts that belong together, one document a step. Empty: not written;"
        " alerts only name their incident.",
    )
    risk_topic: str = Field(
        default="oddflow.risk",
        description="Kafka topic for hosts' risks: the latest of each host and partition, so compacted. Empty: not"
        " written.",
    )
    alerts_path: str = Field(
        default="-", min_length=1, description="With `files`: where alerts go; `-` is standard output."
    )
    dead_letters_path: str | None = Field(
        default=None,
        examples=["dead-letters.jsonl"],
        min_length=1,
        description="With `files`: where records that cannot be used go. Unset: only counted.",
    )
    scores_path: str | None = Field(
        default=None,
        examples=["scores.jsonl"],
        min_length=1,
        description="With `files`: where every record's score goes. Unset: not written.",
    )
    incidents_path: str | None = Field(
        default=None,
        examples=["incidents.jsonl"],
        min_length=1,
        description="With `files`: where incidents go. Unset: not written.",
    )
    risk_path: str | None = Field(
        default=None,
        examples=["risk.jsonl"],
        min_length=1,
        description="With `files`: where hosts' risks go. Unset: not written.",
    )
    oversized: Literal["cut", "parts"] = Field(
        default="cut",
        description="What becomes of an alert, dead letter or other document that its Kafka topic refuses for its size:"
        " `cut` (it says so, with lengths and digests), or sent whole in `parts`, numbered in headers.",
    )
    format: Literal["ocsf", "ecs"] = Field(default="ocsf", description="Shape of an alert.")
    max_text_bytes: int = Field(
        default=256,
        ge=0,
        description="Text of a record (id, service, state …) that goes into an alert or a score is cut after so many"
        " bytes; the alert then tells its length and digest. 0: never.",
    )


class Model(Section):
    """Which model scores, and where it is published."""

    registry: str = Field(default="registry", min_length=1, description="Folder or fsspec URL of the model registry.")
    name: str = Field(default="flows", min_length=1, description="Name of the model.")
    alias: str = Field(
        default="champion", min_length=1, description="Alias to follow; whatever it points to is scored with."
    )
    poll_interval_s: float = Field(default=10.0, gt=0, le=86_400, description="Seconds between looks at the alias.")
    trusted_keys: tuple[str, ...] = Field(
        default=(),
        description="Files with public keys (PEM). Where any is named, only versions that one of them signed are taken:"
        " see `oddflow models sign`. Needs the extra `signing`.",
    )


class Training(Section):
    """What `oddflow train` makes, and of what; the daemon does not look at it. `oddflow search` writes such a table."""

    kind: str = Field(default="ensemble", min_length=1, description="Kind of model, where no `--kind` is given.")
    parameters: dict[str, Scalar] = Field(
        default={},
        examples=[{"forest_n_estimators": 200, "single_weight": 0.5}],
        description="Parameters of that kind, as `--param` has them, which wins over these.",
    )
    leave_out: Words = Field(
        default=(),
        examples=[("outcome", "pair_*", "*_10s")],
        description="Features that models are trained without: families (`volumes`, `outcome`, `ports`, `protocol`,"
        " `addresses`, `windows`), names, or patterns of names.",
    )
    max_rejected_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Of the records, the share that may be unusable: above it nothing is trained.",
    )
    datasets: str = Field(
        default="datasets", min_length=1, description="Folder or fsspec URL of the data sets of `oddflow dataset`."
    )
    sign_key: str = Field(
        default="",
        description="File with a private key (PEM) that signs what is trained. Empty: it is not signed."
        " Needs the extra `signing`.",
    )


def _bound(value: object) -> object:
    """A rule's bound, or None where it is switched off, which from the environment comes as text."""
    if value is False or (isinstance(value, str) and value.strip().lower() in {"false", "none", "off", ""}):
        return None
    if value is True:
        raise ValueError("true is no bound: give a number, or false to switch the rule off")
    return value


Share = Annotated[
    Annotated[float, Field(ge=0, le=1)] | None,
    BeforeValidator(_bound),
    WithJsonSchema({"anyOf": [{"const": False}, {"type": "number", "minimum": 0, "maximum": 1}]}),
]
"""What a rule of the gate asks for; None, written ``false``: the rule is not asked."""

Positive = Annotated[
    Annotated[float, Field(gt=0)] | None,
    BeforeValidator(_bound),
    WithJsonSchema({"anyOf": [{"const": False}, {"type": "number", "exclusiveMinimum": 0}]}),
]


class Gate(Section):
    """What a model must reach before it may score: each key is a rule, and `false` switches it off.

    A rule that cannot be asked, such as one of attacks where there are none, refuses nothing.
    """

    least_roc_auc: Share = Field(
        default=0.6,
        description="Chance that an attack scores above a benign flow, by the lower end of its 95 % interval.",
    )
    least_recall: Share = Field(
        default=0.05,
        description="Share of the attack flows that the alert budget raises, likewise, on later flows.",
    )
    least_attacks_found: Share = Field(
        default=0.1,
        description="Share of the attacks of which a flow is raised, likewise.",
    )
    most_false_incidents: Positive = Field(
        default=2.0,
        description="False incidents a day on days not trained on, as a multiple of `alerts.false_incidents_per_day`:"
        " it refuses where even the lower end of their interval is more.",
    )
    largest_loss: Share = Field(
        default=0.1,
        description="Share of the attacks' flows that the champion raises and the new model does not, both on the same"
        " later flows: it refuses where the loss is more, and is not chance by its interval.",
    )
    most_known_false_raised: Share = Field(
        default=0.0, description="Of the flows judged false (`--judged`), the share that may be raised again."
    )
    most_known_true_lost: Share = Field(
        default=0.0, description="Of the flows judged true (`--judged`), the share that may not be raised any more."
    )
    most_feature_auc: Share = Field(
        default=0.99,
        description="How well one feature of your own (`input.extra`) may tell labelled attacks from other flows by"
        " itself: one that does so nearly always is the label in disguise.",
    )
    most_drifted_features: Share = Field(
        default=0.75,
        description="Share of the features whose values differ from those of the champion's training: population"
        " stability index above 0.25.",
    )
    most_unusable_share: Share = Field(default=0.2, description="Share of the records that could not be used.")
    most_time_apart_share: Share = Field(
        default=0.01,
        description="Share of the records whose time cannot be: far from all others', or days from the records beside"
        " it in the same source.",
    )
    least_records_per_s: Positive = Field(
        default=5_000.0, description="Records a second of processor time that the model scores, features included."
    )
    most_bundle_bytes: Positive = Field(
        default=268_435_456.0, description="Size of the published bundle, all files together. Bytes."
    )


class Alerts(Section):
    """How many alerts to raise, and what they tell."""

    false_incidents_per_day: float = Field(
        default=10.0,
        ge=0,
        le=100_000,
        description="The alert budget: how many distinct keys (source, destination, port) may be raised falsely a day. "
        "0: decide by `false_positive_rate`, as for models whose flows had no times.",
    )
    false_positive_rate: float = Field(
        default=0.001, gt=0, lt=1, description="The budget as a share of benign flows, where incidents do not count."
    )
    alerts_per_hour: float | None = Field(
        default=None,
        examples=[1.0],
        gt=0,
        description="The budget as false alerts per hour; takes the place of both others when set.",
    )
    repeat: Literal["doubling", "all"] = Field(
        default="doubling",
        description="Which alerts of an open incident are written: the 1st, 2nd, 4th, 8th … (`doubling`), or `all`. All"
        " are counted, and are in the incident.",
    )
    detail: Literal["standard", "numbers", "vector", "features"] = Field(
        default="numbers",
        description="What alerts hold beyond OCSF's or ECS's own fields: nothing (`standard`); score, p-value and how "
        "often benign traffic is as odd (`numbers`); also the whole row of features, by which a flow can be scored "
        "again, and all numbers of the sentence (`vector`); also what each top feature adds (`features`). With the "
        "first two an alert is at most 2 kB, unless the record's own texts are long.",
    )
    top_features: int = Field(
        default=5,
        ge=1,
        le=100,
        description='With `detail = "features"`: how many are told, most telling first.',
    )


class Assets(Section):
    """What is known of hosts beforehand: their names, roles and worth, and who may scan until when."""

    file: Path | None = Field(
        default=None,
        examples=["/etc/oddflow/assets.toml"],
        description="A TOML file of `[[assets]]` (address or network, name, role, weight) and `[[allowed]]` (known"
        " scanners, until a day); alerts.md has an example. Read at start.",
    )
    allow_everything: bool = Field(
        default=False, description="Whether its `[[allowed]]` may cover every host, or every inside one."
    )


class Retrain(Section):
    """When `oddflow retrain` makes a new model, and of what; the daemon does not look at it."""

    interval_s: float = Field(
        default=86_400.0, ge=1, description="Seconds from the beginning of one retraining to that of the next."
    )
    days: float = Field(default=7.0, gt=0, le=3_650, description="Days of a topic or an archive that it trains on.")
    incident_margin_s: float = Field(
        default=900.0,
        ge=0,
        description="Seconds before and after an incident in which flows between its hosts are left out, too: an attack"
        " begins before it is raised.",
    )
    keep_sets: int = Field(
        default=7,
        ge=1,
        description="How many of its data sets are kept, the latest ones; any that a model in the registry was trained"
        " on is kept besides.",
    )
    metrics_port: int | None = Field(
        default=None,
        examples=[9465],
        ge=0,
        le=65_535,
        description="Port of its own metrics, on `web.host`, while it runs for ever. Unset: none.",
    )
    drift_hold_s: float = Field(
        default=3_600.0, ge=0, description="Seconds that a reason of drift must hold to bring a retraining forward."
    )
    drift_least_interval_s: float = Field(
        default=21_600.0, ge=0, description="Seconds from one retraining to one that drift brings forward, at least."
    )


class Shadow(Section):
    """The challenger that is scored beside the model in charge, and promotion and rollback by themselves."""

    share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Share of sources whose flows the challenger, where there is one, is scored on. 0: of none, and"
        " nothing below happens either. Files are never compared.",
    )
    alias: str = Field(default="challenger", min_length=1, description="Alias of the challenger.")
    figures_interval_s: float = Field(
        default=30.0,
        gt=0,
        le=3_600,
        description="Seconds between writing figures to the registry and deciding by them.",
    )
    promote: bool = Field(
        default=False, description="Whether a challenger is promoted by itself once it has kept all rules below."
    )
    hold_s: float = Field(
        default=86_400.0,
        ge=0,
        description="Seconds of the flows' own time for which the rules must have held without a break.",
    )
    least_flows: int = Field(default=100_000, ge=1, description="Rule: flows compared, over all daemons.")
    least_sources: int = Field(default=20, ge=1, description="Rule: distinct sources compared.")
    least_agreement: float = Field(default=0.99, ge=0, le=1, description="Rule: share of flows decided alike.")
    most_gained_per_day: float = Field(
        default=10.0,
        ge=0,
        description="Rule: incidents that the challenger alone finds, a day, estimated for all sources.",
    )
    most_lost_per_day: float = Field(
        default=10.0, ge=0, description="Rule: incidents that the champion alone finds, likewise."
    )
    largest_latency_ratio: float = Field(
        default=5.0, gt=0, description="Rule: the challenger's time a record over the champion's."
    )
    most_dropped_share: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="Rule: share of flows that were not compared since the challenger was late.",
    )
    rollback: bool = Field(
        default=False,
        description="Whether a champion is rolled back by itself when its incidents a day leave their bound.",
    )
    rollback_within_s: float = Field(
        default=259_200.0, gt=0, description="Seconds after its promotion during which it may be rolled back by itself."
    )
    rollback_above_per_day: float | None = Field(
        default=None,
        examples=[50.0],
        ge=0,
        description="Incidents a day above which it is. Unset: five times `alerts.false_incidents_per_day`.",
    )
    rollback_below_per_day: float | None = Field(
        default=None, examples=[0.5], ge=0, description="Incidents a day below which it is. Unset: never."
    )


class State(Section):
    """What is remembered of each partition (windows, evidence, incidents), kept for restarts and rebalances."""

    enabled: bool = Field(
        default=True, description="Whether it is kept. Without, every start begins with what training ended with."
    )
    url: str | None = Field(
        default=None,
        min_length=1,
        description="Folder or fsspec URL of the snapshots, reached by every member of the group. "
        "Not set: `.state` in the registry.",
        examples=["s3://oddflow/state"],
    )
    snapshot_interval_s: float = Field(
        default=30.0,
        gt=0,
        le=86_400,
        description="Seconds between snapshots of a partition: so much is gone through again after a kill.",
    )


class Archive(Section):
    """Decoded flows that the daemon keeps in Parquet, by day of arrival, for `oddflow dataset build --archive`."""

    enabled: bool = Field(default=False, description="Whether they are kept. Not where files are read.")
    url: str = Field(default="archive", min_length=1, description="Folder or fsspec URL; several daemons may share it.")
    rows_per_day: int = Field(
        default=5_000_000,
        ge=1_000,
        description="Flows of a topic that are kept a day, of all daemons. Beyond, half of the sources are left out,"
        " and half again: all flows of a source are kept, or none.",
    )
    rows_per_second: int = Field(
        default=4_000,
        ge=1,
        description="Flows a second, over ten seconds, that a daemon archives at most. Beyond,"
        " half of the day's sources are left out, and half again.",
    )
    days: int = Field(default=30, ge=1, le=3_650, description="Days that are kept; the oldest go first.")
    max_bytes: int = Field(
        default=10_737_418_240, ge=1_048_576, description="Bytes of a topic's days; the oldest go first."
    )
    interval_s: float = Field(
        default=300.0, gt=0, le=86_400, description="Seconds between files: so much is lost in a kill."
    )


class Web(Section):
    """The HTTP endpoints `/metrics`, `/healthz`, `/readyz`, `/model` and `/incidents`."""

    enabled: bool | None = Field(
        default=None,
        examples=[True],
        description="Whether to serve them. Unset: yes, except where `--input` names files and `--port` no port.",
    )
    host: str = Field(
        default="127.0.0.1", min_length=1, description="Address to listen on; `0.0.0.0` for all, as in a container."
    )
    port: int = Field(default=9464, ge=0, le=65_535, description="Port to listen on; 0 takes any free one.")
    incidents: bool | None = Field(
        default=None,
        examples=[True],
        description="Whether `/incidents` shows the last thousand incidents, with the addresses in them, to whoever"
        " reaches the port; nobody signs in. Unset: where `host` is this machine's own, such as `127.0.0.1`.",
    )
    stale_after_s: float = Field(
        default=30.0, gt=0, description="`/healthz` answers 503 when the loop has not turned for so many seconds."
    )

    @property
    def shows_incidents(self) -> bool:
        """Whether ``/incidents`` is there."""
        return is_loopback(self.host) if self.incidents is None else self.incidents


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine alone."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class Shutdown(Section):
    """How long stopping may take; what is not acknowledged by then is read again after the next start."""

    deadline_s: float = Field(default=30.0, gt=0, le=600, description="Seconds for the whole shutdown.")
    rebalance_deadline_s: float = Field(
        default=20.0,
        gt=0,
        le=600,
        description="Seconds to finish what is in flight when partitions go to another member.",
    )


class Log(Section):
    """The log, on standard error. Normal running logs almost nothing; errors of a hot path are sampled."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="The least that is logged.")
    format: Literal["auto", "json", "console"] = Field(
        default="auto",
        description="`json` for machines, `console` for people; `auto`: `console` on a terminal, else `json`.",
    )


class Settings(BaseSettings):
    """Every setting of the daemon. ``Settings()`` gives the defaults; ``load_settings`` reads the sources."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    input: Input = Input()
    kafka: Kafka = Kafka()
    schema_registry: SchemaRegistry = SchemaRegistry()
    batch: Batch = Batch()
    output: Output = Output()
    model: Model = Model()
    training: Training = Training()
    gate: Gate = Gate()
    alerts: Alerts = Alerts()
    assets: Assets = Assets()
    retrain: Retrain = Retrain()
    shadow: Shadow = Shadow()
    state: State = State()
    archive: Archive = Archive()
    web: Web = Web()
    shutdown: Shutdown = Shutdown()
    log: Log = Log()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is passed in and nothing else: reading the environment is ``load_settings``' business."""
        return (init_settings,)

    @model_validator(mode="after")
    def _files_are_named(self) -> Settings:
        if self.input.transport == "files" and not self.input.paths:
            raise ValueError("input.transport is files, but input.paths names no file; use `-` for standard input")
        return self

    @model_validator(mode="after")
    def _topics_are_apart(self) -> Settings:
        """No topic is read and written at once, for ever; deletions of risks delete nothing else."""
        if self.input.transport == "files":
            return self
        keys = ("alerts_topic", "dead_letters_topic", "scores_topic", "incidents_topic", "risk_topic")
        topics = {f"output.{key}": topic for key in keys if (topic := getattr(self.output, key))}
        risks = topics.pop("output.risk_topic", None)
        for key, topic in topics.items():
            if topic == risks:
                raise ValueError(
                    f"output.risk_topic and {key} are both {topic!r}: risks are compacted; give them a topic of"
                    " their own"
                )
        for key, topic in (*topics.items(), ("output.risk_topic", risks)):
            if topic == self.input.topic:
                raise ValueError(f"{key} is {topic!r}, as input.topic is: what is written would be read as flows")
        return self

    @model_validator(mode="after")
    def _registry_is_named(self) -> Settings:
        if self.input.encoding != "plain" and self.input.transport != "files" and self.schema_registry.url is None:
            raise ValueError(
                f"input.encoding is {self.input.encoding}, but schema_registry.url names no schema registry"
            )
        return self
