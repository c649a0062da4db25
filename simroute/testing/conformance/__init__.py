"""Recorded behaviour of other libraries, played on our gauges: `python -m
simroute.testing.conformance FILE…`

One line an item: pass, fail with the first step that differs, or skip with the behaviour that our
parameters do not express; at last how many of each. An item whose behaviour is marked as a `quirk`
passes also where ours is another, and says so. Exit status 1 when one fails, 2 when a file cannot
be read or holds nothing to play. The files: an
object whose `vectors` have a `family` (breakers) or a `kind` (limits, budgets, back-offs), or whose
`items` are runs of the LiteLLM router, or whose `scorecard` is that of failoverbench.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simroute.testing.conformance.breakers.items import play_breaker
from simroute.testing.conformance.failoverbench.cells import play_cell
from simroute.testing.conformance.failoverbench.scorecard import cells, remarks
from simroute.testing.conformance.limits.items import play_limit
from simroute.testing.conformance.router.runs import play_litellm
from simroute.testing.conformance.verdict import (
    Config,
    Differs,
    Inexpressible,
    Malformed,
    Verdict,
    short,
    unknown,
)

__all__ = ["Verdict", "judge", "read_items"]


QUIRK = "quirk not imitated"
LISTS = "vectors", "items"
OF_FILES = {*LISTS, "scorecard", "setup", "tolerance", "schema", "caution"}
"""What a file may say; beside it totals, by what they begin with."""


def read_items(file: Path) -> list[Any]:
    """The items of a file, in order; what is none is left to `judge`. Raises ValueError with one
    line when nothing in it can be one."""
    return read_file(file)[0]


def read_file(file: Path) -> tuple[list[Any], list[str]]:
    """The items, and lines on what in the file nobody reads or is not so."""
    content = _content(file)
    found: list[Any] = []
    if isinstance(content, dict):
        for key in LISTS:
            if key in content and not isinstance(content[key], list):
                raise ValueError(f"{file}: `{key}` is no list of items")
            found += content.get(key, [])
        found += _cells(file, content)
    if not any(isinstance(item, dict) and "id" in item for item in found):
        raise ValueError(
            f"{file}: no items: they stand under `vectors` or `items`, each with an `id`, "
            "or as cells under `scorecard`"
        )
    said = [
        f"the key {short(key)!r} is not read"
        for key in unknown(content, OF_FILES)
        if not key.startswith("totals")
    ]
    said += remarks(content) if "scorecard" in content else []
    return found, [*said, *(f"the id {name!r} stands for several items" for name in _twice(found))]


def _content(file: Path) -> Any:
    """What a file of JSON holds. Raises ValueError with one line that says what to do."""
    if file.is_dir():
        raise ValueError(f"{file}: is a folder; name its files, such as {file / '*.json'}")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ValueError(f"{file}: there is no such file") from None
    except UnicodeDecodeError:
        raise ValueError(f"{file}: is not text in UTF-8; give a file of JSON") from None
    except OSError as error:
        raise ValueError(f"{file}: {error.strerror}") from None
    if not text.strip():
        raise ValueError(f'{file}: is empty; write {{"vectors": [{{"id": …}}]}}')
    try:
        return json.loads(text, object_pairs_hook=_object)
    except RecursionError:
        raise ValueError(f"{file}: is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{file}: is no JSON: {error}") from None
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


def _object(pairs: list[tuple[str, Any]]) -> Config:
    """An object of which nothing is lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found


def _cells(file: Path, content: Config) -> list[Config]:
    if "scorecard" not in content:
        return []
    if not isinstance(content["scorecard"], dict):
        raise ValueError(f"{file}: `scorecard` is no object of faults")
    if not isinstance(content.get("setup") or "", str):
        raise ValueError(f"{file}: `setup` is no text")
    for title, systems in content["scorecard"].items():
        if not title.split() or not isinstance(systems, dict):
            raise ValueError(f"{file}: scorecard[{title!r}]: not a fault with cells by system")
    return cells(content)


def _twice(items: list[Any]) -> list[str]:
    """Ids that stand for more than one item."""
    ids = Counter(str(item["id"]) for item in items if isinstance(item, dict) and "id" in item)
    return sorted(short(each) for each, times in ids.items() if times > 1)


def judge(items: list[Any]) -> Iterator[Verdict]:
    """One verdict an item, in order."""
    for number, item in enumerate(items, 1):
        name = _name(item, number)
        try:
            if not isinstance(item, dict):
                raise Malformed("an item is an object")
            if "id" not in item:
                raise Malformed("an item has an `id`")
            _play(item)
        except Inexpressible as behaviour:
            yield Verdict(name, "skip", f"not expressible here: {behaviour}")
        except Differs as difference:
            if item.get("quirk"):
                yield Verdict(name, "pass", f"{QUIRK}: {difference}")
            else:
                yield Verdict(name, "fail", str(difference))
        except Malformed as wrong:
            yield Verdict(name, "fail", f"malformed: {wrong}")
        except KeyError as missing:
            yield Verdict(name, "fail", f"malformed: there is no {short(missing)}")
        except Exception as error:  # whatever an item makes of itself, the others are judged
            yield Verdict(name, "fail", f"malformed: {type(error).__name__} {short(error)}")
        else:
            yield Verdict(name, "pass")


def _name(item: Any, number: int) -> str:
    """Its id, or which of the file it is."""
    given = item.get("id") if isinstance(item, dict) else None
    return short(given) if given is not None and given != "" else f"item {number}"


def _play(item: Config) -> None:
    if "family" in item:
        if not isinstance(item["family"], str):
            raise Malformed(f"the family {short(item['family'])} is no word")
        play_breaker(item)
    elif "kind" in item:
        play_limit(item)
    elif "model_list" in item:
        play_litellm(item)
    elif "published" in item:
        play_cell(item)
    else:
        raise Inexpressible("an item without family, kind or model_list")
