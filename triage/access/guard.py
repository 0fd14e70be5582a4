"""The guard before everything: it finds out who asks, refuses what may not be, and has every answer carry the headers.

An ASGI application around another one. In this order it holds a request to:

1. the host's name, as a page elsewhere whose name is made to point here would ask by another one;
2. its body's size;
3. who asks: a token, a proxy's header, a session's cookie, or this machine's own user while there are no users;
4. for a change: that it comes from a page of this server (Origin, Sec-Fetch-Site, and a token that only its pages
   hold), unless a program's token says who it is, and that an analyst asks, but for previews.

Everything is closed but :data:`OPEN`. Whoever is known is in ``scope["identity"]``, and nowhere else.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from anyio.to_thread import run_sync
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from detector.errors import OddflowError
from detector.feedback.label import LONGEST_NAME
from detector.printable import printable
from triage.access.accounts import Store, has_users, session_user, token_of
from triage.access.arrivals import Arrivals
from triage.access.headers import ENCRYPTED, HEADERS, UNSHARED
from triage.access.identity import Identity, Role
from triage.access.rules import AccessRules, Proxy
from triage.telemetry import AnswerFailed, SignInTried, Tell, silent

SIGN_IN, SIGN_OUT, STATIC = "/sign-in", "/sign-out", "/static/"

NAMELESS = ("/healthz", "/readyz", "/metrics")
"""Asked by probes and Prometheus, by whatever address they know; nothing in their answers came from the network."""

OPEN = (SIGN_IN, *NAMELESS)
"""What nobody has to sign in for, besides what is under :data:`STATIC`."""

PREVIEWS = ("/api/v1/bulk/preview", "/api/v1/suppressions/preview")
"""Asked by POST, since what they are of is long, though they change nothing."""

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

FORM = "application/x-www-form-urlencoded"

CSRF_HEADER, CSRF_FIELD = "x-csrf-token", "csrf"

MOST_FIELDS = 10_000

MOST_DIGITS = 19
"""Of the length that a request tells."""

FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "x-forwarded-host")

Refuse = Callable[[Scope, int, str], Response]
"""Makes the answer to what is refused, of its status and why."""


class RefusedError(Exception):
    """What may not be; its words are for whoever asked."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class Guard:
    """Stands before ``app``; ``refuse`` makes the answers for what is not let through."""

    def __init__(
        self,
        app: ASGIApp,
        rules: AccessRules,
        store: Store,
        refuse: Refuse,
        clock: Callable[[], float] = time.time,
        *,
        tell: Tell = silent,
    ) -> None:
        self.app = app
        self._rules = rules
        self._store = store
        self._refuse = refuse
        self._clock = clock
        self._tell = tell
        self._arrivals = Arrivals()
        self._secret = secrets.token_bytes(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        send = self._with_headers(scope, send)
        try:
            receive = await self._checked(scope, receive)
        except RefusedError as refused:
            await self._refuse(scope, refused.status, str(refused))(scope, receive, send)
            return
        except (SQLAlchemyError, OddflowError) as error:  # its words name server and user, and nobody is known yet
            self._tell(AnswerFailed(str(error)))
            why = f"the database cannot be used ({type(error).__name__})"
            await self._refuse(scope, HTTPStatus.SERVICE_UNAVAILABLE, why)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    async def _checked(self, scope: Scope, receive: Receive) -> Receive:
        headers, path = Headers(scope=scope), scope["path"]
        scope["client_address"] = client_address(scope, self._rules.proxy)
        if path not in NAMELESS:
            check_name(headers, self._rules)
        body = await _read(headers, receive, self._rules.most_body_bytes)
        if not (path in NAMELESS or path.startswith(STATIC)):
            identity = await run_sync(self._who, scope, headers)
            scope["identity"] = identity
            if identity is None and path not in OPEN:
                raise RefusedError(HTTPStatus.UNAUTHORIZED, "nobody is signed in; reload the page to sign in")
            scope["body"] = body
            if scope["method"] not in SAFE:
                self._check_change(headers, body, identity, path)
        return _again(body, receive)

    def _who(self, scope: Scope, headers: Headers) -> Identity | None:
        """Who asks; None for nobody that is known. Raises RefusedError for what claims to be somebody and is not."""
        address = scope["client_address"]
        with self._store.read() as session:
            now = self._clock()
            if (given := headers.get("authorization")) is not None and given[:7].lower() == "bearer ":
                found = token_of(session, given[7:].strip(), now)
                if found is None:
                    self._tell(SignInTried("token", "refused", "", address))
                    raise RefusedError(HTTPStatus.UNAUTHORIZED, "this token is not known, or expired; make a new one")
                self._came("token", found.name, address, now)
                return Identity(f"token:{found.name}", found.role, "token")
            if (told := self._told_by_proxy(scope, headers)) is not None:
                name, role = told
                self._came("proxy", name, address, now)
                return Identity(name, role, "proxy", self._csrf(f"proxy:{name}"))
            if secret := cookie_parser(headers.get("cookie", "")).get(self._rules.cookie):
                user = session_user(session, secret, now)
                if user is not None:
                    return Identity(user.name, user.role, "session", csrf_of(secret))
            if self._rules.opens_locally and not has_users(session):
                if any(name in headers for name in FORWARDED):
                    raise RefusedError(
                        HTTPStatus.FORBIDDEN,
                        "a proxy passed this on, and nobody has to sign in yet; add a user (oddflow triage users add"
                        " NAME --role analyst), or set triage.proxy_user_header",
                    )
                return Identity("local", "analyst", "local", self._csrf("local"))
            return None

    def _told_by_proxy(self, scope: Scope, headers: Headers) -> tuple[str, Role] | None:
        try:
            return _told_by_proxy(self._rules.proxy, scope, headers)
        except RefusedError:
            names = ", ".join(headers.getlist(self._rules.proxy.user_header)) if self._rules.proxy else ""
            self._tell(SignInTried("proxy", "refused", names, scope["client_address"]))
            raise

    def _came(self, how: str, name: str, address: str, now: float) -> None:
        if self._arrivals.is_new(now, how, name, address):
            self._tell(SignInTried(how, "accepted", name, address))

    def _check_change(self, headers: Headers, body: bytes, identity: Identity | None, path: str) -> None:
        if identity is None or identity.how != "token":
            check_origin(headers, self._rules)
        if identity is not None and identity.how != "token":
            given = headers.get(CSRF_HEADER) or _field(headers, body, CSRF_FIELD)
            if not hmac.compare_digest(given.encode(), identity.csrf.encode()):
                raise RefusedError(
                    HTTPStatus.FORBIDDEN, "this page is from an earlier session; reload it, and do it again"
                )
        if identity is not None and not identity.is_analyst and path not in {SIGN_IN, SIGN_OUT, *PREVIEWS}:
            raise RefusedError(HTTPStatus.FORBIDDEN, f"{identity.name} is a viewer; only an analyst may change this")

    def _csrf(self, who: str) -> str:
        return hmac.new(self._secret, who.encode(), hashlib.sha256).hexdigest()

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                if self._rules.is_secure:
                    headers["strict-transport-security"] = ENCRYPTED
                if not scope["path"].startswith(STATIC):
                    headers["cache-control"] = UNSHARED
            await send(message)

        return sent


def csrf_of(secret: str) -> str:
    """What a session's pages hold: made of its secret, and of no use to find that."""
    return hashlib.sha256(f"csrf {secret}".encode()).hexdigest()


def check_name(headers: Headers, rules: AccessRules) -> None:
    """Raise RefusedError unless it is asked for by one of its names."""
    given = headers.getlist("host")
    name = _host(given[0]) if len(given) == 1 else ""
    if name not in rules.all_names:
        raise RefusedError(
            HTTPStatus.MISDIRECTED_REQUEST,
            "this server is not asked for by that name; set triage.public_url or triage.host_names if it should be",
        )


def check_origin(headers: Headers, rules: AccessRules) -> None:
    """Raise RefusedError where a browser says that another site's page asks for a change."""
    elsewhere = RefusedError(HTTPStatus.FORBIDDEN, "another site's page asked for this; do it from a page of triage")
    if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise elsewhere
    origin = headers.get("origin")
    if origin is None:
        return
    known = {headers.get("host", "").lower(), urlsplit(rules.public_url or "").netloc.lower()} - {""}
    if _place(origin) not in known:
        raise elsewhere


def client_address(scope: Scope, proxy: Proxy | None) -> str:
    """Who asks, by address: behind a proxy that is known, the last one that it did not make up."""
    address = str((scope.get("client") or ("",))[0])
    if proxy is None or not proxy.is_from(address):
        return address
    passed = ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")
    return next((each for text in reversed(passed) if (each := text.strip()) and not proxy.is_from(each)), address)


def _told_by_proxy(proxy: Proxy | None, scope: Scope, headers: Headers) -> tuple[str, Role] | None:
    """Name and role of whom a proxy signed in."""
    if proxy is None or not proxy.is_from(str((scope.get("client") or ("",))[0])):
        return None
    names = headers.getlist(proxy.user_header)
    if not names or not any(names):
        return None
    name = printable(names[0].strip())
    if len(names) > 1 or not 0 < len(name) <= LONGEST_NAME:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"the proxy's header {proxy.user_header} names no single user")
    groups = [each.strip() for text in headers.getlist(proxy.groups_header or "") for each in text.split(",")]
    if (role := proxy.role_of(groups)) is None:
        raise RefusedError(HTTPStatus.FORBIDDEN, f"{name} is in none of the groups that may see this")
    return name, role


def _host(text: str) -> str:
    """A Host header's name, in lower case, without the port and brackets."""
    try:
        return (urlsplit(f"//{text}").hostname or "").rstrip(".") if not set(text) & set("/@?#\\") else ""
    except ValueError:
        return ""


def _place(origin: str) -> str:
    """An Origin header's name and port, in lower case; empty for what is none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _field(headers: Headers, body: bytes, name: str) -> str:
    if headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        return ""
    try:
        return parse_qs(body.decode(), max_num_fields=MOST_FIELDS).get(name, [""])[-1]
    except ValueError:
        return ""


async def _read(headers: Headers, receive: Receive, most: int) -> bytes:
    """The whole body. Raises RefusedError where it is larger than it may be."""
    too_large = RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the request is larger than {most:,} bytes")
    told = headers.get("content-length", "0")
    if not told.isdecimal() or len(told) > MOST_DIGITS or int(told) > most:
        raise too_large
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError(HTTPStatus.BAD_REQUEST, "the request was cut off")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise too_large
        if not message.get("more_body", False):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """Give the body that was read, then whatever else comes."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
