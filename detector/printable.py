"""Text from outside, as it may be shown: what a terminal would act on, or what hides or turns other text, spelled out.

That is whatever Unicode does not call printable: controls (C0, C1), format characters such as U+202E, which has text
run backwards (Unicode Technical Report 36), separators, and code points that nobody has given a meaning.
"""

from __future__ import annotations

from html import escape


def printable(text: str) -> str:
    """The text on one line: ``\\x1b``, ``\\u202e`` and so on in the place of what is not printable."""
    return text if text.isprintable() else "".join(map(_spelt, text))


def html_text(text: str) -> str:
    """The same for a page: no part of it is markup."""
    return escape(printable(text))


def printable_json(document: bytes) -> bytes:
    r"""The same JSON, in which what is not printable is escaped as ``\u009b``: whoever reads it has the same text.

    ``document`` is on one line, as a compact encoder writes it.
    """
    if document.isascii() and b"\x7f" not in document:
        return document
    text = document.decode()
    return document if text.isprintable() else "".join(map(_escaped, text)).encode()


def printable_lines(documents: bytes) -> bytes:
    """The same of several, each on a line."""
    if documents.isascii() and b"\x7f" not in documents:
        return documents
    return b"\n".join(map(printable_json, documents.split(b"\n")))


def _spelt(sign: str) -> str:
    return sign if sign.isprintable() else sign.encode("unicode_escape").decode()


def _escaped(sign: str) -> str:
    if sign.isprintable():
        return sign
    units = sign.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
