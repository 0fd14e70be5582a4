"""Schema registries: a small one for every test, and a real one where it can be had."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.schemas.apicurio import UnavailableError, UnfetchableError, apicurio
from tests.schemas.small_registry import SmallRegistry


@pytest.fixture
def small_registry() -> Iterator[SmallRegistry]:
    """An empty one, of the tests' own."""
    with SmallRegistry() as registry:
        yield registry


@pytest.fixture(scope="session")
def real_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real one: ODDFLOW_TEST_SCHEMA_REGISTRY's, else an Apicurio of our own."""
    if given := os.environ.get("ODDFLOW_TEST_SCHEMA_REGISTRY"):
        yield given
        return
    try:
        with apicurio(tmp_path_factory.mktemp("apicurio") / "apicurio.log") as url:
            yield url
    except (ImportError, UnavailableError) as error:
        # Not every mirror has it, and the small registry holds us to the same contract everywhere.
        if os.environ.get("CI") == "true" and not isinstance(error, UnfetchableError):
            pytest.fail(f"no schema registry for the tests: {error}", pytrace=False)
        pytest.skip(f"no schema registry for the tests: {error}")
