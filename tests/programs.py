"""Programs that are no Python packages, and what becomes of a test that lacks one, or anything else."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def unavailable(why_not: str) -> NoReturn:
    """End a test that lacks something: in CI it has failed; elsewhere it is skipped, and says why."""
    if os.environ.get("CI") == "true":
        pytest.fail(why_not, pytrace=False)
    pytest.skip(why_not)


def needed(name: str, why_not: str, *others: str, path: str | None = None) -> str:
    """Where a program is, by the first of its names; without it the test fails in CI, and is skipped elsewhere."""
    program = next(filter(None, (shutil.which(each, path=path) for each in (name, *others))), None)
    if program is None:
        unavailable(why_not)
    return program
