"""What can be written of limits and latency and cannot be, or would change nothing."""

from pathlib import Path

import pytest

from simroute.config.loading import load
from simroute.errors import InputError

BARE = """
horizon: 10m
workload: {rate: 1}
deployments:
  a: {provider: p, model: m, price: {input: 1, output: 1}, quality: 0.9, %s}
%s
"""


@pytest.fixture
def scenario(tmp_path, monkeypatch):
    """Writes a scenario whose deployment has these keys, with more behind; gives its name."""
    monkeypatch.chdir(tmp_path)

    def write(keys: str, more: str = "") -> str:
        Path("s.yaml").write_text(BARE % (keys, more), encoding="utf-8")
        return "./s.yaml"

    return write


@pytest.mark.parametrize(
    ("keys", "more", "told"),
    [
        ("account: our", "", "deployments.a.account: there are no accounts.our"),
        ("account: our", "accounts: {ours: {rpm: 1}}", "did you mean ours?"),
        ("domain: x", "accounts: {ours: {rpm: 1}}", "accounts.ours: no deployment has account"),
        ("account: o", "accounts: {o: {window: 10s}}", "accounts.o: limits nothing"),
        ("latency: {family: empirical}", "", "latency.family: empirical asks for quantiles"),
        ("latency: {quantiles: {p0: 1, p100: 2}}", "", "is of family empirical"),
        (
            "latency: {family: empirical, quantiles: {p0: 2, p100: 1}}",
            "",
            "times must not fall from one quantile",
        ),
        ("latency: {drift: {sigma: .5, memory: 10ms}}", "", "drift.memory: makes 480,000 steps"),
        ("domain: eu", "gateway: {distance: {us: 80ms}}", "no deployment belongs to the domain"),
        ("limits: {rpm: 0}", "", "limits.rpm"),
        ("limits: {refill: leaky}", "", "refill"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_with_its_key(scenario, keys, more, told):
    """With the file and the line."""
    with pytest.raises(InputError) as found:
        load("run", scenario(keys, more), ["direct"])
    (line,) = found.value.lines
    assert told in line
    assert "s.yaml:" in line


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("limits: {tpm: 1000, window: 10s}", "limits.window: changes nothing without a rate"),
        ("limits: {rpm: 10, charge: reserve}", "limits.charge: changes nothing without a rate"),
        ("limits: {concurrency: 1, refill: fixed}", "limits.refill: changes nothing"),
        ("latency: {family: fixed, sigma: .9}", "latency.sigma: the family fixed has no such"),
        ("latency: {drift: {memory: 1h}}", "latency.drift.memory: there is no drift"),
        ("latency: {cold: {seconds: 1s}}", "latency.cold.seconds: it never goes cold"),
    ],
)
def test_what_changes_nothing_is_told(scenario, keys, told):
    """One note, with the key and what would give it a meaning; none where it has one."""
    (note,) = load("run", scenario(keys), ["direct"]).notes
    assert told in note
    useful = "limits: {rpm: 10, tpm: 1000, window: 10s, charge: reserve, refill: fixed}"
    assert load("run", scenario(useful), ["direct"]).notes == []


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        ("hedge: {attempts: 1}", "hedge.attempts: 1 is the first copy alone"),
        ("hedge: {max_extra: 0}", "hedge.max_extra: 0 allows no further copy"),
        ("hedge: {attempts: 3, targets: [a]}", "hedge.attempts: no more than 2 copies"),
        ("retry: {budget: {tokens: 5, reserve: 1}}", "retry.budget.reserve: is not looked at"),
        ("retry: {budget: {tokens: 5, ttl: 1s}}", "retry.budget.ttl: is not looked at"),
    ],
)
def test_layers_that_contradict_themselves_are_told(scenario, layer, told):
    """One note; a timeout inside keeps the retry from having one of its own."""
    Path("p.yaml").write_text(f"{layer}\ntimeout: {{total: 30s}}\n", encoding="utf-8")
    (note,) = load("run", scenario("domain: x"), ["./p.yaml"]).notes
    assert told in note
