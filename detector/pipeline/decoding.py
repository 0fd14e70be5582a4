"""The decoder that the settings ask for: a format's own, behind the encoding of Kafka's values."""

from __future__ import annotations

from importlib import import_module
from threading import Event as Flag
from typing import Literal

from detector.errors import ConfigurationError
from detector.records.envelopes.encoded import JSON_GROWTH, EncodedDecoder
from detector.records.every_format import FORMATS, open_decoder
from detector.records.flow import Decoder
from detector.settings.tree import Settings
from detector.telemetry.events import Tell

EXTRA = "schema-registry"


def open_format(settings: Settings, *, labels: bool = False) -> Decoder:
    """The decoder of the format, for values that are as the format has them. Raises ConfigurationError."""
    return _open(settings, labels, settings.input.max_record_bytes)


def _open(settings: Settings, labels: bool, max_record_bytes: int) -> Decoder:
    chosen = settings.input
    return open_decoder(
        chosen.format,
        labels=labels,
        mapping=chosen.mapping,
        extra=chosen.extra,
        columns=chosen.columns,
        log_paths=chosen.log_paths,
        unpack=chosen.unpack,
        max_record_bytes=max_record_bytes,
    )


def open_kafka_decoder(
    settings: Settings, tell: Tell, *, abandon: Flag, labels: bool = False, patience_s: float | None = None
) -> Decoder:
    """The decoder of Kafka's values.

    While the schema registry does not answer, ``decode`` waits: until ``abandon`` is set, or ``patience_s`` is over
    (BrokerError). Raises ConfigurationError, and BrokerError where the registry does not answer at the start.
    """
    chosen = settings.input
    if chosen.encoding == "plain":
        return open_format(settings, labels=labels)
    inner = _open(settings, labels, JSON_GROWTH * chosen.max_record_bytes)
    check_encoding(chosen.format, chosen.encoding)
    try:
        import_module(f"detector.records.envelopes.{chosen.encoding}_payloads")
        from detector.schemas.readers import SchemaReaders  # noqa: PLC0415 - an extra, for who asks for it
        from detector.schemas.registry import SchemaRegistry  # noqa: PLC0415

        if chosen.encoding == "protobuf":
            from detector.schemas.protoc import check_protoc  # noqa: PLC0415

            check_protoc()
    except ImportError as error:
        raise ConfigurationError(
            f"input.encoding is {chosen.encoding}: not installed (no Python package {error.name}); "
            f"pip install 'oddflow[{EXTRA}]'"
        ) from error
    registry = SchemaRegistry(settings.schema_registry.client(), tell=tell, abandon=abandon, patience_s=patience_s)
    registry.check()
    return EncodedDecoder(inner, SchemaReaders(registry, chosen.encoding, tell), chosen.max_record_bytes)


def check_encoding(name: str, encoding: Literal["plain", "avro", "protobuf"]) -> None:
    """Raise ConfigurationError for a format that cannot be encoded so."""
    if encoding != "plain" and not FORMATS[name].is_json:
        able = ", ".join(one.name for one in FORMATS.values() if one.is_json)
        raise ConfigurationError(
            f"input.encoding is {encoding}, but records of input.format {name} are text, not JSON; use one of {able}"
        )
