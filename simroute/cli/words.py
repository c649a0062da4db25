"""Words of a command line: `scenario=`, `policy=`, and overrides."""

from __future__ import annotations

EXAMPLES = {"scenario": "scenario=demo", "policy": "policy=failover"}


def split_words(command: str, words: tuple[str, ...]) -> tuple[str, list[str], list[str]]:
    """(scenario, policies, overrides). Raises InputError."""
    from simroute.errors import InputError

    chosen = {"scenario": "", "policy": ""}
    overrides = []
    for word in words:
        key, equals, value = word.partition("=")
        if equals and key in chosen:
            chosen[key] = value
        else:
            overrides.append(word)
    problems = [
        f"{key}= is missing: name one, such as {example}"
        for key, example in EXAMPLES.items()
        if not chosen[key]
    ]
    policies = [name for name in chosen["policy"].split(",") if name]
    if command == "run" and len(policies) > 1:
        problems.append("run takes one policy; use compare for several")
    if problems:
        raise InputError(*problems)
    return chosen["scenario"], policies, overrides
