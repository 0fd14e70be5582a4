"""What the daemon is measured against, each as well written as its kind allows, from topic to committed offset.

``usual``: kafka-python, ``json.loads``, pandas, ``score_samples`` per 500. ``single``: the same, one record at a time.
``plain``: confluent-kafka tuned as the daemon's, polars, ``score_samples`` per ``--batch``, in one loop.

Each is a process of its own and prints one JSON object: records, seconds and records per second, from the first record
in hand to the last offset committed.

usage: python -m bench.rivals {usual,single,plain} --bootstrap HOST:PORT --topic NAME --records N [--batch N]
"""

from __future__ import annotations

import argparse
import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from confluent_kafka import Consumer, Producer
from kafka import KafkaConsumer, KafkaProducer
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from detector.transport.kafka.librdkafka import consumer_properties

NUMBERS = {
    "duration": pl.Float64,
    "orig_bytes": pl.Int64,
    "resp_bytes": pl.Int64,
    "orig_pkts": pl.Int64,
    "resp_pkts": pl.Int64,
    "id.orig_p": pl.Int64,
    "id.resp_p": pl.Int64,
}
WORDS = ("proto", "service", "conn_state")
SCHEMA: dict[str, Any] = (
    NUMBERS | dict.fromkeys((*WORDS, "uid", "id.orig_h", "id.resp_h"), pl.String) | {"ts": pl.Float64}
)
PROTOS = ("tcp", "udp", "icmp")
SERVICES = ("dns", "ssl", "http", "ssh")
STATES = ("SF", "S0", "REJ", "RSTO", "OTH")
ALERTED_SHARE = 0.001


def forest(training: NDArray[np.float32]) -> tuple[IsolationForest, float]:
    """100 trees of 256, as the daemon's, and the score below which a flow is an alert."""
    fitted = IsolationForest(n_estimators=100, max_samples=256, random_state=0).fit(training)
    return fitted, float(np.quantile(fitted.score_samples(training), ALERTED_SHARE))


# --- plain ------------------------------------------------------------------------------------------------------------


def polars_features(values: list[bytes]) -> NDArray[np.float32]:
    """Nineteen columns by polars expressions, from JSON lines."""
    frame = pl.read_ndjson(b"\n".join(values), schema=SCHEMA)
    logs = [
        (pl.col(name).fill_null(0) + 1).log()
        for name in ("duration", "orig_bytes", "resp_bytes", "orig_pkts", "resp_pkts")
    ]
    ports = [pl.col("id.orig_p") / 65535, pl.col("id.resp_p") / 65535]
    words = [
        (pl.col(column) == word).fill_null(value=False)
        for column, known in (("proto", PROTOS), ("service", SERVICES), ("conn_state", STATES))
        for word in known
    ]
    columns = [
        expression.cast(pl.Float32).alias(str(place)) for place, expression in enumerate([*logs, *ports, *words])
    ]
    return frame.select(columns).to_numpy()


def plain(options: argparse.Namespace) -> tuple[int, float]:
    """One loop: consume, features, score, alert, commit."""
    consumer = Consumer(consumer_properties(_client(options)))
    producer = Producer({"bootstrap.servers": options.bootstrap, "linger.ms": 5, "acks": "all"})
    consumer.subscribe([options.topic])
    model, threshold, done, started = None, 0.0, 0, 0.0
    while done < options.records:
        messages = consumer.consume(min(options.batch, options.records - done), 0.5)
        if not messages:
            continue
        values = [message.value() or b"" for message in messages]
        features = polars_features(values)
        if model is None:
            model, threshold = forest(features[:5000])
            started = time.perf_counter()
            continue  # training is not timed, nor are the records it took
        for row in np.flatnonzero(model.score_samples(features) < threshold):
            producer.produce("oddflow.alerts", values[row])
        producer.flush()
        consumer.commit(asynchronous=False)
        done += len(messages)
    seconds = time.perf_counter() - started
    consumer.close()
    return done, seconds


# --- usual ------------------------------------------------------------------------------------------------------------


def pandas_features(records: list[dict[str, Any]]) -> NDArray[np.float32]:
    """The same columns by pandas."""
    frame = pd.DataFrame(records).reindex(columns=[*NUMBERS, *WORDS])
    numbers = frame[list(NUMBERS)].astype(float).fillna(0.0)
    columns = [np.log1p(numbers[name]) for name in list(NUMBERS)[:5]]
    columns += [numbers[name] / 65535 for name in ("id.orig_p", "id.resp_p")]
    for column, known in (("proto", PROTOS), ("service", SERVICES), ("conn_state", STATES)):
        columns += [(frame[column] == word).astype(float) for word in known]
    return np.column_stack(columns).astype(np.float32)


def usual(options: argparse.Namespace) -> tuple[int, float]:
    """kafka-python's poll, a list of dictionaries, a DataFrame, score_samples."""
    consumer = KafkaConsumer(
        options.topic,
        bootstrap_servers=options.bootstrap,
        group_id=uuid.uuid4().hex,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_poll_records=options.batch,
    )
    producer = KafkaProducer(bootstrap_servers=options.bootstrap)
    model, threshold, done, started, held = None, 0.0, 0, 0.0, list[dict[str, Any]]()
    for records in _polls(consumer):
        if model is None:
            held += records
            if len(held) >= 2000:
                model, threshold = forest(pandas_features(held))
                started = time.perf_counter()
            continue
        for row in np.flatnonzero(model.score_samples(pandas_features(records)) < threshold):
            producer.send("oddflow.alerts", json.dumps(records[row]).encode())
        consumer.commit()
        done += len(records)
        if done >= options.records:
            break
    seconds = time.perf_counter() - started
    consumer.close()
    return done, seconds


def _polls(consumer: Any) -> Iterator[list[dict[str, Any]]]:
    while True:
        polled = consumer.poll(timeout_ms=500)
        records = [json.loads(record.value) for part in polled.values() for record in part]
        if records:
            yield records


def _client(options: argparse.Namespace) -> dict[str, object]:
    # Commits what was consumed last, as most loops do.
    return {"bootstrap.servers": options.bootstrap, "group.id": uuid.uuid4().hex, "enable.auto.offset.store": True}


RIVALS: dict[str, Callable[[argparse.Namespace], tuple[int, float]]] = {"usual": usual, "single": usual, "plain": plain}


def main() -> None:
    """Run one rival and print what it managed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rival", choices=RIVALS)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--records", type=int, required=True)
    parser.add_argument("--batch", type=int, default=500)
    options = parser.parse_args()
    if options.rival == "single":
        options.batch = 1
    records, seconds = RIVALS[options.rival](options)
    print(json.dumps({"records": records, "seconds": seconds, "per_s": records / seconds}))


if __name__ == "__main__":
    main()
