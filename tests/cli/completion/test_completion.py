"""Completion in real shells, and what it is made of."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from commands import ran
from simroute.cli.completion.shells import (
    Bash,
    Zsh,
    escape_special,
    open_quote,
    split_words,
    word_start,
)

ROOT = Path(__file__).parents[3]
HEAVY = {"numpy", "scipy", "pandas", "hydra", "omegaconf", "simpy", "plotly", "duckdb"}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder of one's own with a `simroute` on the path, two files, and a policy whose name would
    steer a terminal."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "simroute"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m simroute "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    for name in ("policies", "with space"):
        (tmp_path / name).mkdir()
    for name in (
        "mine.yaml",
        "with space/other.yaml",
        "policies/evil\x1b[31m\u202e.yaml",
        "policies/evilish.yaml",
    ):
        (tmp_path / name).write_text("timeout: {total: 5s}\n", encoding="utf-8")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.delenv("SIMROUTE_COMPLETE", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answered(line, shell):
    """What simroute answers to a shell."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("_SIMROUTE_COMPLETE", f"{shell}_complete")
        patched.setenv("_SIMROUTE_LINE", line)
        done = ran()
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def candidates(line, shell="fish"):
    """The same without the explanations."""
    return [found.partition("\t")[0] for found in answered(line, shell).splitlines() if found]


class Session:
    """An interactive shell on a terminal of its own."""

    def __init__(self, command, setup):
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            os.execvp(command[0], command)
        self.until(setup + "; echo rea''dy\r", "\r\nready")

    def until(self, keys, mark):
        """What is shown after these keys until a mark comes."""
        os.write(self.terminal, keys.encode())
        shown, end = "", time.monotonic() + 300
        while mark not in shown and time.monotonic() < end:
            if select.select([self.terminal], [], [], 0.2)[0]:
                shown += os.read(self.terminal, 1 << 16).decode(errors="replace")
        assert mark in shown, shown
        return shown

    def typed(self, line):
        """What is shown while a line is typed, TAB included, and the words that it has become,
        without the command."""
        # Ctrl-A: to the beginning of the line
        shown = self.until(f"{line}\x01printf '<%s>\\n' \recho do''ne\r", "\r\ndone")
        return shown, re.findall(r"^<(.*)>\r$", shown, re.M)[1:]

    def words(self, line):
        return self.typed(line)[1]

    def close(self):
        os.close(self.terminal)
        os.waitpid(self.child, 0)


def needs(shell):
    """The shell's path, or a skip that says why."""
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed: its completion was not tried")
    return found


def bash():
    """bash without any start-up file, and so without the bash-completion package."""
    return Session(
        [needs("bash"), "--norc", "--noprofile", "-i"],
        'bind "set bell-style none" "set enable-bracketed-paste off"; eval "$(simroute '
        'completion bash)"',
    )


def zsh():
    """zsh without any start-up file."""
    return Session(
        [needs("zsh"), "-f", "-i"],
        'PS1="> "; unset zle_bracketed_paste; bindkey -e; autoload -Uz compinit; compinit -u -D; '
        'eval "$(simroute completion zsh)"',
    )


@pytest.fixture(params=[bash, zsh], ids=["bash", "zsh"])
def shell(request, place):
    """Each of both, and its end."""
    session = request.param()
    yield session
    session.close()


LINES = {
    "simroute comple\t": ["completion"],
    "simroute run --work\t": ["run", "--workers"],
    "simroute compare scenario=de\t": ["compare", "scenario=demo"],
    "simroute compare policy=direct,failo\t": ["compare", "policy=direct,failover"],
    "simroute run scenario=demo scenario.outa\tmor\terror_\t0.4": [
        "run",
        "scenario=demo",
        "scenario.outages.morning.error_share=0.4",
    ],
    "simroute run policy=circuit_breaker policy.brea\tscop\tdep\t": [
        "run",
        "policy=circuit_breaker",
        "policy.breaker.scope=deployment",
    ],
    "simroute tune policy=circuit_breaker tune.brea\tfail\t2..20": [
        "tune",
        "policy=circuit_breaker",
        "tune.breaker.failures=2..20",
    ],
    "simroute tune policy=circuit_breaker tune.breaker.scop\t\t": [
        "tune",
        "policy=circuit_breaker",
        "tune.breaker.scope=provider|deployment|task",
    ],
    "simroute describe circuit_b\t": ["describe", "circuit_breaker"],
    "simroute describe metric=succ\t": ["describe", "metric=success_rate"],
    "simroute list pol\t": ["list", "policies"],
    "simroute check min\t": ["check", "mine.yaml"],
    "simroute check with\tot\t": ["check", "with space/other.yaml"],
    "simroute run policy=./min\t": ["run", "policy=./mine.yaml"],
    "simroute run --plugin=b\tsim\t": ["run", "--plugin=bin/simroute"],
}


def test_what_is_typed_is_completed(shell):
    """Real keys in real shells; words with `=` and with spaces come out whole, those behind the
    cursor stay."""
    assert {line: shell.words(line) for line in LINES} == LINES
    behind = " policy=direct"
    assert shell.words(f"simroute run scenario=de{behind}" + "\x02" * len(behind) + "\t\x05") == [
        "run",
        "scenario=demo",
        "policy=direct",
    ]


def test_a_layer_can_be_removed_by_tab(shell):
    """`~policy.` is no home folder, neither when typed from the start nor by its first key."""
    for keys in ("~policy.ret\t", "~\tret\t"):
        assert shell.words(f"simroute run policy=circuit_breaker {keys}") == [
            "run",
            "policy=circuit_breaker",
            "~policy.retry",
        ]


def test_inside_quotes_the_word_is_completed_as_well(shell):
    """The shell closes the quotation; no space gets into it."""
    assert shell.words('simroute run "scenario=de\t policy=direct') == [
        "run",
        "scenario=demo",
        "policy=direct",
    ]


def test_two_tabs_show_the_candidates(shell):
    """All scenarios, and no name that would steer the terminal."""
    assert "rate_limit_storm" in shell.typed("simroute run scenario=\t\t")[0]
    shown, _ = shell.typed("simroute run policy=evil\t\t")
    assert "evilish" in shown
    assert "31m" not in shown


def test_bash_completes_where_equals_is_no_break():
    """Some remove = from COMP_WORDBREAKS: then the whole word is put in."""
    session = bash()
    session.until("COMP_WORDBREAKS=${COMP_WORDBREAKS//=}; echo o''k\r", "\r\nok")
    assert session.words("simroute run scenario=de\t") == ["run", "scenario=demo"]
    session.close()


@pytest.mark.parametrize("line", [line for line in LINES if line.count("\t") == 1])
def test_fish_completes_what_is_typed(line):
    """fish's own completion, asked for the line."""
    asked = line.rstrip("\t")
    program = f"simroute completion fish | source; complete -C {escape_special(asked)}"
    shown = subprocess.run(
        [needs("fish"), "--no-config", "-c", program],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    ).stdout
    assert [found.partition("\t")[0] for found in shown.splitlines()] == [LINES[line][-1]]


COMPLETED = {
    "simroute ": {"compare", "run", "list", "describe", "check", "completion"},
    "simroute run ": {"scenario=", "policy=", "scenario.", "policy.", "~policy."},
    "simroute run policy=direct policy.": {"policy.timeout."},
    "simroute run policy.": {"policy.breaker.", "policy.retry."},
    "simroute compare policy=direct,retry_only ~policy.": {"~policy.timeout", "~policy.retry"},
    "simroute run scenario=demo scenario.deployments.": {
        "scenario.deployments.claude-sonnet.",
        "scenario.deployments.gpt-terra.",
    },
    "simroute run scenario=demo scenario.deployments.gpt-terra.errors.": {
        "scenario.deployments.gpt-terra.errors.500="
    },
    "simroute run scenario=demo ~scenario.outages.": {
        "~scenario.outages.morning",
        "~scenario.outages.morning.",
    },
    "simroute run scenario=demo policy=cascade policy.cascade.judge.": {
        "policy.cascade.judge.usd="
    },
    "simroute run scenario=demo policy=cascade policy.cascade.strong=": {
        "policy.cascade.strong=gpt-terra",
        "policy.cascade.strong=cheapest",
    },
    "simroute run policy=retry_only policy.retry.on": {"policy.retry.only="},
    "simroute run scenario=demo scenario.gateway.shared=": {
        "scenario.gateway.shared=true",
        "scenario.gateway.shared=false",
    },
    "simroute run scenario=demo scenario.workload.trace=": {
        "scenario.workload.trace=mine.yaml",
        "scenario.workload.trace=with space/",
    },
    "simroute tune ": {"scenario=", "policy=", "tune."},
    "simroute tune policy=circuit_breaker tune.": {"tune.breaker.", "tune.timeout."},
    "simroute tune scenario=demo,ste": {"scenario=demo,steady"},
    "simroute describe ": {
        "breaker",
        "demo",
        "failover",
        "scenario",
        "scenario.outages",
        "metric=",
        "layer=",
    },
    "simroute check sc": {"scenario="},
    "simroute check policy=direct,fail": {"policy=direct,failover"},
    "simroute describe layer=": {"layer=breaker"},
    "simroute describe --schema ": {"policy", "scenario"},
    "simroute describe azu": {"azure"},
    "simroute describe breaker.res": {"breaker.resilience4j"},
    "simroute describe por": {"portkey", "portkey_hosted"},
    "simroute describe policy=openr": {"policy=openrouter"},
    "simroute compare policy=direct,openr": {"policy=direct,openrouter"},
    "simroute run policy=gateways/openr": {"policy=gateways/openrouter"},
    "simroute --": {"--version", "--help"},
    "A=1 simroute list ": {"scenarios", "policies", "layers", "formats", "metrics"},
}


@pytest.mark.parametrize("line", COMPLETED)
def test_these_are_among_the_candidates(line):
    """Commands, names, keys of the schema and of the chosen files, values that can be listed."""
    assert COMPLETED[line] <= set(candidates(line))


def test_a_policy_is_not_offered_twice_nor_a_layer_that_is_not_there():
    """What has been chosen bounds what may come."""
    assert "policy=direct,direct" not in candidates("simroute compare policy=direct,d")
    assert candidates("simroute run policy=direct policy.") == ["policy.timeout."]


@pytest.mark.parametrize(
    "line",
    [
        "",
        " ",
        "simroute bogus ",
        "simroute run scenario=nowhere scenario.outages.",
        "simroute run policy=nowhere policy.x.",
        'simroute run "',
        "simroute run \\",
        "simroute run scenario.outages.x.y.z.",
        "simroute run scenario.horizon.",
        "simroute check /nowhere/",
        "simroute describe x=y",
        "simroute run policy=bad.yaml policy.",
        "simroute run scenario.workload.rate=5 scenario.workload.rate.x=",
    ],
)
def test_a_line_with_a_mistake_offers_nothing_and_says_nothing(line):
    """No message, no traceback, exit 0: a shell's prompt stays as it is."""
    Path("bad.yaml").write_text("a: [\n", encoding="utf-8")
    found = candidates(line)
    assert all(
        line.split(" ")[-1] in word
        for word in found
        if line.strip() not in ("", 'simroute run "', "simroute run \\")
    )


@pytest.mark.parametrize(
    "line",
    [
        "simroute ",
        "simroute run scenario=demo scenario.outages.",
        "simroute run policy=direct policy.timeout.",
        "simroute describe b",
    ],
)
def test_completing_loads_nothing_heavy(line):
    """Neither numbers nor Hydra are needed to complete commands, names and keys."""
    program = (
        "import sys, simroute.cli\ntry: simroute.cli.main([])\nfinally: print('\\n', *sys.modules)"
    )
    asked = {**os.environ, "_SIMROUTE_COMPLETE": "fish_complete", "_SIMROUTE_LINE": line}
    shown = subprocess.run(
        [sys.executable, "-c", program],
        env=asked,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    ).stdout
    assert HEAVY & set(shown.splitlines()[-1].split()) == set()


def test_an_unknown_shell_is_refused_in_one_line(capsys):
    """Exit 2, with those that are known."""
    from simroute.cli import main

    with pytest.raises(SystemExit) as left:
        main(["completion", "tcsh"])
    assert left.value.code == 2
    assert "bash" in capsys.readouterr().err


def test_a_line_is_split_as_a_shell_would():
    """The last word is the cursor's: empty after a space, without its quotation marks, open or
    not."""
    assert split_words("a b") == ["a", "b"]
    assert split_words("a ") == ["a", ""]
    assert split_words("a 'b c") == ["a", "b c"]
    assert split_words('a "b') == ["a", "b"]
    assert split_words("a b\\ c") == ["a", "b c"]
    assert [open_quote(line) for line in ("a 'b", 'a "b', "a 'b'", "a b\\")] == ["'", '"', "", ""]
    assert [word_start(line) for line in ("a b", "a 'b c", "a b\\ c", "")] == [2, 2, 2, 0]


def test_bash_and_zsh_get_what_they_would_type():
    """bash what follows the last break, zsh a `~` that is no home folder."""
    assert candidates("simroute run scenario=de", "bash") == ["demo "]
    assert candidates('simroute run "scenario=de', "bash") == ["scenario=demo"]
    assert candidates("simroute run --plugin=bi", "bash") == ["bin/"]
    assert candidates("simroute check with", "bash") == ["with\\ space/"]
    assert (Bash.name, Zsh.name) == ("bash", "zsh")
    assert answered("simroute run policy=direct ~policy.", "zsh") == "plain\t\\~policy.timeout\t\n"
