r"""A message as a line of ArcSight's Common Event Format (CEF:0). Pure.

Whatever text is in it, it is one line, with seven bars that are not escaped: ``\`` and ``|`` are escaped in the header,
``\`` and ``=`` in the extension, and what is not printable is spelled out before. What no longer fits is left out, the
least needed first.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from detector import __version__
from detector.notify.message import Digest, Message, Notice, Trial, kind_of, level_of
from detector.notify.words import TRIAL, lines, link, title
from detector.printable import printable

SEVERITIES = (3, 6, 8, 10)
"""CEF's, by our levels: low, medium, high, very high."""

LONGEST_NAME = 300
"""Signs; CEF takes 512."""

LONGEST_VALUE = 900
"""Signs of a value; CEF takes 1,023 of ``msg``."""


class Pair(NamedTuple):
    """A key of the extension and its value."""

    key: str
    value: str


def cef(message: Message, template: str, most_bytes: int) -> str:
    """The line, of at most so many bytes of UTF-8; ``template`` is of the links to incidents, or empty."""
    signature = message.told.ours.kind if isinstance(message, Notice) else kind_of(message)
    names = (signature, title(message)[:LONGEST_NAME])
    fields = ("oddflow", "oddflow", __version__, *map(header_text, names), str(SEVERITIES[level_of(message)]))
    line = f"CEF:0|{'|'.join(fields)}|"
    taken, found = len(line.encode()) - 1, list[str]()  # the first pair has no blank before it
    for pair in pairs(message, template):
        text = f"{pair.key}={value_text(pair.value[:LONGEST_VALUE])}"
        taken += len(text.encode()) + 1
        if taken > most_bytes:
            break
        found.append(text)
    return line + " ".join(found)


def header_text(text: str) -> str:
    """Text within the header."""
    return printable(text).replace("\\", "\\\\").replace("|", "\\|")


def value_text(text: str) -> str:
    """A value of the extension."""
    return printable(text).replace("\\", "\\\\").replace("=", "\\=")


def pairs(message: Message, template: str) -> Iterator[Pair]:
    """The extension, the most needed first."""
    match message:
        case Notice():
            yield from _of_notice(message, template)
        case Digest():
            yield Pair("externalId", message.key)
            yield Pair("cnt", str(len(message.ids)))
            yield Pair("msg", "; ".join(lines(message)))
        case Trial():
            yield Pair("externalId", message.key)
            yield Pair("rt", _ms(message.at))
            yield Pair("msg", TRIAL)


def _of_notice(notice: Notice, template: str) -> Iterator[Pair]:
    ours = notice.told.ours
    yield Pair("externalId", ours.id)
    yield Pair("rt", _ms(ours.last_seen))
    yield Pair("cat", ours.kind)
    yield from _address("src", "c6a2", "Source IPv6 Address", ours.sources)
    yield from _address("dst", "c6a3", "Destination IPv6 Address", ours.destinations)
    if len(ours.ports) == 1:
        yield Pair("dpt", str(ours.ports[0]))
    yield Pair("cnt", str(ours.alerts))
    yield Pair("reason", notice.why)
    if page := link(template, ours.id):
        yield from _custom("cs1", "link", page)
    yield Pair("msg", "; ".join(lines(notice)))
    yield Pair("start", _ms(ours.first_seen))
    yield Pair("end", _ms(ours.last_seen))
    if ours.risk is not None:
        yield from _custom("cn1", "risk", str(ours.risk))
    yield from _custom("cn2", "revision", str(ours.revision))
    if ours.techniques:
        yield from _custom("cs2", "techniques", " ".join(ours.techniques))
    yield Pair("out", str(ours.src_bytes))
    yield Pair("in", str(ours.dst_bytes))


def _address(key: str, key_of_six: str, label: str, listed: Iterable[str]) -> Iterator[Pair]:
    """The address, where there is one alone: CEF has IPv6 elsewhere."""
    try:
        (only,) = map(ipaddress.ip_address, listed)
    except ValueError:  # none, several, or no address
        return
    if only.version == 4:
        yield Pair(key, str(only))
    else:
        yield Pair(f"{key_of_six}Label", label)
        yield Pair(key_of_six, str(only))


def _custom(key: str, label: str, value: str) -> Iterator[Pair]:
    yield Pair(f"{key}Label", label)
    yield Pair(key, value)


def _ms(seconds: float) -> str:
    return str(round(1000.0 * max(seconds, 0.0)))
