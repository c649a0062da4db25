"""What can be written of limits and latency and cannot be, or would change nothing."""

from pathlib import Path

import pytest

from simroute.config.loading import load
from simroute.errors import InputError

BARE = """
horizon: 10m
workload: {rate: 1}
deployments:
  a: {provider: p, model: m, price: {input: 1, output: 1}, quality: 0.9, %s}
%s
"""


@pytest.fixture
def scenario(tmp_path, monkeypatch):
    """Writes a scenario whose deployment has these keys, with more behind; gives its name."""
    monkeypatch.chdir(tmp_path)

    def write(keys: str, more: str = "") -> str:
        Path("s.yaml").write_text(BARE % (keys, more), encoding="utf-8")
        return "./s.yaml"

    return write


@pytest.mark.parametrize(
    ("keys", "more", "told"),
    [
        ("account: our", "", "deployments.a.account: there are no accounts.our"),
        ("account: our", "accounts: {ours: {rpm: 1}}", "did you mean ours?"),
        ("domain: x", "accounts: {ours: {rpm: 1}}", "accounts.ours: no deployment has account"),
        ("account: o", "accounts: {o: {window: 10s}}", "accounts.o: limits nothing"),
        ("latency: {family: empirical}", "", "latency.family: empirical asks for quantiles"),
        ("latency: {quantiles: {p0: 1, p100: 2}}", "", "is of family empirical"),
        (
            "latency: {family: empirical, quantiles: {p0: 2, p100: 1}}",
            "",
            "times must not fall from one quantile",
        ),
        ("latency: {drift: {sigma: .5, memory: 10ms}}", "", "drift.memory: makes 480,000 steps"),
        ("domain: eu", "gateway: {distance: {us: 80ms}}", "no deployment belongs to the domain"),
        (
            "account: o",
            "accounts: {o: {credits: {purchase: 0.001}}}",
            "credits.purchase: 0.001 is out of range",
        ),
        ("service_tier: bulk", "", "service_tier"),
        ("limits: {rpm: 0}", "", "limits.rpm"),
        ("limits: {refill: leaky}", "", "refill"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_with_its_key(scenario, keys, more, told):
    """With the file and the line."""
    with pytest.raises(InputError) as found:
        load("run", scenario(keys, more), ["direct"])
    (line,) = found.value.lines
    assert told in line
    assert "s.yaml:" in line


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("limits: {tpm: 1000, window: 10s}", "limits.window: changes nothing without a rate"),
        ("limits: {rpm: 10, charge: reserve}", "limits.charge: changes nothing without a rate"),
        ("limits: {concurrency: 1, refill: fixed}", "limits.refill: changes nothing"),
        ("latency: {family: fixed, sigma: .9}", "latency.sigma: the family fixed has no such"),
        ("latency: {drift: {memory: 1h}}", "latency.drift.memory: there is no drift"),
        ("latency: {cold: {seconds: 1s}}", "latency.cold.seconds: it never goes cold"),
        ("service_tier: batch", "a.service_tier: batch is answered within 24 h"),
    ],
)
def test_what_changes_nothing_is_told(scenario, keys, told):
    """One note, with the key and what would give it a meaning; none where it has one."""
    (note,) = load("run", scenario(keys), ["direct"]).notes
    assert told in note
    useful = "limits: {rpm: 10, tpm: 1000, window: 10s, charge: reserve, refill: fixed}"
    useful += ", service_tier: batch, latency_factor: 9"
    assert load("run", scenario(useful), ["direct"]).notes == []


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("outages: {o: {provider: p, start: 1m, end: 2m, repair: 5m}}", "o.repair: is of random"),
        ("outages: {o: {provider: p, start: 1m, end: 2m, shape: 2}}", "o.shape: is of random"),
        (
            "outages: {o: {provider: p, mean_between: 1h, repair_law: fixed, repair_sigma: 1}}",
            "outages.o.repair_sigma: the law fixed has no such spread",
        ),
        ("outages: {o: {provider: p, mean_between: 1h, per_year: 5}}", "o.per_year: mean_between"),
        ("outages: {o: {provider: p, mean_between: 1h, also_share: .5}}", "o.also_share: no other"),
        ("outages: {o: {provider: p, mean_between: 1h, also: [p]}}", "o.also: p is hit anyway"),
        (
            "outages: {o: {provider: p, start: 1m, end: 2m, flapping: {fair: 5s}}}",
            "outages.o.flapping.fair: it is bad all the time; give bad",
        ),
        (
            "outages: {o: {provider: p, start: 1m, end: 2m, flapping: {bad: 5s, fair: 0s}}}",
            "outages.o.flapping.bad: it is bad all the time; give fair",
        ),
        ("gateway: {queue: 5}", "gateway.queue: nobody waits; give concurrency"),
        ("gateway: {line: {fair: user}}", "gateway.line: nobody waits; give concurrency"),
        (
            "gateway: {concurrency: 1, queue: 9, line: {most: 5}}",
            "gateway.line.most: queue says it here",
        ),
        (
            "gateway: {concurrency: 1, queue: 9, line: {classes: {chat: 1}}}",
            "gateway.line.classes: nobody is more urgent",
        ),
        (
            "gateway: {concurrency: 1, queue: 9, line: {urgent: task, classes: {chap: 1}}}",
            "gateway.line.classes.chap: no task is called so; did you mean chat?",
        ),
        ("gateway: {flush_every: 11m}", "gateway.flush_every: first after 11 min, when all is"),
        ("gateway: {restart_every: 21m, replicas: 2}", "gateway.restart_every: first after 10:30"),
    ],
)
def test_what_changes_nothing_around_deployments_is_told(scenario, more, told):
    """Outages and the gateway, in the same way."""
    (note,) = load("run", scenario("domain: x", more), ["direct"]).notes
    assert told in note
    useful = "gateway: {restart_every: 19m, replicas: 2, concurrency: 9, queue: 1}"
    assert load("run", scenario("domain: x", useful), ["direct"]).notes == []


def test_credits_that_never_run_out_need_no_more(scenario):
    """With no delay the next are there at once."""
    told = "accounts: {o: {credits: {purchase: 5, below: 1%s}}}"
    (note,) = load("run", scenario("account: o", told % ""), ["direct"]).notes
    assert "accounts.o.credits.below: more credits are there at once" in note
    assert load("run", scenario("account: o", told % ", delay: 1m"), ["direct"]).notes == []


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("workload.callers.think={mean: 5s}", ["workload.callers: there are none; give count"]),
        ("workload.again.most=2", ["workload.again: nobody presses again; give share"]),
        ("workload.sessions.next=clock", ["workload.sessions: conversations have one turn"]),
        ("workload.client_options.factor=2", ["workload.client_options: there are none"]),
        (
            "workload={callers: {count: 2}, burstiness: {cv: 2}, profile: {days: [1,1,1,1,1,1,2]}}",
            [
                "how many requests there are depends on their answers",
                "workload.burstiness: changes nothing beside callers",
                "workload.profile.days: changes nothing beside callers",
            ],
        ),
    ],
)
def test_keys_of_callers_without_callers_are_told(scenario, override, told):
    """And keys of a rate beside callers who have none."""
    notes = load("run", scenario("domain: x"), ["direct"], [f"scenario.{override}"]).notes
    assert [text in note for text, note in zip(told, notes, strict=True)] == [True] * len(told)


def test_two_changes_of_quality_at_one_moment_are_refused_and_one_after_the_end_is_told(scenario):
    """With the name of the second, and of the one that never comes."""
    twice = "quality_steps: {x: {at: 50%, quality: .5}, y: {at: 5m, quality: .6}}"
    with pytest.raises(InputError) as found:
        load("run", scenario(twice), ["direct"])
    (line,) = found.value.lines
    assert "deployments.a.quality_steps: y begins before the change before it has ended" in line
    (note,) = load("run", scenario("quality_steps: {x: {at: 10m, quality: .5}}"), ["direct"]).notes
    assert "deployments.a.quality_steps.x: comes after the end" in note


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("outages: {o: {provider: p, incidents: {file: gone.csv, since: 2025-01-01}}}", "gone.csv"),
        ("outages: {o: {provider: p, incidents: {file: raw.csv, since: 2025-01-01}}}", "raw.csv"),
        ("first: nobody", "first: no deployment or provider is called 'nobody'; known: a, p"),
    ],
)
def test_files_that_cannot_be_read_are_named(scenario, more, told):
    """Beside the key."""
    Path("raw.csv").write_bytes(b"provider,start_utc\xff\n")
    with pytest.raises(InputError) as found:
        load("run", scenario("domain: x", more), ["direct"])
    (line,) = found.value.lines
    assert told in line
    assert "s.yaml:" in line


def test_a_file_of_clients_that_is_not_there_is_told_with_its_key(scenario):
    """As other files are."""
    name = scenario("domain: x")
    with pytest.raises(InputError) as found:
        load("run", name, ["direct"], ["+scenario.workload.clients=gone.csv"])
    (line,) = found.value.lines
    assert "workload.clients" in line
    assert "gone.csv" in line


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("phenomena/retry_wav", "did you mean phenomena/retry_wave?"),
        ("phenomenna/retry_wave", "did you mean phenomena/retry_wave?"),
        ("phenomena/zzzzzzzzzzzzz", "scenario 'phenomena/zzzzzzzzzzzzz' is not known"),
        ("elsewhere/mine", "elsewhere/mine: no such file"),
        ("./phenomena/retry_wav", "./phenomena/retry_wav: no such file"),
        ("phenomena/retry_wav.yaml", "phenomena/retry_wav.yaml: no such file"),
    ],
)
def test_a_misspelt_name_in_a_folder_gets_the_nearest_one(scenario, name, told):
    """A path stays a path."""
    with pytest.raises(InputError) as found:
        load("run", name, ["direct"])
    (line,) = found.value.lines
    assert told in line


def test_a_mapping_from_the_command_line_that_cannot_empty_one_says_so(scenario):
    """And one that adds to names that are there says which stay."""
    name = scenario("domain: x", "outages: {o: {provider: p, start: 1m, end: 2m}}")
    with pytest.raises(InputError) as found:
        load("run", name, ["direct"], ["scenario.outages={}"])
    (line,) = found.value.lines
    assert "changes nothing" in line
    assert "~scenario.outages" in line
    assert load("run", name, ["direct"], ["~scenario.outages"]).scenario.outages == {}
    other = "{q: {provider: p, start: 3m, end: 4m}}"
    loaded = load("run", name, ["direct"], [f"scenario.outages={other}"])
    assert list(loaded.scenario.outages) == ["o", "q"]
    assert loaded.notes == ["scenario.outages: keeps o too; ~scenario.outages.o removes it"]
    assert load("run", name, ["direct"], [f"+scenario.outages={other}"]).notes == []
    with pytest.raises(InputError, match=r"~policy\.retry"):
        load("run", name, ["retry_only"], ["policy.retry={}"])


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        ("hedge: {attempts: 1}", "hedge.attempts: 1 is the first copy alone"),
        ("hedge: {max_extra: 0}", "hedge.max_extra: 0 allows no further copy"),
        ("hedge: {attempts: 3, targets: [a]}", "hedge.attempts: no more than 2 copies"),
        ("retry: {budget: {tokens: 5, reserve: 1}}", "retry.budget.reserve: is not looked at"),
        ("retry: {budget: {tokens: 5, ttl: 1s}}", "retry.budget.ttl: is not looked at"),
    ],
)
def test_layers_that_contradict_themselves_are_told(scenario, layer, told):
    """One note; a timeout inside keeps the retry from having one of its own."""
    Path("p.yaml").write_text(f"{layer}\ntimeout: {{total: 30s}}\n", encoding="utf-8")
    (note,) = load("run", scenario("domain: x"), ["./p.yaml"]).notes
    assert told in note
