"""The first tables: what was found, what people said, what is to be sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "alert_documents",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False, comment="as it came, OCSF or ECS"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_documents")),
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("incident", sa.String(length=64), nullable=True, comment="may be one that is not known (yet)"),
        sa.Column("ts", sa.Double(), nullable=False, comment="start of its flow"),
        sa.Column("told", sa.Double(), nullable=False, comment="when it came, by the broker's clock"),
        sa.Column("src_ip", sa.String(length=64), nullable=False),
        sa.Column("src_port", sa.Integer(), nullable=True),
        sa.Column("dst_ip", sa.String(length=64), nullable=False),
        sa.Column("dst_port", sa.Integer(), nullable=True),
        sa.Column("proto", sa.String(length=64), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False, comment="empty where not known; so is state"),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("src_bytes", sa.BigInteger(), nullable=True),
        sa.Column("dst_bytes", sa.BigInteger(), nullable=True),
        sa.Column("severity", sa.SmallInteger(), nullable=False, comment="0 low to 3 critical"),
        sa.Column("risk", sa.SmallInteger(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("model_version", sa.String(length=200), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("p_value", sa.Double(), nullable=True),
        sa.Column("topic", sa.String(length=200), nullable=False, comment="where the record is"),
        sa.Column("partition", sa.BigInteger(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False, comment="the record's own id of the flow; empty where it has none"),
        sa.Column("verdict", sa.String(length=8), nullable=True, comment="the last word on this alert itself"),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    op.create_index("ix_alerts_by_age", "alerts", ["told"], unique=False)
    op.create_index("ix_alerts_by_destination", "alerts", ["dst_ip", "ts"], unique=False)
    op.create_index("ix_alerts_by_source", "alerts", ["src_ip", "ts"], unique=False)
    op.create_index(op.f("ix_alerts_incident"), "alerts", ["incident"], unique=False)
    op.create_table(
        "covered",
        sa.Column("subject_digest", sa.String(length=64), nullable=False, comment="of labels of an alert or of flows"),
        sa.Column("incident", sa.String(length=64), nullable=False, comment="an incident with such an alert"),
        sa.PrimaryKeyConstraint("subject_digest", "incident", name=op.f("pk_covered")),
    )
    op.create_index(op.f("ix_covered_incident"), "covered", ["incident"], unique=False)
    op.create_table(
        "incident_documents",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False, comment="as it came, OCSF or ECS"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_documents")),
    )
    op.create_table(
        "incident_hosts",
        sa.Column("incident", sa.String(length=64), nullable=False),
        sa.Column("host", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=12), nullable=False, comment="source or destination"),
        sa.Column("last_seen", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("incident", "host", "role", name=op.f("pk_incident_hosts")),
    )
    op.create_index("ix_incident_hosts_host", "incident_hosts", ["host", "last_seen"], unique=False)
    op.create_table(
        "incident_texts",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column(
            "text",
            sa.Text(),
            nullable=False,
            comment="in small letters: what a search looks through, all of it each time",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_texts")),
    )
    op.create_table(
        "incidents",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False, comment="open, closed or merged, as its document says"),
        sa.Column("merged_into", sa.String(length=64), nullable=False, comment="what it became part of; else empty"),
        sa.Column(
            "whole", sa.String(length=64), nullable=False, comment="the row that shows it: its own id, or another's"
        ),
        sa.Column("shown", sa.Boolean(), nullable=False, comment="whether lists have it: it is no part of another"),
        sa.Column("quiet", sa.Boolean(), nullable=False, comment="whether quiet alone ends it"),
        sa.Column(
            "place", sa.String(length=200), nullable=False, comment="topic and partition of its first flow, or empty"
        ),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False, comment="0 low to 3 critical"),
        sa.Column("risk", sa.SmallInteger(), nullable=False, comment="0 to 100; -1 where it is not told"),
        sa.Column("headline", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("size", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False, comment="the one with the most alerts, or empty"),
        sa.Column("destination", sa.String(length=64), nullable=False),
        sa.Column("port", sa.Integer(), nullable=True),
        sa.Column("alerts", sa.BigInteger(), nullable=False),
        sa.Column("first_seen", sa.Double(), nullable=False),
        sa.Column("last_seen", sa.Double(), nullable=False),
        sa.Column("p_value", sa.Double(), nullable=True, comment="the lowest among its alerts"),
        sa.Column("model_version", sa.String(length=200), nullable=False, comment="the first that raised it, or empty"),
        sa.Column("suppressed", sa.Boolean(), nullable=False, comment="whether a suppression keeps it quiet"),
        sa.Column(
            "first_told", sa.Double(), nullable=False, comment="when its first document came, by the broker's clock"
        ),
        sa.Column("told", sa.Double(), nullable=False, comment="when its latest one did"),
        sa.Column("verdict", sa.String(length=8), nullable=True, comment="true, false or unsure: the last word"),
        sa.Column(
            "verdict_of", sa.String(length=8), nullable=True, comment="what that word is of: incident, alert or flows"
        ),
        sa.Column("said_by", sa.String(length=200), nullable=True),
        sa.Column("said_at", sa.Double(), nullable=True),
        sa.Column("conflicting", sa.Boolean(), nullable=False, comment="people say true and false"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
    )
    op.create_index("ix_incidents_by_age", "incidents", ["told"], unique=False)
    op.create_index("ix_incidents_by_destination", "incidents", ["destination", "last_seen"], unique=False)
    op.create_index("ix_incidents_by_kind", "incidents", ["kind", "last_seen"], unique=False)
    op.create_index("ix_incidents_by_kind_and_verdict", "incidents", ["kind", "verdict", "last_seen"], unique=False)
    op.create_index(
        "ix_incidents_by_model", "incidents", ["shown", "model_version", "verdict", "first_told"], unique=False
    )
    op.create_index("ix_incidents_by_place", "incidents", ["place"], unique=False)
    op.create_index("ix_incidents_by_risk", "incidents", ["shown", "risk", "severity", "last_seen", "id"], unique=False)
    op.create_index("ix_incidents_by_source", "incidents", ["source", "last_seen"], unique=False)
    op.create_index("ix_incidents_by_state", "incidents", ["shown", "state", "last_seen", "id"], unique=False)
    op.create_index(
        "ix_incidents_by_telling", "incidents", ["shown", "first_told", "suppressed", "model_version"], unique=False
    )
    op.create_index("ix_incidents_by_time", "incidents", ["shown", "last_seen", "id"], unique=False)
    op.create_index("ix_incidents_by_verdict", "incidents", ["verdict", "said_at"], unique=False)
    op.create_index(op.f("ix_incidents_whole"), "incidents", ["whole"], unique=False)
    op.create_table(
        "labels",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="SHA-256 of it: an id may be used twice"),
        sa.Column("subject", sa.Text(), nullable=False, comment="what it is of, as JSON; of a withdrawal empty"),
        sa.Column("subject_digest", sa.String(length=64), nullable=False, comment="SHA-256 of that; else empty"),
        sa.Column("of", sa.String(length=8), nullable=False, comment="incident, alert, flows; of a withdrawal empty"),
        sa.Column("of_id", sa.String(length=64), nullable=False, comment="of the incident or alert; else empty"),
        sa.Column("verdict", sa.String(length=8), nullable=True, comment="null: a withdrawal"),
        sa.Column("withdraws", sa.String(length=200), nullable=True),
        sa.Column("said_by", sa.String(length=200), nullable=False),
        sa.Column("said_at", sa.Double(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("model_version", sa.String(length=200), nullable=False, comment="empty where not told"),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("came", sa.Double(), nullable=False, comment="when, by the broker's clock; of our own, by ours"),
        sa.Column("place", sa.BigInteger(), nullable=True, comment="in its partition; null: not read back yet"),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_labels")),
        sa.UniqueConstraint("id", "digest", name=op.f("uq_labels_id_digest")),
    )
    op.create_index("ix_labels_by_time", "labels", ["said_at"], unique=False)
    op.create_index(op.f("ix_labels_of_id"), "labels", ["of_id"], unique=False)
    op.create_index(op.f("ix_labels_subject_digest"), "labels", ["subject_digest"], unique=False)
    op.create_index(op.f("ix_labels_withdraws"), "labels", ["withdraws"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="the order"),
        sa.Column("channel", sa.String(length=16), nullable=False, comment="feedback or suppressions"),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=True, comment="null: a deletion"),
        sa.Column("created", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_outbox")),
    )
    op.create_table(
        "positions",
        sa.Column("topic", sa.String(length=200), nullable=False),
        sa.Column("partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "next", sa.BigInteger(), nullable=False, comment="the offset to go on from, as of the rows beside it"
        ),
        sa.PrimaryKeyConstraint("topic", "partition", name=op.f("pk_positions")),
    )
    op.create_table(
        "risks",
        sa.Column("host", sa.String(length=64), nullable=False),
        sa.Column("partition", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("risk", sa.Double(), nullable=False, comment="as of then; it fades"),
        sa.Column("as_of", sa.Double(), nullable=False),
        sa.Column("rank", sa.Double(), nullable=False, comment="orders by what is left of the risk at any time"),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("host", "partition", name=op.f("pk_risks")),
    )
    op.create_index(op.f("ix_risks_as_of"), "risks", ["as_of"], unique=False)
    op.create_index(op.f("ix_risks_rank"), "risks", ["rank"], unique=False)
    op.create_table(
        "suppressions",
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("scope", sa.String(length=12), nullable=False),
        sa.Column("words", sa.Text(), nullable=False, comment="what it is of"),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.Column("removed", sa.Double(), nullable=True, comment="when it was taken away before its end"),
        sa.Column("place", sa.BigInteger(), nullable=True, comment="in its partition; null: not read back yet"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppressions")),
    )
    op.create_index(op.f("ix_suppressions_expires"), "suppressions", ["expires"], unique=False)
