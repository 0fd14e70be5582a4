"""What an incident's document holds: each field with its type and meaning, in OCSF's shape and in ECS's.

Both are written by these types, as alerts are by :mod:`detector.alerts.contract`; schemas and reference page are made
from them. Each document tells the whole incident as it was then; the one with the highest ``revision`` is the latest.

Of OCSF an incident is a Detection Finding with the profile *incident*, and not an Incident Finding: that demands an
assignee or a group in each document, and nobody is assigned when an incident opens.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Struct, UnsetType, field

from detector.alerts.attack import Attack, Threat
from detector.alerts.contract import (
    OCSF_VERSION,
    Analysis,
    ConfidenceId,
    EcsVersion,
    Endpoint,
    Fact,
    Observable,
    Observer,
    Product,
    Related,
    RiskLevelId,
    RiskScore,
    SeverityId,
    SeverityWord,
)
from detector.alerts.fields import Count, Id, Port, Positive, Risk, Share, Time, said
from detector.incidents.incident import FIRST_FLOWS, LISTED, MAX_DISTINCT, STRONGEST

INCIDENT_VERSION = 3
"""Of the part that is ours; rises when a field changes its meaning or goes away, not when one is added."""

SECONDS = "s since 1970"

_LISTED = f"Those with the most alerts, at most {LISTED}; see `counts`."


class Distinct(Struct, frozen=True, gc=False):
    """How many different ones there were."""

    distinct: Annotated[Count, said(f"Counted to {MAX_DISTINCT:,}.")]
    or_more: Annotated[bool, said("Whether there may be more.")]


class Counts(Struct, frozen=True, gc=False):
    """Distinct values among its alerts."""

    sources: Annotated[Distinct, said("Source addresses.")]
    destinations: Annotated[Distinct, said("Destination addresses.")]
    ports: Annotated[Distinct, said("Destination ports.")]
    answered: Annotated[Distinct, said("What answered: address, port and protocol.")]


class Strong(Struct, frozen=True, kw_only=True, gc=False):
    """One of the rarest alerts."""

    alert: Annotated[Id, said("Its id.")]
    score: Annotated[float, said("Its score.")]
    decades: Annotated[float, said("By how many powers of ten it is rarer than the budget asks.")] = 0.0
    view: Annotated[str | UnsetType, said("The way by which it is oddest, such as `evidence`.")] = UNSET
    ts: Annotated[float, said("Start of its flow.", SECONDS)]
    src_ip: Annotated[str, said("The source's address.")]
    dst_ip: Annotated[str, said("The destination's address.")]
    dst_port: Annotated[Port | UnsetType, said("Left out where the protocol has none.")] = UNSET
    proto: Annotated[str, said("Such as tcp.")]
    why: Annotated[str, said("Its sentence.")]


class Place(Struct, frozen=True, kw_only=True, gc=False):
    """Where a record is."""

    alert: Annotated[Id, said("The id of its alert.")]
    topic: Annotated[str, said("The topic, or file, that it is in.")]
    partition: Annotated[Count, said("Of the topic.")]
    offset: Annotated[Count, said("In the partition.")]
    part: Annotated[Count | UnsetType, said("Its place in a message that holds several.")] = UNSET
    uid: Annotated[str | UnsetType, said("Its own id of the flow.")] = UNSET


class Ours(Struct, kw_only=True, gc=False):
    """What no standard has a field for, and the whole in one place."""

    incident_version: Annotated[
        Positive, said("Of this part; rises when a field changes its meaning or goes away.")
    ] = INCIDENT_VERSION
    id: Annotated[Id, said("`uuid5` of its first alert's id; the key of its messages.")]
    revision: Annotated[Positive, said("The highest one is the latest.")]
    step: Annotated[Literal["open", "update", "close"], said("What is told.")]
    severity: Annotated[
        Literal["low", "medium", "high", "critical"] | UnsetType, said("ECS alone: the risk's band.")
    ] = UNSET
    kind: Annotated[str, said("What it looks like: see the guide to the kinds.")]
    rule: Annotated[str, said("Why it is called so.")]
    confidence: Annotated[Literal["sure", "likely", "possible", "unknown"], said("How sure the kind is.")]
    headline: Annotated[str, said("Who did what to whom.")]
    size: Annotated[str, said("How much of it, in counts, time and bytes.")]
    facts: Annotated[
        list[Fact], said("The numbers of headline, size, what answered and first contact, in their order.")
    ]
    check: Annotated[tuple[str, ...], said("What to look at, in this order.")]
    innocent: Annotated[tuple[str, ...], said("Usual causes that are no attack.")]
    tactic: Annotated[str | UnsetType, said("Id of MITRE ATT&CK; left out where the kind has none.")] = UNSET
    techniques: Annotated[list[str], said("Ids of MITRE ATT&CK, the chief one first.")]
    focus: Annotated[Literal["both", "source", "destination"], said("What all its alerts have in common.")]
    alerts: Annotated[Positive, said("How many.")]
    counts: Annotated[Counts, said("Distinct values among its alerts.")]
    first_seen: Annotated[float, said("Start of its first flow.", SECONDS)]
    last_seen: Annotated[float, said("End of its last flow.", SECONDS)]
    risk: Annotated[Risk, said("How much it matters, 0 to 100.")]
    severity_why: Annotated[str, said("What makes it so severe, in a few words.")]
    peak_score: Annotated[float, said("The highest score among its alerts.")]
    lowest_p_value: Annotated[Share, said("The lowest p-value among its alerts.")]
    sources: Annotated[list[str], said(_LISTED)]
    destinations: Annotated[list[str], said(_LISTED)]
    ports: Annotated[list[Port], said(_LISTED)]
    answered: Annotated[list[str], said(f"What answered, such as `10.0.0.1 port 443/tcp`. {_LISTED}")]
    unanswered_share: Annotated[Share, said("Share of its flows that got no answer or were never established.")]
    src_bytes: Annotated[Count, said("Sent by the sources of its flows.", "bytes")]
    dst_bytes: Annotated[Count, said("Sent back.", "bytes")]
    longest_s: Annotated[float, said("The longest flow that was answered.", "s")]
    strongest: Annotated[
        list[Strong],
        said(f"The rarest alerts, one of each destination and port, at most {STRONGEST}."),
    ]
    flows: Annotated[list[Place], said(f"Where the records of its first flows are, at most {FIRST_FLOWS}.")]
    model_versions: Annotated[list[str], said("That raised its alerts.")]
    merged_into: Annotated[
        Id | UnsetType, said("The incident that it turned out to be part of, where it was closed for that.")
    ] = UNSET
    worked: Annotated[str | UnsetType, said("What answered, in words; left out where nothing did.")] = UNSET
    first_contact: Annotated[
        str | UnsetType, said("How much was between addresses new to each other; left out where not known, or none.")
    ] = UNSET
    assets: Annotated[
        dict[str, str] | UnsetType, said("By address, name and role of those hosts that the file of assets knows.")
    ] = UNSET
    allowed: Annotated[
        Literal[True] | UnsetType, said("It is no risk: the allow-list covers it all; `severity_why` says why.")
    ] = UNSET
    suppressed_by: Annotated[
        list[str] | UnsetType, said("The ids of the suppressions that hide all of it; nobody is to be told.")
    ] = UNSET


# --- OCSF -------------------------------------------------------------------------------------------------------------


class Metadata(Struct, kw_only=True, gc=False):
    """About the document."""

    version: Annotated[Literal["1.8.0"], said("Of OCSF.")] = OCSF_VERSION
    profiles: Annotated[list[Literal["incident"]], said("What tells an incident from an alert, which has none.")]
    uid: Annotated[str, said("The incident's id and the revision.")]
    correlation_uid: Annotated[Id, said("The incident's id, as its alerts have it.")]
    sequence: Annotated[Positive, said("The revision.")]
    product: Annotated[Product, said("Who tells it.")]


class Analytic(Struct, frozen=True, kw_only=True, gc=False):
    """The rule that named it."""

    name: Annotated[str, said("The kind.")]
    desc: Annotated[str, said("What it asks for.")]
    type_id: Annotated[Literal[1], said("Rule.")] = 1


class RelatedEvent(Struct, frozen=True, kw_only=True, gc=False):
    """One of its strongest alerts."""

    uid: Annotated[Id, said("The alert's id.")]
    type_uid: Annotated[Literal[200401], said("Detection Finding: Create.")] = 200401
    title: Annotated[str, said("Which flow.")]
    desc: Annotated[str, said("Its sentence.")]


class FindingInfo(Struct, kw_only=True, gc=False):
    """What was found."""

    uid: Annotated[Id, said("The incident's id.")]
    title: Annotated[str, said("Who did what to whom.")]
    desc: Annotated[str, said("And how much of it, what answered, first contact.")]
    types: Annotated[list[str], said("The kind.")]
    analytic: Annotated[Analytic, said("The rule that named it.")]
    attacks: Annotated[list[Attack] | UnsetType, said("The techniques that the kind is known by, MITRE ATT&CK.")] = (
        UNSET
    )
    first_seen_time: Annotated[Time, said("Start of its first flow.")]
    last_seen_time: Annotated[Time, said("End of its last flow.")]
    related_events: Annotated[list[RelatedEvent], said("Its strongest alerts.")]
    related_events_count: Annotated[Positive, said("How many alerts it has.")]


class Evidence(Struct, frozen=True, kw_only=True, gc=False):
    """The flow of one of the strongest alerts."""

    src_endpoint: Annotated[Endpoint, said("Who began it.")]
    dst_endpoint: Annotated[Endpoint, said("With whom.")]


class Unmapped(Struct, gc=False):
    """What OCSF has no attribute for."""

    oddflow: Annotated[Ours, said("And the whole in one place.")]


class Finding(Struct, kw_only=True, gc=False):
    """An incident: OCSF 1.8.0 Detection Finding with the profile incident."""

    class_uid: Annotated[Literal[2004], said("Detection Finding.")] = 2004
    class_name: Literal["Detection Finding"] = "Detection Finding"
    category_uid: Annotated[Literal[2], said("Findings.")] = 2
    category_name: Literal["Findings"] = "Findings"
    activity_id: Annotated[Literal[1, 2, 3], said("1 create, 2 update, 3 close.")]
    activity_name: Annotated[Literal["Create", "Update", "Close"], said("The same in a word.")]
    type_uid: Annotated[Literal[200401, 200402, 200403], said("The class and the activity.")]
    type_name: Annotated[str, said("The same in words.")]
    time: Annotated[Time, said("End of its last flow.")]
    start_time: Annotated[Time, said("Start of its first flow.")]
    end_time: Annotated[Time, said("End of its last flow.")]
    count: Annotated[Positive, said("Alerts.")]
    severity_id: SeverityId
    severity: SeverityWord
    status_id: Annotated[
        Literal[1, 3, 99],
        said(
            "1: nobody has looked at it, as far as is known here; 3: a suppression hides it, and nobody is to be told;"
            " 99: it became part of another."
        ),
    ]
    status: Annotated[Literal["New", "Suppressed", "Merged"], said("The same in a word.")]
    is_alert: Annotated[bool, said("Whether it goes on, and is not suppressed.")]
    message: Annotated[str, said("Who did what to whom.")]
    confidence_id: ConfidenceId
    confidence: Annotated[Literal["Unknown", "Low", "Medium", "High"], said("The same in a word.")]
    risk_score: RiskScore
    risk_level_id: RiskLevelId
    risk_level: SeverityWord
    risk_details: Annotated[str, said("What makes it so severe, in a few words.")]
    metadata: Annotated[Metadata, said("About the document.")]
    finding_info: Annotated[FindingInfo, said("What was found.")]
    observables: Annotated[list[Observable], said("Its addresses: those with the most alerts.")]
    evidences: Annotated[list[Evidence], said("The flows of its strongest alerts.")]
    anomaly_analyses: Annotated[list[Analysis] | UnsetType, said("Its numbers beside what is usual.")] = UNSET
    unmapped: Annotated[Unmapped, said("The whole in one place.")]


# --- ECS --------------------------------------------------------------------------------------------------------------


class EcsEvent(Struct, kw_only=True, gc=False):
    """About the event."""

    id: Annotated[str, said("The incident's id and the revision.")]
    kind: Literal["event"] = "event"
    category: Annotated[list[Literal["network"]], said("Always network.")]
    type: Annotated[list[Literal["info", "end"]], said("`end` for a closed one.")]
    module: Literal["oddflow"] = "oddflow"
    dataset: Literal["oddflow.incidents"] = "oddflow.incidents"
    sequence: Annotated[Positive, said("The revision.")]
    severity: Annotated[
        Literal[21, 47, 73, 99], said("In the numbers of Elastic's rules: low, medium, high, critical.")
    ]
    risk_score: RiskScore
    start: Annotated[str, said("Start of its first flow.")]
    end: Annotated[str, said("End of its last flow.")]
    reason: Annotated[str, said("Who did what to whom, how much of it, what answered, first contact.")]


class EcsRule(Struct, frozen=True, kw_only=True, gc=False):
    """The rule that named it."""

    name: Annotated[str, said("The kind.")]
    description: Annotated[str, said("What it asks for.")]


class EcsIncident(Struct, kw_only=True, gc=False):
    """An incident in the Elastic Common Schema 9.4."""

    timestamp: Annotated[str, said("End of its last flow.")] = field(name="@timestamp")
    ecs: Annotated[EcsVersion, said("Which ECS.")]
    event: Annotated[EcsEvent, said("About the event.")]
    message: Annotated[str, said("Who did what to whom.")]
    observer: Annotated[Observer, said("Who tells it.")]
    related: Annotated[Related, said("Its addresses: those with the most alerts.")]
    rule: Annotated[EcsRule, said("The rule that named it.")]
    threat: Annotated[Threat | UnsetType, said("What the kind is known by.")] = UNSET
    oddflow: Annotated[Ours, said("The whole in one place.")]
