"""Reads the settings: defaults < TOML file < environment (``ODDFLOW_SECTION__KEY``) < flags.

Takes a path and flags, gives one immutable :class:`Settings`, or raises ConfigurationError: one line that names the
file, variable or flag, the key, and what to write instead. A key that nobody knows is an error wherever it stands.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource, SettingsError

from detector.errors import ConfigurationError
from detector.settings.section import Section
from detector.settings.tree import Settings

PREFIX = "ODDFLOW_"
CONFIG_VARIABLE = "ODDFLOW_CONFIG"
"""Names the settings file where no ``--config`` does."""

NOT_SETTINGS = re.compile(
    r"ODDFLOW_(CONFIG|DATA|TEST_\w+"
    # Kubernetes puts these into every pod of a namespace that has a service named oddflow or oddflow-…
    r"|((?!\w*__)\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP)(_\w+)?)?))"
)
"""Variables with our prefix that are no settings."""

SECRETS = (
    ("kafka", "sasl_password"),
    ("kafka", "ssl_key_password"),
    ("schema_registry", "password"),
    ("triage", "database_password"),
    ("webhook", "url"),
    ("webhook", "bearer_token"),
    ("webhook", "signing_key"),
    ("slack", "url"),
)
"""Keys, by section, that a settings file may not hold; each has a ``_file`` beside it."""

PROPERTIES = (
    ("kafka", "properties"),
    ("kafka", "consumer_properties"),
    ("kafka", "producer_properties"),
    ("schema_registry", "properties"),
)
"""Tables of a client's own, dotted names."""

FLAGS = {
    "input.paths": "--input",
    "input.format": "--format",
    "input.unpack": "--unpack",
    "input.topic": "--topic",
    "output.alerts_path": "--output",
    "output.dead_letters_path": "--dead-letters",
    "output.scores_path": "--scores",
    "output.incidents_path": "--incidents",
    "output.incidents_topic": "--topic",
    "output.risk_path": "--risk",
    "kafka.bootstrap_servers": "--bootstrap-servers",
    "kafka.group": "--group",
    "model.registry": "--registry",
    "model.name": "--model",
    "model.alias": "--alias",
    "training.kind": "--kind",
    "training.leave_out": "--leave-out",
    "training.max_rejected_share": "--max-rejected",
    "web.host": "--host",
    "web.port": "--port",
    "log.format": "--log-format",
    "log.level": "--log-level",
}
"""What commands call a key."""

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Origins:
    """What each source gave, so that an error can name the one to mend."""

    path: Path | None
    file: Values
    environment: Values
    flags: Values

    def name(self, key: str) -> str:
        """Where ``key`` (dotted) was given, in words to begin a message with."""
        if _holds(self.flags, key):
            return f"{FLAGS[key]} ({key})" if key in FLAGS else f"flag for {key}"
        if _holds(self.environment, key):
            return f"environment variable {_variable(key)}"
        if _holds(self.file, key):
            return f"settings file {self.path}: {key}"
        return f"setting {key}" if key else "settings"


def load_settings(
    path: Path | str | None = None,
    flags: Mapping[str, Any] | None = None,
    fallbacks: Mapping[str, Any] | None = None,
) -> Settings:
    """Read the settings of a process.

    ``path`` is the TOML file; None takes the one that ``ODDFLOW_CONFIG`` names, or none. ``flags`` are by dotted key
    (``{"input.topic": "flows"}``); those that are None were not given. ``fallbacks``, likewise, are a command's own
    defaults: whatever a file, the environment or a flag says wins over them. Raises ConfigurationError.
    """
    chosen = path or os.environ.get(CONFIG_VARIABLE) or None
    origins = Origins(
        path=Path(chosen) if chosen else None,
        file=_from_file(Path(chosen)) if chosen else {},
        environment=_from_environment(os.environ),
        flags=_from_flags(flags or {}),
    )
    below = _merged(_from_flags(fallbacks or {}), origins.file)
    merged = _merged(_merged(below, origins.environment), origins.flags)
    _read_secret_files(merged, origins)
    try:
        return Settings(**merged)
    except ValidationError as error:
        raise ConfigurationError(_one_line(error, origins)) from None


def known_keys(section: type[BaseModel] = Settings, prefix: str = "") -> Iterator[str]:
    """Every key of the tree, dotted."""
    for name, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            yield from known_keys(inner, f"{name}.")
        else:
            yield prefix + name


# --- the three sources ----------------------------------------------------------------------------------------------


def _from_file(path: Path) -> Values:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(f"settings file {path}: no such file; check --config or {CONFIG_VARIABLE}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"settings file {path}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"settings file {path}: not TOML: {error}") from None
    for section, name in SECRETS:
        table, key = values.get(section), f"{section}.{name}"
        if isinstance(table, dict) and name in table:
            raise ConfigurationError(
                f"settings file {path}: {key}: a secret may not stand here; set {_variable(key)} or {key}_file"
            )
    return values


def _from_environment(environ: Mapping[str, str]) -> Values:
    for variable in environ:
        if variable.startswith(PREFIX) and not NOT_SETTINGS.fullmatch(variable):
            _check_variable(variable, environ[variable])
    source = EnvSettingsSource(Settings, env_prefix=PREFIX, env_nested_delimiter="__", env_ignore_empty=True)
    try:
        values: Values = source()
    except SettingsError as error:
        raise ConfigurationError(f"environment: {error}: {error.__cause__}".replace("\n", " ")) from None
    _dot_properties(values, environ)
    return values


def _check_variable(variable: str, text: str) -> None:
    """Raise unless ``variable`` names a key; the library would pass over those that do not."""
    key = variable.removeprefix(PREFIX).lower().replace("__", ".")
    compound = _compound_keys() | set(Settings.model_fields)
    if key in compound and text:
        _check_json(variable, text)
    elif key not in known_keys() and ".".join(key.split(".")[:2]) not in _compound_keys():
        raise ConfigurationError(f"environment variable {variable}: unknown key; {_nearest_variable(key)}")


def _check_json(variable: str, text: str) -> None:
    try:
        json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"environment variable {variable}: lists and tables are JSON here: {error}") from None


def _compound_keys() -> set[str]:
    """Keys that hold a list, or a table of free names."""
    return {
        f"{section}.{name}"
        for section, outer in Settings.model_fields.items()
        if isinstance(outer.annotation, type) and issubclass(outer.annotation, Section)
        for name, field in outer.annotation.model_fields.items()
        if isinstance(field.default, dict | tuple)
    }


def _dot_properties(values: Values, environ: Mapping[str, str]) -> None:
    """Make ``…PROPERTIES__SASL_MECHANISM`` the property ``sasl.mechanism``: most shells allow no dot in a name."""
    for section, name in PROPERTIES:
        start = _variable(f"{section}.{name}") + "__"
        for variable in environ:
            if variable.startswith(start):
                given = variable.removeprefix(start).lower()
                table = values[section][name]
                table[given.replace("_", ".")] = table.pop(given)


def _from_flags(flags: Mapping[str, Any]) -> Values:
    values: Values = {}
    for key, value in flags.items():
        if value is not None:
            section, _, name = key.partition(".")
            values.setdefault(section, {})[name] = value
    return values


def _merged(below: Values, above: Values) -> Values:
    """Lay ``above`` over ``below``, table by table."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _read_secret_files(values: Values, origins: Origins) -> None:
    """Fill each secret that is named by a file and not given outright."""
    for section, name in SECRETS:
        table, key = values.get(section), f"{section}.{name}_file"
        if not isinstance(table, dict) or table.get(name) is not None or not table.get(f"{name}_file"):
            continue
        path = Path(str(table[f"{name}_file"]))
        try:
            table[name] = path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{origins.name(key)}: cannot be read: {error}") from None


# --- errors ---------------------------------------------------------------------------------------------------------


_LEAST_ALIKE = 0.6
"""Of whole keys; a lower likeness is of single letters."""


def _one_line(error: ValidationError, origins: Origins) -> str:
    details = error.errors(include_url=False, include_input=False)
    first = next((detail for detail in details if detail["type"] == "extra_forbidden"), details[0])
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return _complaint(first, origins).replace("\n", " ") + more


def _complaint(detail: ErrorDetails, origins: Origins) -> str:
    key = ".".join(str(part) for part in detail["loc"] if part != "[key]")
    known = next((k for k in known_keys() if key == k or key.startswith(f"{k}.")), key)
    if detail["type"] == "extra_forbidden":
        return f"{origins.name(key)}: unknown key; {_nearest_key(key)}"
    reason = detail["msg"].removeprefix("Value error, ")
    return f"{origins.name(known)}: {reason[0].lower()}{reason[1:]}"


def _nearest_key(key: str) -> str:
    near = _nearest(key)
    return f"the nearest known one is {near}" if near else f"the sections are {', '.join(Settings.model_fields)}"


def _nearest_variable(key: str) -> str:
    near = _nearest(key)
    return f"the nearest known one is {_variable(near)}" if near else "docs/reference/configuration.md has all"


def _nearest(key: str) -> str | None:
    """The known key most like ``key``: in its own section if one is alike there, else anywhere, by name first.

    None where a section's name is like nothing: a key that has little to do with it would only mislead.
    """
    section, _, name = key.rpartition(".")
    known = list(known_keys())
    sections = list(Settings.model_fields)
    here = [k for k in known if k.startswith(f"{section}.")]
    by_name = {k.rpartition(".")[2]: k for k in reversed(known)}
    if not section and (tables := get_close_matches(name, sections, 1, 0.75)):
        return tables[0]
    for words, keys in ((f"{section}.{name}", here), (name, by_name), (key, known)):
        if alike := get_close_matches(words, keys, 1, 0.75 if keys is not known else _LEAST_ALIKE):
            return by_name.get(alike[0], alike[0])
    return None


def _variable(key: str) -> str:
    return PREFIX + key.replace(".", "__").upper()


def _holds(values: Values, key: str) -> bool:
    """Whether ``values`` has the dotted ``key``, in nested tables."""
    if key in values:
        return True
    head, _, tail = key.partition(".")
    inner = values.get(head)
    return bool(tail) and isinstance(inner, dict) and _holds(inner, tail)
