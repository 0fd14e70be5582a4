"""Protobuf schemas as descriptors: registries have .proto files, or, rarely, descriptors in base64.

The text is compiled by protoc, which comes with the extra; a schema is compiled once in a process's life.
"""

from __future__ import annotations

import base64
import binascii
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from confluent_kafka.schema_registry.confluent import meta_pb2
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from google.protobuf.message import DecodeError

from detector.errors import ConfigurationError
from detector.records.envelopes.encoded import UnusableSchemaError

TIMEOUT_S = 30.0
"""A schema takes a few hundredths of a second."""


def _one_message(
    name: str, message: str, fields: Mapping[str, FieldDescriptorProto.Type.ValueType]
) -> FileDescriptorProto:
    """A file of the package ``confluent.type`` with one message of these fields, numbered from 1."""
    file = FileDescriptorProto(name=name, package="confluent.type", syntax="proto3")
    held = file.message_type.add(name=message)
    for number, (field, kind) in enumerate(fields.items(), 1):
        held.field.add(name=field, number=number, type=kind, label=FieldDescriptorProto.LABEL_OPTIONAL)
    return file


_BYTES, _UINT32, _INT32 = (
    FieldDescriptorProto.TYPE_BYTES,
    FieldDescriptorProto.TYPE_UINT32,
    FieldDescriptorProto.TYPE_INT32,
)

_DECIMAL = _one_message(
    "confluent/type/decimal.proto", "Decimal", {"value": _BYTES, "precision": _UINT32, "scale": _INT32}
)
_VARIANT = _one_message("confluent/type/variant.proto", "Variant", {"metadata": _BYTES, "value": _BYTES})
_OLDER_DECIMAL = FileDescriptorProto(
    name="confluent/types/decimal.proto",
    package="confluent.type",
    syntax="proto3",
    dependency=[_DECIMAL.name],
    public_dependency=[0],
)
"""Confluent's client has these by both names from 2.16 on only."""

_BUILT_IN = {
    each.name: each
    for each in (
        FileDescriptorProto.FromString(descriptor_pb2.DESCRIPTOR.serialized_pb),
        FileDescriptorProto.FromString(meta_pb2.DESCRIPTOR.serialized_pb),
        _DECIMAL,
        _VARIANT,
        _OLDER_DECIMAL,
    )
}
"""What Confluent's registry knows without being told, each after those that it imports."""


def check_protoc() -> None:
    """Compile something. Raises ConfigurationError if that cannot work here."""
    try:
        descriptors('syntax = "proto3"; message Empty {}')
    except (OSError, UnusableSchemaError) as error:
        raise ConfigurationError(
            f"input.encoding is protobuf, but protoc cannot be run: {error}; pip install 'oddflow[schema-registry]', "
            "and let TMPDIR name a folder that can be written to"
        ) from error


def descriptors(text: str, references: Mapping[str, str] | None = None) -> list[FileDescriptorProto]:
    """The files of a schema, those that it imports first, by the names that it imports them by.

    Raises UnusableSchemaError for a schema that protoc does not take, OSError where protoc cannot be run.
    """
    given = {"": text, **(references or {})}
    binary = {name: found for name, source in given.items() if (found := _from_base64(source)) is not None}
    for name, found in binary.items():
        found.name = name or found.name or "schema.proto"
    sources = {name: source for name, source in given.items() if name not in binary}
    own = _free_name(references or {})
    compiled = _compiled({name or own: source for name, source in sources.items()}, list(binary.values()))
    files = {each.name: each for each in [*binary.values(), *compiled]}
    last = files.pop(binary[""].name if "" in binary else own)
    return [*_built_in([*files.values(), last]), *files.values(), last]


def _built_in(files: Sequence[FileDescriptorProto]) -> list[FileDescriptorProto]:
    """What ``files`` import of what is built in, and do not hold themselves."""
    present = {each.name for each in files}
    needed = {name for each in files for name in each.dependency}
    found: list[FileDescriptorProto] = []
    for name, file in reversed(_BUILT_IN.items()):
        if name in needed - present:
            needed.update(file.dependency)
            found.insert(0, file)
    return found


def _from_base64(text: str) -> FileDescriptorProto | None:
    try:
        return FileDescriptorProto.FromString(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError, DecodeError):
        return None


def _free_name(taken: Mapping[str, str]) -> str:
    name = "schema.proto"
    while name in taken:
        name = f"the-{name}"
    return name


def _compiled(sources: Mapping[str, str], others: list[FileDescriptorProto]) -> list[FileDescriptorProto]:
    """Have protoc compile ``sources`` by name; they may import each other, ``others``, and what is built in."""
    if not sources:
        return []
    with tempfile.TemporaryDirectory(prefix="oddflow-schema-") as scratch:
        folder, known, made = Path(scratch, "in"), Path(scratch, "known"), Path(scratch, "made")
        for name, source in sources.items():
            path = folder / _safe(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source, encoding="utf-8", errors="replace")
        known.write_bytes(FileDescriptorSet(file=[*_BUILT_IN.values(), *others]).SerializeToString())
        command = [_protoc(), f"--proto_path={folder}", f"--descriptor_set_in={known}", "--include_imports"]
        done = _run([*command, f"--descriptor_set_out={made}", *sources])
        if done.returncode != 0:
            raise UnusableSchemaError(f"not a Protobuf schema: {_first_line(done.stderr, folder)}")
        return list(FileDescriptorSet.FromString(made.read_bytes()).file)


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise UnusableSchemaError(f"not a Protobuf schema: protoc took more than {TIMEOUT_S:g} s") from None


def _safe(name: str) -> PurePosixPath:
    """An import's name as a path below a folder. Raises UnusableSchemaError where it would lead out of it."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.name or name.startswith("-") or "\0" in name:
        raise UnusableSchemaError(f"not a Protobuf schema: it imports {name!r}, which is no name of a file")
    return path


def _protoc() -> str:
    """The extra's own, beside this interpreter; else whichever is on the path."""
    return shutil.which("protoc", path=sysconfig.get_path("scripts")) or shutil.which("protoc") or "protoc"


def _first_line(told: str, folder: Path) -> str:
    lines = [line for line in told.replace(f"{folder}/", "").splitlines() if ": warning: " not in line]
    return lines[0] if lines else "protoc says nothing more"
