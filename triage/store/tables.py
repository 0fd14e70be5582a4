"""The tables, as SQLite and PostgreSQL both have them. Times are in seconds since 1970.

Lists go over rows that are small, so documents are in tables of their own. Every text is printable and bounded, since
it came from a topic that others may write. A change here needs a migration; a test holds the two together.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)
"""Of everything that triage stores, its users among it."""

ID = 64
"""Characters of an incident's, an alert's or a host's id at most."""

WORD = 64
"""Of a kind, a protocol, a service."""

NAME = 200
"""Of a label's id, a model's version, a person: as documents have them."""

NUMBER = BigInteger().with_variant(Integer, "sqlite")
"""A key that counts up by itself; SQLite does that for INTEGER alone."""

INCIDENTS = Table(
    "incidents",
    METADATA,
    Column("id", String(ID), primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("state", String(8), nullable=False, comment="open, closed or merged, as its document says"),
    Column("merged_into", String(ID), nullable=False, comment="what it became part of; else empty"),
    Column("whole", String(ID), nullable=False, index=True, comment="the row that shows it: its own id, or another's"),
    Column("shown", Boolean, nullable=False, comment="whether lists have it: it is no part of another"),
    Column("quiet", Boolean, nullable=False, comment="whether quiet alone ends it"),
    Column("place", String(NAME), nullable=False, comment="topic and partition of its first flow, or empty"),
    Column("kind", String(WORD), nullable=False),
    Column("severity", SmallInteger, nullable=False, comment="0 low to 3 critical"),
    Column("risk", SmallInteger, nullable=False, comment="0 to 100; -1 where it is not told"),
    Column("headline", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("size", Text, nullable=False),
    Column("source", String(ID), nullable=False, comment="the one with the most alerts, or empty"),
    Column("destination", String(ID), nullable=False),
    Column("port", Integer),
    Column("alerts", BigInteger, nullable=False),
    Column("first_seen", Double, nullable=False),
    Column("last_seen", Double, nullable=False),
    Column("p_value", Double, comment="the lowest among its alerts"),
    Column("model_version", String(NAME), nullable=False, comment="the first that raised it, or empty"),
    Column("suppressed", Boolean, nullable=False, comment="whether a suppression keeps it quiet"),
    Column("first_told", Double, nullable=False, comment="when its first document came, by the broker's clock"),
    Column("told", Double, nullable=False, comment="when its latest one did"),
    Column("verdict", String(8), comment="true, false or unsure: the last word"),
    Column("verdict_of", String(8), comment="what that word is of: incident, alert or flows"),
    Column("said_by", String(NAME)),
    Column("said_at", Double),
    Column("conflicting", Boolean, nullable=False, default=False, comment="people say true and false"),
    Index("ix_incidents_by_time", "shown", "last_seen", "id"),
    Index("ix_incidents_by_risk", "shown", "risk", "severity", "last_seen", "id"),
    Index("ix_incidents_by_verdict", "verdict", "said_at"),
    Index("ix_incidents_by_model", "shown", "model_version", "verdict", "first_told"),
    Index("ix_incidents_by_telling", "shown", "first_told", "suppressed", "model_version"),
    Index("ix_incidents_by_age", "told"),
    Index("ix_incidents_by_state", "shown", "state", "last_seen", "id"),
    Index("ix_incidents_by_kind", "kind", "last_seen"),
    Index("ix_incidents_by_kind_and_verdict", "kind", "verdict", "last_seen"),
    Index("ix_incidents_by_place", "place"),
    Index("ix_incidents_by_source", "source", "last_seen"),
    Index("ix_incidents_by_destination", "destination", "last_seen"),
)

INCIDENT_DOCUMENTS = Table(
    "incident_documents",
    METADATA,
    Column("id", String(ID), primary_key=True),
    Column("document", LargeBinary, nullable=False, comment="as it came, OCSF or ECS"),
)

INCIDENT_TEXTS = Table(
    "incident_texts",
    METADATA,
    Column("number", NUMBER, primary_key=True),
    Column("id", String(ID), nullable=False, unique=True),
    Column("text", Text, nullable=False, comment="in small letters: what a search looks through"),
)

INCIDENT_HOSTS = Table(
    "incident_hosts",
    METADATA,
    Column("incident", String(ID), primary_key=True),
    Column("host", String(ID), primary_key=True),
    Column("role", String(12), primary_key=True, comment="source or destination"),
    Column("last_seen", Double, nullable=False),
    Index("ix_incident_hosts_host", "host", "last_seen"),
)

ALERTS = Table(
    "alerts",
    METADATA,
    Column("id", String(ID), primary_key=True),
    Column("incident", String(ID), index=True, comment="may be one that is not known (yet)"),
    Column("ts", Double, nullable=False, comment="start of its flow"),
    Column("told", Double, nullable=False, comment="when it came, by the broker's clock"),
    Column("src_ip", String(ID), nullable=False),
    Column("src_port", Integer),
    Column("dst_ip", String(ID), nullable=False),
    Column("dst_port", Integer),
    Column("proto", String(WORD), nullable=False),
    Column("service", String(WORD), nullable=False, comment="empty where not known; so is state"),
    Column("state", String(WORD), nullable=False),
    Column("src_bytes", BigInteger),
    Column("dst_bytes", BigInteger),
    Column("severity", SmallInteger, nullable=False, comment="0 low to 3 critical"),
    Column("risk", SmallInteger, nullable=False),
    Column("message", Text, nullable=False),
    Column("model_version", String(NAME), nullable=False),
    Column("score", Double),
    Column("p_value", Double),
    Column("topic", String(NAME), nullable=False, comment="where the record is"),
    Column("partition", BigInteger, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("uid", Text, nullable=False, comment="the record's own id of the flow; empty where it has none"),
    Column("verdict", String(8), comment="the last word on this alert itself"),
    Column("bytes", Integer, nullable=False),
    Index("ix_alerts_by_source", "src_ip", "ts"),
    Index("ix_alerts_by_destination", "dst_ip", "ts"),
    Index("ix_alerts_by_age", "told"),
)

ALERT_DOCUMENTS = Table(
    "alert_documents",
    METADATA,
    Column("id", String(ID), primary_key=True),
    Column("document", LargeBinary, nullable=False, comment="as it came, OCSF or ECS"),
)

RISKS = Table(
    "risks",
    METADATA,
    Column("host", String(ID), primary_key=True),
    Column("partition", BigInteger, primary_key=True, autoincrement=False),
    Column("risk", Double, nullable=False, comment="as of then; it fades"),
    Column("as_of", Double, nullable=False, index=True),
    Column("rank", Double, nullable=False, index=True, comment="orders by what is left of the risk at any time"),
    Column("document", LargeBinary, nullable=False),
)

LABELS = Table(
    "labels",
    METADATA,
    Column("number", NUMBER, primary_key=True),
    Column("id", String(NAME), nullable=False),
    Column("digest", String(64), nullable=False, comment="SHA-256 of it: an id may be used twice"),
    Column("subject", Text, nullable=False, comment="what it is of, as JSON; of a withdrawal empty"),
    Column("subject_digest", String(64), nullable=False, index=True, comment="SHA-256 of that; else empty"),
    Column("of", String(8), nullable=False, comment="incident, alert, flows; of a withdrawal empty"),
    Column("of_id", String(ID), nullable=False, index=True, comment="of the incident or alert; else empty"),
    Column("verdict", String(8), comment="null: a withdrawal"),
    Column("withdraws", String(NAME), index=True),
    Column("said_by", String(NAME), nullable=False),
    Column("said_at", Double, nullable=False),
    Column("comment", Text, nullable=False),
    Column("model_version", String(NAME), nullable=False, comment="empty where not told"),
    Column("document", LargeBinary, nullable=False),
    Column("came", Double, nullable=False, comment="when, by the broker's clock; of our own, by ours"),
    Column("place", BigInteger, comment="in its partition; null: not read back yet"),
    UniqueConstraint("id", "digest"),
    Index("ix_labels_by_time", "said_at"),
)

COVERED = Table(
    "covered",
    METADATA,
    Column("subject_digest", String(64), primary_key=True, comment="of labels of an alert or of flows"),
    Column("incident", String(ID), primary_key=True, index=True, comment="an incident with such an alert"),
)

SUPPRESSIONS = Table(
    "suppressions",
    METADATA,
    Column("id", String(NAME), primary_key=True),
    Column("document", LargeBinary, nullable=False),
    Column("scope", String(12), nullable=False),
    Column("words", Text, nullable=False, comment="what it is of"),
    Column("owner", String(NAME), nullable=False),
    Column("reason", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("expires", Double, nullable=False, index=True),
    Column("removed", Double, comment="when it was taken away before its end"),
    Column("place", BigInteger, comment="in its partition; null: not read back yet"),
)

OUTBOX = Table(
    "outbox",
    METADATA,
    Column("number", NUMBER, primary_key=True, comment="the order"),
    Column("channel", String(16), nullable=False, comment="feedback or suppressions"),
    Column("key", LargeBinary, nullable=False),
    Column("value", LargeBinary, comment="null: a deletion"),
    Column("created", Double, nullable=False),
)

POSITIONS = Table(
    "positions",
    METADATA,
    Column("topic", String(NAME), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("next", BigInteger, nullable=False, comment="the offset to go on from, as of the rows beside it"),
)
