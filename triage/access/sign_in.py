"""Signing in with a name and a password: slowly enough that nobody guesses, and never more hashes at once than fit."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_network
from threading import BoundedSemaphore

from triage.access.accounts import NAME, Store, close_session, kept_password, open_session
from triage.access.passwords import fits
from triage.access.rules import address_of
from triage.access.throttle import Throttle

HASHES_AT_ONCE = 2
"""Each takes 64 MiB and a core for some 50 ms."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """It is they; the secret is for the cookie."""

    name: str
    secret: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """It is not, or too often."""

    why: str
    wait_s: float = 0.0


def one_place(address: str) -> str:
    """Whose tries are counted together: an IPv6 address's /64, as whoever has one has them all (RFC 6177)."""
    found = address_of(address)
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) else str(found or address)


class SignIn:
    """Checks passwords and opens sessions."""

    def __init__(self, store: Store, lasts_s: float) -> None:
        self._store = store
        self._lasts_s = lasts_s
        self._throttle = Throttle()
        self._hashing = BoundedSemaphore(HASHES_AT_ONCE)

    def attempt(
        self, name: str, password: str, address: str, now: float, before: str | None = None
    ) -> SignedIn | Refusal:
        """Try once. ``before`` is the secret of the browser's session until now, which ends."""
        user_key, address_key = f"user {name[:64]}", f"address {one_place(address)}"
        if (wait := self._throttle.wait_s((user_key, address_key), now)) > 0.0:
            minutes = max(1, round(wait / 60.0))
            return Refusal(f"Too many tries. Wait {minutes} minute{'s' if minutes > 1 else ''}, then try again.", wait)
        with self._store.read() as session:  # closed before hashing, which takes long
            kept = kept_password(session, name) if NAME.fullmatch(name) else None
        with self._hashing:
            right = fits(password, kept)
        if not right:
            return Refusal("Name or password is wrong.")
        with self._store.write() as session:
            if before:
                close_session(session, before)
            secret = open_session(session, name, now, self._lasts_s)
        self._throttle.succeeded(user_key, address_key)
        return SignedIn(name, secret)
