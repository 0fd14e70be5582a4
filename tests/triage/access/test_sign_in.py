"""Signing in, and how often it may fail."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from tests.triage.access.places import HOUR, PASSWORD
from triage.access import passwords
from triage.access.accounts import add_user, session_user
from triage.access.sign_in import Refusal, SignedIn, SignIn
from triage.access.throttle import FAILURES, MOST_KEYS, WINDOW_S, Throttle
from triage.store.engine import Database

HERE = "192.0.2.1"


@pytest.fixture
def sign_in(database: Database) -> SignIn:
    """With one user."""
    with database.write() as session:
        add_user(session, "ada", "analyst", PASSWORD, 0.0)
    return SignIn(database, HOUR)


def test_the_right_password_opens_a_session(sign_in: SignIn) -> None:
    """It is the user's, lasts as long as set, and the browser's session from before ends with it."""
    first = sign_in.attempt("ada", PASSWORD, HERE, 0.0)
    assert isinstance(first, SignedIn)
    second = sign_in.attempt("ada", PASSWORD, HERE, 1.0, before=first.secret)
    assert isinstance(second, SignedIn)
    with sign_in._store.read() as session:
        assert session_user(session, first.secret, 2.0) is None
        assert session_user(session, second.secret, HOUR) is not None
        assert session_user(session, second.secret, HOUR + 1.0) is None


def test_what_is_wrong_is_not_told(sign_in: SignIn) -> None:
    """An unknown name and a wrong password are refused in the same words, after a hash each."""
    with patch("triage.access.passwords._HASHER", wraps=passwords._HASHER) as hasher:
        for name in ("ada", "eve", "no name at all"):
            sign_in.attempt(name, "wrong", HERE, 0.0)
    assert hasher.verify.call_count == 3
    assert sign_in.attempt("ada", "wrong", HERE, 0.0) == sign_in.attempt("eve", "wrong", HERE, 0.0)


@pytest.mark.parametrize(("names", "addresses"), [(["ada"], 99), (["ada", "bob", "eve"], 1)])
def test_tries_are_limited(sign_in: SignIn, names: list[str], addresses: int) -> None:
    """After ten failures of a user, or of an address, even the right password has to wait, five minutes at most."""
    with patch("triage.access.sign_in.fits", return_value=False):
        for place in range(FAILURES):
            tried = sign_in.attempt(names[place % len(names)], "x", f"192.0.2.{place % addresses}", float(place))
            assert isinstance(tried, Refusal)
            assert tried.wait_s == 0.0
    limited = sign_in.attempt("ada", PASSWORD, "192.0.2.0", 10.0)
    assert isinstance(limited, Refusal)
    assert limited.wait_s == WINDOW_S - 10.0
    assert "Wait 5 minutes" in limited.why
    assert isinstance(sign_in.attempt("ada", PASSWORD, "192.0.2.0", WINDOW_S), SignedIn)


def test_addresses_of_one_place_are_one(sign_in: SignIn) -> None:
    """Tries from an IPv6 /64 are counted together; those of IPv4 by address, however they came."""
    for place in range(FAILURES):
        assert isinstance(sign_in.attempt(f"u{place}", "x", f"2001:db8::{place:x}", 0.0), Refusal)
        assert isinstance(sign_in.attempt(f"v{place}", "x", f"::ffff:192.0.2.{place}", 0.0), Refusal)
    limited = sign_in.attempt("ada", PASSWORD, "2001:db8::ffff", 1.0)
    assert isinstance(limited, Refusal)
    assert limited.wait_s > 0.0
    assert isinstance(sign_in.attempt("ada", PASSWORD, "2001:db8:0:1::1", 1.0), SignedIn)
    assert isinstance(sign_in.attempt("ada", PASSWORD, "192.0.2.1", 1.0), SignedIn)


def test_a_clock_set_back_makes_nobody_wait_for_it() -> None:
    """Failures of a time that is to come again are counted as of now."""
    throttle = Throttle()
    for _ in range(FAILURES):
        throttle.wait_s(("user ada",), 1e6)
    assert throttle.wait_s(("user ada",), 1_000.0) == WINDOW_S
    assert throttle.wait_s(("user ada",), 1_000.0 + WINDOW_S) == 0.0


def test_success_forgives_the_user_and_not_the_address() -> None:
    """Who has an account cannot use it to try more passwords of others."""
    throttle = Throttle()
    for time in range(FAILURES - 1):
        assert throttle.wait_s(("user eve", "address a"), float(time)) == 0.0
    assert throttle.wait_s(("user ada", "address a"), 9.0) == 0.0
    throttle.succeeded("user ada", "address a")
    assert throttle.wait_s(("user ada", "address b"), 9.5) == 0.0
    assert throttle.wait_s(("user eve", "address a"), 10.0) == 0.0
    assert throttle.wait_s(("user ada", "address a"), 11.0) > 0.0


def test_what_is_remembered_is_bounded() -> None:
    """Of many addresses those that tried last are remembered."""
    throttle = Throttle()
    for _ in range(FAILURES):
        throttle.wait_s(("first",), 0.0)
    for place in range(MOST_KEYS):
        throttle.wait_s((str(place),), 1.0)
    assert len(throttle._tried) == MOST_KEYS
    assert throttle.wait_s(("first",), 1.0) == 0.0
