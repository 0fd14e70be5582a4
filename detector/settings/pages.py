"""What is made from the settings' declarations: the dump, the example file, the reference page, the JSON Schema.

Pure: settings in, text out. No secret leaves here, whichever key it came by.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import SecretStr, WithJsonSchema
from pydantic.fields import FieldInfo

from detector.settings.section import Section
from detector.settings.tree import Settings

HIDDEN = "(hidden)"

SECRET_PROPERTY = re.compile(
    r"password|passphrase|secret|token|jaas|(^|[._])pem$|private|(^|\.)ssl[._]key$", re.IGNORECASE
)
"""Client properties whose value must not be shown."""

URL_PASSWORD = re.compile(r"(?<=://)[^/@\s]+@")

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def plain(settings: Settings) -> dict[str, dict[str, Any]]:
    """The settings as plain data for a dump: secrets hidden."""
    return {
        name: {key: _shown(value) for key, value in getattr(settings, name)} for name in type(settings).model_fields
    }


def dumped(settings: Settings) -> str:
    """The settings as TOML that reads back to the same, but for the hidden secrets and what is unset (comments)."""
    return "\n".join(_table(name, keys) for name, keys in plain(settings).items())


def example_file() -> str:
    """The settings file with every key, its meaning and default."""
    head = (
        "# oddflow's settings: every key with its default. Keys that have none are commented out.\n"
        "# The environment wins over this file (ODDFLOW_KAFKA__BOOTSTRAP_SERVERS), a flag over both.\n"
        "# `oddflow config check` reads it as the daemon would; `oddflow config dump` shows what is in force.\n"
    )
    return head + "".join(_example_table(name, section) for name, section in _sections())


def reference_page(exit_codes: Mapping[int, str]) -> str:
    """``docs/reference/configuration.md``, with the meaning of each exit code."""
    return (
        INTRODUCTION + "".join(_section_text(name, section) for name, section in _sections()) + _exit_codes(exit_codes)
    )


def schema() -> dict[str, Any]:
    """The JSON Schema of the settings file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Settings.model_json_schema()}


# --- TOML -----------------------------------------------------------------------------------------------------------


def _table(name: str, keys: Mapping[str, Any]) -> str:
    lines = [_assignment(key, value) for key, value in keys.items() if not isinstance(value, dict)]
    tables = [_table(f"{name}.{key}", value) for key, value in keys.items() if isinstance(value, dict) and value]
    return "\n".join([f"[{name}]", *lines, "", *tables])


def _assignment(key: str, value: Any) -> str:
    if value is None:
        return f"# {key} is unset"
    if value == HIDDEN:
        return f"# {_bare(key)} is set, and hidden"
    return f"{_bare(key)} = {_toml(value)}"


def _bare(key: str) -> str:
    return key if BARE_KEY.fullmatch(key) else json.dumps(key)


def _toml(value: Any) -> str:
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False).replace(
        "\x7f", "\\u007f"
    )  # TOML wants this one escaped, JSON does not


def _shown(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: HIDDEN if SECRET_PROPERTY.search(name) else _shown(inner) for name, inner in value.items()}
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, str):
        return URL_PASSWORD.sub(f"{HIDDEN}@", value)
    if value is None or isinstance(value, bool | int | float | tuple):
        return value
    return str(value)


# --- the example file -----------------------------------------------------------------------------------------------


def _sections() -> Iterator[tuple[str, type[Section]]]:
    for name, field in Settings.model_fields.items():
        section = field.annotation
        assert isinstance(section, type), name  # noqa: S101 - each field of the tree is a section
        yield name, section


def _example_table(name: str, section: type[Section]) -> str:
    lines = ["", f"# {_summary(section)}", f"[{name}]"]
    tables: list[str] = []
    for key, field in section.model_fields.items():
        if _is_secret(field):
            continue
        comment = ["", *(f"# {line}" for line in _wrapped(field.description or ""))]
        if isinstance(field.default, dict):
            entries = [f"# {_assignment(inner, value)}" for inner, value in _example(field).items()]
            tables += [*comment, f"[{name}.{key}]", *entries]
        elif field.default is None:
            lines += [*comment, f"# {_assignment(key, _example(field))}"]
        else:
            lines += [*comment, _assignment(key, field.default)]
    return "\n".join([*lines, *tables]) + "\n"


def _example(field: FieldInfo) -> Any:
    """A value to show for a key that has no default of its own."""
    return next(iter(field.examples or ()), {} if isinstance(field.default, dict) else None)


def _wrapped(text: str, width: int = 100) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


# --- the reference page ---------------------------------------------------------------------------------------------

INTRODUCTION = """\
# Settings

<!-- Made from the classes in detector/settings by `make docs`; change it there. -->

Defaults < a TOML file < the environment < flags: the later wins, key by key.

* **File**: `--config FILE`, or the one that `ODDFLOW_CONFIG` names. `config/oddflow.toml` has
  every key with its default.
* **Environment**: `ODDFLOW_SECTION__KEY`, such as `ODDFLOW_KAFKA__BOOTSTRAP_SERVERS=kafka-1:9092,kafka-2:9092`. An
  empty variable counts as not set. Lists and tables are JSON, such as `ODDFLOW_INPUT__PATHS='["a.log", "b.log"]'`. A
  client property may also have a variable of its own, with `_` for each dot:
  `ODDFLOW_KAFKA__PROPERTIES__SECURITY_PROTOCOL=SASL_SSL`.
* **Flags**: `oddflow detect --help` lists them.

A key that oddflow does not know is an error, wherever it stands; the message names the nearest known one. Secrets come
from the environment or from a file that a `…_file` key names, never from the settings file; no dump and no log shows
them. `oddflow config check` reads everything as the daemon would, `oddflow config dump` shows what is in force,
`oddflow config schema` gives a JSON Schema for your editor.

Any property of the Kafka client passes through, by librdkafka's names:

```toml
[kafka]
bootstrap_servers = "kafka-1:9093,kafka-2:9093"
sasl_username = "oddflow"
sasl_password_file = "/run/secrets/kafka-password"

[kafka.properties]
security.protocol = "SASL_SSL"
sasl.mechanism = "SCRAM-SHA-512"

[kafka.consumer_properties]
fetch.min.bytes = 65536
```
"""


def _section_text(name: str, section: type[Section]) -> str:
    rows = [_row(key, field) for key, field in section.model_fields.items()]
    head = f"\n## `[{name}]`\n\n{_summary(section)}\n\n| key | type | default | meaning |\n| --- | --- | --- | --- |\n"
    return head + "".join(f"{row}\n" for row in rows)


def _exit_codes(meanings: Mapping[int, str]) -> str:
    rows = "".join(f"| {code} | {meaning} |\n" for code, meaning in meanings.items())
    head = "What is wrong is told in one line on standard error: what was being done, with what, and what to do."
    return f"\n## Exit codes\n\n{head}\n\n| code | meaning |\n| --- | --- |\n{rows}"


def _row(key: str, field: FieldInfo) -> str:
    default = "unset" if field.default is None else f"`{_toml(field.default)}`"
    return f"| `{key}` | {_type_name(field)} | {default} | {field.description} |"


def _type_name(field: FieldInfo) -> str:
    """The type in a reader's words, with its bounds."""
    if _is_secret(field):
        return "secret"
    kinds = [kind for kind in (get_args(field.annotation) or (field.annotation,)) if kind is not type(None)]
    if all(isinstance(kind, str) for kind in kinds):
        return " or ".join(f"`{kind}`" for kind in kinds)
    if isinstance(field.default, dict):
        return "table"
    if any(isinstance(each, WithJsonSchema) for each in field.metadata):  # a rule of the gate
        return "number or `false`"
    if isinstance(field.default, tuple):
        return "list of numbers" if kinds[0] is float else "list of strings"
    kind = {bool: "boolean", int: "integer", float: "number"}.get(kinds[0], "string")
    return f"{kind} {_bounds(field)}".strip()


def _bounds(field: FieldInfo) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    given = [
        f"{sign} {getattr(rule, name):,}"
        for rule in field.metadata
        for name, sign in signs.items()
        if hasattr(rule, name)
    ]
    return ", ".join(given)


def _is_secret(field: FieldInfo) -> bool:
    return SecretStr in (get_args(field.annotation) or (field.annotation,))


def _summary(section: type[Section]) -> str:
    return " ".join((section.__doc__ or "").split())
