"""Programs that are no Python packages, and what becomes of a test where one is missing."""

from __future__ import annotations

import os
import shutil

import pytest


def needed(name: str, why_not: str, *others: str, path: str | None = None) -> str:
    """Where a program is, by the first of its names; without it the test fails in CI, and is skipped elsewhere."""
    program = next(filter(None, (shutil.which(each, path=path) for each in (name, *others))), None)
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail(why_not)
        pytest.skip(why_not)
    return program
