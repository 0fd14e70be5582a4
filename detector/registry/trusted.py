"""The registry as the settings have it: with keys that are trusted, what they did not sign is not given out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from detector.bundle import signature
from detector.errors import ConfigurationError
from detector.registry.registry import Registry
from detector.settings.life_cycle import Model

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey


def open_registry(chosen: Model) -> Registry:
    """Open it. Raises ConfigurationError for keys that cannot be read, or where the extra to do so is missing."""
    if not chosen.trusted_keys:
        return Registry(chosen.registry)
    keys = public_keys(chosen.trusted_keys)

    def check(files: Mapping[str, bytes]) -> None:
        signature.verify(files, keys)

    return Registry(chosen.registry, check=check)


def public_keys(paths: Sequence[str | Path]) -> list[EllipticCurvePublicKey]:
    """Read public keys from PEM files. Raises ConfigurationError."""
    need_cryptography()
    return [signature.public_key(_read(path), str(path)) for path in paths]


def private_key(path: str | Path) -> EllipticCurvePrivateKey:
    """Read a private key from a PEM file. Raises ConfigurationError."""
    need_cryptography()
    return signature.private_key(_read(path), str(path))


def need_cryptography() -> None:
    """Raise ConfigurationError where signatures cannot be made or verified here."""
    try:
        import cryptography  # noqa: F401, PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "signatures of models: no Python package cryptography; pip install 'oddflow[signing]'"
        ) from error


def _read(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"key {path}: {error.strerror}; give a file in PEM") from error
