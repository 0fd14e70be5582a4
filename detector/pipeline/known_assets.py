"""What the settings say is known of hosts."""

from __future__ import annotations

from detector.assets.assets import NOTHING, Assets
from detector.assets.read import read_assets
from detector.incidents.kinds import NAMES
from detector.settings.tree import Settings


def known_assets(settings: Settings) -> Assets:
    """Read the file that they name. Raises ConfigurationError for one that is not fit."""
    chosen = settings.assets
    if chosen.file is None:
        return NOTHING
    return read_assets(chosen.file, NAMES, allow_everything=chosen.allow_everything)
