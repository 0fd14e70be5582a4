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


class CommitThread:
    """Commits with a bound: librdkafka's own wait, while no broker answers, ends only with the session."""

    def __init__(self) -> None:
        self._pending: Thread | None = None

    def commit(self, consumer: Consumer, offsets: list[TopicPartition]) -> None:
        """Commit ``offsets``. Raises BrokerError or StaleCommitError as a source's ``commit`` does."""
        if self._pending is not None and self._pending.is_alive():
            raise BrokerError("committing offsets: an earlier commit is still not answered")
        answer: SimpleQueue[KafkaError | None] = SimpleQueue()
        self._pending = Thread(target=self._ask, args=(consumer, offsets, answer), daemon=True, name="commit")
        self._pending.start()
        try:
            error = answer.get(timeout=COMMIT_S)
        except Empty:
            raise BrokerError(f"committing offsets: not answered within {COMMIT_S:g} s") from None
        if error is not None:
            kind = StaleCommitError if error.code() in _STALE else BrokerError
            raise kind(f"committing offsets: {said(error)}")

    @staticmethod
    def _ask(consumer: Consumer, offsets: list[TopicPartition], answer: SimpleQueue[KafkaError | None]) -> None:
        try:
            results = consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            answer.put(error.args[0])
        except RuntimeError:  # closed meanwhile
            answer.put(KafkaError(KafkaError.UNKNOWN_MEMBER_ID))
        else:
            answer.put(next((one.error for one in results if one.error), None))
