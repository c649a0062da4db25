"""`compare --vary` and `--tornado`: how the answer depends on assumptions."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import click

from simroute.cli.options import RunOptions
from simroute.cli.progress import watch_runs
from simroute.cli.render.sensitivity import print_result
from simroute.cli.session import (
    Launch,
    ResumeHint,
    available_cores,
    choose_executor,
    execution_options,
    launch,
    replace_given,
    report_incomplete,
)
from simroute.cli.words import parse_metrics, parse_words, refuse_with_config
from simroute.config import yaml_reader
from simroute.config.plugins import load_plugins
from simroute.errors import InputError
from simroute.storage.resume import require_unfinished
from simroute.storage.run_folder import SENSITIVITY
from simroute.studies.sensitivity import run, sweep, tornado
from simroute.studies.sensitivity.plan import SensitivityPlan, is_plan, read_plan
from simroute.studies.sensitivity.result import SensitivityResult

NAMES = {"assertions": "--assert"}
FOREIGN = (
    "until",
    "max_replications",
    "replication",
    "rows",
    "assertions",
    "explain",
    "bound",
    "yearly",
)
"""Options of other studies."""


def run_sensitivity(vary: tuple[str, ...], is_tornado: bool, options: RunOptions) -> int:
    """Runs the study, prints and writes it; the exit status."""
    _refuse_foreign("--tornado" if is_tornado else "--vary", options)
    executor = choose_executor(options)
    load_plugins(options.plugins)
    plan = _plan(vary, is_tornado, options)
    metrics = parse_metrics(options.show)
    if metrics and plan.kind != "vary":
        raise InputError(
            "--show: says what --vary prints; the bars of --tornado are differences of the "
            "figure in which policies compete"
        )
    plan.base.plugins = options.plugin_files
    out = options.out
    if not options.resume and out is not None and (out / "summary.json").exists():
        raise InputError(f"{out}: holds another run; give another folder with --out")

    def play(folder: Path) -> SensitivityResult:
        with watch_runs(options) as (progress, warn):
            return run.run_sensitivity(
                plan,
                options=execution_options(options, folder, available_cores(), executor),
                progress=progress,
                warn=warn,
            )

    def conclude(result: SensitivityResult, hint: ResumeHint) -> int:
        if options.as_json or SENSITIVITY in result.unwritten:
            click.echo(result.to_json(), nl=False)
        elif options.is_talkative:
            print_result(result, hint.folder, metrics)
        kept = "the settings that were finished are kept"
        return report_incomplete(result, hint, SENSITIVITY, kept)

    return launch(Launch("compare", plan.description, options.to_resume(), play, conclude), options)


def is_sensitivity_study(options: RunOptions) -> bool:
    """Whether --config, or the unfinished run in --out, is of such a study."""
    path = options.config
    if path is None and options.resume and options.out is not None and not options.words:
        path = options.out / "config.yaml"
    with suppress(InputError, OSError, ValueError):  # reported by whoever reads it next
        return path is not None and is_plan(yaml_reader.read(path))
    return False


def _plan(vary: tuple[str, ...], is_tornado: bool, options: RunOptions) -> SensitivityPlan:
    """What words name, or --config, or the unfinished run in --out. Raises InputError."""
    if options.config is not None:
        options_given = {
            "--vary": vary or None,
            "--tornado": is_tornado or None,
            "--seed": options.seed,
            "--replications": options.replications,
        }
        names = [name for name, value in options_given.items() if value is not None]
        refuse_with_config([*options.words, *names])
        return read_plan(yaml_reader.read(options.config))
    if options.resume and options.out is not None and not options.words and not vary:
        require_unfinished(options.out)
        plan = read_plan(yaml_reader.read(options.out / "config.yaml"))
        return replace(plan, base=replace_given(plan.base, options))
    words = parse_words(options.words)
    words.require()
    return (tornado.plan_tornado if is_tornado else sweep.plan_sweep)(
        words.scenario,
        words.policies,
        words.overrides,
        list(vary),
        1 if options.seed is None else options.seed,
        20 if options.replications is None else options.replications,
    )


def _refuse_foreign(option: str, options: RunOptions) -> None:
    """Refuses options of other studies. Raises InputError."""
    names = [
        NAMES.get(name, f"--{name.replace('_', '-')}")
        for name in FOREIGN
        if getattr(options, name) not in (None, False, ())
    ]
    if names:
        raise InputError(f"{option}: does not go with {', '.join(sorted(names))}")
