"""What an alert's document holds: each field with its type and meaning, in OCSF's shape and in ECS's.

Both are written and read by these types; the JSON Schemas and the reference page are made from them. A field that is
``UNSET`` is not in the document: what is not known is left out, never null. Whoever reads alerts needs nothing else of
this package.

Of OCSF an alert is a Detection Finding (class 2004, schema 1.8.0, schema.ocsf.io). What neither OCSF nor ECS has a
field for is under ``unmapped.oddflow`` or ``oddflow``; how much of that there is tells :data:`Detail`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Struct, UnsetType, field

from detector.alerts.attack import Attack, Threat
from detector.alerts.fields import Count, Id, Port, Positive, Risk, Share, Time, said

ALERT_VERSION = 2
"""Of the part that is ours; rises when a field changes its meaning or goes away, not when one is added."""

OCSF_VERSION: Literal["1.8.0"] = "1.8.0"

ECS_VERSION: Literal["9.4.0"] = "9.4.0"

MOST_BYTES = 2_048
"""Of an alert in the two lesser details. Its numbers go in as far as they fit, those beyond what is usual first; only
texts of the record can make it longer."""

DIGEST_SIGNS = 16
"""Of the model's digest, how many hexadecimal digits stand in an alert."""

Detail = Literal["standard", "numbers", "vector", "features"]
"""What an alert holds beyond the standard's own fields: nothing; score and p-value; all that it was decided by, with
the row of features that scores the same again; and what those features that weighed most add to the score."""

DETAILS: tuple[Detail, ...] = ("standard", "numbers", "vector", "features")
"""From the least to the most; each holds what the ones before it do."""

SeverityId = Annotated[Literal[2, 3, 4, 5], said("2 low, 3 medium, 4 high, 5 critical: the band that the risk is in.")]
SeverityWord = Annotated[Literal["Low", "Medium", "High", "Critical"], said("The same in a word.")]
Word = Literal["low", "medium", "high", "critical"]
EcsSeverity = Literal[21, 47, 73, 99]
RiskLevelId = Annotated[Literal[1, 2, 3, 4], said("The same band in OCSF's numbers of risk: 1 low to 4 critical.")]
ConfidenceId = Annotated[
    Literal[0, 1, 2, 3], said("How sure the kind of its incident is: 0 unknown, 1 possible, 2 likely, 3 sure.")
]
RiskScore = Annotated[Risk, said("How much it matters, 0 to 100.")]


# --- ours, in both shapes ---------------------------------------------------------------------------------------------


class Cut(Struct, frozen=True, gc=False):
    """A text that is not whole."""

    field: Annotated[str, said("Which: the flow's column.")]
    bytes: Annotated[Count, said("How long it was.", "bytes")]
    sha256: Annotated[str, said("Of the whole.")]


class Weight(Struct, frozen=True, gc=False):
    """A feature that made the flow odd, with ``alerts.detail = "features"``."""

    name: Annotated[str, said("Of the feature: see the glossary.")]
    value: Annotated[float, said("Its value, exact as float32.")]
    contribution: Annotated[float, said("What it adds to `explanation.base`, of the sum that `explanation.output` is.")]
    usual_low: Annotated[float, said("99 of 100 flows of training lie from here …")]
    usual_high: Annotated[float, said("… to here.")]
    deviation: Annotated[
        Literal["high", "low", "usual"], said("Where the value lies; `usual`: odd only together with others.")
    ]


class Sum(Struct, frozen=True, gc=False):
    """What is explained."""

    quantity: Annotated[str, said("Such as `path_length`: what the model adds up.")]
    base: Annotated[float, said("Where it begins.")]
    output: Annotated[float, said("`base` and the contributions of all features.")]


class Decided(Struct, kw_only=True, gc=False):
    """What an alert was decided by, and what of it no standard has a field for."""

    alert_version: Annotated[Positive, said("Of this part; rises when a field changes its meaning or goes away.")] = (
        ALERT_VERSION
    )
    score: Annotated[float, said("By the model: the higher, the odder.")]
    p_value: Annotated[Share, said("Share of calibration's flows that scored as high; a counted one.")]
    threshold: Annotated[
        float | UnsetType, said("The score from which the flow would have been raised by its score alone.")
    ] = UNSET
    surprise: Annotated[float | UnsetType, said("−ln of the p-value, continued beyond what was counted.")] = UNSET
    evidence: Annotated[float | UnsetType, said("Persistence: surprise added up over flows of its target.")] = UNSET
    breadth: Annotated[float | UnsetType, said("Fan-out: surprise of new targets, added up.")] = UNSET
    regularity: Annotated[
        float | UnsetType, said("Beaconing: how regularly its pair calls, as it never did and few others do.")
    ] = UNSET
    reach: Annotated[
        float | UnsetType, said("Lateral movement: what its source begins to administer, as hosts of its kind do not.")
    ] = UNSET
    volume: Annotated[
        float | UnsetType,
        said("Transfer and persistence: how few young pairs send, connect or stay as much as its own."),
    ] = UNSET
    false_incidents_per_day: Annotated[
        float | UnsetType, said("The budget that just raises it: how often benign traffic is as odd.", "per day")
    ] = UNSET
    cut: Annotated[
        list[Cut] | UnsetType, said("Texts of the record that were longer than `output.max_text_bytes`.")
    ] = UNSET
    allowed: Annotated[
        str | UnsetType, said("Why it is no risk, where the allow-list says so: until when, and the reason.")
    ] = UNSET
    suppressed_by: Annotated[
        str | UnsetType, said("The id of the suppression that hides it; nobody is to be told.")
    ] = UNSET
    model_sha256: Annotated[str | UnsetType, said("The whole digest of the model's bundle.")] = UNSET
    features_sha256: Annotated[
        str | UnsetType, said("Of the features' names and definitions: what `vector` is of.")
    ] = UNSET
    vector: Annotated[
        str | UnsetType, said("The row of features as little-endian float32 in base64: it gives `score` again.")
    ] = UNSET
    features: Annotated[list[Weight] | UnsetType, said("Those that weighed most, the first the most.")] = UNSET
    explanation: Annotated[Sum | UnsetType, said("What the contributions add up to.")] = UNSET
    model_kind: Annotated[str | UnsetType, said("The model's kind, such as `ensemble`.")] = UNSET


# --- OCSF -------------------------------------------------------------------------------------------------------------


class Product(Struct, frozen=True, kw_only=True, gc=False):
    """Who tells it."""

    name: Literal["oddflow"] = "oddflow"
    version: Annotated[str, said("Of oddflow.")]


class Metadata(Struct, kw_only=True, gc=False):
    """About the document."""

    version: Annotated[Literal["1.8.0"], said("Of OCSF.")] = OCSF_VERSION
    uid: Annotated[Id, said("The alert's id: `uuid5` of `log_source/original_event_uid`.")]
    correlation_uid: Annotated[Id | UnsetType, said("The id of its incident.")] = UNSET
    product: Annotated[Product, said("Who tells it.")]
    log_source: Annotated[str, said("The topic, or file, that the record is in.")]
    original_event_uid: Annotated[
        str, said("Where in it: `partition/offset`, and `/part` in a message that holds several records.")
    ]


class Analytic(Struct, frozen=True, kw_only=True, gc=False):
    """The model."""

    name: Annotated[str, said("Of the model.")]
    uid: Annotated[str, said("The first 16 digits of its bundle's digest, SHA-256.")]
    version: Annotated[str, said("Of the model.")]
    type_id: Annotated[Literal[4], said("Learning (ML/DL).")] = 4


class FindingInfo(Struct, kw_only=True, gc=False):
    """What was found."""

    uid: Annotated[Id, said("The alert's id.")]
    title: Annotated[str, said("With the kind of its incident, as far as that was known and is not `other`.")]
    types: Annotated[list[str] | UnsetType, said("The kind of its incident, as far as that was known.")] = UNSET
    attacks: Annotated[list[Attack] | UnsetType, said("What that kind is known by first of all, MITRE ATT&CK.")] = UNSET
    analytic: Annotated[Analytic, said("The model that found it.")]
    related_events_count: Annotated[Positive | UnsetType, said("How many alerts its incident had, with this one.")] = (
        UNSET
    )


class Observable(Struct, frozen=True, kw_only=True, gc=False):
    """Something to look for elsewhere."""

    type_id: Annotated[Literal[2], said("An IP address.")] = 2
    value: Annotated[str, said("The address.")]


class Endpoint(Struct, frozen=True, kw_only=True, gc=False):
    """One side of the flow."""

    ip: Annotated[str, said("IPv4 or IPv6.")]
    port: Annotated[Port | UnsetType, said("Left out where the protocol has none; of ICMP type and code.")] = UNSET
    name: Annotated[str | UnsetType, said("Its name and role, where the file of assets knows it.")] = UNSET
    svc_name: Annotated[str | UnsetType, said("The application protocol, where the record tells.")] = UNSET


class Connection(Struct, kw_only=True, gc=False):
    """How the two were connected."""

    direction_id: Annotated[
        Literal[1, 2, 3, 99], said("1 inbound, 2 outbound, 3 lateral, 99 external, by the addresses, as thresholds go.")
    ]
    direction: Annotated[Literal["External"] | UnsetType, said("What 99 stands for.")] = UNSET
    protocol_name: Annotated[str, said("Such as tcp.")]
    protocol_num: Annotated[Count | UnsetType, said("IANA's number.")] = UNSET
    protocol_ver_id: Annotated[Literal[4, 6], said("Of IP.")]
    community_uid: Annotated[str | UnsetType, said("Community ID v1: the same in Zeek, Suricata and Wireshark.")] = (
        UNSET
    )
    uid: Annotated[str | UnsetType, said("The record's own id of the flow.")] = UNSET


class FlowData(Struct, kw_only=True, gc=False):
    """What the record says of the flow and OCSF has no attribute for; the record has the rest."""

    src_bytes: Annotated[int | UnsetType, said("Sent by the source.", "bytes")] = UNSET
    dst_bytes: Annotated[int | UnsetType, said("Sent by the destination.", "bytes")] = UNSET
    src_packets: Annotated[int | UnsetType, said("Sent by the source.", "packets")] = UNSET
    dst_packets: Annotated[int | UnsetType, said("Sent by the destination.", "packets")] = UNSET
    state: Annotated[str | UnsetType, said("How the connection went, in Zeek's words where they fit.")] = UNSET


class Evidence(Struct, kw_only=True, gc=False):
    """The flow."""

    src_endpoint: Annotated[Endpoint, said("Who began it.")]
    dst_endpoint: Annotated[Endpoint, said("With whom.")]
    connection_info: Annotated[Connection, said("How.")]
    data: Annotated[FlowData | UnsetType, said("How much.")] = UNSET


class Timespan(Struct, frozen=True, gc=False):
    """How long it was counted."""

    duration: Annotated[Count, said("What the number was counted over; such a count is an approximate one.", "ms")]


class Observation(Struct, frozen=True, gc=False):
    """A number with its unit."""

    value: Annotated[str, said("Number and unit, such as `410 flows`; of a baseline after `at most` or `at least`.")]
    timespan: Annotated[Timespan | UnsetType, said("Over how long, where it was counted over time.")] = UNSET


class Anomaly(Struct, frozen=True, kw_only=True, gc=False):
    """A number of the sentence."""

    observation_parameter: Annotated[str, said("What it is of.")]
    observed_pattern: Annotated[
        Literal["HIGH", "LOW"] | UnsetType, said("On which side of the baseline it is, where there is one.")
    ] = UNSET
    observations: Annotated[list[Observation], said("The number.")]


class Baseline(Struct, frozen=True, kw_only=True, gc=False):
    """What is usual for one of the numbers: 99 of 100 flows of training are within."""

    observation_parameter: Annotated[str, said("Which number.")]
    observations: Annotated[list[Observation], said("The bound that it is beyond.")]


class Target(Struct, frozen=True, kw_only=True, gc=False):
    """What was looked at."""

    name: Annotated[str, said("Of an alert its source, of an incident what it is called.")]


class Analysis(Struct, kw_only=True, gc=False):
    """Why: numbers of the sentence as they stand there."""

    analysis_targets: Annotated[list[Target], said("Whose flow.")]
    anomalies: Annotated[list[Anomaly], said("The numbers, in the sentence's order, as far as they fit.")]
    baselines: Annotated[list[Baseline] | UnsetType, said("What is usual, of the numbers that are beyond it.")] = UNSET


class Unmapped(Struct, gc=False):
    """What OCSF has no attribute for."""

    oddflow: Annotated[Decided, said("What the alert was decided by.")]


class Alert(Struct, kw_only=True, gc=False):
    """An alert: OCSF 1.8.0 Detection Finding."""

    class_uid: Annotated[Literal[2004], said("Detection Finding.")] = 2004
    category_uid: Annotated[Literal[2], said("Findings.")] = 2
    activity_id: Annotated[Literal[1], said("Create: alerts are never changed.")] = 1
    type_uid: Annotated[Literal[200401], said("Detection Finding: Create.")] = 200401
    time: Annotated[Time, said("The broker's timestamp of the record, or the flow's start where there is none.")]
    start_time: Annotated[Time, said("Start of the flow.")]
    end_time: Annotated[Time, said("End of the flow.")]
    severity_id: SeverityId
    severity: SeverityWord
    status_id: Annotated[Literal[1, 3], said("1 new; 3 suppressed: nobody is to be told.")] = 1
    status_detail: Annotated[str | UnsetType, said("The id of the suppression that hides it.")] = UNSET
    is_alert: Annotated[bool, said("Whether it is not suppressed.")] = True
    message: Annotated[str, said("One sentence: who did what to whom, what of it is unusual, how rare that is.")]
    confidence_id: ConfidenceId
    risk_score: RiskScore
    risk_level_id: RiskLevelId
    risk_details: Annotated[
        str | UnsetType,
        said("What makes it so severe besides its rarity, which the message tells; left out where nothing does."),
    ] = UNSET
    metadata: Annotated[Metadata, said("About the document, and where the record is.")]
    finding_info: Annotated[FindingInfo, said("What was found.")]
    observables: Annotated[list[Observable], said("Both addresses.")]
    evidences: Annotated[list[Evidence], said("The flow.")]
    anomaly_analyses: Annotated[
        list[Analysis] | UnsetType, said("The numbers of the sentence beside what is usual.")
    ] = UNSET
    unmapped: Annotated[Unmapped | UnsetType, said('Left out with `alerts.detail = "standard"`.')] = UNSET


# --- ECS --------------------------------------------------------------------------------------------------------------


class EcsVersion(Struct, frozen=True):
    """Which ECS."""

    version: Annotated[Literal["9.4.0"], said("Of ECS.")] = ECS_VERSION


class EcsEvent(Struct, kw_only=True, gc=False):
    """About the event."""

    id: Annotated[Id, said("The alert's id.")]
    kind: Annotated[Literal["alert", "event"], said("`event` where a suppression hides it: nobody is to be told.")] = (
        "alert"
    )
    category: Annotated[list[Literal["network"]], said("Always network.")]
    type: Annotated[list[Literal["info"]], said("Always info.")]
    module: Literal["oddflow"] = "oddflow"
    dataset: Literal["oddflow.alerts"] = "oddflow.alerts"
    severity: Annotated[
        Literal[21, 47, 73, 99], said("In the numbers of Elastic's rules: low, medium, high, critical.")
    ]
    risk_score: RiskScore
    start: Annotated[str, said("Start of the flow.")]
    end: Annotated[str, said("End of the flow.")]
    duration: Annotated[Count | UnsetType, said("Of the flow, where the record tells.", "ns")] = UNSET


class Observer(Struct, frozen=True, kw_only=True, gc=False):
    """Who tells it."""

    vendor: Literal["oddflow"] = "oddflow"
    product: Literal["oddflow"] = "oddflow"
    version: Annotated[str, said("Of oddflow.")]
    type: Literal["ids"] = "ids"


class EcsEndpoint(Struct, kw_only=True, gc=False):
    """One side of the flow."""

    ip: Annotated[str, said("IPv4 or IPv6.")]
    port: Annotated[Port | UnsetType, said("Left out where the protocol has none; of ICMP type and code.")] = UNSET
    bytes: Annotated[int | UnsetType, said("Sent by it.", "bytes")] = UNSET
    packets: Annotated[int | UnsetType, said("Sent by it.", "packets")] = UNSET


class EcsNetwork(Struct, kw_only=True, gc=False):
    """How the two were connected."""

    transport: Annotated[str, said("Such as tcp.")]
    type: Annotated[Literal["ipv4", "ipv6"], said("Of IP.")]
    iana_number: Annotated[str | UnsetType, said("IANA's number of the transport.")] = UNSET
    protocol: Annotated[str | UnsetType, said("The application protocol, where the record tells.")] = UNSET
    direction: Annotated[str, said("inbound, outbound, internal or external: by the addresses, as thresholds go.")]
    community_id: Annotated[str | UnsetType, said("Community ID v1: the same in Zeek, Suricata and Wireshark.")] = UNSET


class Related(Struct, frozen=True, gc=False):
    """What to look for elsewhere."""

    ip: Annotated[list[str], said("All addresses.")]


class EcsRule(Struct, frozen=True, kw_only=True, gc=False):
    """What raised it."""

    name: Annotated[str, said("The kind of its incident as far as that was known; `unusual flow` for none or `other`.")]
    ruleset: Annotated[str, said("The model's name.")]
    version: Annotated[str, said("The model's version.")]
    uuid: Annotated[str, said("The first 16 digits of its bundle's digest, SHA-256.")]


class Fact(Struct, kw_only=True, gc=False):
    """A number of the sentence, as it stands there."""

    what: Annotated[str, said("What it is of.")]
    value: Annotated[float, said("The number.")]
    unit: Annotated[str, said("Its unit.")]
    usual_most: Annotated[
        float | UnsetType, said("It is above this, within which 99 of 100 flows of training are.")
    ] = UNSET
    usual_least: Annotated[float | UnsetType, said("Likewise, it is below this.")] = UNSET
    window_s: Annotated[
        float | UnsetType, said("What it was counted over; such a count is an approximate one.", "s")
    ] = UNSET


class EcsIncident(Struct, frozen=True, kw_only=True, gc=False):
    """The incident that an alert belongs to."""

    id: Annotated[Id, said("Of the incident.")]
    alerts: Annotated[Positive, said("How many alerts it had, with this one.")]


class EcsRecord(Struct, kw_only=True, gc=False):
    """Where the record is, and what of it ECS has no field for."""

    topic: Annotated[str, said("The topic, or file, that it is in.")]
    partition: Annotated[Count, said("Of the topic.")]
    offset: Annotated[Count, said("In the partition.")]
    part: Annotated[Count | UnsetType, said("Its place in a message that holds several.")] = UNSET
    uid: Annotated[str | UnsetType, said("Its own id of the flow.")] = UNSET
    state: Annotated[str | UnsetType, said("How the connection went, in Zeek's words where they fit.")] = UNSET


class EcsDecided(Decided, kw_only=True, gc=False):
    """What ECS has no field for."""

    severity: Annotated[Word, said("The band that the risk is in.")]
    severity_why: Annotated[
        str | UnsetType,
        said("What makes it so severe besides its rarity, which the message tells; left out where nothing does."),
    ] = UNSET
    confidence: Annotated[
        Literal["sure", "likely", "possible", "unknown"], said("How sure the kind of its incident is.")
    ]
    assets: Annotated[
        dict[str, str] | UnsetType, said("By address, name and role of those hosts that the file of assets knows.")
    ] = UNSET
    incident: Annotated[EcsIncident | UnsetType, said("The incident that it belongs to.")] = UNSET
    record: Annotated[EcsRecord, said("Where the record is.")]
    facts: Annotated[
        list[Fact] | UnsetType, said("Numbers of the sentence as they stand there, in its order, as far as they fit.")
    ] = UNSET


class EcsAlert(Struct, kw_only=True, gc=False):
    """An alert in the Elastic Common Schema 9.4."""

    timestamp: Annotated[
        str, said("The broker's timestamp of the record, or the flow's start where there is none.")
    ] = field(name="@timestamp")
    ecs: Annotated[EcsVersion, said("Which ECS.")]
    event: Annotated[EcsEvent, said("About the event.")]
    message: Annotated[str, said("One sentence: who did what to whom, what of it is unusual, how rare that is.")]
    observer: Annotated[Observer, said("Who tells it.")]
    source: Annotated[EcsEndpoint, said("Who began the flow.")]
    destination: Annotated[EcsEndpoint, said("With whom.")]
    network: Annotated[EcsNetwork, said("How.")]
    related: Annotated[Related, said("Both addresses.")]
    rule: Annotated[EcsRule, said("What raised it.")]
    threat: Annotated[Threat | UnsetType, said("What the kind of its incident is known by.")] = UNSET
    oddflow: Annotated[EcsDecided | UnsetType, said('Left out with `alerts.detail = "standard"`.')] = UNSET
