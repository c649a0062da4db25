"""The deployment of each call of a log: the one that was asked for, as far as all rows of the log
together leave no doubt.

Providers answer under a dated name, and a failed call knows only the name that was asked for;
gateways log a failed call under the name of a group of deployments, often without a provider. What
cannot be decided is counted and noted, never guessed.
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
    """Calls with the same words: provider, name asked for, answering model, group. answered, calls:
    how many."""

    provider: str | None
    requested: str | None
    model: str | None
    group: str | None
    answered: int
    calls: int

    @property
    def key(self) -> str:
        """As `KEY` makes it."""
        return "\x1f".join(word or "" for word in self[:4])


Target = tuple[str | None, str | None]
"""Provider, and the name asked for; (provider, None) where it cannot be decided."""


def assign_deployments(table: RequestTable, columns: Iterable[str]) -> None:
    """Make the view `whole` of the view `told`, with `provider` and `requested_model` of each row
    and of its tries filled in, or NULL where undecided.

    columns: those that the format fills.
    """
    run, has_tries = table.connection.execute, "tries" in columns
    if "model" not in columns and not has_tries:
        run("CREATE VIEW whole AS SELECT * FROM told")
        return
    groups = _call_groups(table, has_tries)
    targets, notes = decide_deployments(groups)
    table.notes += notes
    changed = {
        group.key: targets[group]
        for group in groups
        if targets[group] != (group.provider, group.requested or group.model)
    }
    provider, requested = _renaming_sql(
        changed, provider="provider", requested="requested_model", model="model"
    )
    replaced = [f"{provider} AS provider", f"{requested} AS requested_model"]
    if has_tries:
        provider, requested = _renaming_sql(
            changed,
            provider="coalesce(t.provider, provider)",
            requested="CASE WHEN t.model IS NULL THEN requested_model END",
            model="coalesce(t.model, model)",
        )
        replaced.append(f"""
            list_transform(tries, lambda t: {{'offset_s': t.offset_s, 'latency_s': t.latency_s,
                'provider': {provider}, 'model': {requested}, 'status': t.status,
                'error': t.error}}) AS tries""")
    run(f"CREATE VIEW whole AS SELECT * REPLACE ({', '.join(replaced)}) FROM told")


def _call_groups(table: RequestTable, has_tries: bool) -> list[CallGroup]:
    """Calls of `told` by their words: of rows without tries, then of tries."""
    rows = table.rows("""
        SELECT provider, requested_model, coalesce(model, requested_model), model_group,
            count(*) FILTER (NOT coalesce(failed, false)), count(*)
        FROM told
        WHERE coalesce(model, requested_model) IS NOT NULL AND coalesce(len(tries), 0) = 0
        GROUP BY ALL ORDER BY ALL""")
    if has_tries:
        rows += table.rows("""
            SELECT coalesce(t.provider, provider),
                CASE WHEN t.model IS NULL THEN requested_model END, coalesce(t.model, model),
                model_group,
                count(*) FILTER (coalesce(t.status BETWEEN 100 AND 399,
                    NOT last OR NOT coalesce(failed, false))),
                count(*)
            FROM (
                SELECT *, unnest(tries) AS t, generate_subscripts(tries, 1) = len(tries) AS last
                FROM told WHERE len(tries) > 0)
            WHERE coalesce(t.model, model) IS NOT NULL GROUP BY ALL ORDER BY ALL""")
    return [CallGroup(*row) for row in rows]


def _renaming_sql(
    changed: dict[str, Target], *, provider: str, requested: str, model: str
) -> tuple[str, str]:
    """SQL for the provider and the name asked for, of calls with these words. changed: KEY ->
    target."""
    name = f"coalesce({requested}, {model})"
    if not changed:
        return provider, name
    key = KEY.format(provider=provider, requested=requested, model=model, group="model_group")

    def case(index: int, otherwise: str) -> str:
        cases = " ".join(
            f"WHEN {text_literal(words)} THEN {_text_or_null(target[index])}"
            for words, target in changed.items()
        )
        return f"CASE {key} {cases} ELSE {otherwise} END"

    return case(0, provider), case(1, name)


def _text_or_null(word: str | None) -> str:
    return "NULL" if word is None else text_literal(word)


def decide_deployments(groups: list[CallGroup]) -> tuple[dict[CallGroup, Target], list[str]]:
    """The deployment of each group of calls; and notes on what other rows decided, and on what
    stays undecided."""
    evidence = _Evidence(groups)
    targets = {group: evidence.target(group) for group in groups}
    return targets, evidence.notes()


class _Evidence:
    """What all rows say together."""

    def __init__(self, groups: list[CallGroup]) -> None:
        self._requested: dict[str | None, set[str]] = defaultdict(set)
        """Provider -> names asked for."""
        self._meanings: dict[str, set[tuple[str | None, str]]] = defaultdict(set)
        """Answering name -> providers and the names asked for that it answers."""
        for group in groups:
            if group.requested is not None:
                self._requested[group.provider].add(group.requested)
                self._meanings[group.model or ""].add((group.provider, group.requested))
        self._answered: Counter[Target] = Counter()
        self._members: dict[str, set[Target]] = defaultdict(set)
        """Group -> deployments of it that have answered."""
        self._versions: dict[Target, set[str]] = defaultdict(set)
        """Deployment -> names under which it has answered."""
        for group in groups:
            if group.answered:
                target = group.provider, self._requested_name(group)[0]
                self._answered[target] += group.answered
                self._versions[target] |= {name for name in (group.model, target[1]) if name}
                if group.group is not None and group.provider is not None:
                    self._members[group.group].add(target)
        self._decided: Counter[str] = Counter()
        self._undecided: Counter[str] = Counter()

    def _requested_name(self, group: CallGroup) -> tuple[str, bool]:
        """The name asked for, and whether that is certain."""
        name = group.requested or group.model or ""
        if group.requested is not None or any(
            name in names
            for provider, names in self._requested.items()
            if _may_be_same(provider, group.provider)
        ):
            return name, True
        meanings = {
            requested
            for provider, requested in self._meanings.get(name, ())
            if _may_be_same(provider, group.provider)
        }
        return (next(iter(meanings)), True) if len(meanings) == 1 else (name, not meanings)

    def target(self, group: CallGroup) -> Target:
        """The deployment of these calls."""
        name, is_certain = self._requested_name(group)
        own = group.provider, name
        if not is_certain:
            self._undecided[
                f"{_label(own)}, which answers for several names that were asked for: a "
                f"deployment of its own"
            ] += group.calls
            return own
        for candidates, note in (
            (self._of_group(own), ""),
            (self._of_other_providers(own), ""),
            (self._of_versions(own), ", the only version of that name"),
        ):
            if len(candidates) == 1:
                (target,) = candidates
                if target != own:
                    self._decided[f"{_label(own)} as {_label(target)}{note}"] += group.calls
                return target
            if candidates:
                return self._choose(own, candidates, group)
        if own != (group.provider, group.requested or group.model):
            self._decided[f"{group.model} as {_label(own)}"] += group.calls
        return own

    def _choose(self, own: Target, candidates: set[Target], group: CallGroup) -> Target:
        """Of several: none, unless a deployment of that very name has answered."""
        names = sorted(map(_label, candidates))
        several = ", ".join(names[:MAX_NAMES]) + (", …" if len(names) > MAX_NAMES else "")
        if self._answered[own]:
            text = f"{_label(own)}, which {several} have too: a deployment of its own"
            self._undecided[text] += group.calls
            return own
        self._undecided[f"{_label(own)}, which may be {several}: failures of none of them"] += (
            group.calls
        )
        return group.provider, None

    def _of_group(self, own: Target) -> set[Target]:
        """Deployments of the group of that name, unless a deployment has answered under it."""
        provider, name = own
        if name not in self._members or (provider is not None and self._answered[own]):
            return set()
        return {target for target in self._members[name] if _may_be_same(target[0], provider)}

    def _of_other_providers(self, own: Target) -> set[Target]:
        """Where the provider is not told: deployments of that name; those that have answered, if
        any has."""
        if own[0] is not None:
            return set()
        answered = {
            target for target in self._answered if target[1] == own[1] and target[0] is not None
        }
        return answered or {
            (provider, own[1])
            for provider, names in self._requested.items()
            if provider is not None and own[1] in names
        }

    def _of_versions(self, own: Target) -> set[Target]:
        """Where nothing has answered under that name: deployments that have answered under it with
        a date."""
        name = own[1] or ""
        if self._answered[own] or DATE_SUFFIX.search(name):
            return set()
        stem = LATEST_SUFFIX.sub("", name)
        return {
            target
            for target, names in self._versions.items()
            if _may_be_same(target[0], own[0])
            and any(stem == DATE_SUFFIX.sub("", version) != version for version in names)
        }

    def notes(self) -> list[str]:
        """What was decided and what not, in sentences."""
        notes = []
        if self._decided:
            notes.append(
                f"{sum(self._decided.values()):,} calls are told apart by the log's other rows: "
                f"{_list_counts(self._decided)}"
            )
        return notes + [
            f"{count:,} calls name only {text}" for text, count in self._undecided.most_common()
        ]


def _may_be_same(one: str | None, other: str | None) -> bool:
    """Whether two rows may be of one provider."""
    return one is None or other is None or one == other


def _label(target: Target) -> str:
    return f"{target[0] or '?'}/{target[1]}"


def _list_counts(counts: Counter[str]) -> str:
    texts = ", ".join(f"{text} ({count:,})" for text, count in counts.most_common(MAX_NAMES))
    return texts + (", …" if len(counts) > MAX_NAMES else "")
