"""Receivers on this machine: over HTTP, and of syslog by UDP, TCP and TLS; each in a thread, with answers as told."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PATIENCE_S = 30.0


class Request(NamedTuple):
    """What came."""

    path: str
    headers: dict[str, str]
    body: bytes


class Reply(NamedTuple):
    """What is answered."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b"ok"


class Receiver:
    """What an HTTP receiver got, and what it answers: ``replies`` in order, then 200."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.requests: list[Request] = []
        self.replies: list[Reply] = []
        self.gate = threading.Event()
        """While it is not set, nothing is answered."""
        self.gate.set()

    @property
    def url(self) -> str:
        """Its address, with something secret in it."""
        return f"http://127.0.0.1:{self.port}/hooks/top-secret-path"


@contextmanager
def receiving(port: int = 0, context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """An HTTP receiver while the block runs."""
    receiver = Receiver(0)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            receiver.requests.append(Request(self.path, dict(self.headers.items()), body))
            receiver.gate.wait(PATIENCE_S)
            reply = receiver.replies.pop(0) if receiver.replies else Reply()
            with suppress(OSError):  # who asked has gone
                self.send_response(reply.status)
                for name, value in reply.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_: object) -> None:
            pass

    server = Server(("127.0.0.1", port), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.gate.set()
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE_S)


class Stream:
    """What a stream receiver got, one entry a connection."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.received: list[bytes] = []


@contextmanager
def listening(
    context: ssl.SSLContext | None = None, meet: Callable[[socket.socket], bytes] | None = None
) -> Iterator[Stream]:
    """A TCP or TLS receiver while the block runs; each connection is read to its end, or as ``meet`` does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        stream, ending = Stream(server.getsockname()[1]), threading.Event()
        server.settimeout(0.05)

        def run() -> None:
            while not ending.is_set():
                try:
                    connection, _ = server.accept()
                except OSError:
                    continue
                with suppress(OSError), connection:
                    connection.settimeout(PATIENCE_S)
                    taken = context.wrap_socket(connection, server_side=True) if context else connection
                    with taken:
                        stream.received.append((meet or to_the_end)(taken))

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield stream
        finally:
            ending.set()
            thread.join(PATIENCE_S)


def to_the_end(connection: socket.socket) -> bytes:
    """All that comes until the other side says that it was all."""
    found = b""
    while data := connection.recv(65_536):
        found += data
    return found


class Certificates(NamedTuple):
    """An authority, and what it signed for 127.0.0.1: files in PEM."""

    authority: Path
    certificate: Path
    key: Path

    def server(self, *, asks: bool = False) -> ssl.SSLContext:
        """A server's context; ``asks`` for a certificate of the authority."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        if asks:
            context.load_verify_locations(self.authority)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def certificates(folder: Path) -> Certificates:
    """Make them."""
    now = dt.datetime.now(dt.UTC)
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca_name, name = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in ("authority", "receiver"))

    def certified(subject: x509.Name, public: ec.EllipticCurvePublicKey, *, ca: bool) -> x509.Certificate:
        names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(ca_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(names, critical=False)
            .sign(ca_key, hashes.SHA256())
        )

    files = Certificates(folder / "authority.pem", folder / "receiver.pem", folder / "receiver.key")
    pem = serialization.Encoding.PEM
    files.authority.write_bytes(certified(ca_name, ca_key.public_key(), ca=True).public_bytes(pem))
    files.certificate.write_bytes(certified(name, key.public_key(), ca=False).public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files.key.write_bytes(private)
    return files
