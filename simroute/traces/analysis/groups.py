"""Whether a gateway's model groups are kinds of work: some are named for what they are for, others
for the model behind them."""

from __future__ import annotations

import re

from simroute.models.prices import catalogue_name

TIER_WORDS = re.compile(
    "all|any|auto|backup|base|basic|best|big|cheap|default|dev|east|eu|expensive|fallback|fast"
    "|general|gpt|large|light|llm|main|medium|mini|model|new|old|paid|pool|premium|primary|prod"
    "|production|pro|secondary|slow|small|smart|staging|standard|strong|test|tier|us|v|weak|west"
)
"""Words for how good, dear or near a group is, or where it runs; none says what it is for."""


def kinds_of_work(groups: list[str], models: list[str]) -> tuple[list[str], str]:
    """(groups whose names are neither a model's nor made of such words, why in a sentence); none
    where there are fewer than two groups."""
    if len(groups) < 2:
        return [], ""
    kinds = [group for group in groups if not _is_tier(group) and not _is_model(group, models)]
    names = ", ".join(group[:40] for group in (kinds or groups)[:3]) + (
        ", …" if len(kinds or groups) > 3 else ""
    )
    if kinds:
        return (
            kinds,
            f"Tasks are the log's model groups ({names}), as it names no tasks and these are not "
            f"called after models",
        )
    return (
        [],
        f"The log names no tasks, and its model groups ({names}) are called after models or "
        f"tiers: they are no tasks here",
    )


def _slug(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())


def _is_tier(group: str) -> bool:
    return all(TIER_WORDS.fullmatch(word) for word in re.findall("[a-z]+", group.lower()))


def _is_model(group: str, models: list[str]) -> bool:
    slug = _slug(group.rsplit("/", 1)[-1])
    alike = any(slug in _slug(model) or _slug(model.rsplit("/", 1)[-1]) in slug for model in models)
    return "*" in group or alike or catalogue_name("?", group) is not None
