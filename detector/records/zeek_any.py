"""Zeek's conn log in whichever of its two ways: each value tells by itself if it is JSON or tab-separated text."""

from __future__ import annotations

from detector.records.decoder import Options, RecordDecoder
from detector.records.either import EitherReader
from detector.records.zeek_conn import map_conn
from detector.records.zeek_json import ZeekJsonReader
from detector.records.zeek_tsv import zeek_tsv_reader


def open_zeek(options: Options) -> RecordDecoder:
    """A decoder of Zeek conn, JSON and TSV alike."""
    return RecordDecoder(options, EitherReader(ZeekJsonReader(options), zeek_tsv_reader(options)), map_conn)
