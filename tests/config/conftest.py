"""What tests of configurations share."""

from pathlib import Path

import pytest


@pytest.fixture
def policy(tmp_path, monkeypatch):
    """Writes a policy of these lines; gives its name."""
    monkeypatch.chdir(tmp_path)

    def write(*lines: str) -> str:
        Path("p.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return "./p.yaml"

    return write
