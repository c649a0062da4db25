"""Recorded behaviour of other libraries, played on our gauges: `python -m
simroute.testing.conformance FILE…`

One line an item: pass, fail with the first step that differs, or skip with the behaviour that our
parameters do not express; at last how many of each. An item whose behaviour is marked as a `quirk`
passes also where ours is another, and says so. Exit status 1 when one fails, 2 when a file cannot
be read. The files: an
object whose `vectors` have a `family` (breakers) or a `kind` (limits, budgets, back-offs), or whose
`items` are runs of the LiteLLM router, or whose `scorecard` is that of failoverbench.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from simroute.testing.conformance.breakers import play_breaker
from simroute.testing.conformance.failoverbench import cells, play_cell
from simroute.testing.conformance.limits import play_limit
from simroute.testing.conformance.litellm import play_litellm
from simroute.testing.conformance.verdict import Config, Differs, Inexpressible, Verdict

__all__ = ["Verdict", "judge", "read_items"]


QUIRK = "quirk not imitated"


def read_items(file: Path) -> list[Config]:
    """The items of a file. Raises ValueError with one line when it holds none."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError(f"{file}: is nested too deeply") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"{file}: {getattr(error, 'strerror', None) or error}") from None
    if isinstance(content, dict) and isinstance(content.get("scorecard"), dict):
        for title, systems in content["scorecard"].items():
            if not title.split() or not isinstance(systems, dict):
                raise ValueError(f"{file}: scorecard[{title!r}]: not a fault with cells by system")
        return cells(content)
    items = content.get("vectors", content.get("items")) if isinstance(content, dict) else None
    if not isinstance(items, list) or not all(
        isinstance(item, dict) and "id" in item for item in items
    ):
        raise ValueError(f"{file}: no list of items under `vectors` or `items`")
    return items


def judge(items: list[Config]) -> Iterator[Verdict]:
    """One verdict an item, in order."""
    for item in items:
        try:
            _play(item)
        except Inexpressible as behaviour:
            yield Verdict(item["id"], "skip", f"not expressible here: {behaviour}")
        except Differs as difference:
            if item.get("quirk"):
                yield Verdict(item["id"], "pass", QUIRK)
            else:
                yield Verdict(item["id"], "fail", str(difference))
        except Exception as error:  # whatever an item makes of itself, the others are judged
            yield Verdict(item["id"], "fail", f"malformed: {type(error).__name__} {error}")
        else:
            yield Verdict(item["id"], "pass")


def _play(item: Config) -> None:
    if "family" in item:
        play_breaker(item)
    elif "kind" in item:
        play_limit(item)
    elif "model_list" in item:
        play_litellm(item)
    elif "published" in item:
        play_cell(item)
    else:
        raise Inexpressible("an item without family, kind or model_list")
