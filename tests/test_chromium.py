"""What is asserted of pages in Chromium fails for a page that is bad."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chromium import looks


@pytest.mark.browser
@pytest.mark.slow
def test_a_bad_page_is_seen_to_be_bad(tmp_path: Path) -> None:
    """Faint text, what is wider than a phone or its cell, and texts on one another show where they are."""
    page = (
        "<style>@media (prefers-color-scheme: dark) { body { background: #222; color: #444 } }</style>"
        '<p style="width: 600px">wide</p>'
        '<table><td style="display: block; width: 9px">spilt</table>'
        '<svg width="99" height="30"><text y="20">one</text><text y="22">two</text></svg>'
    )
    found = looks(page, tmp_path)
    assert {window for window, seen in found.items() if seen.contrast < 4.5} == {(400, "dark"), (1280, "dark")}
    assert {window for window, seen in found.items() if seen.width > window[0]} == {(400, "dark"), (400, "light")}
    assert {tuple(seen.muddled) for seen in found.values()} == {("one lies on two", "spilt is wider than its cell")}
