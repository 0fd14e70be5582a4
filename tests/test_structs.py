"""Kinds of documents, first read by several threads at once."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

AT_ONCE = """
import sys
import threading
import msgspec
from detector.structs import resolved

sys.setswitchinterval(1e-6)


def kind_of(inner):
    fields = [(f"f{n}", inner | str | None, None) for n in range(20)]
    return msgspec.defstruct("Kind", fields)


def read(kind, begin):
    begin.wait()
    assert msgspec.convert({"f0": {}}, resolved(kind)).f0 is not None


for _ in range(500):
    kind = kind_of(kind_of(int))
    begin = threading.Barrier(2)
    threads = [threading.Thread(target=read, args=(kind, begin)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print("all read")
"""

PLAIN = {"bool", "bytes", "dict", "float", "int", "list", "msgspec", "object", "str"}
"""Names that kinds may be made of without anything to find out."""


def kinds_read(tree: ast.AST) -> Iterator[ast.expr]:
    """What a module's calls of ``decode(…, type=kind)`` and ``convert(…, kind)`` are to make."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).split(".")[-1]
            if name == "decode":
                yield from (each.value for each in node.keywords if each.arg == "type")
            elif name == "convert" and len(node.args) > 1:
                yield node.args[1]


def unresolved(source: str) -> list[str]:
    """Those kinds of a module's source that another thread could be making meanwhile."""
    return [
        ast.unparse(kind)
        for kind in kinds_read(ast.parse(source))
        if not ast.unparse(kind).startswith("resolved(")
        and {node.id for node in ast.walk(kind) if isinstance(node, ast.Name)} - PLAIN
    ]


def test_a_kind_is_read_first_by_several_threads_at_once() -> None:
    """Threads that read a kind's first documents at the same moment all have them, and the process goes on."""
    done = subprocess.run([sys.executable, "-c", AT_ONCE], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "all read\n"), done.stderr


@pytest.mark.parametrize("package", ["detector", "training", "triage"])
def test_every_kind_is_resolved_before_it_is_read(package: str) -> None:
    """No module of a package leaves it to a document, and so to any thread, to have its kind found out."""
    sources = sorted((ROOT / package).glob("**/*.py"))
    assert sources
    assert [(path.name, each) for path in sources for each in unresolved(path.read_text("utf-8"))] == []


def test_a_kind_that_is_not_resolved_is_noticed() -> None:
    """The rule above sees both calls, and lets plain kinds pass."""
    source = "decode(data, type=Label)\nmsgspec.convert(given, list[Label])\ndecode(data, type=dict[str, msgspec.Raw])"
    assert unresolved(source) == ["Label", "list[Label]"]
