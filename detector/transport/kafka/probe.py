"""Why brokers cannot be reached: looked at by hand, and only after a client has failed, for its words may not tell.

A name, a connection and a TLS handshake with the client's own settings; then requests that any Kafka answers.
"""

from __future__ import annotations

import re
import socket
import ssl
import struct
from collections.abc import Mapping
from pathlib import Path

from detector.transport.kafka.start_errors import CAUSES, Cause

STEP_S = 3.0
"""How long one step may take, such as a connection or an answer."""

_HOST_NAME = frozenset({62, 64})
_EXPIRED = frozenset({9, 10})
"""OpenSSL's codes (``X509_V_ERR_*``) for another name or address, and for a certificate that is not valid now."""

_CLIENT_ID = b"oddflow"
_API_VERSIONS, _METADATA = 18, 3
_TLS_ALERT = b"\x15\x03"


def cause(properties: Mapping[str, object]) -> Cause | None:
    """What is wrong with every server of ``bootstrap.servers``: the first one's cause; None where one seems sound."""
    named = str(properties.get("bootstrap.servers") or properties.get("metadata.broker.list") or "")
    found = [_cause(*_address(one), properties) for one in named.split(",") if one.strip()]
    return found[0] if found and None not in found else None


def _address(server: str) -> tuple[str, int]:
    """Split ``host:port``, ``[v6]:port`` or ``SSL://host:port``; Kafka's port is 9092 where none is named."""
    host, _, port = re.sub(r"^\w+://", "", server.strip()).rpartition(":")
    if not host:
        host, port = port, ""
    return host.strip("[]"), int(port) if port.isdigit() else 9092


def _cause(host: str, port: int, properties: Mapping[str, object]) -> Cause | None:
    protocol = str(properties.get("security.protocol", "PLAINTEXT")).upper()
    try:
        with socket.create_connection((host, port), STEP_S) as connection:
            connection.settimeout(STEP_S)
            if protocol.endswith("SSL"):
                return _of_tls(connection, host, properties, sasl=protocol.startswith("SASL"))
            return _of_plaintext(connection, (host, port), sasl=protocol.startswith("SASL"))
    except socket.gaierror:
        return CAUSES["unknown host"]
    except ConnectionRefusedError:
        return CAUSES["refused"]
    except TimeoutError:
        return CAUSES["no answer"]
    except OSError:
        return None


def _of_tls(connection: socket.socket, host: str, properties: Mapping[str, object], *, sasl: bool) -> Cause | None:
    try:
        context = _context(properties)
    except (OSError, ValueError):  # a file that the client reads and Python does not
        return None
    try:
        with context.wrap_socket(connection, server_hostname=host) as secured:
            return _of_kafka(secured, sasl=sasl)
    except ssl.SSLError as error:
        # A key store is the client's alone: that the broker wants a certificate of us says nothing about it.
        found = _of_handshake(error)
        return None if found == CAUSES["client certificate"] and "ssl.keystore.location" in properties else found
    except (TimeoutError, ConnectionError):
        return CAUSES["no TLS"]


def _of_handshake(error: ssl.SSLError) -> Cause:
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _HOST_NAME:
            return CAUSES["host name"]
        return CAUSES["expired" if error.verify_code in _EXPIRED else "authority"]
    return CAUSES["client certificate" if "ALERT" in (error.reason or "") else "no TLS"]


def _of_plaintext(connection: socket.socket, address: tuple[str, int], *, sasl: bool) -> Cause | None:
    try:
        connection.sendall(_request(_API_VERSIONS, 0))
        if (answer := connection.recv(4096)) and not answer.startswith(_TLS_ALERT):
            return None if sasl else _of_metadata(connection)
    except (TimeoutError, ConnectionError):
        answer = b""
    return CAUSES["TLS"] if answer or _speaks_tls(address) else CAUSES["no answer"]


def _of_kafka(connection: socket.socket, *, sasl: bool) -> Cause | None:
    """Ask what any listener answers: in TLS 1.3 a refused client certificate shows at the first reading only."""
    connection.sendall(_request(_API_VERSIONS, 0))
    try:
        answer = connection.recv(4096)
    except TimeoutError:
        return CAUSES["no answer"]
    except ConnectionResetError:
        return CAUSES["client certificate"]
    if not answer:
        return CAUSES["client certificate"]
    return None if sasl else _of_metadata(connection)


def _of_metadata(connection: socket.socket) -> Cause | None:
    """Ask for no topic's metadata: a listener with SASL closes, for nobody has said who asks."""
    try:
        connection.sendall(_request(_METADATA, 1, struct.pack(">i", 0)))
        return None if connection.recv(4096) else CAUSES["wants SASL"]
    except TimeoutError:
        return CAUSES["no answer"]
    except ConnectionError:
        return CAUSES["wants SASL"]


def _speaks_tls(address: tuple[str, int]) -> bool:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing is sent: only whether it is TLS
    try:
        with socket.create_connection(address, STEP_S) as plain, context.wrap_socket(plain):
            return True
    except ssl.SSLError as error:
        return "ALERT" in (error.reason or "")
    except OSError:
        return False


def _context(properties: Mapping[str, object]) -> ssl.SSLContext:
    """Make what the client's settings ask for. Raises OSError or ValueError (ssl.SSLError is one) for its files."""

    def text(name: str) -> str | None:
        return str(value) if (value := properties.get(name)) else None

    place, pem = text("ssl.ca.location"), text("ssl.ca.pem")
    if place == "probe":
        place = None
    folder = place if place and Path(place).is_dir() else None
    context = ssl.create_default_context(cafile=None if folder else place, capath=folder, cadata=pem)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # the clients are not as strict
    unverified = _off(properties, "enable.ssl.certificate.verification")
    any_name = str(properties.get("ssl.endpoint.identification.algorithm", "https")).lower() == "none"
    if unverified or any_name or _off(properties, "ssl.check.hostname"):
        context.check_hostname = False
    if unverified:
        context.verify_mode = ssl.CERT_NONE
    if certificate := text("ssl.certificate.location"):
        context.load_cert_chain(certificate, text("ssl.key.location"), text("ssl.key.password") or "")
    return context


def _off(properties: Mapping[str, object], name: str) -> bool:
    return str(properties.get(name, "true")).lower() in {"false", "0"}


def _request(key: int, version: int, body: bytes = b"") -> bytes:
    """Frame a request with the header of version 1 (Kafka protocol guide, «Request Header v1»)."""
    head = struct.pack(">hhih", key, version, 1, len(_CLIENT_ID)) + _CLIENT_ID
    return struct.pack(">i", len(head) + len(body)) + head + body
