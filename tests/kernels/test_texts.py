"""Text columns as bytes: whatever polars keeps them as, what comes out is what went in."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.kernels.texts import text_of, whole_numbers

texts = st.lists(st.none() | st.text(max_size=30), max_size=30)


@given(texts, texts, st.integers(0, 40), st.integers(0, 40))
def test_text_is_what_it_was(first: list[str | None], second: list[str | None], begin: int, end: int) -> None:
    """Each row's bytes are its text, null is empty and absent: in slices, in several chunks, and in none at all."""
    column = pl.concat([pl.Series(rows, dtype=pl.String) for rows in (first, second)], rechunk=False)[begin:end]
    expected = (first + second)[begin:end]
    text = text_of(column)
    pieces = [text.data[a:b].tobytes().decode() for a, b in zip(text.offsets, text.offsets[1:], strict=False)]
    assert pieces == [row or "" for row in expected]
    assert text.present.tolist() == [row is not None for row in expected]


def test_nulls_over_text_are_empty() -> None:
    """A null that polars put over a text by a mask hides it."""
    column = pl.Series(["short", "longer than twelve bytes", "kept"]).set(pl.Series([True, True, False]), None)
    assert text_of(column).data.tobytes() == b"kept"


def test_numbers_are_no_text() -> None:
    """A column that is no text is refused, and not read as if it were."""
    with pytest.raises(RuntimeError, match="not as views"):
        text_of(pl.Series([1, 2, 3]))


def test_whole_numbers() -> None:
    """Integers come as they are, and null as what stands for it."""
    assert whole_numbers(pl.Series([1, None, 65535], dtype=pl.Int32), -1).tolist() == [1, -1, 65535]
    assert whole_numbers(pl.Series([7, 8], dtype=pl.Int32), -1).dtype == np.int64
