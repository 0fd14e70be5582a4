"""A syslog message (RFC 5424), and how it is told from the next on a stream: octet counting (RFC 6587, 5425). Pure."""

from __future__ import annotations

from datetime import UTC, datetime

FACILITIES = {"user": 1, "daemon": 3, "auth": 4} | {f"local{number}": 16 + number for number in range(8)}

PRIORITIES = (5, 4, 3, 2)
"""Syslog's, by our levels: notice, warning, error, critical."""

LONGEST_HOST = 255


def syslog(text: str, *, facility: str, level: int, at: float, host: str, process: int, message_id: str) -> bytes:
    """The message; ``text`` is on one line. ``at`` in seconds since 1970."""
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    priority = 8 * FACILITIES[facility] + PRIORITIES[level]
    return f"<{priority}>1 {moment} {_name(host)} oddflow {process} {message_id} - {text}".encode()


def counted(message: bytes) -> bytes:
    """With its length before it."""
    return b"%d %b" % (len(message), message)


def _name(text: str) -> str:
    """A name of the header: printable ASCII without blanks; ``-`` where there is none."""
    return "".join(sign for sign in text if "!" <= sign <= "~")[:LONGEST_HOST] or "-"
