"""Where data sets are kept: immutable versions in a folder or under any fsspec URL.

::

    <datasets>/<name>/versions/<version>/croissant.json, flows.parquet   never changed

Written as the registry writes models: a version is visible only when it is whole. Read with its digests verified.
Raises InputError for what is missing or corrupt, OutputError for what cannot be written.
"""

from __future__ import annotations

import difflib
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl

from detector.errors import ConfigurationError, InputError, OutputError, RegistryError
from detector.records.flow import LABEL, SCHEMA
from detector.registry.names import NAME, checked
from detector.registry.odd import OddFileError
from detector.registry.storage import Storage, masked, open_storage
from detector.scoring.dataset import OFFSET, SOURCE, Dataset
from training.data.manifest import FLOWS, MANIFEST, MAX_MANIFEST_BYTES, SetInfo, read_manifest

SHOWN = 8
"""Names listed in a message: the latest ones."""


class DataSets:
    """The sets under ``url``. Safe to use from several threads and processes."""

    def __init__(self, url: str) -> None:
        self.url = masked(url)
        try:
            self._storage: Storage = open_storage(url)
        except RegistryError as error:
            raise ConfigurationError(str(error).replace("opening registry", "opening data sets in", 1)) from error

    def names(self) -> list[str]:
        """Names of the sets, sorted."""
        with self._reading("the names"):
            return [name for name in self._storage.folders("") if NAME.fullmatch(name) and self.versions(name)]

    def versions(self, name: str) -> list[str]:
        """Versions of a set, oldest first; none if there is no such set."""
        checked_name(name)
        with self._reading(f"the versions of {name}"):
            return self._storage.folders(f"{name}/versions", holding=MANIFEST)

    def resolve(self, reference: str) -> tuple[str, str]:
        """The name and version that ``NAME[@VERSION]`` means, the latest where none is given.

        Raises InputError, with names that are near, for an unknown one.
        """
        name, _, version = reference.partition("@")
        known = self.versions(name)
        if not known:
            names = self.names()
            near = difflib.get_close_matches(name, names, SHOWN, cutoff=0.5) or names[:SHOWN]
            there = f"there is {', '.join(near)}" if near else "there is none yet"
            raise InputError(
                f"reading data set {reference}: {self.url} has no set {name} ({there}); build one:"
                f" oddflow dataset build --name {name} --data FILE --format NAME --datasets {self.url}"
            )
        if not version:
            return name, known[-1]
        if version not in known:
            near = difflib.get_close_matches(version, known, 1, cutoff=0.6) or known[-SHOWN:]
            raise InputError(
                f"reading data set {reference}: {name} has no version {version}; it has {', '.join(near)}"
                + (f" and {len(known) - len(near)} more" if len(known) > len(near) else "")
            )
        return name, version

    def info(self, reference: str) -> SetInfo:
        """The manifest of a set. Raises InputError where it is not there or corrupt."""
        name, version = self.resolve(reference)
        place = f"{name}@{version}"
        with self._reading(f"data set {place}"):
            info = read_manifest(self._storage.read(f"{name}/versions/{version}/{MANIFEST}", MAX_MANIFEST_BYTES), place)
        if (info.name, info.version) != (name, version):
            raise InputError(f"reading data set {place}: its manifest is of {info.reference}; build the set again")
        return info

    def read(self, reference: str) -> Dataset:
        """The flows of a set, in the order and with the places that they had where it was built.

        Raises InputError where it is not there, corrupt or not of this oddflow's columns.
        """
        info = self.info(reference)
        entry = info.files[FLOWS]
        with self._reading(f"data set {info.reference}"):
            try:
                data = self._storage.read(f"{info.name}/versions/{info.version}/{FLOWS}", entry.bytes)
            except (FileNotFoundError, OddFileError) as error:
                why = error.strerror if isinstance(error, OddFileError) else "it is missing"
                raise _corrupt(info, why or "it is no file") from error
        if len(data) != entry.bytes or hashlib.sha256(data).hexdigest() != entry.sha256:
            raise _corrupt(info, "it is not what the manifest says")
        frame = _frame(data, info)
        return Dataset(
            frame=frame,
            format=info.format,
            sources=info.sources,
            sha256=info.sha256,
            rejected=dict(info.rejected),
            passed_over=dict(info.passed_over),
            samples=dict(info.samples),
            topic=info.topic,
            dataset=info.reference,
            dataset_sha256=info.digest,
        )

    def write(self, info: SetInfo, manifest: bytes, flows: bytes) -> None:
        """Add a version, for good. Raises OutputError if it is there already or cannot be written whole."""
        checked_name(info.name)
        doing = f"writing data set {info.reference}"
        try:
            self._storage.create_folder(
                f"{info.name}/versions/{info.version}", {FLOWS: flows, MANIFEST: manifest}, marker=MANIFEST
            )
        except FileExistsError as error:
            raise OutputError(
                f"{doing}: {self.url} has this version already, or another process is writing it; versions never"
                " change, so use that one, or build again in a second"
            ) from error
        except OSError as error:
            raise OutputError(
                f"{doing} to {self.url}: {error.strerror or error}; nothing half-written was left; free some space or"
                " allow writing there, and build again"
            ) from error

    def remove(self, name: str, version: str) -> None:
        """Remove a version: nobody sees it from its first moment on. Raises OutputError."""
        folder = f"{checked_name(name)}/versions/{checked('version', version)}"
        try:
            self._storage.remove(f"{folder}/{MANIFEST}")
            self._storage.remove(folder)
        except OSError as error:
            raise OutputError(
                f"removing data set {name}@{version} in {self.url}: {error.strerror or error}; allow writing there"
            ) from error

    @contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            why = error.strerror or str(error) or type(error).__name__
            raise InputError(f"reading {what} in {self.url}: {why}; check that it is there and may be read") from error


def checked_name(name: str) -> str:
    """Give ``name`` back if it may name a set. Raises ConfigurationError."""
    if not NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} cannot name a data set: use letters, digits, dot, dash and underscore, at most 100 of them,"
            " starting with a letter or digit"
        )
    return name


def _frame(data: bytes, info: SetInfo) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(io.BytesIO(data))
    except pl.exceptions.PolarsError as error:
        raise _corrupt(info, str(error).splitlines()[0]) from error
    expected = {**SCHEMA, SOURCE: pl.Int32(), OFFSET: pl.Int64()}
    for name, dtype in expected.items():
        if frame.schema.get(name) != dtype:
            raise InputError(
                f"reading data set {info.reference}: it has no column {name} of {dtype}, as this oddflow reads; it was"
                f" built by oddflow {info.oddflow}: build the set again"
            )
    if frame.schema.get(LABEL, pl.String()) != pl.String() or len(frame) != info.rows:
        raise _corrupt(info, "its rows or labels are not what the manifest says")
    return frame


def _corrupt(info: SetInfo, why: str) -> InputError:
    return InputError(f"reading data set {info.reference}: {FLOWS} is corrupt ({why}); build the set again")
