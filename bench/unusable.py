"""What records cost that cannot be used, beside good ones of the same format: ``python -m bench.unusable``.

CPU seconds of this process, medians of rounds that go through everything in turn. Two ratios each, to the rate of
decoding good records: decoding alone, and with the dead letters made of what it turned away. The aim of the first is
0.5: a broken exporter, or someone who wants to hide, must not stall the rest. The last line is one JSON object.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np

from bench.decode import TSV_FIELDS, draw_conn, eve_event, tsv_line
from detector.alerts.dead_letter import dead_letters
from detector.pipeline.interpreter import tuned
from detector.records.every_format import open_decoder
from detector.records.flow import Decoder
from detector.transport.base import Envelope, RawBatch

ROUNDS = 5
RECORDS = 20_000
AIM = 0.5
_ARGUS_HEADER = b"StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes,Label"

Change = Callable[[bytes, int], bytes]


def _changes(draw: random.Random) -> dict[str, Change]:
    """What can happen to a record of any format."""

    def bytes_changed(value: bytes, at: int) -> bytes:  # noqa: ARG001 - all have one shape
        changed = bytearray(value)
        for _ in range(draw.randrange(1, 4)):
            changed[draw.randrange(len(changed))] = draw.randrange(256)
        return bytes(changed)

    def sign_changed(value: bytes, at: int) -> bytes:  # noqa: ARG001
        place = draw.randrange(len(value))
        return value[:place] + bytes([draw.randrange(32, 127)]) + value[place + 1 :]

    return {
        "good": lambda value, _: value,
        "bytes changed": bytes_changed,
        "a sign changed": sign_changed,
        "cut off": lambda value, _: value[: draw.randrange(1, len(value))],
        "not an address": lambda value, _: value.replace(b"10.0.", b"10.x."),
        "not UTF-8": lambda value, _: value + b"\xff",
        "noise": lambda value, _: draw.randbytes(len(value)),
    }


def _header(at: int) -> bytes:
    return "\t".join(["#fields", *TSV_FIELDS, f"column-{at}"]).encode()


OWN_CHANGES: dict[str, dict[str, Change]] = {
    "zeek-json": {
        "a field missing": lambda value, _: value.replace(b'"id.orig_h"', b'"orig_h"'),
        "a list": lambda value, _: b"[" + value + b"]",
    },
    "zeek-tsv": {
        "a line break": lambda value, _: value + b"\nx",
        "the same header": lambda value, _: _header(0),  # noqa: ARG005
        "other headers": lambda value, at: _header(at),  # noqa: ARG005
    },
    "suricata": {"other events": lambda value, _: value.replace(b'"flow",', b'"dns",')},
    "argus": {"letters first": lambda value, _: b"x" + value, "the same header": lambda *_: _ARGUS_HEADER},
    "vpcflow": {},
}


def samples() -> dict[str, dict[str, list[bytes]]]:
    """By format and kind: good records, and what became of them."""
    draw = random.Random(1)
    conns = [draw_conn(draw, number) for number in range(RECORDS)]
    ends = [f"{conn['id.orig_h']} {conn['id.orig_p']} {conn['id.resp_h']}".split() for conn in conns]
    good = {
        "zeek-json": [json.dumps(conn, separators=(",", ":")).encode() for conn in conns],
        "zeek-tsv": [tsv_line({**conn, "tunnel_parents": "(empty)"}) for conn in conns],
        "suricata": [eve_event(conn) for conn in conns],
        "argus": [
            f"2011/08/10 09:46:53.047277,3.182373,tcp,{src},{port},  ->,{dst},443,FSPA_FSPA,0,0,12,875,413,".encode()
            for src, port, dst in ends
        ],
        "vpcflow": [
            f"2 123456789010 eni-1235b8ca12345678 {src} {dst} {port} 443 6 20 4249 {at} {at + 60} ACCEPT OK".encode()
            for at, (src, port, dst) in enumerate(ends, 1_700_000_000)
        ],
    }
    return {
        name: {
            kind: [change(value, at) for at, value in enumerate(values)]
            for kind, change in {**_changes(draw), **OWN_CHANGES[name]}.items()
        }
        for name, values in good.items()
    }


def _spend(decoder: Decoder, values: Sequence[bytes]) -> tuple[float, float]:
    """Seconds for decoding, and for dead letters of what was turned away."""
    count = len(values)
    places = np.zeros(count, np.int32), np.arange(count), np.full(count, -1)
    raw = RawBatch("flows", list(values), *places, lambda _: Envelope(None, ()))
    start = time.process_time()
    batch = decoder.decode(values)
    between = time.process_time()
    dead_letters(raw, batch.rejects)
    return between - start, time.process_time() - between


def measure() -> dict[str, tuple[float, float]]:
    """Both ratios by format and kind."""
    runs = {(name, kind): values for name, kinds in samples().items() for kind, values in kinds.items()}
    spent: dict[tuple[str, str], list[tuple[float, float]]] = {run: [] for run in runs}
    with tuned():
        for _ in range(ROUNDS + 1):
            decoders = {name: open_decoder(name) for name, _ in runs}
            for (name, kind), values in runs.items():
                spent[name, kind].append(_spend(decoders[name], values))
    ratios: dict[str, tuple[float, float]] = {}
    for (name, kind), seconds in spent.items():
        rounds = list(zip(seconds[1:], spent[name, "good"][1:], strict=True))  # the first compiles
        alone = statistics.median(good[0] / bad[0] for bad, good in rounds)
        ratios[f"{name}: {kind}"] = round(alone, 2), round(statistics.median(g[0] / sum(b) for b, g in rounds), 2)
    return ratios


if __name__ == "__main__":
    found = measure()
    for what, (decoded, with_letters) in found.items():
        print(f"{what:28} {decoded:>6.2f} {with_letters:>6.2f}{'' if decoded >= AIM else '  below the aim'}")
    print(json.dumps(found))
