"""The daemon on a real Kafka, for every test here."""

from __future__ import annotations

from tests.kafka.fixtures import make_daemon

__all__ = ["make_daemon"]
