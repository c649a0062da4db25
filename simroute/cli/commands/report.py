"""`report`: the page of a run, rendered again from its folder."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("report")
@click.argument("run_dir", type=click.Path(path_type=Path))
@click.option("--quiet", is_flag=True, help="Print only errors.")
def report_command(run_dir: Path, quiet: bool) -> int:
    """Build report.html again from a run's folder.

    simroute report reports/demo-compare
    """
    from simroute.errors import InputError
    from simroute.storage.atomic import written
    from simroute.studies.rebuild import REPORT, rebuild_report

    text, path = rebuild_report(run_dir), run_dir / REPORT
    try:
        with written(path) as draft:
            draft.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None
    if not quiet:
        click.echo(f"written: {path}")
    return 0
