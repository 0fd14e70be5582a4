"""What a page of Markdown says in sentences: without code, tables, headings, quotations and addresses of links."""

from __future__ import annotations

import re

_BLOCKS = re.compile(r"^( *)```.*?^\1```$|<!--.*?-->", re.MULTILINE | re.DOTALL)

_NO_PROSE = re.compile(r"^\s*(\||#|>|!\[)")

_ITEM = re.compile(r"^\s*(\*|\d+\.)\s+")

_END = re.compile(r"(?<=[.!?])\s+(?=[^a-z])")

_NUMBER = re.compile(r"(?<![\w.])\d[\d,.]*")


def paragraphs(page: str) -> list[str]:
    """Its paragraphs and points, each on one line; code within a line is one word."""
    found = [""]
    for line in _BLOCKS.sub("\n", page).splitlines():
        if not line.strip() or _NO_PROSE.match(line):
            found.append("")
            continue
        if _ITEM.match(line):
            found.append("")
        found[-1] += f" {_ITEM.sub('', line).strip()}"
    return [_plain(each) for each in found if each.strip()]


def sentences(page: str) -> list[str]:
    """Its sentences, as full stops end them; a point of a list is one, too."""
    return [one for each in paragraphs(page) for one in _END.split(each) if re.search(r"\w", one)]


def numbers(sentence: str) -> list[str]:
    """The numbers in digits."""
    return _NUMBER.findall(sentence)


def _plain(text: str) -> str:
    text = re.sub(r"`[^`]*`", "«code»", text)
    return re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("*", "").strip()
