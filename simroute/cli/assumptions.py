"""`compare --vary`, `--tornado` and `--bound`: what the answer owes to what was assumed, and to not knowing the weather."""

from __future__ import annotations

import os
import string
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click

from simroute.cli.afterwards import said
from simroute.cli.plug import plugged
from simroute.cli.tables import _table
from simroute.cli.text import brief, clean
from simroute.experiment.errors import InputError
from simroute.report.figures.sensitivity import short, told, winner
from simroute.studies.compare import Study
from simroute.studies.folder import Lock, base, unwritable
from simroute.studies.resume import is_unfinished
from simroute.words import percent, span, usd

SIDE_BY_SIDE = 4
"""So many policies have columns of their own."""
NAMED = {"as_json": "--json", "assertions": "--assert", "rows": "--rows"}


def assume(
    vary: tuple[str, ...], tornado: bool, words: tuple[str, ...], seed: int | None, replications: int | None, workers: int | None, out: Path | None,
    as_json: bool, plugins: tuple[Path, ...], no_report: bool, quiet: bool, **others: Any,
) -> int:  # fmt: skip
    """Run it, print it, write it. The exit status."""
    from simroute.cli.commands import _sorted
    from simroute.studies.sensitivity import sensitivity
    from simroute.studies.tornado import tornado as blown

    _refused("--tornado" if tornado else "--vary", others)
    plugged(plugins)
    scenario, policies, overrides = _sorted("compare", words)
    study: Any = blown if tornado else sensitivity
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with _place(out, scenario, "tornado" if tornado else "vary") as place, _watched(place.ready, not quiet and not as_json) as watch:
        options = {"seed": 1 if seed is None else seed, "replications": 20 if replications is None else replications, "workers": workers or cores}
        found = study(scenario, policies, overrides, list(vary), **options, plugins=tuple(file.resolve() for file in plugins), told=watch)
        place.write(found, not no_report)
    if as_json:
        click.echo(found.to_json(), nl=False)
    elif not quiet:
        _show(found, place.path)
    if found.interrupted:
        said("interrupted; the settings that were finished are kept")
    return 130 if found.interrupted else 0


def _refused(option: str, others: dict[str, Any]) -> None:
    """Options that ask for what is not done here."""
    given = [NAMED.get(name, f"--{name.replace('_', '-')}") for name, value in others.items() if value not in (None, False, (), "local")]
    if given:
        raise InputError(f"{option}: does not go with {', '.join(sorted(given))}")


class _Place:
    """The folder of a study of assumptions: made when its words are understood, before anything runs."""

    def __init__(self, out: Path | None, scenario: str, kind: str) -> None:
        self._wanted, self._scenario, self._kind = out, scenario, kind
        self.path = Path()
        self._made = False
        self._lock: Lock | None = None

    def ready(self) -> None:
        from types import SimpleNamespace

        named: Any = SimpleNamespace(scenario_name=Path(self._scenario).stem, command=self._kind)
        path = self._wanted if self._wanted is not None else _free(base(named))
        if (path / "summary.json").exists() or is_unfinished(path):
            raise InputError(f"{path}: holds another run; give another folder with --out")
        try:
            self._made = not path.exists()
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(unwritable(path, error)) from None
        self.path, self._lock = path, Lock(path)

    def write(self, found: Any, report: bool) -> None:
        texts = {"sensitivity.json": found.to_json(), "config.yaml": found.configuration.to_yaml()}
        texts |= {"report.html": found.report()} if report else {}
        for name, text in texts.items():
            draft = self.path / f".{name}.draft"
            try:
                draft.write_text(text, encoding="utf-8")
                draft.replace(self.path / name)
            except OSError as error:
                draft.unlink(missing_ok=True)
                raise InputError(unwritable(self.path / name, error)) from None

    def leave(self) -> None:
        if self._lock is not None:
            self._lock.release()
        if self._made:
            with suppress(OSError):
                self.path.rmdir()  # nothing came of it


def _free(first: Path) -> Path:
    return next(path for path in (first, *(first.with_name(f"{first.name}-{n}") for n in range(2, 100_000))) if not path.exists())


@contextmanager
def _place(out: Path | None, scenario: str, kind: str) -> Iterator[_Place]:
    place = _Place(out, scenario, kind)
    try:
        yield place
    finally:
        place.leave()


@contextmanager
def _watched(ready: Callable[[], None], talk: bool) -> Iterator[Callable[[int, int], None]]:
    """Makes the folder when the runs begin; a bar on a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True, no_color=bool(os.environ.get("NO_COLOR")), highlight=False, markup=False, emoji=False)
    with Progress(console=console, transient=True, disable=not (talk and sys.stderr.isatty())) as bar:
        task = bar.add_task("runs")

        def heard(done: int, total: int) -> None:
            if done == 0:
                ready()
            bar.update(task, completed=done, total=total)

        yield heard


def _show(found: Any, folder: Path) -> None:
    summary = found.summary
    click.echo(f"\n{clean(summary['question'], 300)}\n")
    if summary["kind"] == "tornado":
        _bars(summary)
    elif len(summary["axes"]) == 1:
        _line(summary)
    else:
        _map(summary)
    click.echo("")
    for line in found.lines():
        click.echo(clean(line, 400))
    click.echo(f"\nwritten to {brief(str(folder))}/")


def _line(summary: dict[str, Any]) -> None:
    (one,) = summary["axes"]
    shown = summary["policies"][:SIDE_BY_SIDE] if len(summary["policies"]) <= SIDE_BY_SIDE else []
    rows: list[tuple[str, ...]] = [(clean(short(one["key"]), 44), *(text for policy in shown for text in (clean(policy, 14), "$/1k")), "winner")]
    for cell in summary["cells"]:
        figures = [text for policy in shown for text in _pair(cell["policies"][policy])]
        best = cell["winner"]
        rows.append((told(cell["at"][0], one["unit"]), *figures, clean(best["policy"] or "none", 16) + ("" if best["sure"] else " ?")))
    _table(rows)


def _pair(row: dict[str, Any]) -> tuple[str, str]:
    return percent(row["success_rate"]["mean"]), usd(row["cost_per_1k_requests_usd"]["mean"])


def _map(summary: dict[str, Any]) -> None:
    first, second = summary["axes"]
    names, letters = summary["policies"], string.ascii_uppercase
    best = {tuple(cell["at"]): cell["winner"] for cell in summary["cells"]}
    rows: list[tuple[str, ...]] = [("", *(told(value, first["unit"]) for value in first["values"]))]
    for y in reversed(second["values"]):
        cells = [best.get((x, y)) for x in first["values"]]
        signs = ["" if one is None or one["policy"] is None else letters[names.index(one["policy"]) % 26] + " ?"[not one["sure"]] for one in cells]
        rows.append((told(y, second["unit"]), *signs))
    _table(rows)
    click.echo(f"\nacross: {short(first['key'])}; up: {short(second['key'])}; ?: undecided")
    click.echo(", ".join(f"{letters[place % 26]} {clean(name, 30)}" for place, name in enumerate(names)))


def _bars(summary: dict[str, Any]) -> None:
    money = summary["base"]["metric"] == "cost_per_1k_requests_usd"
    rows: list[tuple[str, ...]] = [("assumption", "low", "difference", "high", "difference", "another wins")]
    for one in summary["assumptions"][:20]:
        sides = [text for side in ("low", "high") for text in (f"{one[side]['value']:.3g}", _difference(one[side]["difference"], money))]
        flips = [clean(winner(one[side]["winner"]), 20) for side in ("low", "high") if one[side]["winner"]["policy"] != summary["base"]["pair"][0]]
        rows.append((clean(short(one["key"]), 40), *sides, ", ".join(flips) if one["flips"] else ""))
    _table(rows)


def _difference(found: dict[str, Any], money: bool) -> str:
    if found["mean"] is None:
        return "n/a"
    return f"{found['mean']:+.2f}" if money else f"{100 * found['mean']:+.2f} pp"


def distances(study: Study) -> None:
    """How far each policy is from one that knows the weather."""
    if study.bound is None:
        return
    plain = study.bound.plain()
    best = plain["metrics"]
    cost, success = best["cost_per_1k_requests_usd"], best["success_rate"]
    figures = f"{span(**success, unit='share')}, {span(**cost, unit='USD')} per 1,000 requests"
    click.echo(f"\nA policy that knows the weather ({plain['label']}): {figures}.")
    rows: list[tuple[str, ...]] = [("policy", "success", "gap closed", "$/1k req", "gap closed")]
    for policy, found in study.regrets.items():
        cells = [text for metric, scale, unit in REGRETS for text in _regret(found[metric], scale, unit)]
        rows.append((clean(policy, 18), *cells))
    _table(rows)


REGRETS = (("success_rate", 100.0, " pp"), ("cost_per_1k_requests_usd", 1.0, ""))


def _regret(row: dict[str, Any], scale: float, unit: str) -> tuple[str, str]:
    if row["mean"] is None:
        return "n/a", "n/a"
    return f"{row['mean'] * scale:+.2f}{unit}", percent(row["closed"]["mean"])
