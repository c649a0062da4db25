"""Whether a gateway's model groups are kinds of work: some call them by what they are for, others
by the model behind them."""

from __future__ import annotations

import re

from simroute.models.prices import catalogue_name

TIER_WORDS = re.compile(
    "all|any|auto|backup|base|basic|best|big|cheap|default|dev|east|eu|expensive|fallback|fast"
    "|general|gpt|large|light|llm|main|medium|mini|model|new|old|paid|pool|premium|primary|prod"
    "|production|pro|secondary|slow|small|smart|staging|standard|strong|test|tier|us|v|weak|west"
)
"""Words that say how good, dear or near a group is, or where it runs; none says what for."""


def kinds_of_work(groups: list[str], models: list[str]) -> tuple[list[str], str]:
    """Those of the groups whose names are neither a model's nor made of such words, and in a
    sentence why; of fewer than two none."""
    if len(groups) < 2:
        return [], ""
    found = [group for group in groups if not _is_tier(group) and not _is_model(group, models)]
    shown = ", ".join(group[:40] for group in (found or groups)[:3]) + (
        ", …" if len(found or groups) > 3 else ""
    )
    if found:
        return (
            found,
            f"Tasks are the log's model groups ({shown}), as it names no tasks and these are not "
            f"called after models",
        )
    return (
        [],
        f"The log names no tasks, and its model groups ({shown}) are called after models or "
        f"tiers: they are no tasks here",
    )


def _slug(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())


def _is_tier(group: str) -> bool:
    return all(TIER_WORDS.fullmatch(word) for word in re.findall("[a-z]+", group.lower()))


def _is_model(group: str, models: list[str]) -> bool:
    own = _slug(group.rsplit("/", 1)[-1])
    alike = any(own in _slug(model) or _slug(model.rsplit("/", 1)[-1]) in own for model in models)
    return "*" in group or alike or catalogue_name("?", group) is not None
