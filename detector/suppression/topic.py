"""Rules on their topic: what is sent, and what is in force of what was read. Pure: a sink or a reader moves the bytes.

The topic is compacted. A message's key is the rule's id; the latest message of a key counts, and one without a value
withdraws the rule. Whatever else is there is foreign: it is counted, the first of it is told, and it changes no other
rule. Under the key of a rule it takes its place, as it would once the topic is compacted.
"""

from __future__ import annotations

from collections.abc import Iterable

from detector.errors import InputError
from detector.printable import printable
from detector.suppression.rule import Suppression, read_rule, write_rule
from detector.transport.base import KeyedRecord, OutRecord


def records_of(rules: Iterable[Suppression]) -> list[OutRecord]:
    """What is sent to have these rules in force, each in the place of the one with its id."""
    return [OutRecord(write_rule(rule), rule.id.encode()) for rule in rules]


def withdrawals_of(ids: Iterable[str]) -> list[OutRecord]:
    """What is sent to withdraw rules, by their ids."""
    return [OutRecord(None, each.encode()) for each in ids]


class RuleReader:
    """The rules of a topic, as far as it was read: of each key what came last."""

    def __init__(self) -> None:
        self._latest: dict[bytes | None, tuple[tuple[int, int, int], Suppression | None]] = {}
        self.read = 0
        self.unfit = 0
        """Messages that are no rules."""
        self.why = ""
        """What is wrong with the first of them."""

    @property
    def rules(self) -> tuple[Suppression, ...]:
        """Those that stand, whether they have ended or not; by id."""
        standing = [rule for _, rule in self._latest.values() if rule is not None]
        return tuple(sorted(standing, key=lambda rule: rule.id))

    def take(self, records: Iterable[KeyedRecord]) -> bool:
        """Take messages in, of whichever partitions; tell whether there were any.

        A key whose messages are in several partitions, as after another client's partitioner, goes by the broker's
        timestamps.
        """
        before = self.read
        for record in records:
            self.read += 1
            at = record.timestamp_ms, record.partition, record.offset
            if record.key in self._latest and at < self._latest[record.key][0]:
                continue
            self._latest[record.key] = at, self._rule(record)
        return self.read > before

    def _rule(self, record: KeyedRecord) -> Suppression | None:
        """The rule of a message; None where it has none."""
        if record.value is None:
            return None
        try:
            return _keyed(record.key, read_rule(record.value))
        except InputError as error:
            self.unfit += 1
            self.why = self.why or f"partition {record.partition} offset {record.offset}: {error}"
            return None


def _keyed(key: bytes | None, rule: Suppression) -> Suppression:
    """The rule, which is withdrawn by its key. Raises InputError where that is another one than its id."""
    if key != rule.id.encode():
        told = "missing" if key is None else printable(key[:80].decode(errors="replace"))
        raise InputError(f"id: it is {rule.id}, and the message's key is {told}; make them alike")
    return rule
