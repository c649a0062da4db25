"""What docs/gateways.md says was confirmed on the originals, on the originals: the surprises in
their simplest form. Skipped where an original is absent, as the tests beside this one."""

import asyncio

import pytest

from tests.originals.scripted_provider import Answer
from tests.originals.test_litellm_router import original
from tests.originals.test_portkey_gateway import USUAL, gateway, originals

__all__ = ["gateway", "original"]
pytestmark = pytest.mark.slow

DEAD, FAILS, WELL = ({"status": status, "latency": 0.1} for status in (503, 500, 200))
NEAR = 0.3


def deployment(group, name, **more):
    params = {"model": f"openai/{name}", **more}
    return {"model_name": group, "litellm_params": params, "model_info": {"id": name}}


def item(settings, upstream, requests, **more):
    """A Router with `a` first, and whoever else there is behind it."""
    behind = [deployment("backup", name) for name in upstream if name != "a"]
    return {
        "id": "surprise",
        "env": {"JITTER": "0"},
        "router_settings": settings,
        "model_list": [deployment("main", "a", **more), *behind],
        "fallbacks": [{"main": ["backup"]}],
        "upstream": upstream,
        "requests": [{"t": at, "model": "main"} for at in requests],
    }


@pytest.mark.parametrize(("retries", "at"), [(2, 33.5), (0, 10.0)])
def test_litellm_asks_the_fallback_after_its_last_pause(original, retries, at):
    """Three times ten seconds, and .5, 1 and 2 s: at least 33.5 s (and up to .75 s more for each
    pause, which is left out here); without retries after ten."""
    silent = {"status": 200, "latency": 60}
    made = original.play(
        item({"num_retries": retries}, {"a": [silent], "b": [WELL]}, [0], timeout=10)
    )
    assert [name for _, name, _ in made["attempts"]] == ["a"] * (retries + 1) + ["b"]
    assert made["attempts"][-1][0] / 1000 == pytest.approx(at, abs=0.01)


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({"model_group_retry_policy": {"main": {"TimeoutErrorRetries": 0}}}, "abb"),
        ({"num_retries": 0}, "ab"),
    ],
)
def test_litellm_tries_the_backup_again_where_the_first_group_alone_is_not(
    original, settings, asked
):
    """With num_retries: 0 the backup's own failure is the caller's; by group and class it is tried
    again, and the first group is as quickly left."""
    silent = {"status": 200, "latency": 60}
    made = original.play(item(settings, {"a": [silent], "b": [FAILS, WELL]}, [0], timeout=10))
    assert "".join(name for _, name, _ in made["attempts"]) == asked
    assert made["attempts"][1][0] / 1000 == pytest.approx(10.0, abs=0.01)
    assert (made["finals"][0][2] == "ok") is (asked == "abb")


@pytest.mark.parametrize("behind", ["b", "bc"])
def test_litellm_shuts_the_only_backup_after_two_chance_errors(original, behind):
    """Of the requests of the next half minute none is served; with a third deployment all are. From
    1.109 on a deployment that is alone in a group without a fallback of its own is not shut."""
    settings = {"num_retries": 1, "timeout": 30, "allowed_fails": 1, "cooldown_time": 30}
    upstream = {"a": [DEAD], "b": [FAILS, FAILS, WELL], "c": [WELL]}
    upstream = {name: upstream[name] for name in ("a", *behind)}
    made = original.play(item(settings, upstream, [0, 2, 4, 6, 8, 10, 20]))
    served = [end == "ok" for _, _, end, _ in sorted(made["finals"], key=lambda row: row[1])]
    shuts = behind == "b" and not original.version.startswith("1.109")
    assert served[2:] == [not shuts] * 5


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize(("retries", "at"), [(0, 0.0), (1, 1.0), (2, 3.0)])
def test_portkey_asks_the_fallback_later_by_each_try(retries, at):
    """Pauses of 1 and 2 s before it; nothing of it without retries."""
    changed = {"codes": None, "retries": retries, "again": None, "obeys": False}
    runs = {"0": (USUAL | changed, {"a": [Answer(503)], "b": [Answer()]})}
    sends, status = asyncio.run(asyncio.wait_for(originals(runs), 30))["0"]
    assert [name for _, name in sends] == ["a"] * (retries + 1) + ["b"]
    assert sends[-1][0] - sends[0][0] == pytest.approx(at, abs=NEAR)
    assert status == 200
