"""Reads the file of assets (TOML): ``[[assets]]`` and ``[[allowed]]``.

An error names the file, the line and the key, and what to write instead.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from detector.assets.assets import Allowed, Asset, Assets, Network, covers_everything
from detector.errors import ConfigurationError
from detector.printable import printable

KEYS: Mapping[str, tuple[str, ...]] = {
    "assets": ("address", "name", "role", "weight"),
    "allowed": ("address", "ports", "kinds", "until", "reason"),
}
"""By table."""

NEEDED: Mapping[str, tuple[str, ...]] = {"assets": ("address", "name"), "allowed": ("address", "until", "reason")}

LEAST_WEIGHT, MOST_WEIGHT = 0.1, 10.0

MOST_ENTRIES = 100_000

MOST_NAMED = 5
"""Rules that one error names."""

LONGEST = 100
"""Characters of a name, role or reason."""

_MAPPED_BITS = 96
"""Before an IPv4 address in its IPv6 form."""


def read_assets(path: Path, kinds: Collection[str], *, allow_everything: bool = False) -> Assets:
    """Read the file. ``kinds`` are the names of all kinds of incident.

    Raises ConfigurationError for what is wrong in it, and for an allow-list that covers every host, or every inside
    one, unless ``allow_everything`` says that it is meant.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # editors of Windows begin a file with a mark
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"assets.file {path}: cannot be read: {error}") from None
    assets = parse_assets(text, str(path), kinds)
    if not allow_everything and (covering := covers_everything(assets.rules, kinds)):
        places = {id(rule): number for number, rule in enumerate(assets.rules)}
        named = [
            f"{rule.who}{_at(_line(text, 'allowed', places[id(rule)], 'address'))}" for rule in covering[:MOST_NAMED]
        ]
        if len(covering) > MOST_NAMED:
            named.append(f"and {len(covering) - MOST_NAMED:,} more")
        raise ConfigurationError(
            f"assets file {path}: allowed: {'; '.join(named)}: {'it covers' if len(covering) == 1 else 'they cover'}"
            " every host, or every inside one; nothing that these do would be a risk; name the scanners, or give ports"
            " or kinds; if it is meant, set assets.allow_everything = true as well"
        )
    return assets


def parse_assets(text: str, name: str, kinds: Collection[str]) -> Assets:
    """Read the text of the file of that name. Raises ConfigurationError as :func:`read_assets` does."""
    try:
        whole = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a TOMLDecodeError, or a number or a nesting that Python refuses
        raise ConfigurationError(f"assets file {name}: not TOML: {error}") from None
    for table, entries in whole.items():
        if table not in KEYS:
            near = get_close_matches(table, KEYS, 1)
            hint = f"the nearest known one is [[{near[0]}]]" if near else "the tables are [[assets]] and [[allowed]]"
            raise ConfigurationError(
                f"assets file {name}{_at(_line(text, table))}: {printable(table)}: unknown table; {hint}"
            )
        if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
            raise ConfigurationError(
                f"assets file {name}{_at(_line(text, table))}: {table}: write [[{table}]] before each entry's keys"
            )
        if len(entries) > MOST_ENTRIES:
            raise ConfigurationError(f"assets file {name}: {table}: more than {MOST_ENTRIES:,}; give networks")
    return Assets(
        tuple(_asset(_Entry(text, name, "assets", at, each)) for at, each in enumerate(whole.get("assets", ()))),
        tuple(
            _allowed(_Entry(text, name, "allowed", at, each), kinds) for at, each in enumerate(whole.get("allowed", ()))
        ),
    )


@dataclass(frozen=True, slots=True)
class _Entry:
    """One table of the file."""

    text: str
    file: str
    table: str
    number: int
    values: Mapping[str, Any]

    def wrong(self, key: str, why: str) -> ConfigurationError:
        """An error about one of its keys."""
        line = _line(self.text, self.table, self.number, key)
        return ConfigurationError(f"assets file {self.file}{_at(line)}: {self.table}.{printable(key)}: {why}")

    def check(self) -> None:
        """Raise for a key that is unknown, or one that is missing."""
        known = KEYS[self.table]
        for key in self.values:
            if key not in known:
                near = get_close_matches(key, known, 1)
                hint = f"the nearest known one is {near[0]}" if near else f"the keys are {', '.join(known)}"
                raise self.wrong(key, f"unknown key; {hint}")
        for key in NEEDED[self.table]:
            if key not in self.values:
                raise self.wrong(key, f"missing; each of [[{self.table}]] needs {', '.join(NEEDED[self.table])}")

    def words(self, key: str) -> str:
        """A short text."""
        value = self.values.get(key, "")
        if not isinstance(value, str) or len(value) > LONGEST or (key in self.values and not value.strip()):
            raise self.wrong(key, f"give a text of 1 to {LONGEST} characters")
        return printable(value.strip())

    def network(self) -> Network:
        """The address, which may be a network."""
        try:
            return _plain(ipaddress.ip_network(str(self.values["address"])))
        except ValueError as error:
            raise self.wrong("address", f"{printable(str(error))}; {_instead(str(self.values['address']))}") from None


def _plain(network: Network) -> Network:
    """An IPv4 network in its IPv6 form as what it is: addresses are looked up so."""
    host = network.network_address
    if isinstance(host, ipaddress.IPv6Address) and host.ipv4_mapped is not None and network.prefixlen >= _MAPPED_BITS:
        return ipaddress.ip_network((int(host.ipv4_mapped), network.prefixlen - _MAPPED_BITS))
    return network


def _asset(entry: _Entry) -> Asset:
    entry.check()
    weight = entry.values.get("weight")
    if weight is not None and (
        isinstance(weight, bool) or not isinstance(weight, int | float) or not LEAST_WEIGHT <= weight <= MOST_WEIGHT
    ):
        raise entry.wrong(
            "weight", f"give a number from {LEAST_WEIGHT:g} to {MOST_WEIGHT:g}; 1 is usual, 2 twice as grave"
        )
    return Asset(entry.network(), entry.words("name"), entry.words("role"), None if weight is None else float(weight))


def _allowed(entry: _Entry, kinds: Collection[str]) -> Allowed:
    entry.check()
    until = entry.values["until"]
    if isinstance(until, datetime) or not isinstance(until, date):
        raise entry.wrong("until", "give the last day, without quotes, such as until = 2027-01-31")
    ports, named = entry.values.get("ports", []), entry.values.get("kinds", [])
    if not isinstance(ports, list) or not all(type(each) is int and 0 <= each <= 65_535 for each in ports):
        raise entry.wrong("ports", "give a list of destination ports, such as ports = [22, 443]")
    if not isinstance(named, list):
        raise entry.wrong("kinds", 'give a list of kinds, such as kinds = ["scan", "sweep"]')
    named = [each.replace("-", " ") if isinstance(each, str) else each for each in named]
    for kind in named:
        if kind not in kinds:
            near = get_close_matches(str(kind), list(kinds), 1)
            hint = f"the nearest known one is {near[0]}" if near else f"the kinds are {', '.join(kinds)}"
            raise entry.wrong("kinds", f"{printable(str(kind))!r} is no kind of incident; {hint}")
    return Allowed(entry.network(), until, entry.words("reason"), frozenset(ports), frozenset(named))


def _instead(address: str) -> str:
    """What to write instead of an address that is none."""
    try:
        meant = ipaddress.ip_interface(address)
    except ValueError:
        return "give an address such as 10.0.1.5, or a network such as 10.0.1.0/24"
    return f"give the network {meant.network}, or the host {meant.ip}/{meant.max_prefixlen}"


def _line(text: str, table: str, number: int = 0, key: str = "") -> int | None:
    """The line (from 1) of a key in the ``number``-th table of that name; that of the table where the key has none."""
    at, begun = -1, None
    for line, content in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[+\s*([^\[\]]*?)\s*\]", content)
        if header:
            at += header[1].strip("\"'") == table
            if at == number and begun is None:
                begun = line
            elif begun is not None:
                return begun
        elif re.match(rf"\s*[\"']?{re.escape(key or table)}[\"']?\s*=", content) and (
            begun is not None if key else at < 0
        ):
            return line
    return begun


def _at(line: int | None) -> str:
    return "" if line is None else f", line {line}"
