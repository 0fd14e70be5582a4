"""Signed bundles: OpenSSF Model Signing both ways, and what is refused where keys are trusted."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from typer.testing import CliRunner

from detector.bundle.files import read_bundle
from detector.bundle.signature import private_key, public_key, sign, verify
from detector.cli import app
from detector.errors import ConfigurationError, SignatureError
from detector.registry.registry import Registry
from detector.registry.trusted import open_registry
from detector.registry.watcher import ModelWatcher
from detector.settings.load import load_settings
from detector.telemetry.events import Event
from tests.bundles import bundle, version_of

VERSION = version_of(bundle())

CURVES = [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()]


def pems(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> tuple[bytes, bytes]:
    """A key's private and public half."""
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


class World:
    """A registry with one version, two keys, of which the first is trusted by the settings, and commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry = Registry(str(folder / "registry"))
        self.registry.publish("flows", VERSION, bundle())
        self.version = folder / "registry" / "flows" / "versions" / VERSION
        for name in ("ours", "foreign"):
            private, public = pems(ec.generate_private_key(ec.SECP256R1()))
            (folder / f"{name}.pem").write_bytes(private)
            (folder / f"{name}.pub").write_bytes(public)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error of a command."""
        result = CliRunner().invoke(app, [*arguments, "--registry", self.registry.url])
        return result.exit_code, result.stdout, result.stderr

    def key(self, name: str) -> str:
        """The path of a key."""
        return str(self.folder / name)

    def sign(self, key: str = "ours") -> None:
        """Sign the version."""
        code, _, err = self.run("models", "sign", VERSION, "--key", self.key(f"{key}.pem"))
        assert code == 0, err

    def stock(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The stock command line of the format, on the version's folder."""
        signature = ("--signature", str(self.version / "model.sig"))
        command = [sys.executable, "-m", "model_signing", *arguments, *signature, str(self.version)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A fresh one; no key is trusted yet."""
    monkeypatch.delenv("ODDFLOW_CONFIG", raising=False)
    return World(tmp_path)


@pytest.fixture
def trusting(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The same, with our key trusted by the settings."""
    monkeypatch.setenv("ODDFLOW_MODEL__TRUSTED_KEYS", json.dumps([world.key("ours.pub")]))
    return world


@pytest.mark.slow
def test_the_stock_command_accepts_ours(world: World) -> None:
    """`model_signing verify key` accepts a version that oddflow signed; by another key, or altered, it does not."""
    world.sign()
    accepted = world.stock("verify", "key", "--public_key", world.key("ours.pub"))
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr
    assert world.stock("verify", "key", "--public_key", world.key("foreign.pub")).returncode != 0
    (world.version / "arrays.safetensors").write_bytes(b"other")
    assert world.stock("verify", "key", "--public_key", world.key("ours.pub")).returncode != 0


@pytest.mark.slow
def test_ours_accepts_the_stock_command_s(world: World) -> None:
    """A version that `model_signing sign key` signed is verified here, and one by another key is not."""
    made = world.stock("sign", "key", "--private_key", world.key("ours.pem"))
    assert made.returncode == 0, made.stdout + made.stderr
    code, out, err = world.run("models", "verify", VERSION, "--key", world.key("ours.pub"))
    assert (code, err, "signed by the key" in out) == (0, "", True)
    code, _, err = world.run("models", "verify", VERSION, "--key", world.key("foreign.pub"))
    assert (code, "another key" in err) == (6, True)


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_every_curve_signs(curve: ec.EllipticCurve) -> None:
    """Each curve of the format signs and verifies; any of the trusted keys will do."""
    private, public = pems(ec.generate_private_key(curve))
    other = public_key(pems(ec.generate_private_key(ec.SECP256R1()))[1], "other")
    files = {**bundle(), "model.sig": sign(bundle(), private_key(private, "k"), VERSION)}
    assert len(verify(files, [other, public_key(public, "k")])) == 64
    assert read_bundle(files).version == VERSION


def without(files: dict[str, bytes]) -> None:
    """No signature."""
    del files["model.sig"]


def another_file(files: dict[str, bytes]) -> None:
    """A file that nobody signed."""
    files["card.html"] = b"<p>"


def a_file_less(files: dict[str, bytes]) -> None:
    """One that is gone."""
    del files["arrays.safetensors"]


def altered(files: dict[str, bytes]) -> None:
    """One byte is another."""
    files["arrays.safetensors"] = files["arrays.safetensors"][:-1] + b"\0\0"


def altered_manifest(files: dict[str, bytes]) -> None:
    """The manifest is another."""
    files["model.json"] += b" "


def altered_statement(files: dict[str, bytes]) -> None:
    """What was signed lists other digests."""
    told = json.loads(files["model.sig"])
    payload = bytearray(base64.b64decode(told["dsseEnvelope"]["payload"]))
    place = payload.index(b'"digest":"') + 10
    payload[place] ^= 1
    told["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    files["model.sig"] = json.dumps(told).encode()


def nonsense(files: dict[str, bytes]) -> None:
    """No signature at all."""
    files["model.sig"] = b"[" * 100_000


def empty(files: dict[str, bytes]) -> None:
    """Nothing in it."""
    files["model.sig"] = b"{}"


DAMAGE = (without, another_file, a_file_less, altered, altered_manifest, altered_statement, nonsense, empty)


@pytest.mark.parametrize("spoil", DAMAGE, ids=lambda spoil: spoil.__name__)
def test_what_is_not_as_it_was_signed_is_refused(spoil: Callable[[dict[str, bytes]], None]) -> None:
    """A bundle without its signature, or with anything in it that was not signed so, is refused."""
    key = ec.generate_private_key(ec.SECP256R1())
    files = {**bundle(), "model.sig": sign(bundle(), key, VERSION)}
    verify(files, [key.public_key()])
    spoil(files)
    with pytest.raises(SignatureError):
        verify(files, [key.public_key()])


def test_ignored_paths_are_not_ignored() -> None:
    """A signature that leaves files out, as its format allows, is refused: every file must be signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    some: Mapping[str, bytes] = {name: data for name, data in bundle().items() if name != "arrays.safetensors"}
    with pytest.raises(SignatureError, match=r"arrays.safetensors is not signed"):
        verify({**bundle(), "model.sig": sign(some, key, VERSION)}, [key.public_key()])


def test_keys_that_cannot_be_are_told(world: World) -> None:
    """Another kind of key, one with a password, none, or a missing file ends with 2 and says what to give."""
    rsa_key = rsa.generate_private_key(65537, 2048)
    locked = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    for pem, message in (
        (pems(rsa_key)[0], "elliptic-curve"),
        (pems(ec.generate_private_key(ec.SECP256K1()))[0], "P-256"),
        (locked, "password"),
        (b"nonsense", "no private key"),
    ):
        (world.folder / "key.pem").write_bytes(pem)
        code, _, err = world.run("models", "sign", VERSION, "--key", world.key("key.pem"))
        assert (code, message in err) == (2, True)
    assert world.run("models", "sign", VERSION, "--key", world.key("none.pem"))[0] == 2
    with pytest.raises(ConfigurationError, match="no public key"):
        public_key(b"nonsense", "k")


def test_trusting_refuses_unsigned_and_foreign_versions(trusting: World) -> None:
    """Promotion and verification refuse a version until a trusted key signed it, and once it was altered after."""
    code, _, err = trusting.run("models", "promote", VERSION)
    assert (code, "it is not signed" in err, "oddflow models sign" in err) == (6, True, True)
    assert trusting.registry.aliases("flows") == {}
    trusting.sign("foreign")
    assert trusting.run("models", "verify", VERSION)[0] == 6
    assert trusting.run("models", "promote", VERSION)[0] == 6
    trusting.sign()
    assert trusting.run("models", "verify", VERSION)[0] == 0
    assert trusting.run("models", "promote", VERSION)[0] == 0
    (trusting.version / "model.sig").unlink()
    assert trusting.run("models", "promote", VERSION)[0] == 6


def test_trusting_refuses_to_score_and_to_detect(trusting: World) -> None:
    """`score` and `detect` end with 6 on an unsigned champion."""
    trusting.registry.promote("flows", VERSION)
    data = trusting.folder / "flows.json"
    data.write_text("{}\n")
    code, _, err = trusting.run("score", "--data", str(data), "--format", "zeek-json")
    assert (code, "it is not signed" in err) == (6, True)
    code, _, err = trusting.run("detect", "--input", str(data), "--format", "zeek-json", "--output", "-")
    assert (code, "it is not signed" in err) == (6, True)


def test_a_following_daemon_refuses_until_it_is_signed(trusting: World) -> None:
    """A daemon that trusts keys counts an unsigned version as refused for its signature, and takes it once signed."""
    told: list[Event] = []
    trusting.registry.promote("flows", VERSION)
    settings = load_settings(None, {"model.registry": trusting.registry.url})
    watcher = ModelWatcher(open_registry(settings.model), "flows", "champion", 1.0, read_bundle, told.append)
    watcher.look()
    watcher.look()
    assert [getattr(event, "reason", None) for event in told if type(event).__name__ == "ModelRefused"] == ["signature"]
    assert watcher.take() is None
    trusting.sign()
    watcher.look()
    model = watcher.take()
    assert model is not None
    assert model.version == VERSION


def test_trusted_keys_need_their_extra(trusting: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where signatures cannot be verified, nothing is taken unverified: it is said what to install."""
    monkeypatch.setitem(sys.modules, "cryptography", None)
    code, _, err = trusting.run("models", "promote", VERSION)
    assert (code, "pip install 'oddflow[signing]'" in err) == (2, True)
