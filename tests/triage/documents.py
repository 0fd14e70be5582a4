"""Documents as topics have them, for tests of triage."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy.orm import Session

from detector.feedback.label import Of
from tests.casebook.documents import START, ocsf
from tests.feedback.labels import uid
from triage.reading import alert_of, read_incident
from triage.store.labels import new_label, say
from triage.store.put import put_alerts, put_incidents

CAME = START + 100.0
"""When documents came, in seconds since 1970; two minutes after their flows began."""


def incident(number: int, **changes: Any) -> bytes:
    """The document of an incident with this number, so many minutes after the first one."""
    given: dict[str, Any] = {
        "id": uid(number),
        "first_seen": START + 60.0 * number,
        "last_seen": START + 60.0 * number + 15.0,
        "flows": [{"alert": uid(1000 + number), "topic": "flows", "partition": 2, "offset": number, "uid": "CIy"}],
    }
    return ocsf(**given | changes)


def alert(
    number: int,
    *,
    incident: int | None = 1,
    src_ip: str = "10.0.10.17",
    dst_ip: str = "10.0.10.35",
    dst_port: int = 22,
    at: float = 0.0,
    risk: int = 91,
    features: bool = False,
    **ours: Any,
) -> bytes:
    """The document of an alert with this number, of a flow so many seconds after the start."""
    weights = [
        {
            "name": "pair_ports_60s",
            "value": 4.9,
            "contribution": 0.2,
            "usual_low": 0.0,
            "usual_high": 1.6,
            "deviation": "high",
        },
        {
            "name": "duration_log",
            "value": 0.1,
            "contribution": 0.5,
            "usual_low": 0.0,
            "usual_high": 9.0,
            "deviation": "usual",
        },
    ]
    time = int((START + at) * 1000)
    decided = {"alert_version": 2, "score": 0.8, "p_value": 0.001} | ({"features": weights} if features else {}) | ours
    return json.dumps(
        {
            "class_uid": 2004,
            "time": time,
            "start_time": time,
            "end_time": time,
            "severity_id": 5,
            "severity": "Critical",
            "status_id": 1,
            "message": f"{src_ip} → {dst_ip} {dst_port}/tcp: tried 140 ports",
            "confidence_id": 3,
            "risk_score": risk,
            "risk_level_id": 4,
            "metadata": {
                "uid": uid(number),
                **({} if incident is None else {"correlation_uid": uid(incident)}),
                "profiles": [],
                "product": {"name": "oddflow", "version": "1"},
                "log_source": "flows",
                "original_event_uid": f"2/{number}",
                "version": "1.8.0",
            },
            "finding_info": {
                "uid": uid(number),
                "title": "a port scan",
                "analytic": {"name": "flows", "uid": "0123456789abcdef", "version": "v1"},
            },
            "observables": [],
            "evidences": [
                {
                    "src_endpoint": {"ip": src_ip, "port": 40_000},
                    "dst_endpoint": {"ip": dst_ip, "port": dst_port, "svc_name": "ssh"},
                    "connection_info": {"direction_id": 3, "protocol_name": "tcp", "protocol_ver_id": 4, "uid": "C1"},
                    "data": {"src_bytes": 10, "dst_bytes": 20, "state": "S0"},
                }
            ],
            "anomaly_analyses": [
                {
                    "analysis_targets": [{"name": src_ip}],
                    "anomalies": [
                        {
                            "observation_parameter": "ports tried",
                            "observed_pattern": "HIGH",
                            "observations": [{"value": "140 ports", "timespan": {"duration": 60_000}}],
                        }
                    ],
                    "baselines": [
                        {"observation_parameter": "ports tried", "observations": [{"value": "at most 4 ports"}]}
                    ],
                }
            ],
            "unmapped": {"oddflow": decided},
        }
    ).encode()


def risk(host: str, *, partition: int = 0, risk: float = 60.0, as_of: float = START, **changes: Any) -> bytes:
    """The document of a host's risk."""
    share = {"id": uid(1), "kind": "scan", "role": "attacker", "risk": risk, "last_seen": as_of}
    given = {"host": host, "partition": partition, "as_of": as_of, "half_life_s": 86_400.0, "incidents": [share]}
    return json.dumps(given | changes).encode()


def put(session: Session, incidents: Iterable[bytes] = (), alerts: Iterable[bytes] = (), came: float = CAME) -> None:
    """Put documents into the database."""
    put_incidents(session, [read_incident(each, came) for each in incidents])
    put_alerts(session, [alert_of(each, came) for each in alerts])


def judge(session: Session, number: int, verdict: str, *, by: str = "ada", at: float = 200.0, comment: str = "") -> str:
    """Have somebody say it of an incident, so many seconds after the start; the label's id."""
    label = new_label(Of(incident=uid(number)), verdict, by, START + at, comment)
    say(session, label, START + at)
    return label.id
