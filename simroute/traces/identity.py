"""Which deployment each call of a log belongs to: the one that was asked for, as far as all rows of
the log together leave no doubt.

Providers answer under a dated name, and a failed call knows only the name that was asked for;
gateways log a failed call under the name of a group of deployments, often without a provider. What
cannot be decided is counted and told, never guessed.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from simroute.traces.sql import text_literal
from simroute.traces.table import RequestTable

DATE_SUFFIX = re.compile(r"[-@.:_](?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|0\d\d)(?:[-:]v\d(?::\d)?)?$")
"""The date or number at the end of a version's name: gpt-4o-2024-08-06, claude-sonnet-4-20250514,
gemini-1.5-pro-002."""
LATEST_SUFFIX = re.compile(r"-(?:latest|0)$")
"""What some names asked for have instead: claude-3-5-haiku-latest, claude-sonnet-4-0."""
MAX_NAMES = 3
"""Names in one note."""
KEY = (
    "concat_ws(chr(31), coalesce({provider}, ''), coalesce({requested}, ''), coalesce({model}, "
    "''), coalesce({group}, ''))"
)


class CallGroup(NamedTuple):
    """Calls that say the same: provider, name asked for, model, group, how many were answered, and
    how many there are."""

    provider: str | None
    requested: str | None
    model: str | None
    group: str | None
    answered: int
    calls: int

    @property
    def key(self) -> str:
        """As `KEY` makes it."""
        return "\x1f".join(each or "" for each in self[:4])


Target = tuple[str | None, str | None]
"""Provider, and the name asked for; (provider, None) where it cannot be decided."""


def assign_deployments(table: RequestTable, given: Iterable[str]) -> None:
    """Make the view `whole` of the view `told`: `provider` and `requested_model` of each row and of
    its tries filled in, or NULL where undecided."""
    run, tries = table.connection.execute, "tries" in given
    if "model" not in given and not tries:
        run("CREATE VIEW whole AS SELECT * FROM told")
        return
    rows = [
        CallGroup(*row)
        for row in run(
            "SELECT provider, requested_model, coalesce(model, requested_model), model_group, "
            "count(*) FILTER (NOT coalesce(failed, false)), count(*)"
            " FROM told WHERE coalesce(model, requested_model) IS NOT NULL AND "
            "coalesce(len(tries), 0) = 0"
            " GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    ]
    if tries:
        rows += [
            CallGroup(*row)
            for row in run(
                "SELECT coalesce(t.provider, provider), CASE WHEN t.model IS NULL THEN "
                "requested_model END, coalesce(t.model, model), model_group,"
                " count(*) FILTER (coalesce(t.status BETWEEN 100 AND 399, NOT last OR NOT "
                "coalesce(failed, false))), count(*) FROM"
                " (SELECT *, unnest(tries) AS t, generate_subscripts(tries, 1) = len(tries) AS "
                "last FROM told WHERE len(tries) > 0)"
                " WHERE coalesce(t.model, model) IS NOT NULL GROUP BY ALL ORDER BY ALL"
            ).fetchall()
        ]
    found, notes = decide_deployments(rows)
    table.notes += notes
    moved = {
        row.key: found[row]
        for row in rows
        if found[row] != (row.provider, row.requested or row.model)
    }
    made = _renaming_sql("provider", "requested_model", "model", "model_group", moved)
    replaced = [
        f"{sql} AS {name}" for name, sql in zip(("provider", "requested_model"), made, strict=True)
    ]
    if tries:
        who, asked = _renaming_sql(
            "coalesce(t.provider, provider)",
            "CASE WHEN t.model IS NULL THEN requested_model END",
            "coalesce(t.model, model)",
            "model_group",
            moved,
        )
        fields = ", ".join(f"'{name}': t.{name}" for name in ("offset_s", "latency_s"))
        whole = (
            f"list_transform(tries, lambda t: {{{fields}, 'provider': {who}, 'model': "
            f"{asked}, 'status': t.status, 'error': t.error}})"
        )
        replaced.append(f"{whole} AS tries")
    run(f"CREATE VIEW whole AS SELECT * REPLACE ({', '.join(replaced)}) FROM told")


def _renaming_sql(
    provider: str, requested: str, model: str, group: str, moved: dict[str, Target]
) -> tuple[str, str]:
    """SQL for the provider and the name asked for."""
    name = f"coalesce({requested}, {model})"
    if not moved:
        return provider, name
    key = KEY.format(provider=provider, requested=requested, model=model, group=group)
    cases = [
        " ".join(
            f"WHEN {_text_or_null(each)} THEN {_text_or_null(target[place])}"
            for each, target in moved.items()
        )
        for place in (0, 1)
    ]
    return f"CASE {key} {cases[0]} ELSE {provider} END", f"CASE {key} {cases[1]} ELSE {name} END"


def _text_or_null(word: str | None) -> str:
    return "NULL" if word is None else text_literal(word)


def decide_deployments(rows: list[CallGroup]) -> tuple[dict[CallGroup, Target], list[str]]:
    """The deployment of each, and in sentences what was taken from other rows, and what could not
    be."""
    log, found = _Evidence(rows), dict[CallGroup, Target]()
    for row in rows:
        found[row] = log.target(row)
    return found, log.notes()


class _Evidence:
    """What all rows say together."""

    def __init__(self, rows: list[CallGroup]) -> None:
        self._asked: dict[str | None, set[str]] = defaultdict(set)
        """Provider -> names asked for."""
        self._meant: dict[str, set[tuple[str | None, str]]] = defaultdict(set)
        """Answering name -> providers and the names asked for that it answers."""
        for row in rows:
            if row.requested is not None:
                self._asked[row.provider].add(row.requested)
                self._meant[row.model or ""].add((row.provider, row.requested))
        self._answered: Counter[Target] = Counter()
        self._groups: dict[str, set[Target]] = defaultdict(set)
        """Group -> deployments of it that have answered."""
        self._versions: dict[Target, set[str]] = defaultdict(set)
        """Deployment -> names under which it has answered."""
        for row in rows:
            if row.answered:
                target = row.provider, self._named(row)[0]
                self._answered[target] += row.answered
                self._versions[target] |= {each for each in (row.model, target[1]) if each}
                if row.group is not None and row.provider is not None:
                    self._groups[row.group].add(target)
        self._taken: Counter[str] = Counter()
        self._doubtful: Counter[str] = Counter()

    def _named(self, row: CallGroup) -> tuple[str, bool]:
        """The name asked for, and whether that is sure."""
        name = row.requested or row.model or ""
        if row.requested is not None or any(
            name in asked for who, asked in self._asked.items() if _may_be_same(who, row.provider)
        ):
            return name, True
        meant = {
            asked for who, asked in self._meant.get(name, ()) if _may_be_same(who, row.provider)
        }
        return (next(iter(meant)), True) if len(meant) == 1 else (name, not meant)

    def target(self, row: CallGroup) -> Target:
        """The deployment to which these calls belong."""
        name, sure = self._named(row)
        own = row.provider, name
        if not sure:
            self._doubtful[
                f"{_label(own)}, which answers for several names that were asked for: a "
                f"deployment of its own"
            ] += row.calls
            return own
        for among, why in (
            (self._members(own), "group"),
            (self._elsewhere(own), "provider"),
            (self._dated(own), "date"),
        ):
            if len(among) == 1:
                (target,) = among
                if target != own:
                    self._taken[
                        f"{_label(own)} as "
                        f"{_label(target)}"
                        f"{', the only version of that name' if why == 'date' else ''}"
                    ] += row.calls
                return target
            if among:
                several = ", ".join(sorted(map(_label, among))[:MAX_NAMES]) + (
                    ", …" if len(among) > MAX_NAMES else ""
                )
                if self._answered[own]:
                    self._doubtful[
                        f"{_label(own)}, which {several} have too: a deployment of its own"
                    ] += row.calls
                    return own
                self._doubtful[
                    f"{_label(own)}, which may be {several}: failures of none of them"
                ] += row.calls
                return row.provider, None
        if own != (row.provider, row.requested or row.model):
            self._taken[f"{row.model} as {_label(own)}"] += row.calls
        return own

    def _members(self, own: Target) -> set[Target]:
        """Deployments of the group of that name, unless a deployment has answered under it."""
        if own[1] not in self._groups or (own[0] is not None and self._answered[own]):
            return set()
        return {target for target in self._groups[own[1]] if _may_be_same(target[0], own[0])}

    def _elsewhere(self, own: Target) -> set[Target]:
        """Where the provider is not told: deployments of that name, those that have answered before
        others."""
        if own[0] is not None:
            return set()
        known = {
            target for target in self._answered if target[1] == own[1] and target[0] is not None
        }
        return known or {
            (who, own[1])
            for who, asked in self._asked.items()
            if who is not None and own[1] in asked
        }

    def _dated(self, own: Target) -> set[Target]:
        """Where nothing has answered under that name: deployments that have answered under it with
        a date."""
        name = own[1] or ""
        if self._answered[own] or DATE_SUFFIX.search(name):
            return set()
        stem = LATEST_SUFFIX.sub("", name)
        mine = {
            target: names
            for target, names in self._versions.items()
            if _may_be_same(target[0], own[0])
        }
        return {
            target
            for target, names in mine.items()
            if any(stem == DATE_SUFFIX.sub("", each) != each for each in names)
        }

    def notes(self) -> list[str]:
        """In sentences."""
        made = []
        if self._taken:
            made.append(
                f"{sum(self._taken.values()):,} calls are told apart by the log's other rows: "
                f"{_list_counts(self._taken)}"
            )
        return made + [
            f"{count:,} calls name only {text}" for text, count in self._doubtful.most_common()
        ]


def _may_be_same(one: str | None, other: str | None) -> bool:
    """Whether two rows may be of one provider."""
    return one is None or other is None or one == other


def _label(target: Target) -> str:
    return f"{target[0] or '?'}/{target[1]}"


def _list_counts(counts: Counter[str]) -> str:
    shown = ", ".join(f"{text} ({count:,})" for text, count in counts.most_common(MAX_NAMES))
    return shown + (", …" if len(counts) > MAX_NAMES else "")
