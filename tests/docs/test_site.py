"""The documentation as a site: built without a network, read without one, and no page wider than a telephone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chromium import dom

ROOT = Path(__file__).resolve().parents[2]

PATIENT = "--virtual-time-budget=10000"
"""Chromium waits for what scripts still do."""

WIDE = ("explanation/quality.html", "reference/features.html", "reference/commands.html", "guides/size-it.html")
"""Pages with wide tables, and long words in them."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, as `make site` builds it."""
    folder = tmp_path_factory.mktemp("site")
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )
    return folder


@pytest.mark.slow
def test_the_site_has_every_page(site: Path) -> None:
    """Each page of Markdown has become one of HTML; a broken link or anchor would have failed the build."""
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").glob("**/*.md")}
    assert {page for page in pages if not (site / page).is_file()} == set()


@pytest.mark.slow
def test_the_site_fetches_nothing(site: Path) -> None:
    """No page loads a script, a style, a picture or a font from elsewhere."""
    for page in site.glob("**/*.html"):
        loaded = re.findall(
            r"<(?:script|img|iframe|source)[^>]*\ssrc=\"(https?:[^\"]*)\""
            r"|<link[^>]*rel=\"(?:stylesheet|preconnect|icon)\"[^>]*href=\"(https?:[^\"]*)\"",
            page.read_text(encoding="utf-8"),
        )
        assert loaded == [], page
    styles = "".join(path.read_text(encoding="utf-8") for path in site.glob("**/*.css"))
    assert re.findall(r"url\([\"']?https?:", styles) == []


@pytest.mark.slow
def test_searching_needs_no_server(site: Path) -> None:
    """The index lies beside the pages as a script, and has what guides say."""
    index = (site / "search" / "search_index.js").read_text(encoding="utf-8")
    assert index.startswith("var __index = ")
    assert "guides/incidents/beacon.html" in index


@pytest.mark.browser
@pytest.mark.slow
def test_searching_works_in_pages_opened_as_files(site: Path) -> None:
    """Asked for a word, the opened file lists pages that have it."""
    page = dom(f"{(site / 'index.html').as_uri()}?q=beacon", PATIENT)
    assert re.search(r"[1-9]\d* matching documents", page)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("name", WIDE)
def test_no_page_is_wider_than_the_window(site: Path, name: str, width: int) -> None:
    """Tables scroll by themselves; nothing else is cut off."""
    page, frame = site / name, site / name.replace("/", "-")
    measure = (
        "<script>addEventListener('load', () => parent.postMessage(document.documentElement.scrollWidth, '*'))</script>"
    )
    measured = page.with_name(f"measured-{page.name}")
    measured.write_text(page.read_text(encoding="utf-8").replace("</body>", f"{measure}</body>"), encoding="utf-8")
    frame.write_text(
        "<!doctype html><script>onmessage = (told) => { document.title = 'wide ' + told.data }</script>"
        f'<iframe src="{measured.relative_to(site)}" width="{width}" height="900" style="border: 0"></iframe>',
        encoding="utf-8",
    )
    told = re.search(r"<title>wide (\d+)</title>", dom(frame.as_uri(), PATIENT, "--window-size=1600,1000"))
    assert told is not None
    assert int(told[1]) <= width
