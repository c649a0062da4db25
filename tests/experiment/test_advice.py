"""What a policy's author is told of layers that would not do what they seem to."""

from pathlib import Path

import pytest

from simroute.experiment.configuration import layers_of
from simroute.experiment.errors import InputError


@pytest.fixture
def policy(tmp_path, monkeypatch):
    """Writes a policy of these lines; gives its name."""
    monkeypatch.chdir(tmp_path)

    def write(*lines: str) -> str:
        Path("p.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return "./p.yaml"

    return write


OUTER = "outer: {kind: cascade, cheap: two, strong: three}"
INNER = "inner: {kind: cascade, cheap: one, strong: two}"


@pytest.mark.parametrize("order", [(OUTER, INNER), (INNER, OUTER), (OUTER, "timeout: {}", INNER)])
def test_a_cascade_inside_a_cascade_is_refused(policy, order):
    """It would leave out a target; the line names file, place, layer and what to write instead."""
    with pytest.raises(InputError) as found:
        layers_of(policy(*order))
    (line,) = found.value.lines
    inner, outer = order[-1].split(":")[0], order[0].split(":")[0]
    assert f"p.yaml:{len(order)}" in line
    assert f"{inner}: stands inside the cascade '{outer}'" in line
    assert "more than two steps comes in a later version" in line


@pytest.mark.parametrize(
    ("one", "other", "stands"), [("[chat]", "[extract]", True), ("[chat, code]", "[extract, code]", False), ("[chat]", "[]", False)]
)
def test_cascades_of_different_tasks_may_stand_together(policy, one, other, stands):
    """No request meets both; where a task is in both, or one takes every task, they are refused."""
    name = policy(f"a: {{kind: cascade, tasks: {one}}}", f"b: {{kind: cascade, tasks: {other}}}")
    if stands:
        assert list(layers_of(name)) == ["a", "b"]
    else:
        with pytest.raises(InputError):
            layers_of(name)
