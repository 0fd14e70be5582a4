"""Pages in Chromium, as a program: what scripts make of them, how wide they are, and if their text can be read."""

from __future__ import annotations

import html
import json
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.programs import needed

OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")

WIDTHS = (400, 1280)
"""Of a phone and of a desk, in pixels."""

READABLE = 4.5
"""Contrast that small text needs at least, by WCAG 2."""

LOOK = r"""
const rgb = (told) => { const [r, g, b, a = 1] = told.match(/[\d.]+/g).map(Number); return { channels: [r, g, b], a } }
const light = ({ channels }) => channels
  .map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0)
const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05)

function faintest(view) {
  const style = (each) => view.getComputedStyle(each)
  const ground = (each) => {
    for (; each; each = each.parentElement) {
      const found = rgb(style(each).backgroundColor)
      if (found.a === 1) return found
    }
    return rgb('rgb(255, 255, 255)')
  }
  const written = [...view.document.body.querySelectorAll('*')].filter((each) => each.getClientRects().length
    && [...each.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()))
  return written.map((each) => {
    const ink = each.ownerSVGElement ? style(each).fill : style(each).color
    return [contrast(rgb(ink), ground(each)), each.textContent.trim().slice(0, 60)]
  }).sort((a, b) => a[0] - b[0])[0]
}

function muddled(plot) {
  const edge = plot.getBoundingClientRect()
  const boxes = [...plot.querySelectorAll('text')].map((each) => [each.textContent, each.getBoundingClientRect()])
  const cut = boxes.filter(([, box]) => box.left < edge.left - 1 || box.right > edge.right + 1
    || box.top < edge.top - 1 || box.bottom > edge.bottom + 1)
  const over = boxes.flatMap(([text, a], i) => boxes.slice(i + 1).filter(([, b]) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3).map(([other]) => `${text} lies on ${other}`))
  return [...cut.map(([text]) => `${text} is cut off`), ...over]
}

function look(view) {
  const root = view.document
  root.querySelectorAll('details').forEach((each) => { each.open = true })
  const [ratio, text] = faintest(view)
  const plots = [...root.querySelectorAll('svg')].flatMap(muddled)
  const spilt = [...root.querySelectorAll('td, th')].filter((each) => each.scrollWidth > each.clientWidth + 1)
  const wrong = [...plots, ...spilt.map((each) => `${each.textContent.trim()} is wider than its cell`)]
  return { width: root.documentElement.scrollWidth, contrast: ratio, faintest: text, muddled: wrong }
}

onload = () => {
  document.title = JSON.stringify([...document.querySelectorAll('iframe')].map((each) => look(each.contentWindow)))
}
"""
"""What is looked at; boxes of texts may touch, as they are higher than what is written in them."""


class Look(NamedTuple):
    """How a page looks in one window."""

    width: int
    """Of the page, in pixels: what is more than the window is cut off."""
    contrast: float
    """Of the text that is hardest to read against its ground, 1 to 21, by WCAG 2."""
    faintest: str
    """That text."""
    muddled: list[str]
    """Texts of plots that lie on one another or are cut off, and of tables that are wider than their cells."""


def program() -> str:
    """Where Chromium is; without it the test fails in CI and is skipped elsewhere."""
    return needed(
        "chromium", "no Chromium on the path: Debian's package chromium has it", "chromium-browser", "google-chrome"
    )


def dom(address: str, *options: str) -> str:
    """A page as text, once its scripts have run. Without Chromium the test fails in CI and is skipped elsewhere."""
    command = [program(), *OPTIONS, *options, "--dump-dom", address]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def looks(page: str, folder: Path) -> dict[tuple[int, str], Look]:
    """Look at a page in windows of each width, light and dark; its policy, which keeps scripts out, is taken off."""
    windows = [(width, scheme) for width in WIDTHS for scheme in ("light", "dark")]
    bare = html.escape(re.sub("<meta http-equiv[^>]*>", "", page))
    frames = [
        f'<iframe style="width: {width}px; height: 900px; border: 0; color-scheme: {scheme}" srcdoc="{bare}"></iframe>'
        for width, scheme in windows
    ]
    path = folder / "looks.html"
    path.write_text(f"<!doctype html><meta charset=utf-8>{''.join(frames)}<script>{LOOK}</script>", encoding="utf-8")
    told = re.search("<title>(.*?)</title>", dom(path.as_uri()), re.DOTALL)
    assert told is not None
    return dict(zip(windows, (Look(**each) for each in json.loads(html.unescape(told[1]))), strict=True))


def assert_readable(page: str, folder: Path) -> None:
    """On a phone and on a desk, by day and by night: nothing is cut off, no text is faint or lies on another."""
    for (width, scheme), seen in looks(page, folder).items():
        assert seen.width == width, scheme
        assert seen.contrast >= READABLE, (width, scheme, seen.faintest)
        assert seen.muddled == [], width
