"""Notebooks are committed without outputs, and run."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FILES = sorted((Path(__file__).parent.parent.parent / "docs" / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs(path):
    """No output, no execution count: a diff shows what somebody wrote."""
    for cell in nbformat.read(path, as_version=4).cells:
        assert cell.cell_type != "code" or (cell.outputs, cell.execution_count) == ([], None)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(path, tmp_path):
    """In a kernel of this environment, in an empty folder; the last line of every code cell shows something."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    silent = [cell.source for cell in notebook.cells if cell.cell_type == "code" and not cell.outputs]
    assert silent == []
