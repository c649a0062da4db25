"""The packaged files, changed at random: whatever comes of it is a run, or one clear line for each
mistake.

`python tests/cli/test_mutations.py COMMAND[,COMMAND…] CASES SEED` tries so many in the working
directory and prints what went wrong.
"""

import copy
import os
import random
import resource
import signal
import subprocess
import sys
import traceback
import warnings
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from simroute.cli import main
from simroute.config import reference
from simroute.core import registry
from simroute.models import spec

ROOT = Path(__file__).parents[2]
CASES = 1000
CPU_SECONDS, WALL_SECONDS, MOST_BYTES = 60, 300, 4 << 30
VALUES = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    0.5,
    3.7,
    -0.0,
    1e-320,
    1e-9,
    1e6,
    1e18,
    1e300,
    10**30,
    100,
    200,
    599,
    "",
    "x",
    "30s",
    "1h",
    "0s",
    "99%",
    "150%",
    "1000000h",
    "${x}",
    "x" * 300,
    "\u202e",
    "null",
    ".inf",
    "cheapest",
    [],
    {},
    [1],
    ["first"],
    {"a": 1},
    {"chat": 0},
]
COMMANDS = {
    "check": ["check", "./s.yaml", "./p.yaml"],
    "describe": ["describe", "./s.yaml"],
    "run": ["run", "scenario=./s.yaml", "policy=./p.yaml", "--out", "o", "--no-report"],
    "compare": [
        "compare",
        "scenario=./s.yaml",
        "policy=./p.yaml,direct",
        "--out",
        "o",
        "--replications",
        "2",
        "--workers",
        "1",
    ],
}

IMPORTED = [
    *("simroute.config.loading", "simroute.experiment.run", "simroute.studies.run"),
    *("simroute.storage", "simroute.report.run_page", "simroute.cli.render.comparison"),
    *("duckdb", "genai_prices", "pandas", "plotly.graph_objects", "scipy.special"),
]
"""Once, and not in each of the processes."""


def documents(kind):
    """Packaged files of a kind by name; scenarios that need other files are left out."""
    found = {
        path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in sorted((ROOT / kind).glob("*.yaml"))
    }
    return {
        name: data
        for name, data in found.items()
        if not {"trace", "outcomes", "lengths"} & set(data.get("workload", {}))
    }


def paths(data, above=()):
    """Every key path of nested data."""
    entries = (
        data.items()
        if isinstance(data, dict)
        else enumerate(data)
        if isinstance(data, list)
        else ()
    )
    for key, value in entries:
        yield (*above, key)
        yield from paths(value, (*above, key))


def changed(data, keys, chance):
    """A copy in which some keys are missing, hold something else, or are new (of `keys`, in which
    NAME stands for any name there)."""
    data = copy.deepcopy(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if keys and chance.random() < 0.4:
            _put(data, chance.choice(keys), chance)
        elif known := list(paths(data)):
            *above, last = chance.choice(known)
            inside = data
            for key in above:
                inside = inside[key]
            if isinstance(inside, dict) and chance.random() < 0.15:
                del inside[last]
            else:
                inside[last] = _value(chance)
    return data


def _put(data, path, chance):
    for key in path[:-1]:
        key = chance.choice([*data] or ["x"]) if key == "NAME" else key
        if not isinstance(data.get(key), dict):
            data[key] = {}
        data = data[key]
    last = chance.choice([*data] or ["x"]) if path[-1] == "NAME" else path[-1]
    data[last] = _value(chance)


def _value(chance):
    """One of its own each time, since a later change may be made within it."""
    return copy.deepcopy(chance.choice(VALUES))


def alone(words):
    """(exit status, output) of a command in a process of its own, with bounded time and memory; 77
    after a traceback."""
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        signal.alarm(WALL_SECONDS)
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
        output = os.open("output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        sys.stdout, sys.stderr = os.fdopen(os.dup(output), "w"), os.fdopen(os.dup(output), "w")
        warnings.simplefilter("error", RuntimeWarning)
        status = 77
        try:
            main(words)
        except SystemExit as left:
            status = left.code
        except BaseException:
            traceback.print_exc()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), Path("output.txt").read_text(
        encoding="utf-8", errors="replace"
    )


def outcomes(command, cases, seed=1):
    """What went wrong in so many cases of a command, in words that let one do it again."""
    for name in IMPORTED:
        import_module(name)
    scenarios, policies = documents("scenarios"), documents("policies")
    keys = [tuple(parameter.key.split(".")) for parameter in reference.parameters(spec.Scenario)]
    for case in range(cases):
        chance = random.Random(f"{command}/{seed}/{case}")
        scenario, policy = (
            scenarios[chance.choice(list(scenarios))],
            policies[chance.choice(list(policies))],
        )
        layers = {name: layer for name, layer in policy.items() if name in registry}
        own = [
            (name, *parameter.key.split("."))
            for name in layers
            for parameter in reference.parameters(registry[name])
        ]
        small = {
            "horizon": scenario.get("horizon", 3600),
            "workload": {**scenario.get("workload", {}), "rate": 0.02},
        }
        scenario = (
            changed({**scenario, **small}, keys, chance)
            if chance.random() < 0.75
            else {**scenario, **small}
        )
        policy = changed(policy, own, chance) if chance.random() < 0.6 else policy
        Path("s.yaml").write_text(
            yaml.safe_dump(scenario, sort_keys=False, allow_unicode=True), encoding="utf-8"
        )
        Path("p.yaml").write_text(
            yaml.safe_dump(policy, sort_keys=False, allow_unicode=True), encoding="utf-8"
        )
        status, output = alone(COMMANDS[command])
        if (
            status not in (0, 1, 2)
            or "Traceback" in output
            or "Warning" in output
            or str(ROOT / "simroute") in output
        ):
            last = [line for line in output.splitlines() if line.strip()][-1:]
            yield f"case {case} of {command}: {status}: {last}"


@pytest.mark.parametrize(
    ("commands", "cases"),
    [
        (",".join(COMMANDS), 6),
        *(pytest.param(each, CASES, marks=pytest.mark.slow) for each in COMMANDS),
    ],
)
def test_no_change_of_a_file_ends_in_anything_but_a_run_or_clear_lines(commands, cases, tmp_path):
    """No traceback, no warning, no path of the package, no endless run, no memory without bound."""
    # a process without threads, which can be forked
    words = [sys.executable, __file__, commands, str(cases), str(cases)]
    assert (
        subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True).stdout == ""
    )


if __name__ == "__main__":
    for command in sys.argv[1].split(","):
        for line in outcomes(command, int(sys.argv[2]), int(sys.argv[3])):
            print(line, flush=True)  # noqa: T201
