"""A schema registry with Confluent's API, by Confluent's client: asked again and again while it does not answer.

What it says of a schema is the one thing that decides over records; that it is away, refuses us, or talks nonsense is
told once, as an event, and waited out.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from threading import Event as Flag
from typing import Any, TypeVar

from confluent_kafka.schema_registry import SchemaRegistryClient, SchemaRegistryError

from detector.errors import BrokerError, ConfigurationError
from detector.schemas.events import SchemaRegistryLost, SchemaRegistryRestored
from detector.telemetry.events import Tell

RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Pauses between attempts; the last one repeats."""

AVRO, PROTOBUF = "AVRO", "PROTOBUF"

_NOT_FOUND = 404
_NO_SUCH = frozenset({40401, 40402, 40403})
"""No such subject, version, schema; a 404 with another code is of another server, or path."""

_UNAUTHORISED = frozenset({401, 403})

_MOST_REFERENCES = 200

_USER_INFO = re.compile(r"(?<=://)[^/@\s]+@")

Found = TypeVar("Found")


class AbandonedError(Exception):
    """The daemon is stopping: nobody waits for the answer any more."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A schema as the registry has it; each of ``references`` (by the name that is used for it) before its users."""

    kind: str
    text: str
    references: tuple[tuple[str, str], ...] = ()


class SchemaRegistry:
    """Fetches schemas. Used from one thread at a time.

    ``patience_s`` bounds the wait for an answer; None waits for as long as ``abandon`` is not set.
    """

    def __init__(
        self, properties: Mapping[str, object], *, tell: Tell, abandon: Flag, patience_s: float | None = None
    ) -> None:
        self._url = _USER_INFO.sub("", str(properties["url"]))
        self._properties = {"max.retries": 0, **properties}
        try:
            with self._client():
                pass
        except (ValueError, TypeError, OSError) as error:  # also a certificate's file that is not there
            raise ConfigurationError(f"schema_registry: {error}") from error
        self._tell = tell
        self._abandon = abandon
        self._patience_s = patience_s
        self._lost_at: float | None = None

    def check(self) -> None:
        """Ask it anything. Raises BrokerError if it does not answer, or refuses."""
        try:
            with self._client() as client:
                client.get_schema_types()
        except Exception as error:
            raise BrokerError(self._complaint(error)) from error

    def fetch(self, schema_id: int) -> Registered | None:
        """A schema and what it refers to; None if there is none by that number.

        Waits for an answer. Raises AbandonedError, or BrokerError once patience ends.
        """
        return self._patiently(lambda: self._fetch(schema_id))

    def _client(self) -> Any:
        """A client for one question: schemas are asked for seldom, and it would remember answers that are none."""
        return SchemaRegistryClient(self._properties)

    def _fetch(self, schema_id: int) -> Registered | None:
        try:
            with self._client() as client:
                schema = client.get_schema(schema_id)
                references = dict(_references(client, schema))
        except SchemaRegistryError as error:
            if error.http_status_code == _NOT_FOUND and error.error_code in _NO_SUCH:
                return None
            raise
        if not isinstance(schema.schema_str, str):
            raise TypeError("the answer has no schema in it")
        return Registered(str(schema.schema_type or AVRO).upper(), schema.schema_str, tuple(references.items()))

    def _patiently(self, ask: Callable[[], Found]) -> Found:
        attempt, began = 0, time.monotonic()
        while not self._abandon.is_set():
            try:
                found = ask()
            except Exception as error:  # whatever a strange answer makes the client stumble over
                self._failed(error)
                if self._patience_s is not None and time.monotonic() - began >= self._patience_s:
                    raise BrokerError(self._complaint(error)) from error
                self._abandon.wait(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
                attempt += 1
            else:
                self._worked()
                return found
        raise AbandonedError

    def _failed(self, error: Exception) -> None:
        if self._lost_at is None:
            self._lost_at = time.monotonic()
            self._tell(SchemaRegistryLost(self._url, _said(error)))

    def _worked(self) -> None:
        if self._lost_at is not None:
            self._tell(SchemaRegistryRestored(time.monotonic() - self._lost_at))
            self._lost_at = None

    def _complaint(self, error: Exception) -> str:
        refused = isinstance(error, SchemaRegistryError) and error.http_status_code in _UNAUTHORISED
        fix = "schema_registry.username and its password" if refused else "schema_registry.url, and that it runs there"
        return f"asking the schema registry at {self._url}: {_said(error)}; check {fix}"


def _references(client: Any, schema: Any) -> Iterator[tuple[str, str]]:
    """What a schema refers to, over any number of steps, deepest first."""
    opened: set[str] = set()

    def below(one: Any) -> Iterator[tuple[str, str]]:
        for reference in one.references or ():
            if reference.name in opened or len(opened) >= _MOST_REFERENCES:
                continue
            opened.add(reference.name)
            referred = client.get_version(reference.subject, reference.version).schema
            yield from below(referred)
            yield str(reference.name), str(referred.schema_str)

    return below(schema)


def _said(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
