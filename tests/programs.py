"""Programs that are no Python packages, and what becomes of a test where one is missing."""

from __future__ import annotations

import os
import shutil

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def needed(name: str, why_not: str, *, path: str | None = None) -> str:
    """Where a program is; without it the test fails in CI, and is skipped elsewhere with the reason."""
    program = shutil.which(name, path=path)
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail(why_not)
        pytest.skip(why_not)
    return program


def browser() -> str:
    """Where Chromium is; without it the test is skipped: `make test` does not install it, as it does promtool."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium on the path: Debian's package chromium has it")
    return found
