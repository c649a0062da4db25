"""Notebooks are committed without outputs, and run."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import simroute as sr

FILES = sorted((Path(__file__).parent.parent.parent / "docs" / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs(path):
    """No output, no execution count: a diff shows what somebody wrote."""
    for cell in nbformat.read(path, as_version=4).cells:
        assert cell.cell_type != "code" or (cell.outputs, cell.execution_count) == ([], None)


LESS = {
    r"replications=\d+": "replications=2",
    r"evaluations=\d+": "evaluations=16",
    r"confirm=\d+": "confirm=2",
}
"""What makes the studies of notebooks small."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_cell_of_a_notebook_shows_something(path, tmp_path, monkeypatch):
    """One after another, in an empty folder, with less weather; what a cell ends with can be
    shown."""
    monkeypatch.chdir(tmp_path)
    real = sr.load_scenario
    monkeypatch.setattr(
        sr,
        "load_scenario",
        lambda name, *overrides: real(name, *overrides, "scenario.workload.rate=0.05"),
    )
    names = {}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            source = cell.source
            for known, less in LESS.items():
                source = re.sub(known, less, source)
            *body, last = ast.parse(source).body
            exec(compile(ast.Module(body, []), path.name, "exec"), names)
            shown = eval(compile(ast.Expression(last.value), path.name, "eval"), names)
            assert shown is not None or "print(" in source, source
            assert not hasattr(shown, "_repr_html_") or shown._repr_html_(), source


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(path, tmp_path):
    """In a kernel of this environment, in an empty folder; the last line of every code cell shows
    something."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()
    silent = [
        cell.source for cell in notebook.cells if cell.cell_type == "code" and not cell.outputs
    ]
    assert silent == []
