"""The pages made from declarations, and every settings file and example that a reader may copy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from detector.reference.pages import main, pages, stale
from detector.settings.load import CONFIG_VARIABLE, PREFIX, load_settings
from detector.settings.tree import Settings

ROOT = Path(__file__).parent.parent.parent

EXAMPLE = re.compile(r"^```toml\n(?!# assets)(.*?)^```$", re.MULTILINE | re.DOTALL)

SECRET_FILE = re.compile(r'^(# )?(\w+_file) = ".*"$', re.MULTILINE)

SECRETS = {"url_file": "https://hooks.example.org/T0/B0", "": "a secret of more than sixteen characters"}
"""What a file holds: by its key, or of all others."""


def examples() -> list[tuple[str, str]]:
    """Each settings file in ``config/`` and each TOML example in the docs, by a name to tell it by."""
    files = [(path.name, path.read_text(encoding="utf-8")) for path in sorted((ROOT / "config").glob("**/*.toml"))]
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]:
        text = page.read_text(encoding="utf-8")
        files += [(f"{page.name} example {n}", body) for n, body in enumerate(EXAMPLE.findall(text), 1)]
    return files


def load(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Read ``text`` as a settings file; secrets' files are given one that is there."""
    monkeypatch.delenv(CONFIG_VARIABLE, raising=False)
    for name, secret in SECRETS.items():
        (folder / f"secret-{name}").write_text(secret, encoding="utf-8")

    def there(found: re.Match[str]) -> str:
        key = found[2]
        return f'{key} = "{folder}/secret-{key if key in SECRETS else ""}"'

    path = folder / "example.toml"
    path.write_text(SECRET_FILE.sub(there, text), encoding="utf-8")
    return load_settings(path)


def test_pages_are_current() -> None:
    """Every page made from declarations is what the declarations say; `make docs` writes them."""
    assert stale(ROOT) == []


@pytest.mark.parametrize(("name", "text"), examples(), ids=lambda value: value if len(value) < 40 else "")
def test_every_example_loads(name: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a reader may copy is accepted as it stands."""
    assert isinstance(load(text, tmp_path, monkeypatch), Settings), name


def test_the_example_file_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example file gives the defaults as it stands, and loads with every commented key switched on."""
    text = pages()[Path("config/oddflow.toml")]
    path = tmp_path / "plain.toml"
    path.write_text(text, encoding="utf-8")
    assert load_settings(path) == Settings()
    settings = load(re.sub(r'^# (("[^"]+"|\w+) = )', r"\1", text, flags=re.MULTILINE), tmp_path, monkeypatch)
    unset = [
        f"{section}.{key}"
        for section in Settings.model_fields
        for key, value in getattr(settings, section)
        if value in (None, {}) and key not in {"ssl_key_password", "sasl_password"}
    ]
    assert unset == []


def test_check_names_stale_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The check fails on a page that was changed by hand, writing mends it, and then the check passes."""
    monkeypatch.chdir(tmp_path)
    for path in pages():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("by hand", encoding="utf-8")
    assert main(["--check"]) == 1
    assert "docs/reference/metrics.md: not current; run `make docs`" in capsys.readouterr().err
    assert main([]) == 0
    assert main(["--check"]) == 0


def test_environment_prefix_is_the_documented_one() -> None:
    """The reference page names variables by the prefix that is read."""
    assert f"{PREFIX}SECTION__KEY" in pages()[Path("docs/reference/configuration.md")]
