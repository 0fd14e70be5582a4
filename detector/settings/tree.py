"""The settings as declarations: every key, its type, bounds, default and meaning, and nothing that reads a file.

``config/oddflow.toml``, ``docs/reference/configuration.md`` and ``oddflow config schema`` are made from these classes,
so a description here is the reference page's text. Keys are nouns with units; a section is a component.
"""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from detector.settings.kafka import Kafka, SchemaRegistry
from detector.settings.life_cycle import Archive, Gate, Model, Retrain, Shadow, Training
from detector.settings.notify import Notify, Slack, Syslog, Webhook
from detector.settings.section import Section, Words
from detector.settings.triage import Triage


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


class Feedback(Section):
    """What people say of what was found: labels, as `oddflow feedback` writes and reads them."""

    topic: str = Field(
        default="oddflow.feedback",
        description="Kafka topic of labels, one document each, kept for ever. Empty: there is none.",
    )
    weight: int = Field(
        default=1,
        ge=0,
        le=100,
        description="How often a flow that was judged false counts in training. 0: labels false teach nothing.",
    )
    least_share: float = Field(
        default=0.002,
        ge=0,
        le=0.1,
        description="Share of all flows that one label false counts as, at least: its flows are repeated for that."
        " Trees are grown on 256 flows each, and would not meet a dozen among hundreds of thousands.",
    )
    learn: bool = Field(
        default=True,
        description="Whether the leaves of a forest, or of an ensemble's forest, are learnt from labels, too.",
    )
    labels_per_analyst: int = Field(
        default=200, ge=1, description="Labels false of one person that teach a model, at most."
    )
    labels_per_host: int = Field(default=100, ge=1, description="Likewise of one host's flows.")
    labels_per_day: int = Field(default=500, ge=1, description="Likewise of those said on one day.")
    largest_share: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="Share of the flows that labels false of one person, of one host or of one day may make up, weights"
        " and all, and a thousand flows at least. Beyond it they count less, or not at all.",
    )


class Suppression(Section):
    """Rules that keep known false alarms quiet for a while, as `oddflow suppress` writes them."""

    topic: str = Field(
        default="oddflow.suppressions",
        description="Kafka topic of rules, the latest of each, so compacted. The daemon follows it; it may be missing."
        " Empty: there is none.",
    )
    file: Path | None = Field(
        default=None,
        examples=["/etc/oddflow/suppressions.jsonl"],
        description="A file of rules, one document a line, beside the topic; where files are read, in its place. Read"
        " again when it changes.",
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
    feedback: Feedback = Feedback()
    suppression: Suppression = Suppression()
    triage: Triage = Triage()
    notify: Notify = Notify()
    webhook: Webhook = Webhook()
    slack: Slack = Slack()
    syslog: Syslog = Syslog()
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
        topics |= {"feedback.topic": self.feedback.topic} if self.feedback.topic else {}
        topics |= {"suppression.topic": self.suppression.topic} if self.suppression.topic else {}
        compacted = {key: topics.pop(key) for key in ("output.risk_topic", "suppression.topic") if key in topics}
        if len(set(compacted.values())) < len(compacted):
            raise ValueError(
                f"output.risk_topic and suppression.topic are both {self.suppression.topic!r}; give each a topic of its"
                " own"
            )
        for key, topic in topics.items():
            for other, its in compacted.items():
                if topic == its:
                    what = "risks" if other == "output.risk_topic" else "suppressions"
                    raise ValueError(
                        f"{other} and {key} are both {topic!r}: {what} are compacted; give them a topic of their own"
                    )
        for key, topic in (*topics.items(), *compacted.items()):
            if topic == self.input.topic:
                raise ValueError(f"{key} is {topic!r}, as input.topic is: what is written would be read as flows")
            if topic == self.feedback.topic and topic and key != "feedback.topic":
                raise ValueError(f"{key} is {topic!r}, as feedback.topic is: give labels a topic of their own")
        return self

    @model_validator(mode="after")
    def _incidents_are_there(self) -> Settings:
        """Messages are made of what is on the topic of incidents."""
        if self.input.transport != "files" and not self.output.incidents_topic:
            for key, value in (
                ("webhook.url", self.webhook.url),
                ("slack.url", self.slack.url),
                ("syslog.address", self.syslog.address),
            ):
                if value is not None:
                    raise ValueError(f"{key} is set, but output.incidents_topic is empty: name the topic of incidents")
        return self

    @model_validator(mode="after")
    def _registry_is_named(self) -> Settings:
        if self.input.encoding != "plain" and self.input.transport != "files" and self.schema_registry.url is None:
            raise ValueError(
                f"input.encoding is {self.input.encoding}, but schema_registry.url names no schema registry"
            )
        return self
