"""House rules that no other tool checks."""

import ast
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "simroute"
LONGEST = 400
"""Lines of a file: the 95th percentile of the small libraries that this one admires."""
LONGEST_FUNCTION, MOST_PARAMETERS = 60, 6
LONGEST_LAYER, USUAL_LAYER = 120, 60
"""Lines of code of a layer's file, and their median: what a screen holds."""

CALLED = {"eval", "exec", "compile", "__import__"}
"""Builtins that run text as code."""

RUNS_CODE = re.compile(
    r"(pickle|marshal|shelve|dill|cloudpickle|runpy|hydra\.utils)\.\w+"
    r"|yaml\.(load|load_all|full_load|unsafe_load)|(\w+\.)*instantiate"
)
WALL_CLOCK = re.compile(
    r"time\.(time|time_ns|localtime|gmtime|ctime)|(datetime\.)?(datetime|date)\.(now|utcnow|today)"
)
UNKEYED = re.compile(
    r"(np|numpy)\.random\.(?!Generator$|Philox$)\w+"
    r"|os\.urandom|uuid\.uuid[14]|random\.\w+|secrets\.\w+"
)
SUFFIXES = re.compile(r"\w+(Manager|Helper|Util|Utils|Impl)$|^Base[A-Z]\w*")
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager"}
FLOW = {"core", "gauges", "policies"}
HEAVY = {
    "numpy",
    "pandas",
    "scipy",
    "plotly",
    "hydra",
    "omegaconf",
    "asyncio",
    "duckdb",
    "pydantic",
    "simpy",
}


def modules(*folders: str) -> list[Path]:
    """Python files of these folders of the package; of all of it when none is named."""
    return sorted(
        path for folder in (folders or ("",)) for path in (PACKAGE / folder).rglob("*.py")
    )


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Every node of a file's syntax tree."""
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))))


@pytest.fixture(scope="module", autouse=True)
def forgotten() -> Iterator[None]:
    """A million nodes would be looked at by each collection of garbage in the tests that follow."""
    yield
    nodes.cache_clear()


def dotted(node: ast.AST) -> str:
    """`a.b.c` for a chain of names, else the empty string."""
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return node.id if isinstance(node, ast.Name) else ""


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """What a file imports, anywhere in it, with the line; `from a import b` counts as `a.b`."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def used(path: Path, wanted: re.Pattern[str]) -> list[str]:
    """Where a file imports or uses a dotted name of that form."""
    names = [
        *imported(path),
        *(
            (dotted(node), node.lineno)
            for node in nodes(path)
            if isinstance(node, ast.Attribute | ast.Name)
        ),
    ]
    return sorted(
        {
            f"{path.relative_to(ROOT)}:{line}: {name}"
            for name, line in names
            if wanted.fullmatch(name)
        }
    )


def documents(kind: str) -> list[Path]:
    """Packaged YAML files."""
    return sorted((ROOT / kind).glob("*.yaml"))


def test_core_needs_nothing_but_the_standard_library() -> None:
    """The contract can be read, and used, without installing anything."""
    foreign = [
        f"{path.name}: {name}"
        for path in modules("core")
        for name, _ in imported(path)
        if name.split(".")[0] not in sys.stdlib_module_names
    ]
    assert [line for line in foreign if ": simroute.core" not in line] == []


def test_policies_and_gauges_build_on_core_alone() -> None:
    """Layers and their state import the standard library, core and each other, so that they run in
    any world."""
    known = ("simroute.core", "simroute.gauges", "simroute.policies")
    found = [
        (path.name, name)
        for path in modules("gauges", "policies")
        for name, _ in imported(path)
        if name.split(".")[0] not in sys.stdlib_module_names
    ]
    assert [pair for pair in found if not pair[1].startswith(known)] == []


def test_nothing_in_the_package_runs_text_or_data_as_code() -> None:
    """No eval, no exec, no unpickling, no YAML loader that builds objects, no Hydra instantiate."""
    calls = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.func.id}"
        for path in modules()
        for node in nodes(path)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLED
    ]
    assert calls + [line for path in modules() for line in used(path, RUNS_CODE)] == []


def test_nothing_reads_the_time_of_day() -> None:
    """Runs do not depend on when they are made. Live code waits on a monotonic clock; only a budget
    that follows the calendar asks the gateway for the time of day, and a fake provider tells dates
    in headers, as its company does."""
    reads = [line for path in modules() for line in used(path, WALL_CLOCK)]
    assert [line.rsplit(":", 2)[0] for line in reads] == [
        "simroute/live/gateway.py",
        "simroute/mock/server.py",
    ]


def test_chance_comes_from_keyed_streams_only() -> None:
    """Only Philox generators made for a key are drawn from; a salt, and the token of a client, must
    be what nobody can find again, and a recorded run of LiteLLM has its generator and seed."""
    found = [
        line
        for path in modules()
        for line in used(path, UNKEYED)
        if "simroute.models.random" not in line
    ]
    assert sorted({line.split(":")[0] for line in found}) == [
        "simroute/live/clients.py",
        "simroute/live/log.py",
        "simroute/testing/conformance/router/asked.py",
        "simroute/traces/convert.py",
    ]


def test_no_statistics_library_is_loaded_for_a_quantile() -> None:
    """scipy.stats takes most of a second to import: scipy.special has what is needed, inside the
    function that needs it."""
    stats = [
        f"{path.name}:{line}"
        for path in modules()
        for name, line in imported(path)
        if name.startswith("scipy.stats")
    ]
    top = [
        f"{path.name}:{node.lineno}"
        for path in modules()
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Import | ast.ImportFrom) and "scipy" in ast.unparse(node)
    ]
    assert stats + top == []


def test_layers_never_catch_their_own_cancellation() -> None:
    """No handler in core, gauges or policies is bare or catches BaseException without raising it
    again; no `finally` awaits."""
    found = []
    for path in modules(*sorted(FLOW)):
        for node in nodes(path):
            if isinstance(node, ast.ExceptHandler) and (
                node.type is None
                or dotted(node.type).split(".")[-1] in ("BaseException", "Cancelled")
            ):
                if not any(isinstance(inner, ast.Raise) for inner in ast.walk(node)):
                    found.append(f"{path.name}:{node.lineno}: swallows cancellation")
            elif isinstance(node, ast.Try):
                awaits = [
                    inner
                    for final in node.finalbody
                    for inner in ast.walk(final)
                    if isinstance(inner, ast.Await)
                ]
                found += [f"{path.name}:{inner.lineno}: awaits in finally" for inner in awaits]
    assert found == []


def test_names_are_nouns_without_suffix() -> None:
    """No Manager, Helper, Base… or utils: a thing is called what it is, a file for the one thing in
    it."""
    classes = [
        node.name
        for path in modules()
        for node in nodes(path)
        if isinstance(node, ast.ClassDef) and SUFFIXES.fullmatch(node.name)
    ]
    assert classes + [str(path) for path in modules() if path.stem in VAGUE] == []


def test_files_are_small_enough_to_hold_in_mind() -> None:
    """No file of the package is longer than 400 lines."""
    assert {
        path.name: lines
        for path in modules()
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST
    } == {}


NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def lines_of_code(path: Path) -> int:
    """Lines of a file without those that are blank, comment or docstring."""
    documented = {
        line
        for node in nodes(path)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and ast.get_docstring(node) is not None
        for line in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }
    with tokenize.open(path) as file:
        tokens = list(tokenize.generate_tokens(file.readline))
    code = {
        line
        for token in tokens
        if token.type not in NO_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(code - documented)


def test_a_layer_fits_on_a_screen() -> None:
    """No file of a layer has more than 120 lines of code, and half of them have at most 60: one
    that wants to grow has found a gauge."""
    lines = {path.name: lines_of_code(path) for path in (PACKAGE / "policies").glob("*.py")}
    del lines["__init__.py"]
    assert {name: n for name, n in lines.items() if n > LONGEST_LAYER} == {}
    assert median(lines.values()) <= USUAL_LAYER


def test_lines_of_code_are_those_that_do_something(tmp_path: Path) -> None:
    """Of this file six: an import, a function with a text over two lines, a call over two."""
    path = tmp_path / "a.py"
    path.write_text(
        '"""Says\nwhat it is."""\n\nimport os  # for its name\n\n# a comment\n\n\n'
        'def f():\n    """Says."""\n    a = """b\nc"""\n    return os.path.join(a,\n    a)\n'
    )
    assert lines_of_code(path) == 6


def test_functions_are_short_and_take_few_values() -> None:
    """60 lines without the docstring; six parameters, but for the Python interface (as many as the
    commands have options) and the records of a breaker, a live gateway and a row."""
    many_values = {"api.py", "live/gateway.py", "gauges/breaker.py", "worlds/live/world.py"}
    problems = []
    for path in modules():
        place = path.relative_to(PACKAGE).as_posix()
        for node in nodes(path):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            doc = node.body[0] if ast.get_docstring(node) is not None else None
            shown = 0 if doc is None else (doc.end_lineno or 0) - doc.lineno + 1
            length = (node.end_lineno or 0) - node.lineno + 1 - shown
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            count = len([each for each in given if each.arg not in ("self", "cls")])
            if length > LONGEST_FUNCTION:
                problems.append(f"{place}: {node.name} has {length} lines")
            if count > MOST_PARAMETERS and place not in many_values:
                problems.append(f"{place}: {node.name} has {count} parameters")
    assert problems == []


def test_no_two_files_import_each_other() -> None:
    """Neither directly nor around a corner, imports for types and inside functions included."""
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in modules()}
    names = {name.removesuffix(".__init__"): path for name, path in names.items()}
    imports: dict[str, set[str]] = {}
    for name, path in names.items():
        found = [
            (node.module, alias.name)
            for node in nodes(path)
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
        ]
        asked = {f"{a}.{b}" if f"{a}.{b}" in names else a for a, b in found}
        imports[name] = asked & names.keys() - {name}
    while free := [name for name, asked in imports.items() if not asked]:
        for name in free:
            del imports[name]
        for asked in imports.values():
            asked.difference_update(free)
    assert imports == {}


def test_help_loads_nothing_heavy() -> None:
    """`simroute --help` imports neither the numerical stack nor Hydra nor asyncio."""
    program = (
        "import sys, simroute.cli\ntry: simroute.cli.main(['--help'])\nexcept SystemExit: "
        "pass\nprint('\\n', *sys.modules)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert HEAVY & set(shown.splitlines()[-1].split()) == set()


@pytest.mark.parametrize("path", documents("scenarios"), ids=lambda path: path.stem)
def test_a_scenario_opens_with_the_question_it_answers(path: Path) -> None:
    """The first key is `about`, and it ends with a question mark."""
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert next(iter(data)) == "about"
    assert data["about"].rstrip().endswith("?")


@pytest.mark.parametrize("path", documents("policies"), ids=lambda path: path.stem)
def test_a_policy_opens_with_its_stance(path: Path) -> None:
    """The first key is `about`, one sentence; every other key is a layer."""
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert next(iter(data)) == "about"
    assert data["about"].rstrip().endswith(".")


@pytest.mark.parametrize(
    "path", [*documents("scenarios"), *documents("policies")], ids=lambda path: path.stem
)
def test_no_packaged_file_names_code_or_other_files_of_ours(path: Path) -> None:
    """No `_target_`, no tags, no anchors, no interpolation, no defaults list: each file is complete
    and plain."""
    text = path.read_text(encoding="utf-8")
    assert (
        re.findall(r"_target_|^defaults:|^hydra:|@package|\$\{|!!|(?<![\w,])[&*]\w", text, re.M)
        == []
    )


def test_every_test_says_in_one_sentence_what_it_shows() -> None:
    """A test's docstring is one line that ends with a full stop."""
    silent = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
                "test_"
            ):
                said = (ast.get_docstring(node) or "").strip()
                if not said.endswith(".") or "\n\n" in said:
                    silent.append(f"{path.name}:{node.lineno}: {node.name}")
    assert silent == []


def test_no_file_names_a_place_on_somebody_s_machine() -> None:
    """No absolute path of a home or working folder stands in code, documents or settings."""
    places = re.compile(
        "|".join(rf"(?<![\w.])/{top}/\w" for top in ("work", "home", "root", "Users"))
    )
    files = [ROOT / "Makefile", ROOT / "pyproject.toml", *ROOT.glob("*.md")]
    for folder, ending in {
        "simroute": "py",
        "tests": "py",
        "benchmarks": "py",
        "docs": "md",
        "scenarios": "yaml",
        "policies": "yaml",
    }.items():
        files += (ROOT / folder).rglob(f"*.{ending}")
    assert [
        f"{path.name}: {found[0]}"
        for path in files
        if (found := places.findall(path.read_text(encoding="utf-8")))
    ] == []
