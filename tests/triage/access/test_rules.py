"""Where triage refuses to be reached by others."""

from __future__ import annotations

import pytest

from detector.errors import ConfigurationError
from tests.triage.access.places import OAUTH
from triage.access.rules import AccessRules, Proxy, check_exposure

ALL = "0.0.0.0"  # noqa: S104


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_this_machine_alone_needs_nothing(host: str) -> None:
    """On loopback nobody has to be named."""
    check_exposure(AccessRules(host=host), has_users=False)


@pytest.mark.parametrize("host", [ALL, "192.0.2.1", "::", "triage.lan"])
def test_others_need_a_way_to_sign_in(host: str) -> None:
    """Any other address is refused without users and without a proxy, and the error says what to set."""
    rules = AccessRules(host=host, names=("triage.lan",))
    with pytest.raises(ConfigurationError, match=r"users add .* triage.proxy_user_header .* triage.host to 127.0.0.1"):
        check_exposure(rules, has_users=False)
    check_exposure(rules, has_users=True)
    check_exposure(AccessRules(host=host, names=("triage.lan",), proxy=OAUTH), has_users=False)


def test_all_addresses_need_a_name() -> None:
    """Where it listens on all addresses, it has to know by which names it may be asked for."""
    with pytest.raises(ConfigurationError, match=r"triage.public_url"):
        check_exposure(AccessRules(host=ALL), has_users=True)
    check_exposure(AccessRules(host=ALL, public_url="https://triage.example.org"), has_users=True)


def test_a_proxy_s_addresses_are_needed() -> None:
    """A header that anybody could write is refused, also on loopback."""
    with pytest.raises(ConfigurationError, match=r"triage.proxy_addresses"):
        check_exposure(AccessRules(proxy=Proxy("X-User", ())), has_users=True)


def test_no_proxy_gives_more_than_is_set() -> None:
    """Without groups everybody has the role that is set, viewer unless said otherwise."""
    assert Proxy("X-User", ()).role_of([]) == "viewer"
    assert Proxy("X-User", (), role="analyst").role_of([]) == "analyst"
    assert Proxy("X-User", (), "X-Groups", frozenset({"soc"})).role_of(["x"]) == "viewer"
