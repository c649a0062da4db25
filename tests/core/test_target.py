"""Names and roles of targets, and what they have in common."""

import pytest

from simroute.core import Price, Target, resolve
from simroute.core.call import key_of
from simroute.core.target import resolve_numbers, sharing
from tests.fakes import Ask

FLEET = {
    name: Target(name, provider, model, family)
    for name, provider, model, family in (
        ("azure", "microsoft", "gpt-6", "gpt"),
        ("openai", "openai", "gpt-6", "gpt"),
        ("small", "openai", "gpt-6-mini", "gpt"),
        ("claude", "anthropic", "sonnet", "claude"),
        ("third", "reseller", "gpt-6", "gpt"),
    )
}


def price(name):
    return Price(len(name), 0.0)


@pytest.mark.parametrize(
    ("roles", "names"),
    [
        (["first", "same_model", "same_model", "same_model"], ["azure", "openai", "third"]),
        (["claude", "same_model"], ["claude"]),
        (["small", "same_family", "same_model"], ["small", "azure"]),
        (["openai", "same_model", "other_company"], ["openai", "azure", "claude"]),
        (["first", "other_model", "other_model"], ["azure", "small", "claude"]),
        (["small", "other_model", "other_model", "other_model"], ["small", "azure", "claude"]),
        (["other_model", "first"], ["small", "azure"]),
    ],
)
def test_the_same_model_is_that_of_the_first_named_another_one_is_of_none_yet(roles, names):
    """Each role gives the next one that is not in the list yet; one that nobody fills is left
    out."""
    assert resolve(roles, FLEET, price) == names


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("targets", list(FLEET)),
        ("model", ["azure", "openai", "third"]),
        ("family", ["azure", "openai", "small", "third"]),
        ("provider", ["openai", "small"]),
    ],
)
def test_a_group_is_who_shares_something(what, names):
    """With a deployment of OpenAI's large model."""
    assert sharing(list(FLEET), "openai", FLEET, what) == names
    assert sharing(["claude"], "openai", FLEET, "model") == ["openai"]


def test_numbers_of_names_and_roles_add_up():
    """The first one is azure as well."""
    numbers = resolve_numbers({"first": 1.0, "azure": 2.0, "openai": 0.5}, FLEET, price)
    assert numbers == {"azure": 3.0, "openai": 0.5}


def test_a_key_is_a_word_that_a_request_says():
    """A dash stands for nothing, in logs and live."""
    ask = Ask(id=7, key=("a", 1), user="ann", session="-")
    words = {what: key_of(ask, what) for what in ("user", "session", "prompt", "request")}
    assert words == {"user": "ann", "session": "", "prompt": "('a', 1)", "request": "7"}
