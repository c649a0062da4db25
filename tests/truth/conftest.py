"""What theory says, for tests of the whole simulator."""

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def forms(shared: Path) -> dict[str, Any]:
    """closed_forms.json by id."""
    data = json.loads((shared / "vectors" / "closed_forms.json").read_text(encoding="utf-8"))
    return {form["id"]: form for form in data["oracles"]}
