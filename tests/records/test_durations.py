"""A negative duration, as stepped clocks make it, is the same in every format: none, of a flow that is kept."""

from __future__ import annotations

from typing import Any

import pytest

from tests.records.samples import CONN, EVE, TSV, decode, dump

MAPPED = {"ts": "ts", "src_ip": "a", "dst_ip": "b", "proto": "p"}
RECORD = {"ts": 1700000000, "a": "192.0.2.1", "b": "192.0.2.2", "p": "tcp"}
GOFLOW2 = {
    "time_flow_start_ns": 1700000001000000000,
    "time_flow_end_ns": 1700000000000000000,
    "src_addr": "192.0.2.1",
    "dst_addr": "192.0.2.2",
    "proto": "TCP",
}
CIC = [
    b"Flow ID,Src IP,Src Port,Dst IP,Dst Port,Protocol,Timestamp,Flow Duration,Label",
    b"f,192.0.2.1,1,192.0.2.2,2,6,14/11/2023 22:13:20,-7,BENIGN",
]
ARGUS = [
    b"StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State",
    b"2023/11/14 22:13:20.25,-1.5,tcp,192.0.2.1,1,->,192.0.2.2,2,CON",
]
BACKWARDS: list[tuple[str, list[bytes], dict[str, Any]]] = [
    ("zeek-json", [dump(CONN, duration=-1.5)], {}),
    ("zeek-tsv", [*TSV[:-1], TSV[-1].replace(b"\t1.5\t", b"\t-1.5\t")], {}),
    ("suricata", [dump(EVE, flow={**EVE["flow"], "end": "2023-11-14T23:13:20.000000+0100"})], {}),
    ("goflow2", [dump(GOFLOW2)], {}),
    ("argus", ARGUS, {}),
    ("cicflowmeter", CIC, {}),
    ("vpcflow", [b"2 1 eni 192.0.2.1 192.0.2.2 1 2 6 5 100 1700000060 1700000000 ACCEPT OK"], {}),
    ("mapping", [dump({**RECORD, "took": -1500})], {"mapping": {**MAPPED, "duration_s": "took in ms"}}),
    ("mapping", [dump({**RECORD, "end": 1699999999})], {"mapping": {**MAPPED, "end_ts": "end"}}),
]


@pytest.mark.parametrize(("name", "values", "options"), BACKWARDS)
def test_a_negative_duration_is_none(name: str, values: list[bytes], options: dict[str, Any]) -> None:
    """The flow is real all the same."""
    batch = decode(name, values, **options)
    assert batch.frame["duration_s"].to_list() == [None]
