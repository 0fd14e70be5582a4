"""Records of every format, as the tests of this folder use them; addresses are those set aside for documentation."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import settings

from detector.records.every_format import open_decoder
from detector.records.flow import NO_PART, FlowBatch

QUICK = settings(deadline=None, max_examples=60)
"""A kernel may have to be compiled at its first call, and the whole folder is to take seconds."""

CONN: dict[str, Any] = {
    "ts": 1700000000.25,
    "uid": "CAbc123",
    "id.orig_h": "192.0.2.1",
    "id.orig_p": 50000,
    "id.resp_h": "198.51.100.7",
    "id.resp_p": 443,
    "proto": "tcp",
    "service": "ssl",
    "duration": 1.5,
    "orig_bytes": 100,
    "resp_bytes": 2000,
    "conn_state": "SF",
    "local_orig": True,
    "local_resp": False,
    "history": "ShADadFf",
    "orig_pkts": 5,
    "resp_pkts": 6,
}

CONN_FIELDS = (
    "ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state local_orig"
    " local_resp missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents"
)

EVE: dict[str, Any] = {
    "timestamp": "2023-11-14T23:59:59.000000+0100",
    "flow_id": 445348883402532,
    "event_type": "flow",
    "src_ip": "192.0.2.1",
    "src_port": 50000,
    "dest_ip": "2001:db8::7",
    "dest_port": 443,
    "proto": "TCP",
    "app_proto": "tls",
    "flow": {
        "pkts_toserver": 5,
        "pkts_toclient": 6,
        "bytes_toserver": 100,
        "bytes_toclient": 2000,
        "start": "2023-11-14T23:13:20.250000+0100",
        "end": "2023-11-14T23:13:21.750000+0100",
        "age": 1,
        "state": "closed",
        "alerted": False,
    },
    "tcp": {"tcp_flags_ts": "1b", "tcp_flags_tc": "1b", "state": "closed"},
}

_REST = "192.0.2.1 50000 198.51.100.7 443 tcp ssl 1.5 100 2000 SF T F 0 ShADadFf 5 300 6 2200 (empty)"
TSV = [
    b"#separator \\x09",
    b"#fields\t" + CONN_FIELDS.replace(" ", "\t").encode(),
    b"1700000000.250000\tCAbc123\t" + _REST.replace(" ", "\t").encode(),
]

WHOLE_FLOW: dict[str, Any] = {
    "uid": "CAbc123",
    "ts": 1700000000.25,
    "duration_s": 1.5,
    "src_ip": "192.0.2.1",
    "src_port": 50000,
    "dst_ip": "198.51.100.7",
    "dst_port": 443,
    "proto": "tcp",
    "service": "ssl",
    "state": "SF",
    "src_bytes": 100,
    "dst_bytes": 2000,
    "src_packets": 5,
    "dst_packets": 6,
    "direction": "outbound",
}
"""What ``CONN`` and ``TSV`` say."""


def dump(record: dict[str, Any], **changes: Any) -> bytes:
    """A record as JSON, some fields changed; None leaves one out."""
    merged = {**record, **{name.replace("__", "."): value for name, value in changes.items()}}
    return json.dumps({name: value for name, value in merged.items() if value is not None}).encode()


def decode(name: str, values: list[bytes | None] | list[bytes], **options: Any) -> FlowBatch:
    """Decode by a new decoder, and check that every value is accounted for, once and in order."""
    batch = open_decoder(name, **options).decode(values)
    check(batch, len(values))
    return batch


def check(batch: FlowBatch, size: int) -> None:
    """Assert what every batch of so many messages promises."""
    parts = batch.parts
    rows = [*zip(batch.rows.tolist(), [NO_PART] * len(batch.rows) if parts is None else parts.tolist(), strict=True)]
    rejected = [(reject.row, reject.part) for reject in batch.rejects]
    assert batch.records == size or (batch.records > size and parts is not None)
    assert all(row < size for row, _ in [*rows, *rejected])
    assert rows == sorted(set(rows))
    assert rejected == sorted(set(rejected))
    assert not set(rows) & set(rejected)
    for name in ("ts", "src_ip", "dst_ip", "proto"):
        assert batch.frame[name].null_count() == 0


def reasons(batch: FlowBatch) -> list[str]:
    """The reasons of the rejects, in order."""
    return [reject.reason.value for reject in batch.rejects]
