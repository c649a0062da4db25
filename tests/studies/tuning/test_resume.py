"""What a search keeps: after whatever end it goes on with the same bits; its folder tells how to do
it again."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from problems import bowl, known, scripted
from simroute.errors import InputError
from simroute.execution.options import ExecutionOptions
from simroute.metrics import Figures
from simroute.storage import Journal
from simroute.storage.replication_journal import JOURNAL
from simroute.studies.tuning import describe_search, plan_search, read_plan, tune
from simroute.studies.tuning.config_file import describe_weather
from simroute.studies.tuning.search.evaluations import SEARCH

FILES = ("summary.json", "tune.json", "config.yaml", "tuned.yaml", "report.html", "trials.parquet")
SMALL = {"evaluations": 90, "confirm": 4}
KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from problems import bowl, known, scripted
from simroute.execution.options import ExecutionOptions
from simroute.studies.tuning import read_plan, tune

def evaluate(tasks, settings, count=iter(range(1000))):
    for found in known(bowl)(tasks, settings):
        if next(count) == int(sys.argv[4]):
            os.kill(os.getpid(), signal.SIGKILL)
        yield found

plan = read_plan(Path(sys.argv[2]))
options = ExecutionOptions(executor=scripted(plan, evaluate), out=Path(sys.argv[3]))
tune(plan, options=options)
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """An empty working directory with two folders."""
    monkeypatch.chdir(tmp_path)
    for name in ("first", "cut"):
        Path(name).mkdir()


@pytest.fixture(scope="module")
def whole(wanted, tmp_path_factory):
    """The folder of a small search that was not interrupted."""
    out = tmp_path_factory.mktemp("uncut")
    search(plan_search(wanted(**SMALL)), known(bowl), out=out)
    return out


def search(plan, evaluate, watch=None, **options):
    """The search with a stand-in for the simulator."""
    executor = scripted(plan, evaluate)
    return tune(plan, options=ExecutionOptions(executor=executor, **options), watch=watch)


class Counted:
    """A stand-in that counts its runs, and is interrupted at one of them."""

    def __init__(self, until=None):
        self.count, self._until = 0, until

    def __call__(self, tasks, settings):
        for found in known(bowl)(tasks, settings):
            if self.count == self._until:
                raise KeyboardInterrupt
            self.count += 1
            yield found


def same(one, two):
    return [name for name in FILES if Path(one, name).read_bytes() != Path(two, name).read_bytes()]


@pytest.mark.parametrize("cut", [1, pytest.param(57, marks=pytest.mark.slow), 95])
def test_a_search_that_was_cut_short_goes_on_with_the_same_bits(wanted, whole, cut):
    """In the first rung, in the search, in the confirmation; what is finished is not run again."""
    plan = plan_search(wanted(**SMALL))
    try:
        assert search(plan, Counted(cut), out=Path("cut")).interrupted
    except KeyboardInterrupt:
        assert cut == 1  # nothing could be recommended yet
    assert Path("cut", JOURNAL).exists()
    rest = Counted()
    search(plan, rest, out=Path("cut"), resume=True)
    assert rest.count == count_of(whole, "search") + count_of(whole, "fresh") - cut
    assert same(whole, "cut") == []
    assert not Path("cut", JOURNAL).exists()


def test_a_search_that_was_killed_goes_on_with_the_same_bits(wanted, whole):
    """kill -9 while it runs: what had been finished is there."""
    tests = str(Path(__file__).parents[2])
    words = [tests, str(whole / "config.yaml"), "cut", "60"]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *words], check=False, capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    rest = Counted()
    search(plan_search(wanted(**SMALL)), rest, out=Path("cut"), resume=True)
    assert same(whole, "cut") == []
    assert rest.count == count_of(whole, "search") + count_of(whole, "fresh") - 60


def count_of(folder, stage):
    return json.loads(Path(folder, "summary.json").read_text())["evaluations"][stage]


def test_its_config_gives_the_same_files_again(wanted):
    """Read back, it is the same plan; conditions, choices, other policies and several scenarios
    included."""
    entries = {
        "breaker.failures": "2..20",
        "breaker.scope": ["provider", "task"],
        "breaker.cooldown": "5s..60s if breaker.scope = task",
    }
    words = {
        "entries": entries,
        "scenarios": ["steady", "rate_limit_storm"],
        "against": ["failover"],
        "constraints": ["success_rate>=0.9"],
    }
    plan = plan_search(wanted(**{**SMALL, "evaluations": 40}, **words))
    search(plan, known(bowl), out=Path("first"))
    again = read_plan(Path("first/config.yaml"))
    assert describe_search(again).text == describe_search(plan).text
    search(again, known(bowl), out=Path("cut"))
    assert same("first", "cut") == []


def test_another_search_may_not_go_on_with_it(wanted):
    """Each difference is named by its key; a new search is refused while there is an unfinished
    one."""
    assert search(plan_search(wanted(**SMALL)), Counted(57), out=Path("cut")).interrupted
    for changes, told in (
        ({"evaluations": 300}, "search.evaluations was 90 and is now 300"),
        ({"confirm": 9}, "search.confirm was 4 and is now 9"),
    ):
        with pytest.raises(InputError, match=told):
            search(
                plan_search(wanted(**{**SMALL, **changes})),
                known(bowl),
                out=Path("cut"),
                resume=True,
            )
    with pytest.raises(
        InputError, match=r"\(57 .*finished\); continue it with simroute tune --resume --out cut"
    ):
        search(plan_search(wanted()), known(bowl), out=Path("cut"))


def test_a_search_whose_runs_are_named_otherwise_is_refused(wanted):
    """As an earlier simroute named them, by their values: one line, and nothing is touched."""
    plan = plan_search(wanted(**SMALL))
    assert search(plan, Counted(57), out=Path("cut")).interrupted
    journal = Journal.open(Path("cut"))
    journal.add('["search", 0, {"breaker.failures": 3}]', 0, Figures({}, {}, {}, [], {}))
    journal.close()
    before = Path("cut", JOURNAL).read_bytes()
    with pytest.raises(InputError, match="cannot be resumed: it was begun by a simroute that"):
        search(plan, known(bowl), out=Path("cut"), resume=True)
    assert Path("cut", JOURNAL).read_bytes() == before


@pytest.mark.slow
def test_the_cache_serves_any_search_of_the_same_policy_weather_and_seed(wanted):
    """Other goals and another budget read back what they share; another seed, policy file or
    weather does not."""
    first, again, other = Counted(), Counted(), Counted()
    search(plan_search(wanted(**SMALL)), first, cache=True)
    search(plan_search(wanted(**SMALL)), again, cache=True)
    assert (first.count > 80, again.count) == (True, 0)
    found = search(
        plan_search(wanted(evaluations=120, constraints=["success_rate>=0.5"])),
        other,
        cache=True,
    )
    assert 0 < other.count < found.evaluations.spent[SEARCH]
    plain = describe_weather(plan_search(wanted()))
    assert describe_weather(plan_search(wanted(against=["failover"], confirm=5))).text == plain.text
    for changes in (
        {"seed": 2},
        {"policy": "failover", "entries": {"timeout.total": "5s..9s"}},
        {"overrides": ["scenario.horizon=3m"]},
    ):
        assert describe_weather(plan_search(wanted(**changes))).text != plain.text


def test_a_journal_that_cannot_be_added_to_ends_the_journal_and_not_the_search(wanted, monkeypatch):
    """A full disk: it is said once, and the result is there."""
    from simroute.studies.tuning.search.progress import SearchListener

    def full(*_):
        raise OSError(28, "No space left on device")

    class Heard(SearchListener):
        def warn(self, line):
            lines.append(line)

    lines = []
    monkeypatch.setattr(Journal, "add", full)
    assert not search(
        plan_search(wanted(**SMALL)), known(bowl), out=Path("first"), watch=Heard()
    ).problems
    assert ["No space left on device" in line for line in lines] == [True]
    assert Path("first/summary.json").exists()


def edited(**changes):
    data = yaml.safe_load(Path("first/config.yaml").read_text())
    for key, value in changes.items():
        above, _, name = key.rpartition("__")
        (data[above] if above else data)[name] = value
    Path("first/config.yaml").write_text(yaml.safe_dump(data, sort_keys=False))


WRONG = {
    "a missing part": ({"tune": None}, "tune: expected LAYER.KEY: RANGE"),
    "a word of another kind": (
        {"search__evaluations": "many"},
        "search.evaluations: expected a whole number, found 'many'",
    ),
    "a word that is none": ({"search__speed": 3}, "search.speed: there is no such key"),
    "too few": ({"search__evaluations": 2}, "--evaluations 2: too few"),
    "no scenario": ({"configurations": {}}, "configurations: expected the policy"),
    "no configuration": ({"configurations": {"steady": 3}}, "expected a configuration"),
    "a range that is none": (
        {"tune": {"breaker.failures": "9..2"}},
        "tune.breaker.failures: 9..2 is empty",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_an_edited_config_is_told_key_by_key(wanted, case):
    """One line, with what would be right."""
    changes, told = WRONG[case]
    Path("first/config.yaml").write_text(describe_search(plan_search(wanted())).text)
    edited(**changes)
    with pytest.raises(InputError) as found:
        read_plan(Path("first/config.yaml"))
    assert told in "\n".join(found.value.lines)
