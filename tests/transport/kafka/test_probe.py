"""The look of our own at brokers that a client cannot reach tells the causes apart."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from detector.transport.kafka import probe
from detector.transport.kafka.start_errors import CAUSES, Cause, cause_of, tells
from training.demo.ports import free_port

Serve = Callable[[socket.socket], None]


@contextmanager
def listener(serve: Serve) -> Iterator[str]:
    """Somebody who serves each connection so, and closes it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    connection.settimeout(10)
                    serve(connection)

        threading.Thread(target=run, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def _look(server: str, protocol: str = "PLAINTEXT") -> Cause | None:
    return probe.cause({"bootstrap.servers": server, "security.protocol": protocol})


def _answers(times: int) -> Serve:
    def serve(connection: socket.socket) -> None:
        for _ in range(times):
            connection.recv(4096)
            connection.sendall(b"\0\0\0\4\0\0\0\1")
        connection.recv(4096)

    return serve


def _alerts(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"\x15\x03\x03\x00\x02\x02\x32")


def test_nobody_there_and_no_such_host() -> None:
    """A refused connection and an unknown name are two causes."""
    assert _look(f"127.0.0.1:{free_port()}") == CAUSES["refused"]
    assert _look("no-such-host.invalid:9092") == CAUSES["unknown host"]


def test_a_server_that_answers_is_sound() -> None:
    """One that answers both requests has no fault that a look can find, and then none is told for its neighbours."""
    with listener(_answers(2)) as there:
        assert _look(there) is None
        assert _look(f"127.0.0.1:1,{there}") is None


def test_a_listener_with_sasl_closes_on_a_stranger() -> None:
    """One that closes after the first answer wants to know who asks."""
    with listener(_answers(1)) as there:
        assert _look(there) == CAUSES["wants SASL"]
        assert _look(there, "SASL_PLAINTEXT") is None


def test_tls_and_no_tls_are_told_apart() -> None:
    """A TLS alert in answer to plaintext is TLS; a plain answer to a TLS greeting is none."""
    with listener(_alerts) as there:
        assert _look(there) == CAUSES["TLS"]
    with listener(_answers(1)) as there:
        assert _look(there, "SSL") == CAUSES["no TLS"]


@pytest.mark.parametrize(
    ("server", "address"),
    [
        ("kafka", ("kafka", 9092)),
        ("kafka:1", ("kafka", 1)),
        ("SSL://kafka:1", ("kafka", 1)),
        ("[::1]:1", ("::1", 1)),
    ],
)
def test_addresses_are_split(server: str, address: tuple[str, int]) -> None:
    """A server is a host and a port, with brackets around an IPv6 address."""
    assert probe._address(server) == address


def test_clients_words_are_understood() -> None:
    """What clients say of a refused password is known; that brokers are down tells nothing."""
    assert cause_of("Connection lost: Invalid username or password") == CAUSES["password"]
    assert cause_of("1/1 brokers are down") is None
    assert not tells("1/1 brokers are down")
