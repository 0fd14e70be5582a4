"""One syslog message over UDP, TCP or TLS, on a connection of its own.

Syslog acknowledges nothing. Over a stream we therefore say that no more comes and wait a moment for the other side to
close: whoever reset the connection, or refuses our certificate, has not taken the message.
"""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress
from ssl import SSLContext, SSLEOFError, SSLError, SSLSocket, SSLZeroReturnError
from typing import Literal, NamedTuple

GOODBYE_S = 2.0
"""How long to wait for the other side to close; many never do."""


REFUSAL_S = 1.0
"""How long to wait for a refusal over TLS, before saying goodbye."""


class Place(NamedTuple):
    """Where a syslog server is."""

    host: str
    port: int


def send(
    message: bytes, place: Place, protocol: Literal["udp", "tcp", "tls"], *, timeout_s: float, context: SSLContext
) -> None:
    """Send ``message``, which for a stream has its length before it. Raises OSError."""
    if protocol == "udp":
        _send_datagram(message, place)
        return
    with socket.create_connection(place, timeout_s) as plain:
        if protocol == "tcp":
            plain.sendall(message)
            plain.shutdown(socket.SHUT_WR)
            _wait_for_end(plain, timeout_s)
            return
        with context.wrap_socket(plain, server_hostname=place.host) as secure:
            secure.sendall(message)
            _close(secure, timeout_s)


def _send_datagram(message: bytes, place: Place) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(*place, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, protocol) as sender:
        sender.sendto(message, address)


def _wait_for_end(stream: socket.socket, timeout_s: float) -> None:
    stream.settimeout(min(GOODBYE_S, timeout_s))
    try:
        stream.recv(1)
    except TimeoutError:
        return  # it is there, and keeps the connection


def _close(stream: SSLSocket, timeout_s: float) -> None:
    """Say goodbye; raises SSLError where the other side tells that it did not take us."""
    stream.settimeout(min(REFUSAL_S, timeout_s))
    with suppress(TimeoutError):  # with TLS 1.3 a refusal of our certificate comes after the handshake
        if not stream.recv(1):
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
    stream.settimeout(min(GOODBYE_S, timeout_s))
    try:
        stream.unwrap()
    except (TimeoutError, SSLEOFError, SSLZeroReturnError):
        return
    except SSLError:
        raise
    except OSError as error:
        if error.errno:  # such as a reset; without a number it is a close without a goodbye
            raise
