"""`tune`: which values of a policy's parameters serve a goal best."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simroute.cli.options import (
    RunOptions,
    json_option,
    pass_record,
    path_option,
    plugin_option,
    quiet_option,
    seed_option,
    where_options,
    words_argument,
)
from simroute.cli.words import parse_words, refuse_with_config, split_names

if TYPE_CHECKING:
    from simroute.cli.session import ResumeHint
    from simroute.studies.tuning import SearchPlan, SearchRequest, Tuning

GOAL = (
    'What is wanted: "min METRIC" or "max METRIC". Several give a front of settings none of '
    "which beats another."
)
BOUND = 'What must hold, in every scenario: "success_rate>=0.999". May be repeated.'
ROBUST = (
    "With several scenarios: what counts of the regrets in them: their mean, the worst one, "
    "or the mean of the worse half. [mean]"
)
AGAINST = (
    "Policies that are run in the same fresh weather, as they are: what is recommended is "
    "compared with them, too."
)
PROPOSER = (
    "Where to look: sobol is built in; the others are optuna's (simroute[tune]; gp also "
    "needs torch). [sobol]"
)
RESUME = (
    "Go on with an unfinished search: give the same command again, or only --out FOLDER. "
    "The result has the same bits."
)
LEFT_FILES = ("report.html", "tuned.yaml", "summary.json", "trials.parquet", "config.yaml")


@dataclass(frozen=True)
class SearchOptions:
    """Options of a search alone, None or empty where they were not given."""

    objectives: tuple[str, ...]
    constraints: tuple[str, ...]
    robust: str | None
    evaluations: int | None
    confirm: int | None
    proposer: str | None
    against: str | None
    report: bool

    def names(self, seed: int | None) -> list[str]:
        """The options that are given and that are part of a stored search, which has its own."""
        values = {
            "--objective": self.objectives,
            "--subject-to": self.constraints,
            "--robust": self.robust,
            "--evaluations": self.evaluations,
            "--confirm": self.confirm,
            "--proposer": self.proposer,
            "--seed": seed,
            "--against": self.against,
        }
        return [name for name, value in values.items() if value not in (None, ())]


@click.command("tune")
@words_argument
@click.option("--objective", "objectives", multiple=True, metavar="GOAL", help=GOAL)
@click.option("--subject-to", "constraints", multiple=True, metavar="EXPR", help=BOUND)
@click.option("--robust", type=click.Choice(["mean", "worst", "cvar"]), default=None, help=ROBUST)
@click.option(
    "--evaluations",
    type=click.IntRange(1, 10_000_000),
    default=None,
    help="Runs of one setting that the search may make. [400]",
)
@click.option(
    "--confirm",
    type=click.IntRange(2, 100_000),
    default=None,
    help="Fresh replications of what is recommended. [20]",
)
@click.option("--against", metavar="POLICY,…", default=None, help=AGAINST)
@click.option(
    "--proposer", type=click.Choice(["sobol", "tpe", "cmaes", "gp"]), default=None, help=PROPOSER
)
@seed_option
@where_options
@path_option("--out", "The run's folder. [reports/SCENARIO-tune]")
@click.option("--resume", is_flag=True, help=RESUME)
@json_option
@plugin_option
@path_option("--config", "Run an earlier search's config.yaml again.")
@click.option(
    "--report/--no-report",
    default=True,
    help="Write report.html, or not (simroute report makes it later). [yes]",
)
@quiet_option
@pass_record(RunOptions)
@pass_record(SearchOptions)
def tune_command(options: RunOptions, search: SearchOptions) -> int:
    """Search a policy's parameters, and confirm the best setting in weather that the search has not
    seen.

    \b
    simroute tune scenario=demo policy=circuit_breaker \\
      'tune.breaker.failures=2..20' 'tune.breaker.cooldown=5s..300s log' \\
      --objective "min cost_per_1k_requests_usd" --subject-to "success_rate>=0.99"

    \b
    2..20                          from low to high; whole numbers where the parameter is one
    5s..300s log                   evenly by factors
    [a, b] | [b, a]                one of some values; `none` leaves it out
    1 | 10 | 100 ordered           one of some values that have neighbours
    0.1..0.9 if breaker.count_window        only while another parameter is set,
    1..5 if breaker.scope=task|provider     or has one of some values (or none of them: !=)

    A policy file may hold the same entries in a `tune:` block.
    """
    from simroute.cli.session import Launch, choose_executor, launch, print_notes
    from simroute.config.plugins import load_plugins
    from simroute.studies.tuning import describe_search

    options = replace(options, no_report=not search.report)
    choose_executor(options)
    load_plugins(options.plugins)
    plan = _plan(options, search)
    print_notes(dict.fromkeys(note for each in plan.configurations for note in each.notes), options)

    def play(folder: Path) -> Tuning:
        return _play(plan, options, folder)

    def conclude(tuning: Tuning, hint: ResumeHint) -> int:
        return _conclude(tuning, options, hint)

    description = describe_search(plan)
    return launch(Launch("tune", description, options.to_resume(), play, conclude), options)


def _plan(options: RunOptions, search: SearchOptions) -> SearchPlan:
    """The search that words and options name, that of --config, or the unfinished one in --out.
    Raises InputError."""
    from simroute.errors import InputError
    from simroute.storage.resume import require_unfinished
    from simroute.studies.tuning import plan_search, read_plan

    given = [*options.words, *search.names(options.seed)]
    if options.config is not None:
        refuse_with_config(given, "search")
        return read_plan(options.config, options.plugin_files)
    if given or not options.resume:
        return plan_search(_request(options, search))
    if options.out is None:
        raise InputError(
            "--resume: which search? Give the words that it was begun with, or --out FOLDER: "
            "simroute tune --resume --out FOLDER"
        )
    require_unfinished(options.out)
    return read_plan(options.out / "config.yaml", options.plugin_files)


def _request(options: RunOptions, search: SearchOptions) -> SearchRequest:
    """What is searched for. Raises InputError."""
    from simroute.studies.tuning import SearchRequest

    words = parse_words(options.words, has_ranges=True)
    several = "," in words.policy
    words.require(*(["tune takes one policy; search each of them by itself"] if several else []))
    settings: dict[str, Any] = {
        "objectives": search.objectives,
        "constraints": search.constraints,
        "robust": search.robust,
        "evaluations": search.evaluations,
        "confirm": search.confirm,
        "proposer": search.proposer,
        "seed": options.seed,
    }
    return SearchRequest(
        split_names(words.scenario),
        words.policy,
        words.ranges,
        overrides=words.overrides,
        plugins=options.plugin_files,
        against=split_names(search.against or ""),
        **{name: value for name, value in settings.items() if value is not None},
    )


def _play(plan: SearchPlan, options: RunOptions, folder: Path) -> Tuning:
    """The finished search. Raises InputError if optuna, or what it needs, cannot be loaded."""
    from simroute.cli.search_progress import watch_search
    from simroute.cli.session import choose_executor, execution_options
    from simroute.errors import InputError
    from simroute.studies.tuning import tune

    try:
        with watch_search(options) as listener:
            return tune(
                plan,
                options=execution_options(
                    options, folder, _choose_workers(plan), choose_executor(options)
                ),
                watch=listener,
            )
    except ImportError as error:
        raise InputError(
            f"--proposer {plan.request.proposer}: what it needs cannot be loaded ({error}); "
            f"install it anew, or use the built-in search"
        ) from None


def _choose_workers(plan: SearchPlan) -> int:
    from simroute.cli.session import FEW_REQUESTS, available_cores

    configurations = plan.configurations
    requests = sum(each.expected_requests for each in configurations) / len(configurations)
    few = plan.request.evaluations * requests < FEW_REQUESTS
    return 1 if few else available_cores()


def _conclude(tuning: Tuning, options: RunOptions, hint: ResumeHint) -> int:
    """Prints the result; the exit status."""
    from simroute.cli.session import report_incomplete

    if options.as_json or "summary.json" in tuning.unwritten:
        click.echo(tuning.to_json(), nl=False)
    elif options.is_talkative:
        _show(tuning, hint.folder, not options.no_report)
    return report_incomplete(tuning, hint, "summary.json", "what was finished is kept")


def _show(tuning: Tuning, folder: Path, report: bool) -> None:
    from simroute.cli.terminal import brief, print_command, print_sentences

    written = [
        name
        for name in LEFT_FILES
        if name not in tuning.unwritten and (report or name != "report.html")
    ]
    place = f"written to {brief(str(folder))}/ ({', '.join(written)})"
    print_sentences(["", *tuning.lines(), "", place])
    request = tuning.plan.request
    weather = [text for text in request.overrides if text.lstrip("~+").startswith("scenario.")]
    words = [
        "simroute",
        "compare",
        f"scenario={request.scenarios[0]}",
        f"policy={request.policy},{folder / 'tuned.yaml'}",
        *weather,
    ]
    print_command("try it: ", words)
