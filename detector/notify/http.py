"""One POST over HTTP within a bound of time. Redirects are not followed; proxies are those of the environment."""

from __future__ import annotations

import base64
import socket
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ssl import SSLContext, SSLError
from threading import Event as Flag
from threading import Timer
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from detector.notify.retry import Outcome
from detector.printable import printable

MOST_READ = 16_384
"""Bytes of an answer that are looked at."""


class Answer(NamedTuple):
    """What the receiver said."""

    status: int
    retry_after: str | None
    text: str


def post(url: str, data: bytes, headers: Mapping[str, str], *, timeout_s: float, context: SSLContext) -> Answer:
    """Post and give the answer. Raises OSError or HTTPException; after ``timeout_s`` in all, TimeoutError."""
    parts = urlsplit(url)
    connection, target, more = _connection(parts, timeout_s, context)
    late = Flag()

    def hang_up() -> None:
        late.set()
        if connection.sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)  # below TLS, which another thread reads

    timer = Timer(timeout_s, hang_up)
    timer.daemon = True
    timer.start()
    try:
        connection.request("POST", target, data, {**headers, **more})
        response = connection.getresponse()
        if late.is_set():  # a header that was cut off counts as whole
            raise TimeoutError
        said = b""
        with suppress(OSError, HTTPException):  # the answer is known already
            said = response.read(MOST_READ)
        return Answer(response.status, response.getheader("Retry-After"), printable(said.decode("utf-8", "replace")))
    except (OSError, HTTPException) as error:
        if late.is_set():
            raise TimeoutError("no answer in time") from error
        raise
    finally:
        timer.cancel()
        connection.close()


def failed(error: Exception) -> Outcome:
    """The outcome of an attempt that raised this; no address is in its words."""
    match error:
        case TimeoutError():
            return Outcome("later", "no answer in time", "timeout")
        case SSLError():
            why = getattr(error, "verify_message", "") or getattr(error, "reason", "") or type(error).__name__
            return Outcome("later", f"TLS: {printable(str(why))}", "tls")
        case OSError():
            return Outcome("later", printable(error.strerror or str(error) or type(error).__name__), "unreachable")
    return Outcome("later", f"no answer in HTTP ({type(error).__name__})", "server")


def _connection(
    parts: SplitResult, timeout_s: float, context: SSLContext
) -> tuple[HTTPConnection, str, dict[str, str]]:
    """A connection that is not open yet, what to ask it for, and headers that a proxy needs."""
    host, port, secure = parts.hostname or "", parts.port, parts.scheme == "https"
    target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    given = {} if parts.username is None else {"Authorization": _basic(parts)}
    proxy = _proxy(parts)
    if proxy is None:
        if secure:
            return HTTPSConnection(host, port, timeout=timeout_s, context=context), target, given
        return HTTPConnection(host, port, timeout=timeout_s), target, given
    known = {} if proxy.username is None else {"Proxy-Authorization": _basic(proxy)}
    if secure:
        tunnel = HTTPSConnection(proxy.hostname or "", proxy.port, timeout=timeout_s, context=context)
        tunnel.set_tunnel(host, port, known)
        return tunnel, target, given
    plain = HTTPConnection(proxy.hostname or "", proxy.port, timeout=timeout_s)
    where = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()
    return plain, where, given | known


def _proxy(parts: SplitResult) -> SplitResult | None:
    found = getproxies_environment().get(parts.scheme)
    if not found or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return urlsplit(found if "://" in found else f"http://{found}")


def _basic(parts: SplitResult) -> str:
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
