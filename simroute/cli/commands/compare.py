"""`compare`: several policies in the same weather."""

from __future__ import annotations

import click

from simroute.cli.comparison import lay_outages, run_comparison
from simroute.cli.options import RunOptions, outage_option, pass_record, run_options

VARY = (
    "The answer for several values of an assumption: "
    "scenario.outages.morning.error_share=0.1..1.0 (:5 for five points, ' log' by factors; "
    "x0.5..x2 for multiples of its value). "
    "Given twice: a map of winners."
)


@click.command("compare")
@run_options
@outage_option
@click.option(
    "--bound",
    is_flag=True,
    help="Also print how far each policy is from one that knows the weather, and from one that "
    "knows which answers are right.",
)
@click.option(
    "--yearly",
    is_flag=True,
    help="Also a year's figures, from how often each outage comes (per_year).",
)
@click.option("--vary", multiple=True, metavar="KEY=LOW..HIGH", help=VARY)
@click.option(
    "--tornado",
    is_flag=True,
    help="Halve and double each assumption of the scenario: which one decides? (--vary gives one "
    "other ends.)",
)
@pass_record(RunOptions)
def compare_command(
    options: RunOptions, outages: tuple[str, ...], vary: tuple[str, ...], tornado: bool
) -> int:
    """Run several policies in the same weather.

    simroute compare scenario=demo policy=direct,failover scenario.workload.rate=5
    """
    options = lay_outages(options, outages)
    earlier = options.config is not None or (options.resume and not options.words)
    if vary or tornado or earlier:
        from simroute.cli.commands.sensitivity import is_sensitivity_study, run_sensitivity

        if vary or tornado or is_sensitivity_study(options):
            return run_sensitivity(vary, tornado, options)
    return run_comparison("compare", options)
