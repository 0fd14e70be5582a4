"""What access goes by: made from the settings once, refused where it would let in whom nobody meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from detector.errors import ConfigurationError
from detector.settings.tree import is_loopback
from triage.access.identity import Role

Network = IPv4Network | IPv6Network

OWN_NAMES = ("localhost", "127.0.0.1", "::1")
"""By which this machine's own browser may ask, whatever else is set."""


def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """An address; an IPv4 one that came by a socket of both as what it is. None for what is none."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that signs people in, such as oauth2-proxy, and tells who they are in headers."""

    user_header: str
    networks: tuple[Network, ...]
    """Where it may ask from; its headers count from nowhere else."""
    groups_header: str | None = None
    analyst_groups: frozenset[str] = frozenset()
    viewer_groups: frozenset[str] = frozenset()
    role: Role = "viewer"
    """Of everybody, where no header tells groups."""

    def is_from(self, address: str) -> bool:
        """Whether an address is the proxy's."""
        found = address_of(address)
        return found is not None and any(found in network for network in self.networks)

    def role_of(self, groups: Sequence[str]) -> Role | None:
        """What members of these groups may do; None for nothing."""
        if self.groups_header is None:
            return self.role
        if self.analyst_groups.intersection(groups):
            return "analyst"
        return "viewer" if not self.viewer_groups or self.viewer_groups.intersection(groups) else None


@dataclass(frozen=True, slots=True)
class AccessRules:
    """What every request is held to."""

    host: str = "127.0.0.1"
    """The address that is listened on."""
    names: tuple[str, ...] = ()
    """Names by which browsers ask, without ports; this machine's own are known."""
    public_url: str | None = None
    """Where browsers find the pages, if there is something before them."""
    tls: bool = False
    """Whether it is served encrypted by itself."""
    proxy: Proxy | None = None
    session_s: float = 12 * 3_600.0
    most_body_bytes: int = 1 << 20

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach it encrypted."""
        return self.tls or (self.public_url or "").startswith("https://")

    @property
    def cookie(self) -> str:
        """The session cookie's name; the prefix has browsers refuse one that another host set."""
        return "__Host-oddflow" if self.is_secure else "oddflow"

    @property
    def all_names(self) -> frozenset[str]:
        """By which it may be asked for, in lower case."""
        public = urlsplit(self.public_url or "").hostname
        listens = () if self.host in {"0.0.0.0", "::"} else (self.host.strip("[]"),)  # noqa: S104 - all is no name
        return frozenset(each.lower() for each in (*OWN_NAMES, *self.names, *listens, *([public] if public else [])))

    @property
    def opens_locally(self) -> bool:
        """Whether everybody at this machine may do all while there are no users."""
        return self.proxy is None and is_loopback(self.host)


def check_exposure(rules: AccessRules, *, has_users: bool) -> None:
    """Raise ConfigurationError where others than this machine would get in without signing in, or could not at all."""
    if rules.proxy is not None and not rules.proxy.networks:
        raise ConfigurationError(
            "triage.proxy_user_header is set and triage.proxy_addresses is not: anybody could write that header; name"
            " the addresses of the proxy"
        )
    if is_loopback(rules.host):
        return
    if not has_users and rules.proxy is None:
        raise ConfigurationError(
            f"triage.host is {rules.host}, which others reach, and nobody could sign in; add a user"
            " (oddflow triage users add NAME --role analyst), or set triage.proxy_user_header and"
            " triage.proxy_addresses, or set triage.host to 127.0.0.1"
        )
    if rules.host in {"0.0.0.0", "::"} and not rules.names and not rules.public_url:  # noqa: S104
        raise ConfigurationError(
            f"triage.host is {rules.host}, and no name is known by which browsers may ask; set triage.public_url, such"
            " as https://triage.example.org, or triage.host_names"
        )
