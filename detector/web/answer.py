"""What a page answers with."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import NamedTuple

TEXT = "text/plain; charset=utf-8"


class Answer(NamedTuple):
    """One response."""

    status: HTTPStatus
    body: bytes
    content_type: str = TEXT
    headers: Mapping[str, str] = MappingProxyType({})
    """Further ones."""
