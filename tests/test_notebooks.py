"""The notebooks: each runs from top to bottom, and is kept without what it showed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def read(path: Path) -> Any:
    """A notebook, as its format says."""
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]  # nbformat has no types here


def test_there_are_four() -> None:
    """They go from looking at flows to the whole workflow."""
    assert [path.name[0] for path in NOTEBOOKS] == ["1", "2", "3", "4"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_kept_without_outputs(path: Path) -> None:
    """What a cell showed is not in the file: whoever runs it sees it, and a change is readable."""
    cells = read(path).cells
    assert [cell.source for cell in cells if cell.cell_type == "code" and (cell.outputs or cell.execution_count)] == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_from_top_to_bottom(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a fresh kernel no cell fails or warns, and each but the first shows something."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # beside a busy core, threads wait for each other tenfold
    notebook = read(path)
    nbclient.NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    assert all(shown[1:])
    warned = [out.text for outputs in shown for out in outputs if out.output_type == "stream" and out.name == "stderr"]
    assert warned == []
