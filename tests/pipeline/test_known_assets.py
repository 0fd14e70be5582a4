"""What the settings say is known of hosts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from detector.assets.assets import NOTHING
from detector.errors import ConfigurationError
from detector.pipeline.known_assets import known_assets
from detector.settings.tree import Assets, Settings

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "explanation" / "alerts.md"


def test_no_file_is_nothing() -> None:
    """Without `assets.file` nothing is known of any host."""
    assert known_assets(Settings()) is NOTHING


def test_the_documented_example_is_read(tmp_path: Path) -> None:
    """The file that the documentation shows is a good one."""
    (example,) = re.findall(r"^```toml\n(# assets.*?)^```$", DOCUMENTATION.read_text(), re.MULTILINE | re.DOTALL)
    path = tmp_path / "assets.toml"
    path.write_text(example, encoding="utf-8")
    known = known_assets(Settings(assets=Assets(file=path)))
    assert known.named("10.0.1.5") == "10.0.1.5 (db-prod, database)"
    assert [rule.words for rule in known.rules] == ["allowed until 2027-01-31: the weekly scan of the security team"]


def test_allowing_everything_takes_a_second_setting(tmp_path: Path) -> None:
    """A rule for all hosts is refused unless `assets.allow_everything` is set too."""
    path = tmp_path / "assets.toml"
    path.write_text('[[allowed]]\naddress = "::/0"\nuntil = 2027-01-31\nreason = "x"\n', encoding="utf-8")
    with pytest.raises(ConfigurationError, match="allow_everything = true"):
        known_assets(Settings(assets=Assets(file=path)))
    assert len(known_assets(Settings(assets=Assets(file=path, allow_everything=True))).rules) == 1
