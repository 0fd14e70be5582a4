"""Values of files: JSON over several lines, and what was compressed in any usual way."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from detector.errors import InputError
from detector.transport.lines import read_values
from detector.transport.whole_json import whole_json

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
}


def values(path: Path) -> list[bytes]:
    """All values of a file."""
    return [value for some in read_values(path) for value in some]


@pytest.mark.parametrize("name", COMPRESSORS)
def test_compressed_files_are_read(tmp_path: Path, name: str) -> None:
    """Whatever a file is called, its first bytes tell; one after the other they are read as one."""
    path = tmp_path / "conn.log"
    path.write_bytes(COMPRESSORS[name](b"one\ntwo\n") + COMPRESSORS[name](b"three\n" * 100_000))
    assert values(path) == [b"one", b"two", *[b"three"] * 100_000]


@pytest.mark.parametrize("name", COMPRESSORS)
def test_what_is_cut_off_or_damaged_is_told(tmp_path: Path, name: str) -> None:
    """An error names the file, and no record is given as if it was the last."""
    whole = COMPRESSORS[name](b"".join(b"%d line\n" % number for number in range(20_000)))
    path = tmp_path / "conn.log"
    path.write_bytes(whole[:-20])
    with pytest.raises(InputError, match=r"conn\.log: its compressed data is (cut off|damaged)"):
        values(path)
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes(64) + whole[middle + 64 :])
    with pytest.raises(InputError, match=r"reading .*conn\.log"):
        values(path)


RECORDS = st.lists(
    st.dictionaries(
        st.text(max_size=4),
        st.recursive(st.integers() | st.text(max_size=6), lambda inner: st.lists(inner, max_size=3), max_leaves=4),
        max_size=4,
    ),
    min_size=1,
    max_size=6,
)


@given(RECORDS, st.booleans())
def test_laid_out_json_gives_each_record(records: list[dict[str, Any]], listed: bool) -> None:
    """A list over several lines gives its elements, objects over several lines are values as wholes."""
    records = [{"first": [1], **record} for record in records]
    text = json.dumps(records, indent=1) if listed else "\n".join(json.dumps(one, indent=1) for one in records)
    found = [json.loads(value) for some in whole_json(iter([text.encode().split(b"\n")])) for value in some]
    assert found == records


@pytest.mark.parametrize(
    "lines",
    [
        [b'{"ts": 1, "ui', b'{"ts": 2}', b'{"ts": 3}'],
        [b"", b'[{"ts": 1}, {"ts": 2}]', b'[{"ts": 3}]'],
        [b"#fields\tts", b"1"],
        [b"[2023-11-14] x {", b"y"],
        [b""],
        [],
    ],
)
def test_other_lines_stay_as_they_are(lines: list[bytes]) -> None:
    """A first line that was cut off does not make the rest one value, nor do lists of one line each."""
    assert [value for some in whole_json(iter([lines])) for value in some] == lines
