"""Commits by confluent-kafka that end within a bound, also while no broker answers."""

from __future__ import annotations

from queue import Empty, SimpleQueue
from threading import Thread

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from detector.deadline import Deadline
from detector.errors import BrokerError
from detector.transport.base import StaleCommitError
from detector.transport.kafka.librdkafka import said

_LOOK_S = 0.1
"""How often a wait looks whether it is still wanted."""

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

    def commit(
        self, consumer: Consumer, offsets: list[TopicPartition], deadline: Deadline, *, rebalancing: bool
    ) -> None:
        """Commit ``offsets``. Raises BrokerError or StaleCommitError as a source's ``commit`` does."""
        self._wait_for_pending(deadline, rebalancing=rebalancing)
        error = _asked(consumer, offsets) if rebalancing else self._asked_with_a_bound(consumer, offsets, deadline)
        if error is not None:
            kind = StaleCommitError if error.code() in _STALE else BrokerError
            raise kind(f"committing offsets: {said(error)}")

    def _wait_for_pending(self, deadline: Deadline, *, rebalancing: bool) -> None:
        while self._pending is not None and self._pending.is_alive():
            if rebalancing or deadline.passed:
                raise BrokerError("committing offsets: an earlier commit is still not answered")
            self._pending.join(min(_LOOK_S, deadline.remaining_s))

    def _asked_with_a_bound(
        self, consumer: Consumer, offsets: list[TopicPartition], deadline: Deadline
    ) -> KafkaError | None:
        answer: SimpleQueue[KafkaError | None] = SimpleQueue()
        self._pending = Thread(target=lambda: answer.put(_asked(consumer, offsets)), daemon=True, name="commit")
        self._pending.start()
        while True:
            try:
                return answer.get(timeout=min(_LOOK_S, deadline.remaining_s))
            except Empty:
                if deadline.passed:
                    raise BrokerError("committing offsets: not answered in time") from None


def _asked(consumer: Consumer, offsets: list[TopicPartition]) -> KafkaError | None:
    try:
        results = consumer.commit(offsets=offsets, asynchronous=False)
    except KafkaException as error:
        failure: KafkaError = error.args[0]
        return failure
    except RuntimeError:  # closed meanwhile
        return KafkaError(KafkaError.UNKNOWN_MEMBER_ID)
    return next((one.error for one in results if one.error), None)
