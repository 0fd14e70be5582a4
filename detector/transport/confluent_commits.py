"""Commits by confluent-kafka that end within a bound, also while no broker answers."""

from __future__ import annotations

from queue import Empty, SimpleQueue
from threading import Thread

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from detector.errors import BrokerError
from detector.transport.base import StaleCommitError
from detector.transport.librdkafka import said

COMMIT_S = 10.0
"""How long a commit may take before it counts as not accepted; librdkafka itself would wait a minute."""

_STALE = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.STALE_MEMBER_EPOCH,
        KafkaError.FENCED_MEMBER_EPOCH,
        KafkaError._ASSIGNMENT_LOST,  # noqa: SLF001 - librdkafka's own codes have names like this
    }
)


class Commits:
    """Commits with a bound: librdkafka's own wait, while no broker answers, ends only with the session.

    So a thread waits for it. Not within a rebalance: there librdkafka answers only the thread that it called.
    """

    def __init__(self) -> None:
        self._pending: Thread | None = None

    def commit(self, consumer: Consumer, offsets: list[TopicPartition], *, rebalancing: bool) -> None:
        """Commit ``offsets``. Raises BrokerError or StaleCommitError as a source's ``commit`` does."""
        if self._pending is not None and self._pending.is_alive():
            raise BrokerError("committing offsets: an earlier commit is still not answered")
        error = _asked(consumer, offsets) if rebalancing else self._asked_with_a_bound(consumer, offsets)
        if error is not None:
            kind = StaleCommitError if error.code() in _STALE else BrokerError
            raise kind(f"committing offsets: {said(error)}")

    def _asked_with_a_bound(self, consumer: Consumer, offsets: list[TopicPartition]) -> KafkaError | None:
        answer: SimpleQueue[KafkaError | None] = SimpleQueue()
        self._pending = Thread(target=lambda: answer.put(_asked(consumer, offsets)), daemon=True, name="commit")
        self._pending.start()
        try:
            return answer.get(timeout=COMMIT_S)
        except Empty:
            raise BrokerError(f"committing offsets: not answered within {COMMIT_S:g} s") from None


def _asked(consumer: Consumer, offsets: list[TopicPartition]) -> KafkaError | None:
    try:
        results = consumer.commit(offsets=offsets, asynchronous=False)
    except KafkaException as error:
        failure: KafkaError = error.args[0]
        return failure
    except RuntimeError:  # closed meanwhile
        return KafkaError(KafkaError.UNKNOWN_MEMBER_ID)
    return next((one.error for one in results if one.error), None)
