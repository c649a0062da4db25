"""Mistakes of policy and deployments are told at the start, all at once."""

import os
import re
from pathlib import Path

import pytest

from simroute.errors import InputError
from simroute.live import Gateway
from simroute.live.clients import new_client, read_clients
from simroute.live.deployments import read_fleet

GOOD = {
    "provider": "openai",
    "model": "m",
    "base_url": "https://api.example.com/v1",
    "price": {"input": 1, "output": 2},
}


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"base_url": "ftp://x/v1"}, "http"),
        ({"base_url": "https:///v1"}, "host"),
        ({"base_url": "api.example.com/v1"}, "http"),
        ({"base_url": "https://me:secret@x/v1"}, "user"),
        ({"base_url": "https://x/v1?key=secret"}, "ends before"),
        ({"base_url": "https://x/v1/chat/completions"}, "ends before"),
        ({"base_url": "https://x:99999/v1"}, "no address"),
        ({"base_url": "http://api.example.com/v1"}, "insecure"),
        ({"base_url": "https://10.0.0.5/v1"}, "private"),
        ({"base_url": "https://169.254.169.254/v1"}, "private"),
        ({"base_url": "https://[fe80::1]/v1"}, "private"),
        ({"api_key_env": "SIMROUTE_NO_SUCH_KEY"}, "not set"),
        ({"api_key_env": "SIMROUTE_BROKEN_KEY"}, "line end"),
        ({"headers": {"X-A": "env:SIMROUTE_NO_SUCH_KEY"}}, "not set"),
        ({"headers": {"Authorization": "x"}}, "cannot be set"),
        ({"headers": {"a b": "x"}}, "cannot be set"),
        ({"headers": {"X-A": "x\r\nX-B: y"}}, "characters"),
        ({"price": None, "model": "no-such-model"}, "model"),
        ({"limits": {"concurrency": 0}}, "concurrency"),
        ({"modle": "x"}, "modle"),
    ],
)
def test_a_deployment_that_cannot_be_called_is_refused(more, says, monkeypatch):
    """One line, with the key; a secret is in none."""
    monkeypatch.setenv("SIMROUTE_BROKEN_KEY", "sk-secret\nX-Evil: 1")
    with pytest.raises(InputError, match=says) as error:
        read_fleet({"a": {**GOOD, **more}})
    assert len(error.value.lines) == 1
    assert "secret" not in str(error.value)


def test_all_deployments_are_told_of_at_once_and_none_is_none():
    """Two mistakes in two entries; an empty file."""
    with pytest.raises(InputError) as error:
        read_fleet({"a": {**GOOD, "base_url": "x"}, "b": {**GOOD, "limits": 3}})
    assert len(error.value.lines) == 2
    with pytest.raises(InputError, match="at least one"):
        read_fleet({})


def test_a_line_end_after_a_key_is_none_of_it(monkeypatch):
    """As files of keys have it; the key is not shown."""
    monkeypatch.setenv("SIMROUTE_KEY", "sk-secret\r\n")
    fleet = read_fleet({"a": {**GOOD, "api_key_env": "SIMROUTE_KEY"}})
    assert fleet.endpoints["a"].api_key == "sk-secret"
    assert "secret" not in repr(fleet)


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ({"budget": {}, "timeout": {"total": "5s"}}, "budget: no sum"),
        ({"limit": {}, "timeout": {"total": "5s"}}, "limit: no limit"),
        ({"cascade": {}, "timeout": {"total": "5s"}}, "cascade: nobody judges"),
        ({"cache": {"match": "semantic"}, "timeout": {"total": "5s"}}, "embedder"),
        ({"recorded": {}, "timeout": {"total": "5s"}}, "recorded: follows a log"),
        ({"fallback": {"targets": ["zzz"]}, "timeout": {"total": "5s"}}, "zzz"),
        ({"retry": {"attempts": 2}}, "limits the time"),
        ({"tiemout": {"total": "5s"}}, "tiemout"),
    ],
)
def test_a_layer_that_would_do_nothing_is_refused(policy, says):
    """One line for each; with the mistakes of deployments beside them."""
    with pytest.raises(InputError, match=says):
        Gateway(policy, {"a": GOOD})
    with pytest.raises(InputError, match="base_url"):
        Gateway(policy, {"a": {**GOOD, "base_url": "x"}})


def test_a_budget_may_have_any_name():
    """The line tells name and kind."""
    policy = {"purse": {"kind": "budget"}, "timeout": {"total": "5s"}}
    with pytest.raises(InputError, match=r"purse \(budget\): no sum"):
        Gateway(policy, {"a": GOOD})


def test_a_client_is_known_by_its_token_alone():
    """The token that was made is known; others are not, and nobody is where there are clients."""
    token, line = new_client("search")
    name, _, digest = line.partition(": {sha256: ")
    clients = read_clients({name: {"sha256": digest[:-1], "feature": "search"}})
    assert clients.known(f"Bearer {token}") == ("search", {"feature": "search"})
    for header in ("", token, "Bearer", f"Bearer {token}x", f"Basic {token}"):
        assert clients.known(header) is None
    assert read_clients(None).known("") == ("", {})


@pytest.mark.parametrize(
    "entries",
    [
        {},
        {"a": {"sha256": "short"}},
        {"a": {"sha256": "0" * 64}, "b": {"sha256": "0" * 64}},
        {"a": {"sha256": "0" * 64, "featur": "x"}},
    ],
)
def test_clients_that_cannot_be_told_apart_are_refused(entries):
    """No entry, no hash, the same hash twice, an unknown key."""
    with pytest.raises(InputError):
        read_clients(entries)


@pytest.mark.parametrize("kind", ["pipe", "device", "huge", "folder"])
@pytest.mark.parametrize("read", ["deployments", "clients", "policy", "state"])
def test_what_is_no_file_of_bounded_size_is_refused_at_once(tmp_path, kind, read):
    """A pipe that nobody writes to, an endless device, more than a configuration has, a folder."""
    path = tmp_path / "x.yaml"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "huge":
        with path.open("wb") as file:
            file.truncate(1 << 33)
    else:
        path.mkdir()
    readers = {
        "deployments": lambda: read_fleet(path),
        "clients": lambda: read_clients(path),
        "policy": lambda: Gateway(path, {"a": GOOD}),
        "state": lambda: Gateway({"timeout": {}}, {"a": GOOD}, state=path),
    }
    with pytest.raises(InputError, match=re.escape(str(path))) as error:
        readers[read]()
    says = {"pipe": "read only once", "device": "no regular file"}.get(kind, "")
    assert says in str(error.value)  # not that nobody wrote to it within five seconds


@pytest.mark.parametrize("given", [None, 5, [], [GOOD], b"d.yaml"])
def test_deployments_are_a_path_or_a_mapping(given):
    """Whatever else Python may hand over."""
    with pytest.raises(InputError, match="a path, or entries by name"):
        read_fleet(given)
