"""What a version's manifest says of its files, known before any other of them is read: which there are, and how large.

A stray file, or one that grew, would otherwise be read whole to be refused by its digest. All else of a manifest is
checked by :mod:`detector.bundle.files`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from detector.bundle.manifest import MANIFEST, SIGNATURE
from detector.errors import BundleError
from detector.structs import resolved

MAX_SIGNATURE_BYTES = 64 << 10

MAX_BUNDLE_BYTES = 1 << 30
"""A version larger than this is not fetched: a gibibyte is a hundred times a large forest."""


class _File(msgspec.Struct):
    bytes: int


class _Listing(msgspec.Struct):
    files: dict[str, _File] = {}


def allowed_files(manifest: bytes, sizes: Mapping[str, int]) -> dict[str, int]:
    """The files to read beside the manifest, and the most bytes of each; ``sizes`` are those that are there.

    None for a manifest that cannot be read: whoever reads the bundle refuses that. Raises BundleError for files that
    are not as it lists them.
    """
    try:
        listed = {
            name: file.bytes for name, file in msgspec.json.decode(manifest, type=resolved(_Listing)).files.items()
        }
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    if SIGNATURE in sizes:
        listed.setdefault(SIGNATURE, min(sizes[SIGNATURE], MAX_SIGNATURE_BYTES))
    others = {name: size for name, size in sizes.items() if name != MANIFEST}
    for name in sorted(others.keys() ^ listed.keys()):
        raise BundleError(f"file {name} is {'not in its manifest' if name in others else 'missing'}")
    for name, size in sorted(others.items()):
        if size != listed[name]:
            raise BundleError(f"file {name} has {size:,} bytes, not the {listed[name]:,} of its manifest")
    if (total := sum(others.values())) > MAX_BUNDLE_BYTES:
        raise BundleError(
            f"{total:,} bytes are more than a bundle may have ({MAX_BUNDLE_BYTES:,}); publish a smaller model"
        )
    return others
