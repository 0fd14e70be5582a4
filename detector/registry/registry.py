"""The model registry: immutable versions, aliases that point to them, and the history of the aliases.

::

    <registry>/<model>/versions/<version>/model.json, arrays.safetensors, …   never changed
    <registry>/<model>/aliases/champion                                      one line: a version
    <registry>/<model>/history.jsonl                                         one line a move of an alias

A version is visible only when it is whole; an alias is replaced at once; see ``docs/explanation/registry.md``. Safe to
use from several threads and processes.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import msgspec

from detector.bundle.manifest import MANIFEST, MAX_MANIFEST_BYTES, SIGNATURE, decode_manifest
from detector.errors import BundleError, RegistryError, SignatureError
from detector.registry.history import Action, Entry, before, lineage, read_entries, write_entry
from detector.registry.listing import allowed_files
from detector.registry.names import ALIAS, CHAMPION, NAME, REJECTED, checked, checked_alias
from detector.registry.objects import MAX_APPENDED_BYTES
from detector.registry.odd import OddFileError
from detector.registry.storage import Storage, masked, open_storage

MAX_ALIAS_BYTES = 1 << 10
"""An alias is one line with a name of at most a hundred characters."""

MAX_FIGURES_BYTES = 1 << 16
"""What a daemon found of a version: some hundred numbers."""

SHOWN = 8
"""Names listed in a message: the latest ones."""


class RegistryUnreachableError(RegistryError):
    """The registry cannot be read at the moment."""

    retryable = True


class AliasMovedError(RegistryError):
    """An alias points elsewhere by now than whoever wanted to move it had seen."""

    retryable = True


class Registry:
    """Versions, aliases and history of models, in a folder or under any fsspec ``url``."""

    def __init__(
        self,
        url: str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        check: Callable[[Mapping[str, bytes]], None] | None = None,
    ) -> None:
        """``check`` is given the files of each version fetched or promoted; it raises SignatureError to refuse."""
        self.url = masked(url)
        self._check = check
        self._storage: Storage = open_storage(url)
        self._now = now

    # --- reading ------------------------------------------------------------------------------------------------

    def models(self) -> list[str]:
        """Names of the models, sorted."""
        with self._reading("models"):
            return [name for name in self._storage.folders("") if NAME.fullmatch(name) and self.versions(name)]

    def versions(self, model: str) -> list[str]:
        """Versions of a model, oldest first; none if there is no such model."""
        checked("model", model)
        with self._reading(f"the versions of {model}"):
            names = self._storage.folders(f"{model}/versions", holding=MANIFEST)
        return [name for name in names if NAME.fullmatch(name)]

    def aliases(self, model: str) -> dict[str, str]:
        """The version behind each alias, but for those that hold no version's name: ``resolve`` says what is wrong."""
        checked("model", model)
        with self._reading(f"the aliases of {model}"):
            names = sorted(self._storage.files(f"{model}/aliases"))
        found = {name: self._current(model, name) for name in names if ALIAS.fullmatch(name)}
        return {name: version for name, version in found.items() if version is not None}

    def resolve(self, model: str, alias_or_version: str = CHAMPION) -> str:
        """The version that is meant. Raises RegistryError, with what there is instead, for an unknown one."""
        checked("model", model)
        checked("version or alias", alias_or_version)
        version = self._alias(model, alias_or_version)
        if version is not None:
            return version
        if alias_or_version in (known := self.versions(model)):
            return alias_or_version
        raise self._unknown(model, alias_or_version, known)

    def pointed(self, model: str, alias: str) -> str | None:
        """The version behind an alias; None where there is no such alias. Raises RegistryError for a damaged one."""
        return self._alias(checked("model", model), checked_alias(alias))

    def fetch(self, model: str, version: str) -> dict[str, bytes]:
        """The files of a version (not of an alias), unverified.

        Raises RegistryError; BundleError, before any of it is read, for files that its manifest does not list or that
        have other sizes there.
        """
        folder = f"{checked('model', model)}/versions/{checked('version', version)}"
        with self._reading(f"{model} {version}"):
            sizes = self._storage.files(folder)
            if MANIFEST not in sizes:
                raise self._unknown(model, version, self.versions(model))
            try:
                manifest = self._storage.read(f"{folder}/{MANIFEST}", MAX_MANIFEST_BYTES)
                allowed = allowed_files(manifest, sizes)
                files = {name: self._storage.read(f"{folder}/{name}", most) for name, most in allowed.items()}
            except (BundleError, OddFileError) as error:
                why = error.strerror if isinstance(error, OddFileError) else error
                raise BundleError(f"reading {model} {version} in registry {self.url}: {why}") from error
        return self._checked(model, version, {MANIFEST: manifest, **files})

    def manifest(self, model: str, version: str) -> bytes:
        """The manifest of a version, unverified, without the rest of it. Raises RegistryError."""
        folder = f"{checked('model', model)}/versions/{checked('version', version)}"
        with self._reading(f"{model} {version}"):
            try:
                return self._storage.read(f"{folder}/{MANIFEST}", MAX_MANIFEST_BYTES)
            except FileNotFoundError:
                raise self._unknown(model, version, self.versions(model)) from None

    def file(self, model: str, version: str, name: str) -> bytes:
        """One file of a version, as its manifest says it is, without the rest of them.

        Raises RegistryError where there is no such version or file, BundleError where it is not what the manifest says.
        """
        entry = decode_manifest(self.manifest(model, version)).files.get(checked("file of a bundle", name))
        if entry is None:
            raise RegistryError(f"reading {name} of {model} {version} in registry {self.url}: it has none")
        with self._reading(f"{name} of {model} {version}"):
            try:
                data = self._storage.read(f"{model}/versions/{version}/{name}", entry.bytes)
            except OddFileError as error:
                raise BundleError(f"reading {name} of {model} {version}: {error.strerror}") from error
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            raise BundleError(f"reading {name} of {model} {version}: it is not what its manifest says")
        return data

    def history(self, model: str) -> list[Entry]:
        """Every move of the model's aliases, oldest first."""
        checked("model", model)
        with self._reading(f"the history of {model}"):
            try:
                return read_entries(self._storage.read(f"{model}/history.jsonl", MAX_APPENDED_BYTES))
            except FileNotFoundError:
                return []

    # --- writing ------------------------------------------------------------------------------------------------

    def publish(self, model: str, version: str, files: Mapping[str, bytes]) -> None:
        """Add a version, for good.

        Raises RegistryError if it exists, or cannot be written whole: then nothing of it is left.
        """
        folder = f"{checked('model', model)}/versions/{checked('version', version)}"
        for name in files:
            checked("file of a bundle", name)
        if MANIFEST not in files:
            raise RegistryError(f"publishing {model} {version}: the bundle lacks {MANIFEST}; make it with build_bundle")
        with self._writing(f"publishing {model} {version}"):
            try:
                self._storage.create_folder(folder, files, marker=MANIFEST)
            except FileExistsError as error:
                raise RegistryError(
                    f"publishing {model} {version}: registry {self.url} has this version already, or another process is"
                    " publishing it; versions never change, publish under a new one"
                ) from error

    def sign(self, model: str, version: str, signature: bytes) -> None:
        """Put a signature beside the files of a version, in place of one that is there."""
        folder = f"{checked('model', model)}/versions/{checked('version', version)}"
        if version not in (known := self.versions(model)):
            raise self._unknown(model, version, known)
        with self._writing(f"signing {model} {version}"):
            self._storage.replace(f"{folder}/{SIGNATURE}", signature)

    def promote(
        self,
        model: str,
        version: str,
        alias: str = CHAMPION,
        *,
        by: str = "",
        reason: str = "",
        expect: Mapping[str, str | None] | None = None,
    ) -> str | None:
        """Point the alias to a version; give the version it pointed to. Raises RegistryError for an unknown version.

        ``expect`` are versions that aliases must still point to at that moment (None: nowhere); else AliasMovedError is
        raised. Of the alias ``rejected`` the history tells it as rejecting.
        """
        checked_alias(alias)
        known = self.versions(model)
        if checked("version", version) not in known:
            raise self._unknown(model, version, known)
        if self._check is not None:
            self.fetch(model, version)
        if alias in known:
            raise RegistryError(f"promoting {model} {version}: {alias} is the name of a version; choose another alias")
        with self._moving(model, f"promoting {model} {version}"):
            self._expect(model, f"promoting {model} {version}", expect)
            action: Action = "reject" if alias == REJECTED else "promote"
            return self._move(
                model, Entry(at=self._now(), action=action, alias=alias, version=version, by=by, reason=reason)
            )

    def rollback(
        self,
        model: str,
        alias: str = CHAMPION,
        *,
        by: str = "",
        reason: str = "",
        expect: Mapping[str, str | None] | None = None,
    ) -> str:
        """Point the alias to the version before the one it points to; give that version.

        Rolling back again goes one further back. Raises RegistryError where there is nothing before; AliasMovedError
        where aliases do not point to what is to be ``expect``-ed at that moment.
        """
        checked_alias(alias)
        with self._moving(model, f"rolling back {model}"):
            self._expect(model, f"rolling back {model}", expect)
            current = self.resolve(model, alias)
            known = set(self.versions(model))
            earlier = [each for each in before(lineage(self.history(model), alias), current) if each in known]
            if not earlier:
                raise RegistryError(
                    f"rolling back {model}: the history has nothing before {alias} {current}; promote a version"
                    f" by name: oddflow models promote VERSION --model {model} --registry {self.url}"
                )
            self._move(
                model, Entry(at=self._now(), action="rollback", alias=alias, version=earlier[0], by=by, reason=reason)
            )
            return earlier[0]

    # --- what daemons found of a version ------------------------------------------------------------------------

    def put_figures(self, model: str, kind: str, version: str, member: str, data: bytes) -> None:
        """Write what ``member`` found of a version, in place of what it had; ``kind`` is a folder beside the versions.

        Raises RegistryError.
        """
        for what, name in (("model", model), ("folder", kind), ("version", version), ("member", member)):
            checked(what, name)
        with self._writing(f"writing figures of {model} {version}"):
            self._storage.replace(f"{model}/{kind}/{version}/{member}.json", data)

    def figures(self, model: str, kind: str, version: str) -> list[bytes]:
        """What every member found of a version, unread. Raises RegistryError."""
        folder = f"{checked('model', model)}/{checked('folder', kind)}/{checked('version', version)}"
        found: list[bytes] = []
        with self._reading(f"figures of {model} {version}"):
            for name in sorted(self._storage.files(folder)):
                with suppress(FileNotFoundError, OddFileError):
                    found.append(self._storage.read(f"{folder}/{name}", MAX_FIGURES_BYTES))
        return found

    # --- inside -------------------------------------------------------------------------------------------------

    def _checked(self, model: str, version: str, files: dict[str, bytes]) -> dict[str, bytes]:
        if self._check is not None:
            try:
                self._check(files)
            except SignatureError as error:
                raise SignatureError(f"reading {model} {version} in registry {self.url}: {error}") from error
        return files

    def _expect(self, model: str, doing: str, expect: Mapping[str, str | None] | None) -> None:
        for alias, version in (expect or {}).items():
            if (there := self._current(model, alias)) != version:
                raise AliasMovedError(
                    f"{doing} in registry {self.url}: alias {alias} is {there or 'not set'} by now, not {version};"
                    " look again, then decide"
                )

    def _alias(self, model: str, alias: str) -> str | None:
        with self._reading(f"alias {alias} of {model}"):
            try:
                data = self._storage.read(f"{model}/aliases/{alias}", MAX_ALIAS_BYTES)
                version = data.decode("ascii").strip()
            except FileNotFoundError:
                return None
            except (UnicodeDecodeError, OddFileError):
                version = ""
        if not NAME.fullmatch(version):
            raise RegistryError(
                f"reading alias {alias} of {model} in registry {self.url}: it does not hold the name of a version;"
                f" set it anew: oddflow models promote VERSION --model {model} --alias {alias} --registry {self.url}"
            )
        return version

    def _move(self, model: str, entry: Entry) -> str | None:
        """Record the move, then make it: a history line too many does no harm, a move without one would."""
        previous = self._current(model, entry.alias)
        if previous == entry.version:
            return previous
        line = write_entry(msgspec.structs.replace(entry, previous=previous))
        self._storage.append(f"{model}/history.jsonl", line)
        self._storage.replace(f"{model}/aliases/{entry.alias}", f"{entry.version}\n".encode())
        return previous

    def _current(self, model: str, alias: str) -> str | None:
        """Where the alias points to, None also if that cannot be told: promoting is how a broken one is mended."""
        try:
            return self._alias(model, alias)
        except RegistryUnreachableError:
            raise
        except RegistryError:
            return None

    def _unknown(self, model: str, name: str, known: list[str]) -> RegistryError:
        if not known:
            others = f" (there is {', '.join(others[:SHOWN])})" if (others := self.models()) else ""
            return RegistryError(
                f"registry {self.url} has no model {model} yet{others}; make one: oddflow train --data FILE"
                f" --format NAME --model {model} --registry {self.url}"
            )
        aliases = ", ".join(f"{alias} ({version})" for alias, version in self.aliases(model).items()) or "none"
        more = f"the latest {SHOWN} of {len(known)} versions" if len(known) > SHOWN else "versions"
        return RegistryError(
            f"model {model} in registry {self.url} has no version or alias {name};"
            f" aliases: {aliases}; {more}: {', '.join(known[-SHOWN:])}"
        )

    @contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RegistryUnreachableError(
                f"reading {what} in registry {self.url}: {_why(error)}; check that it is there and may be read"
            ) from error

    @contextmanager
    def _moving(self, model: str, doing: str) -> Iterator[None]:
        if not self.versions(model):
            raise self._unknown(model, "", [])
        with self._writing(doing), self._storage.exclusive(model):
            yield

    @contextmanager
    def _writing(self, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RegistryError(f"{doing} in registry {self.url}: {_why(error)}; {_cure(error)}") from error


def _why(error: OSError) -> str:
    return (error.strerror or str(error) or type(error).__name__).partition("\n")[0]


def _cure(error: OSError) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return "free some space and try again; nothing half-written was left"
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return f"let user {os.geteuid()} write there, or choose another --registry"
    return "check that it is there and may be written"
