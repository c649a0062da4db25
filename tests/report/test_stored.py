"""`simroute report RUN_DIR`: the page again, or one clear line."""

import json
import pickle
import shutil

import pytest

from simroute.cli import main


@pytest.fixture
def run(ordinary, tmp_path):
    """A copy of a run's folder."""
    return shutil.copytree(ordinary.out, tmp_path / "run")


def report(capsys, folder, status=0):
    """What the command said."""
    with pytest.raises(SystemExit) as left:
        main(["report", str(folder)])
    out, err = capsys.readouterr()
    assert left.value.code == status, err
    assert "Traceback" not in err
    return out if status == 0 else err.strip().splitlines()


def test_the_page_is_built_again_from_what_is_stored(capsys, run):
    """Byte for byte the same; nothing is simulated for it."""
    page = run / "report.html"
    before = page.read_bytes()
    page.unlink()
    assert "report.html" in report(capsys, run)
    assert page.read_bytes() == before


def edited(path, **values):
    path.write_text(
        json.dumps(json.loads(path.read_text(encoding="utf-8")) | values), encoding="utf-8"
    )


DAMAGE = {
    "no such folder": (lambda run: shutil.rmtree(run), "no such folder"),
    "not a run": (lambda run: (run / "summary.json").unlink(), "summary.json: there is none"),
    "an older run": (
        lambda run: (run / "evidence.json").unlink(),
        "evidence.json: there is none; run again: simroute compare --config",
    ),
    "an older version": (
        lambda run: edited(run / "evidence.json", schema_version=0, simroute="0.0.9"),
        "has schema version 0, written by simroute 0.0.9",
    ),
    "a newer version": (
        lambda run: edited(run / "summary.json", schema_version=2),
        "has schema version 2",
    ),
    "not JSON": (lambda run: (run / "evidence.json").write_text("{"), "not JSON"),
    "not an object": (
        lambda run: (run / "evidence.json").write_text("[]"),
        "has schema version None",
    ),
    "a pickle": (
        lambda run: (run / "summary.json").write_bytes(pickle.dumps({"schema_version": 1})),
        "not JSON",
    ),
    "another run's figures": (
        lambda run: edited(run / "evidence.json", policies={}),
        "do not fit together",
    ),
    "a directory in its place": (
        lambda run: ((run / "report.html").unlink(), (run / "report.html").mkdir()),
        "cannot be written",
    ),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_what_cannot_be_read_is_told_in_one_line(case, capsys, run):
    """The file, what is wrong, and what to do; nothing is executed and no half page is left."""
    damage, said = DAMAGE[case]
    damage(run)
    (line,) = report(capsys, run, 2)
    assert said in line
    assert not list(run.glob(".report*")) if run.exists() else True


def test_a_crafted_summary_cannot_put_code_on_the_page(capsys, run):
    """Numbers that are text are shown as text."""
    edited(
        run / "summary.json",
        seed="<script>window.pwned=1</script>",
        fingerprint="<img src=x>",
        command="<b>",
    )
    report(capsys, run)
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "<script>window.pwned" not in page
    assert "<img" not in page


def test_no_report_is_written_when_none_is_wanted(capsys, tmp_path):
    """--no-report leaves the figures from which it can be made later."""
    out = tmp_path / "run"
    words = [
        "run",
        "scenario=demo",
        "policy=direct",
        "scenario.horizon=60s",
        "scenario.workload.rate=1",
        "~scenario.outages",
    ]
    with pytest.raises(SystemExit) as left:
        main([*words, "--out", str(out), "--no-report", "--quiet"])
    assert left.value.code == 0
    assert not (out / "report.html").exists()
    report(capsys, out)
    assert (out / "report.html").exists()
