"""How a field of a document is declared: with what it means and its unit, which make schema and reference page."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

MS = "ms since 1970"


def said(text: str, unit: str = "") -> Meta:
    """What a field means, and in which unit it is."""
    return Meta(description=text, extra_json_schema={"unit": unit} if unit else None)


Id = Annotated[str, Meta(pattern="^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")]
"""Of an alert or an incident: a UUID of version 5."""

Time = Annotated[int, Meta(ge=0, extra_json_schema={"unit": MS})]
Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Risk = Annotated[int, Meta(ge=0, le=100)]
Port = Annotated[int, Meta(ge=0, le=65_535)]
