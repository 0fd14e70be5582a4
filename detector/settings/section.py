"""What sections of the settings are made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

Scalar = bool | int | float | str


def _split_words(value: object) -> object:
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_split_words)]
"""Several words, each by itself or all in one text."""


class Section(BaseModel):
    """One table of the settings: immutable, and no key that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)
