"""The file of assets: read as it is meant, and what is wrong in it named by file, line and key."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.assets.assets import Assets
from detector.assets.read import parse_assets, read_assets
from detector.errors import ConfigurationError

KINDS = ("scan", "sweep", "other")

GOOD = """\
# hosts
[[assets]]
address = "10.0.1.0/24"
name = "servers"
weight = 1.5

[[assets]]
address = "10.0.1.5"
name = "db-prod"
role = "database"

[[allowed]]
address = "10.0.9.7"
kinds = ["scan"]
until = 2027-01-31
reason = "the weekly scan"
"""


def test_a_good_file_is_read() -> None:
    """Hosts and networks with what is told of them, and the allow-list."""
    known = parse_assets(GOOD, "assets.toml", KINDS)
    assert [(str(each.network), each.label, each.weight) for each in known.assets] == [
        ("10.0.1.0/24", "servers", 1.5),
        ("10.0.1.5/32", "db-prod, database", None),
    ]
    (rule,) = known.rules
    assert (str(rule.network), rule.until, rule.reason, rule.kinds) == (
        "10.0.9.7/32",
        date(2027, 1, 31),
        "the weekly scan",
        frozenset({"scan"}),
    )


@pytest.mark.parametrize(
    ("was", "now", "message"),
    [
        ('name = "servers"', "name = ", "not TOML: Invalid value (at line 4, column 8)"),
        ("weight = 1.5", "wieght = 1.5", "line 5: assets.wieght: unknown key; the nearest known one is weight"),
        ("weight = 1.5", "colour = 1", "line 5: assets.colour: unknown key; the keys are address, name, role, weight"),
        (
            "weight = 1.5",
            "weight = 0",
            "line 5: assets.weight: give a number from 0.1 to 10; 1 is usual, 2 twice as grave",
        ),
        ("weight = 1.5", "weight = true", "line 5: assets.weight: give a number from 0.1 to 10"),
        ('"10.0.1.5"', '"10.0.1.500"', "line 8: assets.address: '10.0.1.500' does not appear to be"),
        (
            '"10.0.1.5"',
            '"10.0.1.5/24"',
            "10.0.1.5/24 has host bits set; give the network 10.0.1.0/24, or the host 10.0.1.5/32",
        ),
        ('name = "db-prod"\n', "", "line 7: assets.name: missing; each of [[assets]] needs address, name"),
        ('role = "database"', "role = 7", "line 10: assets.role: give a text of 1 to 100 characters"),
        (
            "2027-01-31",
            '"2027-01-31"',
            "line 15: allowed.until: give the last day, without quotes, such as until = 2027-01-31",
        ),
        ("2027-01-31", "2027-01-31T10:00:00", "line 15: allowed.until: give the last day"),
        (
            '["scan"]',
            '["scna"]',
            "line 14: allowed.kinds: 'scna' is no kind of incident; the nearest known one is scan",
        ),
        ('["scan"]', '"scan"', "line 14: allowed.kinds: give a list of kinds"),
        ('kinds = ["scan"]', "ports = [70000]", "line 14: allowed.ports: give a list of destination ports"),
        ("weight = 1.5", f"weight = {'9' * 5_000}", "not TOML: Exceeds the limit"),
        ("weight = 1.5", f"weight = {'[' * 100_000}", "not TOML: maximum recursion depth exceeded"),
        ("[[allowed]]", "[[alowed]]", "line 12: alowed: unknown table; the nearest known one is [[allowed]]"),
        ("[[allowed]]", "[allowed]", "line 12: allowed: write [[allowed]] before each entry's keys"),
    ],
)
def test_what_is_wrong_is_named(was: str, now: str, message: str) -> None:
    """The error names the file, the line, the key, and what to write."""
    assert GOOD.count(was) == 1
    with pytest.raises(ConfigurationError) as caught:
        parse_assets(GOOD.replace(was, now), "assets.toml", KINDS)
    assert str(caught.value).startswith("assets file assets.toml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("written", ["::ffff:10.0.9.0/120", "::ffff:a00:900/120"])
def test_networks_in_their_other_form_are_the_same(written: str) -> None:
    """An IPv4 network that is written as IPv6 holds the addresses that it names, in both forms."""
    known = parse_assets(GOOD.replace('"10.0.9.7"', f'"{written}"'), "assets.toml", KINDS)
    assert known.allowed("10.0.9.7", 0.0, 22) is known.allowed("::ffff:10.0.9.7", 0.0, 22) is known.rules[0]


@pytest.mark.parametrize("change", [lambda text: "\ufeff" + text, lambda text: text.replace("\n", "\r\n")])
def test_a_file_of_windows_is_read(tmp_path: Path, change: Callable[[str], str]) -> None:
    """A mark at its beginning, or other ends of lines, change nothing."""
    path = tmp_path / "assets.toml"
    path.write_bytes(change(GOOD).encode())
    assert read_assets(path, KINDS).assets == parse_assets(GOOD, "assets.toml", KINDS).assets


def test_kinds_are_written_with_blanks_or_without() -> None:
    """``dns-tunnel`` is the kind ``dns tunnel``, as after ``--kind``."""
    known = parse_assets(GOOD.replace('["scan"]', '["dns-tunnel", "scan"]'), "assets.toml", (*KINDS, "dns tunnel"))
    assert known.rules[0].kinds == {"dns tunnel", "scan"}


@given(st.text(max_size=60), st.sampled_from(["[[assets]]\n", "[[allowed]]\n", "", GOOD]))
def test_any_text_is_read_or_refused(text: str, before: str) -> None:
    """Whatever stands in the file, it is read, or refused as a setting is."""
    with contextlib.suppress(ConfigurationError):
        assert isinstance(parse_assets(before + text, "assets.toml", KINDS), Assets)


def test_an_allow_list_that_covers_everything_is_asked_for_twice(tmp_path: Path) -> None:
    """It is refused, unless a setting says that it is meant."""
    path = tmp_path / "assets.toml"
    path.write_text(GOOD.replace('"10.0.9.7"\nkinds = ["scan"]', '"0.0.0.0/0"'), encoding="utf-8")
    with pytest.raises(
        ConfigurationError,
        match=r"allowed: 0\.0\.0\.0/0, line 13: it covers every host.*assets\.allow_everything = true",
    ):
        read_assets(path, KINDS)
    assert len(read_assets(path, KINDS, allow_everything=True).rules) == 1


def test_the_rules_that_cover_everything_are_named_as_they_stand_there(tmp_path: Path) -> None:
    """Two halves are named by their own networks and lines, not by the whole that they make; many are counted."""
    path = tmp_path / "assets.toml"
    rule = '[[allowed]]\naddress = "{}"\nuntil = 2027-01-31\nreason = "all"\n'
    path.write_text("".join(map(rule.format, ("0.0.0.0/1", "128.0.0.0/1"))), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"allowed: 0\.0\.0\.0/1, line 2; 128\.0\.0\.0/1, line 6: they cover"):
        read_assets(path, KINDS)
    path.write_text("".join(rule.format(f"{each * 32}.0.0.0/3") for each in range(8)), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"128\.0\.0\.0/3, line 18; and 3 more: they cover"):
        read_assets(path, KINDS)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error names the setting and the file."""
    with pytest.raises(ConfigurationError, match=r"assets\.file .*no\.toml: cannot be read"):
        read_assets(tmp_path / "no.toml", KINDS)
