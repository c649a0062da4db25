"""The built distributions: what travels in them, and that they work in an environment which has
never seen the checkout."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LONG = 900  # seconds after which a download is taken for dead


def done(command: list[str | Path], folder: Path, status: int = 0) -> str:
    """What a command wrote to its stdout; the test fails with all that it said if it ended
    otherwise."""
    clean = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PYTHON", "VIRTUAL_ENV", "PYTEST"))
    }
    ended = subprocess.run(
        command, cwd=folder, env=clean, capture_output=True, text=True, timeout=LONG, check=False
    )
    assert ended.returncode == status, f"{command}\n{ended.stdout[-4000:]}\n{ended.stderr[-4000:]}"
    return ended.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    done([sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT], folder)
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    """The wheel."""
    (found,) = dist.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def simroute(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command, installed without extras from the wheel into an environment of its own."""
    home = tmp_path_factory.mktemp("clean") / "venv"
    python = home / "bin" / "python"
    if shutil.which("uv"):
        done(["uv", "venv", "--quiet", "--python", sys.executable, home], wheel.parent)
        done(["uv", "pip", "install", "--quiet", "--python", python, wheel], wheel.parent)
    else:
        done([sys.executable, "-m", "venv", home], wheel.parent)
        done(
            [
                python,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-compile",
                wheel,
            ],
            wheel.parent,
        )
    return home / "bin" / "simroute"


def test_every_scenario_and_policy_travels_in_the_wheel(wheel: Path) -> None:
    """Each YAML file of the checkout is packaged, byte for byte."""
    with zipfile.ZipFile(wheel) as archive:
        for kind in ("scenarios", "policies"):
            start = f"simroute/_packaged/{kind}/"
            packed = {
                name.removeprefix(start): archive.read(name)
                for name in archive.namelist()
                if name.startswith(start)
            }
            assert packed == {
                path.relative_to(ROOT / kind).as_posix(): path.read_bytes()
                for path in (ROOT / kind).rglob("*.yaml")
            }


def test_every_module_travels_in_the_wheel_and_nothing_else(wheel: Path) -> None:
    """The wheel holds the package with its templates and scripts, its data and its metadata; no
    tests, no caches."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.startswith("simroute/_packaged/")}
    files = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "simroute").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if not name.split("/")[0].endswith(".dist-info")} == files
    assert {
        "simroute/cli/workspace/scenarios/mine.yaml",
        "simroute/cli/completion/scripts/simroute.bash",
    } < files
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_wheel_runs_from_where_it_is_unpacked(wheel: Path, tmp_path: Path) -> None:
    """Its own command, in an empty folder: every file that a comparison reads is in it."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "unpacked")
        (entries,) = [
            archive.read(name).decode()
            for name in archive.namelist()
            if name.endswith(".dist-info/entry_points.txt")
        ]
    assert "simroute = simroute.cli:main" in entries
    (tmp_path / "empty").mkdir()
    place = str(tmp_path / "unpacked")
    program = (
        f"import simroute.cli as made; assert made.__file__.startswith({place!r}); made.main()"
    )
    words = [
        "compare",
        "scenario=demo",
        "policy=direct,failover",
        "scenario.workload.rate=0.1",
        "--replications",
        "2",
    ]
    done(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {place!r}); {program}", *words],
        tmp_path / "empty",
    )
    assert {"config.yaml", "report.html", "summary.json"} <= {
        path.name for path in (tmp_path / "empty/reports/demo-compare").iterdir()
    }


def test_the_source_distribution_can_be_tested(dist: Path) -> None:
    """It holds tests, benchmarks, scenarios, policies and the Makefile beside the package."""
    (found,) = dist.glob("*.tar.gz")
    with tarfile.open(found) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert {
        "Makefile",
        "LICENSE",
        "README.md",
        "pyproject.toml",
        "simroute/__init__.py",
        "tests/test_wheel.py",
    } <= names
    assert {"scenarios/demo.yaml", "policies/direct.yaml", "benchmarks/kernel.py"} <= names


@pytest.mark.slow
def test_the_installed_command_lists_what_was_packaged(simroute: Path, tmp_path: Path) -> None:
    """In an empty folder `list` prints one name a line: those of the checkout."""
    for kind in ("scenarios", "policies"):
        assert done([simroute, "list", kind], tmp_path).split() == sorted(
            path.relative_to(ROOT / kind).with_suffix("").as_posix()
            for path in (ROOT / kind).rglob("*.yaml")
            if path.parent.name != "lineups"
        )


@pytest.mark.slow
def test_the_installed_command_compares_policies(simroute: Path, tmp_path: Path) -> None:
    """In an empty folder `compare --json` prints a summary of both policies, and writes the run's
    files under reports/."""
    summary = json.loads(
        done(
            [
                simroute,
                "compare",
                "scenario=demo",
                "policy=direct,failover",
                "--replications",
                "2",
                "--json",
            ],
            tmp_path,
        )
    )
    assert (
        summary["schema_version"],
        summary["command"],
        summary["scenario"],
        summary["replications"],
    ) == (1, "compare", "demo", 2)
    assert list(summary["policies"]) == ["direct", "failover"]
    shares = {
        name: policy["metrics"]["success_rate"] for name, policy in summary["policies"].items()
    }
    assert 0.5 < shares["direct"]["mean"] < shares["failover"]["mean"] <= 1
    assert summary == json.loads(
        (tmp_path / "reports" / "demo-compare" / "summary.json").read_text(encoding="utf-8")
    )
    assert (tmp_path / "reports" / "demo-compare" / "config.yaml").is_file()
