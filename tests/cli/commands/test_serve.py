"""`serve`, `check` with deployments, and `mock`, as they are typed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request

import pytest
import yaml

from commands import ran

DEPLOYMENTS = """\
a: {provider: openai, model: m, base_url: "http://127.0.0.1:9/v1", price: {input: 1, output: 2}}
b: {provider: google, model: n, base_url: "http://127.0.0.1:9/v1", price: {input: 1, output: 2}}
"""


@pytest.fixture
def deployments(tmp_path):
    file = tmp_path / "deployments.yaml"
    file.write_text(DEPLOYMENTS)
    return file


def test_what_could_serve_is_told_without_serving(deployments):
    """And what could not, one line for each."""
    done = ran("check", "policy=failover", f"deployments={deployments}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "failover can serve a, b" in done.stdout
    done = ran("check", "policy=layered", f"deployments={deployments}")
    assert (done.returncode, done.stdout) == (2, "")
    assert "budget: no sum" in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["serve"], "policy= is missing"),
        (["serve", "policy=failover"], "deployments= is missing"),
        (["serve", "policy=failover", "deployments=nowhere.yaml"], "nowhere.yaml"),
        (["serve", "policy=failovr", "deployments=FILE"], "failover"),
        (["serve", "policy=failover", "deployments=FILE", "x=1"], "x=1"),
        (["serve", "policy=failover", "deployments=FILE", "--listen", "0.0.0.0:4010"], "--clients"),
        (["serve", "policy=failover", "deployments=FILE", "--listen", "here"], "HOST:PORT"),
        (["serve", "policy=failover", "deployments=FILE", "--drain", "soon"], "--drain"),
        (["serve", "policy=failover", "deployments=FILE", "--max-body", "big"], "--max-body"),
        (["serve", "--new-client", "a b"], "no name"),
        (["mock"], "scenario= is missing"),
        (["mock", "scenario=demo", "policy=failover"], "policy="),
        (["mock", "scenario=demo", "--listen", "0.0.0.0:1"], "this machine alone"),
        (["mock", "scenario=demo", "--write", "/no/such/folder/x.yaml"], "--write"),
        (["parity", "scenario=demo"], "policy= is missing"),
    ],
)
def test_wrong_words_are_told_in_a_line(words, says, deployments):
    """Exit 2, no traceback."""
    done = ran(*(word.replace("FILE", str(deployments)) for word in words))
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert all(line.startswith("simroute: ") for line in done.stderr.splitlines())


def test_a_token_is_printed_once_with_its_line():
    """The line holds its hash, not the token."""
    done = ran("serve", "--new-client", "search")
    token = done.stdout.splitlines()[0]
    assert done.returncode == 0
    assert re.search(r"search: \{sha256: [0-9a-f]{64}\}", done.stdout)
    assert done.stdout.count(token) == 1


def started(*words):
    """A command that goes on, and the address that it tells."""
    process = subprocess.Popen(
        [sys.executable, "-m", "simroute", *words], stderr=subprocess.PIPE, text=True
    )
    lines = []
    while not lines or "http://" not in lines[-1]:
        line = process.stderr.readline()
        assert line, lines
        lines.append(line)
    return process, re.search(r"http://[^/\s]+", lines[-1])[0]


def test_what_a_deployments_file_cannot_say_of_a_fake_provider_is_told(tmp_path):
    """Limits by other axes, an account's too; what it can say is in the file."""
    scenario, file = tmp_path / "s.yaml", tmp_path / "deployments.yaml"
    scenario.write_text(
        "accounts: {x: {itpm: 1000}}\n"
        "deployments:\n"
        "  a: {provider: p, model: m, price: {input: 1, output: 2, cached: 0.1, written: 1.5}, "
        "account: x, limits: {rpm: 60, otpm: 500}}\n"
    )
    words = [f"scenario={scenario}", "--listen", "127.0.0.1:0", "--write", str(file)]
    process = subprocess.Popen(
        [sys.executable, "-m", "simroute", "mock", *words], stderr=subprocess.PIPE, text=True
    )
    try:
        assert wait_for(process, "note: a: limits.itpm, limits.otpm: no key of deployments.yaml")
    finally:
        process.kill()
        process.wait()
    (entry,) = yaml.safe_load(file.read_text()).values()
    assert entry["price"] == {"input": 1, "output": 2, "cached": 0.1, "written": 1.5}
    assert entry["limits"] == {"rpm": 60}


def test_mock_and_serve_live_together_through_an_outage_and_a_reload(tmp_path):
    """The fake company fails, the other answers; a broken policy file changes nothing, a new one
    is used; SIGTERM ends it."""
    file, policy = tmp_path / "deployments.yaml", tmp_path / "mine.yaml"
    policy.write_text("fallback: {targets: [first, other_company]}\ntimeout: {total: 30s}\n")
    words = ["scenario=steady", "--speed", "50", "--listen", "127.0.0.1:0", "--write", str(file)]
    mock, address = started("mock", *words)
    try:
        serve, gateway = started(
            "serve", f"policy={policy}", f"deployments={file}", "--listen", "127.0.0.1:0"
        )
        try:
            assert ask(gateway)["x-simroute-target"] == "claude-sonnet"
            outage = {"outage": {"provider": "anthropic", "status": 529, "for": "1h"}}
            post(f"{address}/control", outage)
            assert ask(gateway)["x-simroute-target"] != "claude-sonnet"
            policy.write_text("fallback: {tragets: [first]}\n")
            serve.send_signal(signal.SIGHUP)
            assert wait_for(serve, "not reloaded")
            assert ask(gateway)["x-simroute-attempts"] == "2"
            policy.write_text("route: {by: task, default: gpt-terra}\ntimeout: {total: 30s}\n")
            serve.send_signal(signal.SIGHUP)
            wait_for(serve, "reloaded")
            assert ask(gateway)["x-simroute-attempts"] == "1"
        finally:
            serve.send_signal(signal.SIGTERM)
            assert serve.wait(20) == 0
    finally:
        mock.send_signal(signal.SIGTERM)
        assert mock.wait(20) == 0


def wait_for(process, word):
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if word in process.stderr.readline():
            return True
    return False


def post(url, body):
    heads = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), heads)
    with urllib.request.urlopen(request, timeout=20) as answer:
        answer.read()
        return answer.headers


def ask(gateway):
    body = {"messages": [{"role": "user", "content": "hello"}]}
    return post(f"{gateway}/v1/chat/completions", body)


def test_the_commands_of_simulation_load_no_http(deployments):
    """Neither aiohttp nor asyncio, for help and lists."""
    code = "import sys, simroute.cli; print({'aiohttp', 'asyncio'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=True
    )
    assert done.stdout == "set()\n"
