"""``model.sig``: who published a bundle, in the format of OpenSSF Model Signing 1.0, with elliptic-curve keys.

A Sigstore bundle holds a DSSE envelope, and this an in-toto statement that lists the sha256 of every file of the
bundle but the signature itself. ``model_signing verify key`` of the package ``model-signing`` accepts what is made
here, and its signatures are accepted here.

That package reads folders, and imports half of Sigstore to do so; bundles are bytes, from wherever a registry is, and
a daemon verifies each one that it takes. So the envelope is read here, and the package ``cryptography`` alone does what
is cryptographic. Pure.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from detector.bundle.manifest import SIGNATURE
from detector.errors import ConfigurationError, SignatureError
from detector.structs import resolved

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://model_signing/signature/v1.0"

GIT_PATHS = (".git", ".gitattributes", ".github", ".gitignore")
"""What the format leaves out by default."""

CURVES = {"secp256r1": "SHA256", "secp384r1": "SHA384", "secp521r1": "SHA512"}
"""Those that the format allows, and the digest that goes with each."""


class _PublicKey(msgspec.Struct):
    hint: str = ""


class _Material(msgspec.Struct, rename="camel"):
    public_key: _PublicKey


class _Signed(msgspec.Struct):
    sig: str


class _Envelope(msgspec.Struct, rename="camel"):
    payload: str
    payload_type: str
    signatures: list[_Signed]


class _SigstoreBundle(msgspec.Struct, rename="camel"):
    dsse_envelope: _Envelope
    verification_material: _Material


class _Resource(msgspec.Struct):
    name: str
    digest: str
    algorithm: str


class _Subject(msgspec.Struct):
    digest: dict[str, str]


class _Serialization(msgspec.Struct):
    method: str
    hash_type: str


class _Predicate(msgspec.Struct):
    resources: list[_Resource]
    serialization: _Serialization


class _Statement(msgspec.Struct, rename="camel"):
    type: str = msgspec.field(name="_type")
    predicate_type: str = ""
    subject: list[_Subject] = []
    predicate: _Predicate | None = None


def sign(files: Mapping[str, bytes], key: EllipticCurvePrivateKey, name: str) -> bytes:
    """Give the bytes of ``model.sig`` for a bundle's files; ``name`` is what the statement calls it."""
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - an extra

    payload = msgspec.json.encode(_statement(files, name))
    public = key.public_key()
    signature = key.sign(_authenticated(payload), ec.ECDSA(_digest_of(public)))
    bundle = {
        "mediaType": BUNDLE_TYPE,
        "verificationMaterial": {"publicKey": {"hint": fingerprint(public)}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }
    return msgspec.json.encode(bundle)


def verify(files: Mapping[str, bytes], keys: Sequence[EllipticCurvePublicKey]) -> str:
    """Hold a bundle's files against its signature; give the fingerprint of the key, one of ``keys``, that made it.

    Raises SignatureError for a bundle that is not signed, not by one of these, or not as it was signed.
    """
    if SIGNATURE not in files:
        raise _refused("it is not signed", "sign it: oddflow models sign VERSION --key KEY")
    try:
        bundle = msgspec.json.decode(files[SIGNATURE], type=resolved(_SigstoreBundle))
        payload = base64.b64decode(bundle.dsse_envelope.payload, validate=True)
        signatures = [base64.b64decode(each.sig, validate=True) for each in bundle.dsse_envelope.signatures]
    except (msgspec.MsgspecError, UnicodeDecodeError, binascii.Error, ValueError, RecursionError) as error:
        raise _refused(f"{SIGNATURE} is no Sigstore bundle of a key ({str(error).splitlines()[0]})") from error
    if bundle.dsse_envelope.payload_type != PAYLOAD_TYPE or len(signatures) != 1:
        raise _refused(f"{SIGNATURE} does not hold one signature of an in-toto statement")
    key = _signer(keys, signatures[0], _authenticated(payload))
    if key is None:
        raise _refused("it is signed by another key than those that are trusted, or its signature was altered")
    _hold(files, payload)
    return fingerprint(key)


def private_key(pem: bytes, where: str) -> EllipticCurvePrivateKey:
    """Read a private key from PEM. Raises ConfigurationError for another one, or one with a password."""
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        key = load_pem_private_key(pem, None)
    except TypeError:
        raise ConfigurationError(f"key {where}: it has a password; give one without") from None
    except Exception as error:
        raise ConfigurationError(f"key {where}: it is no private key in PEM") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise _other_kind(where)
    _digest_of(key.public_key(), where)
    return key


def public_key(pem: bytes, where: str) -> EllipticCurvePublicKey:
    """Read a public key from PEM. Raises ConfigurationError for another one."""
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    try:
        key = load_pem_public_key(pem)
    except Exception as error:
        raise ConfigurationError(f"key {where}: it is no public key in PEM") from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise _other_kind(where)
    _digest_of(key, where)
    return key


def fingerprint(key: EllipticCurvePublicKey) -> str:
    """The sha256 of a public key's PEM, in hex: how the format names it."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415 - an extra

    return hashlib.sha256(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _statement(files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    digests = {each: hashlib.sha256(files[each]) for each in sorted(files.keys() - {SIGNATURE})}
    whole = hashlib.sha256(b"".join(each.digest() for each in digests.values()))
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": whole.hexdigest()}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": [*GIT_PATHS, SIGNATURE],
            },
            "resources": [
                {"name": each, "algorithm": "sha256", "digest": digest.hexdigest()} for each, digest in digests.items()
            ],
        },
    }


def _authenticated(payload: bytes) -> bytes:
    """DSSE's encoding of what is signed."""
    return b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def _signer(keys: Sequence[EllipticCurvePublicKey], signature: bytes, message: bytes) -> EllipticCurvePublicKey | None:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    for key in keys:
        try:
            key.verify(signature, message, ec.ECDSA(_digest_of(key)))
        except InvalidSignature:
            continue
        return key
    return None


def _hold(files: Mapping[str, bytes], payload: bytes) -> None:
    """Compare the files with the statement, which is authentic: each must be listed, whatever it says to ignore."""
    try:
        told = msgspec.json.decode(payload, type=resolved(_Statement))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _refused(f"what is signed is no in-toto statement ({str(error).splitlines()[0]})") from error
    predicate = told.predicate
    if (told.type, told.predicate_type) != (STATEMENT_TYPE, PREDICATE_TYPE) or predicate is None:
        raise _refused("what is signed is not a statement of OpenSSF Model Signing 1.0")
    if (predicate.serialization.method, predicate.serialization.hash_type) != ("files", "sha256"):
        raise _refused("it is signed by other digests than sha256 of whole files; sign it so")
    signed = {each.name: each for each in predicate.resources}
    present = files.keys() - {SIGNATURE}
    for name in sorted(signed.keys() ^ present):
        raise _refused(f"file {name} is {'not signed' if name in present else 'missing'}")
    for name, each in sorted(signed.items()):
        if each.algorithm != "sha256" or each.digest != hashlib.sha256(files[name]).hexdigest():
            raise _refused(f"file {name} is not the one that was signed")


def _digest_of(key: EllipticCurvePublicKey, where: str = "") -> Any:
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - an extra

    if key.curve.name not in CURVES:
        raise _other_kind(where)
    return getattr(hashes, CURVES[key.curve.name])()


def _other_kind(where: str) -> ConfigurationError:
    return ConfigurationError(
        f"key {where}: models are signed by elliptic-curve keys, P-256, P-384 or P-521; make one:"
        " openssl ecparam -name prime256v1 -genkey -noout -out private.pem"
    )


def _refused(why: str, cure: str = "") -> SignatureError:
    return SignatureError(f"verifying the signature: {why}" + (f"; {cure}" if cure else ""))
