"""Repeats in the same words that are written otherwise: what an exact cache misses, and finds where
it ignores the form."""

from dataclasses import replace

import numpy as np
import pytest

from simroute.config.loading import load
from simroute.live.bodies import read_request
from simroute.models.questions import UNIQUE, plain, styled
from simroute.parity import play_both, simulate

WEATHER = """
horizon: 4h
workload:
  rate: 1
  streamed: 0
  repeats: {share: 0.5, questions: 40, exponent: 0, other_case: 0.3, other_space: 0.2}
deployments:
  a: {provider: one, model: m, price: {input: 1, output: 2}}
"""


def configured(folder, ignore="", match="exact", horizon="4h"):
    weather, stance = folder / "forms.yaml", folder / "kept.yaml"
    weather.write_text(WEATHER)
    stance.write_text(
        f"cache: {{match: {match}, ttl: 1d, lookup: 0s, ignore: [{ignore}]}}\n"
        "timeout: {total: 300s}\n"
    )
    words = [f"scenario.horizon={horizon}"]
    return load("forms", str(weather), [str(stance)], words, 3, 1)


def test_a_wording_without_its_form_is_its_question_s():
    """What is ignored only in part stays another wording."""
    index, forms = np.array([7, 8, 9]), np.array([1, 2, 3])
    case, space, both = styled(index, forms).tolist()
    assert len({case, space, both}) == 3
    assert [plain(each, 5) for each in (case, space, both, 5, UNIQUE + 7)] == [
        *[5] * 4,
        UNIQUE + 7,
    ]
    assert [plain(each, 5, ("case",)) for each in (case, space, both)] == [5, space, both]
    assert [plain(each, 5, ("space",)) for each in (case, space, both)] == [case, 5, both]


@pytest.mark.parametrize(
    ("ignore", "same"), [("", 0.7 * 0.8), ("case", 0.8), ("space", 0.7), ("case, space", 1.0)]
)
def test_hits_are_the_share_of_repeats_that_are_found(tmp_path, ignore, same):
    """Half of the requests repeat one of 40 questions, which are soon all kept: so many of them
    are answered from the cache, to four standard errors and the first asking of each."""
    simulated, _ = simulate(configured(tmp_path, ignore), "kept")
    n = len(simulated.attempts)
    hits = int((simulated.attempts == 0).sum())
    expected = 0.5 * same
    spread = 4 * (expected * (1 - expected) * n) ** 0.5
    assert expected * n - 40 - spread <= hits <= expected * n + spread


def test_a_semantic_cache_finds_the_same_words_however_they_are_written(tmp_path):
    """Whatever its threshold: it misses no repeat but the first of each question."""
    simulated, _ = simulate(configured(tmp_path, match="semantic"), "kept")
    n = len(simulated.attempts)
    assert (simulated.attempts == 0).sum() >= 0.5 * n - 40 - 4 * (0.25 * n) ** 0.5


@pytest.mark.parametrize("ignore", ["", "case", "space", "case, space"])
def test_the_gateway_finds_what_the_simulation_finds(tmp_path, ignore):
    """Request by request: the same are answered from the cache, and cost nothing."""
    simulated, live = play_both(configured(tmp_path, ignore, horizon="4m"), "kept", None)
    assert (live.attempts == simulated.attempts).all()
    assert (live.nano == simulated.nano).all()
    assert ("case" in ignore) <= bool((simulated.attempts == 0).any())


def test_parameters_stay_in_the_key_of_a_body():
    """Two bodies that differ in letters and space alone are one question; those that ask another
    model, with another temperature or other tools, or belong to another client, are others."""
    body = {
        "model": "m",
        "temperature": 0,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "What is  New York?"}]},
        ],
    }
    other = replace_text(body, "what is new YORK?\n")

    def key(said, client="", ignored=("case", "space")):
        request = read_request(said, 0, 0.0, client)
        return request.plain(ignored)

    assert key(body) == key(other)
    assert key(body, ignored=("case",)) != key(other, ignored=("case",))
    assert read_request(body, 0, 0.0).key != read_request(other, 1, 0.0).key
    for more in ({"model": "n"}, {"temperature": 0.5}, {"tools": [{"type": "function"}]}):
        assert key(body) != key({**other, **more})
    assert key(body, "one") != key(other, "two")


def replace_text(body, text):
    system, user = body["messages"]
    return {**body, "messages": [system, {**user, "content": [{"type": "text", "text": text}]}]}


def test_nothing_changes_where_nobody_writes_otherwise(tmp_path):
    """Without such repeats an exact cache finds the same, whatever it ignores."""
    run = configured(tmp_path, horizon="20m")
    repeats = replace(run.scenario.workload.repeats, other_case=0.0, other_space=0.0)
    weather = replace(run.scenario, workload=replace(run.scenario.workload, repeats=repeats))
    one, two = (
        simulate(replace(configured(tmp_path, ignore), scenario=weather), "kept")[0]
        for ignore in ("", "case, space")
    )
    assert (one.attempts == two.attempts).all()
