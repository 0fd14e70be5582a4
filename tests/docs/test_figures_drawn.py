"""Pictures are what tables and lists say."""

from __future__ import annotations

import io
import re
from pathlib import Path

from PIL import Image

from bench.picture import PICTURE, picture
from bench.quality_figure import PAGE, figure, shares
from bench.screenshot import PICTURE as SCREENSHOT
from bench.screenshot import WIDTH, gravest, small
from tests.casebook.documents import ocsf

ROOT = Path(__file__).resolve().parents[2]


def test_the_figure_of_quality_is_its_table_s() -> None:
    """`python -m bench.quality_figure` was run since the table was changed."""
    rows = shares((ROOT / PAGE).read_text(encoding="utf-8"))
    assert len(rows) >= 8
    assert all(0 <= soon <= ever <= 1 for _, soon, ever in rows)
    assert (ROOT / PAGE).with_suffix(".svg").read_text(encoding="utf-8") == figure(rows)


def test_the_picture_of_incidents_is_the_list_and_fetches_nothing() -> None:
    """It shows a line for each incident of some severity, and names no address but SVG's own."""
    drawn = picture([ocsf(id="one"), ocsf(id="two", severity_id=2)])
    assert drawn.count("10.0.10.17") == 1
    committed = (ROOT / PICTURE).read_text(encoding="utf-8")
    for each in (drawn, committed):
        assert set(re.findall(r"https?://[^\"'\s)]+", each)) == {"http://www.w3.org/2000/svg"}
        assert "oddflow&#160;incidents" in each
    assert len(committed) < 40_000


def test_the_screenshot_of_triage_is_of_the_gravest_incident_and_small() -> None:
    """`python -m bench.screenshot` shows the highest risk, in at most 150 kB, as wide as it was taken."""
    assert gravest([ocsf(id="one", risk=40), ocsf(id="two", risk=77), ocsf(id="three", risk=9)]) == "two"
    with Image.effect_noise((WIDTH, 40), 50) as noise:
        whole = io.BytesIO()
        noise.convert("RGB").save(whole, "PNG")
    for packed in (small(whole.getvalue()), (ROOT / SCREENSHOT).read_bytes()):
        with Image.open(io.BytesIO(packed)) as few:
            assert (few.format, few.width, few.mode) == ("PNG", WIDTH, "P")
    assert len((ROOT / SCREENSHOT).read_bytes()) < 150_000
