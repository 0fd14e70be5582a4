"""Records a second that decoders take from bytes to the canonical frame, on one core: ``python -m bench.decode``.

CPU seconds of this process, medians of rounds that go through all formats in turn; beside them msgspec filling a
struct with the same fields of the same Zeek JSON, without any columns, as a yardstick for the machine. The last line
is one JSON object.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable, Sequence

import msgspec

from detector.records.every_format import open_decoder

ROUNDS = 9
SIZES = (500, 5_000, 20_000)
MIDDLE = 5_000
"""Records in a batch where only one size is measured."""
SHIPPED = {
    "@timestamp": "2023-11-14T22:13:20.250Z",
    "@metadata": {"beat": "filebeat", "type": "_doc", "version": "8.17.0"},
    "agent": {"type": "filebeat", "version": "8.17.0", "name": "sensor-1"},
    "log": {"file": {"path": "/opt/zeek/logs/current/conn.log"}, "offset": 123456},
}
"""What Filebeat puts around a line."""
TSV_FIELDS = [
    "ts",
    "uid",
    "id.orig_h",
    "id.orig_p",
    "id.resp_h",
    "id.resp_p",
    "proto",
    "service",
    "duration",
    "orig_bytes",
    "resp_bytes",
    "conn_state",
    "local_orig",
    "local_resp",
    "missed_bytes",
    "history",
    "orig_pkts",
    "orig_ip_bytes",
    "resp_pkts",
    "resp_ip_bytes",
]


def draw_conn(draw: random.Random, number: int) -> dict[str, object]:
    """One of Zeek's connections."""
    values = (
        round(1700000000 + number * 0.001 + draw.random() / 1000, 6),
        f"C{draw.getrandbits(64):017x}",
        f"10.0.{draw.randrange(20)}.{draw.randrange(255)}",
        draw.randrange(65536),
        f"198.51.{draw.randrange(20)}.{draw.randrange(255)}",
        443,
        *("tcp", "ssl", round(draw.uniform(0, 10), 6), draw.randrange(100_000), draw.randrange(1_000_000), "SF"),
        *(True, False, 0, "ShADadFf", draw.randrange(100), draw.randrange(100_000), draw.randrange(100)),
        draw.randrange(1_000_000),
    )
    return dict(zip(TSV_FIELDS, values, strict=True))


def tsv_line(conn: dict[str, object]) -> bytes:
    """It as a line of Zeek's own log."""
    signs = {True: "T", False: "F"}
    return "\t".join(signs[value] if isinstance(value, bool) else str(value) for value in conn.values()).encode()


def eve_event(conn: dict[str, object]) -> bytes:
    """It as Suricata tells of a flow."""
    flow = {"pkts_toserver": conn["orig_pkts"], "pkts_toclient": conn["resp_pkts"], "age": 1, "state": "closed"}
    flow |= {"bytes_toserver": conn["orig_bytes"], "bytes_toclient": conn["resp_bytes"], "alerted": False}
    flow |= {"start": "2023-11-14T23:13:20.250000+0100", "end": "2023-11-14T23:13:21.750000+0100"}
    event = {"timestamp": flow["end"], "flow_id": 445348883402532, "event_type": "flow", "src_ip": conn["id.orig_h"]}
    event |= {"src_port": conn["id.orig_p"], "dest_ip": conn["id.resp_h"], "dest_port": 443, "proto": "TCP"}
    event |= {"app_proto": "tls", "flow": flow, "tcp": {"tcp_flags": "1b", "tcp_flags_ts": "1b", "tcp_flags_tc": "1b"}}
    return json.dumps(event, separators=(",", ":")).encode()


def _lists(values: Sequence[bytes]) -> list[bytes]:
    """The same records, fifty to a message; rates are of messages."""
    return [b"[" + b",".join(values[at : at + 50]) + b"]" for at in range(0, len(values), 50)]


def _struct_decoder() -> Callable[[Sequence[bytes]], object]:
    wanted = [name for name in TSV_FIELDS if name not in ("missed_bytes", "history", "orig_ip_bytes", "resp_ip_bytes")]
    kinds = {"ts": float, "duration": float, "local_orig": bool, "local_resp": bool}
    text = ("uid", "id.orig_h", "id.resp_h", "proto", "service", "conn_state")
    fields = [(name.replace(".", "_"), kinds.get(name, str if name in text else int)) for name in wanted]
    rename = {name.replace(".", "_"): name for name in wanted}
    decode = msgspec.json.Decoder(msgspec.defstruct("Conn", fields, rename=rename)).decode
    return lambda values: [decode(value) for value in values]


def measure() -> dict[str, float]:
    """Rates by format and batch size, records per CPU second."""
    draw = random.Random(1)
    conns = [draw_conn(draw, number) for number in range(max(SIZES))]
    samples = {
        "zeek-json": [json.dumps(conn, separators=(",", ":")).encode() for conn in conns],
        "zeek-tsv": [tsv_line({**conn, "tunnel_parents": "(empty)"}) for conn in conns],
        "suricata": [eve_event(conn) for conn in conns],
    }
    runs: dict[str, tuple[Callable[[Sequence[bytes]], object], list[bytes]]] = {
        f"{name}_{size}": (open_decoder(name).decode, values[:size])
        for name, values in samples.items()
        for size in SIZES
    }
    texts = [value.decode() for value in samples["zeek-json"][:MIDDLE]]
    packed = {
        "message": [json.dumps({**SHIPPED, "message": text}).encode() for text in texts],
        "conn": [b'{"conn": %b}' % value for value in samples["zeek-json"][:MIDDLE]],
    }
    runs |= {
        f"unpack_{path}_{MIDDLE}": (open_decoder("zeek-json", unpack=[path]).decode, values)
        for path, values in packed.items()
    }
    runs |= {"list_of_50": (open_decoder("zeek-json").decode, _lists(samples["zeek-json"][:MIDDLE]))}
    runs["msgspec_struct"] = (_struct_decoder(), samples["zeek-json"])
    spent: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS + 1):
        for name, (decode, values) in runs.items():
            start = time.process_time()
            decode(values)
            spent[name].append((time.process_time() - start) / len(values))
    return {name: round(1 / statistics.median(seconds[1:])) for name, seconds in spent.items()}  # the first compiles


if __name__ == "__main__":
    rates = measure()
    for name, rate in rates.items():
        print(f"{name:20} {rate:>10,} records/s")
    print(json.dumps(rates))
