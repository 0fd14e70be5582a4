"""Zeek's conn log in whichever of its two ways: each value tells by itself if it is JSON or tab-separated text."""

from __future__ import annotations

from detector.records.decoder import Options, RecordDecoder
from detector.records.formats.zeek_conn import map_conn
from detector.records.formats.zeek_json import ZeekJsonReader
from detector.records.formats.zeek_tsv import zeek_tsv_reader
from detector.records.syntax.either import EitherReader


def open_zeek(options: Options) -> RecordDecoder:
    """A decoder of Zeek conn, JSON and TSV alike."""
    return RecordDecoder(options, EitherReader(ZeekJsonReader(options), zeek_tsv_reader(options)), map_conn)
