"""``oddflow models sign``: say who published a version, so that daemons which trust the key take it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from detector.bundle.files import read_bundle
from detector.bundle.manifest import SIGNATURE
from detector.bundle.signature import fingerprint, sign
from detector.cli.models_place import ConfigOption, JsonOption, ModelOption, ModelPlace, RegistryOption, give
from detector.registry.trusted import private_key


def sign_version(
    which: Annotated[str, typer.Argument(metavar="VERSION|ALIAS", help="Which version.")],
    registry: RegistryOption = None,
    model: ModelOption = None,
    *,
    key: Annotated[Path, typer.Option("--key", help="Private key: PEM, P-256, P-384 or P-521, without a password.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign a version, in the format of OpenSSF Model Signing: `model.sig` beside its files. Needs the extra `signing`.

    The version is verified before. What signed it before is replaced.

    Examples:

      oddflow models sign 20261124T034500Z-1f3a9c --key private.pem

      oddflow models sign challenger --key private.pem --registry s3://models
    """
    signer = private_key(key)
    place = ModelPlace.chosen(registry, model, config, trusting=True)
    version = place.registry.resolve(place.model, which)
    files = place.registry.fetch(place.model, version)
    read_bundle({name: data for name, data in files.items() if name != SIGNATURE})
    place.registry.sign(place.model, version, sign(files, signer, version))
    told = {"model": place.model, "version": version, "key": fingerprint(signer.public_key())}
    give(told, as_json, lambda _: f"{place.model} {version}: signed by the key {told['key'][:16]}…")
