"""What somebody types who has not read anything."""

import pytest

from commands import ran


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_nothing_typed_shows_the_help():
    """As `--help` does, line by line, and it is no success."""
    bare, asked = ran(), ran("--help")
    assert (bare.returncode, bare.stdout) == (2, "")
    assert bare.stderr.strip() == asked.stdout.strip()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("compare demo direct", ["demo: did you mean scenario=demo?", "direct: … policy=direct?"]),
        ("run demo policy=direct", ["demo: did you mean scenario=demo?"]),
        (
            "compare scenario=demo policy=direct failover,cascade",
            ["failover,cascade: did you mean policy=direct,failover,cascade?"],
        ),
        (
            "tune demo",
            ["demo: did you mean scenario=demo?", "policy= is missing: name one, such as …"],
        ),
        ("compare --scenario demo", ["there is no option --scenario; write scenario=NAME"]),
        ("run scenario=demo --policy=direct", ["there is no option --policy; write policy=NAME"]),
        (
            "compare scenario=demo policy=direct banana",
            ["override 'banana': not understood; write key=value, or …"],
        ),
    ],
)
def test_a_name_without_its_key_is_told_with_it(words, said):
    """A line for each, before anything runs."""
    ended = ran(*words.split())
    assert (ended.returncode, ended.stdout) == (2, "")
    lines = ended.stderr.splitlines()
    assert len(lines) == len(said)
    for line, wanted in zip(lines, said, strict=True):
        start, _, end = wanted.partition("…")
        assert line.startswith(f"simroute: {start}")
        assert line.endswith(end)


def test_a_folder_is_checked_file_by_file(elsewhere):
    """Every YAML file in it; one without any is refused."""
    assert ran("init", ".").returncode == 0
    named = ran("check", "scenarios", "policies", "--plugin", "policies/polite.py")
    assert (named.returncode, named.stderr) == (0, "")
    assert [line for line in named.stdout.splitlines() if line.endswith("no mistake found")] == [
        "scenarios/mine.yaml: scenario, no mistake found",
        "policies/mine.yaml: policy, no mistake found",
        "policies/polite.yaml: policy, no mistake found",
    ]
    assert ran("check", "reports").returncode == 2
