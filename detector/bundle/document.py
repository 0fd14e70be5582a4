"""Documents in a bundle: typed, with a version, canonical bytes; read back whole or refused in one line."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from detector.errors import OddflowError
from detector.structs import resolved

Document = TypeVar("Document", bound=msgspec.Struct)


def encode_document(document: msgspec.Struct) -> bytes:
    """The document's bytes: the same document gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(document, order="deterministic"), indent=2) + b"\n"


def decode_document(  # noqa: PLR0917 - what it is to be, and how it is refused
    data: bytes, of: type[Document], file: str, versioned: str, version: int, error: type[OddflowError], cure: str
) -> Document:
    """Read ``file``, whose field ``versioned`` must be ``version``. Raises ``error``, with the ``cure``, otherwise."""
    try:
        document = msgspec.json.decode(data, type=resolved(of))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as refused:
        raise error(f"reading {file}: {str(refused).splitlines()[0]}; {cure}") from refused
    found = getattr(document, versioned)
    if found != version:
        raise error(f"reading {file}: its version {found} is not {version}; {cure}")
    return document
