"""Parameters that are known to disappoint are told, with what happens and what to write."""

from pathlib import Path

import pytest

from simroute.config import catalogue
from simroute.config.loading import load

SCENARIO = """
horizon: 10m
workload:
  rate: 1
  streamed: 1
  tasks:
    chat: {input_tokens: {median: 2000}, output_tokens: {median: 300}}
deployments:
  a: {provider: x, model: m, price: {input: 1, output: 2}, latency: TIMES}
  b: {provider: y, model: n, price: {input: 1, output: 2}, latency: TIMES}
""".replace("TIMES", "{base: 0.5, per_1k_input: 0.2, per_output_token: 0.01}")
"""A median answer takes .5 + 2 x .2 + 300 x .01 = 3.9 s, its first token .9 s."""


@pytest.fixture
def notes(tmp_path, monkeypatch):
    """What is noted of a policy of these lines."""
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(SCENARIO, encoding="utf-8")

    def of(*lines, overrides=()):
        Path("p.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return [
            note.removeprefix("p: ")
            for note in load("check", "./s.yaml", ["./p.yaml"], list(overrides)).notes
        ]

    return of


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("total: 3s", "timeout.total: 3 s is less than the median answer of a to chat takes (3.9"),
        ("total: 30s, first_token: 0.8s", "timeout.first_token: 0.8 s is less than the median"),
        ("total: 4s, first_token: 1s", None),
    ],
)
def test_a_timeout_below_the_median(notes, line, said):
    """By hand: 3.9 s and .9 s. Three medians are proposed."""
    found = notes(f"timeout: {{{line}}}")
    assert [note[: len(said or "")] for note in found] == ([said] if said else [])
    if line == "total: 3s":
        assert found[0].endswith("write at least 12s")


def test_a_limit_on_first_tokens_is_nothing_to_whole_answers(notes):
    """Nothing is streamed, so it does not apply."""
    line = "timeout: {total: 30s, first_token: 0.5s}"
    assert notes(line, overrides=["scenario.workload.streamed=0"]) == []
    assert len(notes(line)) == 1


def test_a_limit_on_whole_answers_is_nothing_to_streams(notes):
    """Everything is streamed here, unless it is said otherwise."""
    line, nothing = "timeout: {total: 30s, unstreamed: 1s}", ["scenario.workload.streamed=0"]
    assert notes(line) == []
    (said,) = notes(line, overrides=nothing)
    assert said.startswith("timeout.unstreamed: 1 s is less than the median answer of a")


@pytest.mark.parametrize(
    ("attempts", "targets", "more", "sends"),
    [(6, "[a, b]", "", 12), (5, "[a, b]", "", None), (6, "[a, b]", ", budget: {share: 0.1}", None)],
)
def test_sends_that_multiply(notes, attempts, targets, more, sends):
    """Two targets and six attempts are twelve sends; ten are not more than ten; a budget bounds
    them."""
    found = notes(
        f"fallback: {{targets: {targets}}}", f"retry: {{attempts: {attempts}{more}}}", "timeout: {}"
    )
    assert bool(found) == (sends is not None)
    if sends:
        assert f"may become {sends} sends" in found[0]
        assert f"and {3 * sends} from callers" in found[0]


@pytest.mark.parametrize(
    ("cooldown", "limits", "noted"),
    [
        ("5s", "total: 30s", True),
        ("30s", "total: 30s", False),
        ("12s", "total: 30s, first_token: 10s", False),
        ("5s", "total: 30s, first_token: 10s", True),
    ],
)
def test_a_cooldown_shorter_than_a_hang_is_noticed(notes, cooldown, limits, noted):
    """A hanging call is given up at the first of the limits inside."""
    found = notes(
        "fallback: {targets: [a, b]}",
        f"breaker: {{cooldown: {cooldown}}}",
        f"timeout: {{{limits}}}",
    )
    assert [note.startswith("breaker.cooldown: 5 s is less than a hanging") for note in found] == (
        [True] if noted else []
    )


@pytest.mark.parametrize("more", ["statuses: [500, 503]", "recovery: window"])
def test_a_cooldown_does_not_matter_where_a_hang_opens_nothing_or_no_cooldown_ends_it(notes, more):
    """As with Helicone's breaker, which counts no timeouts and closes by its window."""
    found = notes(
        "fallback: {targets: [first, other_company]}",
        f"breaker: {{cooldown: 5s, {more}}}",
        "timeout: {total: 30s}",
    )
    assert not [note for note in found if "a hanging call" in note]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("threshold: 0.6", "is a cosine of 0.6"),
        ("threshold: 0.8, scale: gptcache", "is a cosine of 0.6"),
        ("threshold: 0.05", "looks like a distance"),
        ("threshold: 0.95", None),
        ("threshold: 0.9, scale: gptcache", None),
        ("threshold: 0.8", "1.9 % of new questions get another one's answer when 10,000 are kept"),
        ("threshold: 0.8", "or scale: gptcache if it is GPTCache's number"),
        ("threshold: 0.81", "write 0.95, or scale: gptcache"),
        ("threshold: 0.83", None),
    ],
)
def test_a_threshold_in_another_scale(notes, line, said):
    """GPTCache's number t is a cosine of 2t - 1; a distance is one minus the similarity. Of new
    questions 1 - exp(-1.427e-5 x 10,000^.7814 ((1 - c) / .2)^1.448) get a wrong answer: 1.9 % at
    .8, which is GPTCache's usual number, and not a chosen cosine as the study's .83 is."""
    found = notes(f"cache: {{match: semantic, {line}}}", "timeout: {}")
    assert len(found) == bool(said)
    assert said is None or said in found[0]
    (exact,) = notes("cache: {match: exact, threshold: 0.1}", "timeout: {}")
    assert "an exact cache compares nothing" in exact  # and nothing of its scale


def test_packaged_policies_have_none_of_them():
    """In the packaged scenarios."""
    policies = [path.stem for path in catalogue.find("policies", "direct").parent.glob("*.yaml")]
    for path in catalogue.find("scenarios", "demo").parent.glob("*.yaml"):
        for policy in policies:
            if policy == "recorded":
                continue
            found = load("compare", path.stem, [policy]).notes
            assert [
                note for note in found if "write at least" in note or "sends where" in note
            ] == []
