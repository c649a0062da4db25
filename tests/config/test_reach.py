"""What a run's traffic never reaches is told before anything runs."""

import pytest

from simroute.config.loading import load

BODY = "deployments: {a: {provider: p, model: m, price: {input: 1, output: 1}}}\n"
CLIENTS = """client,t_s,rate_rps,cv,pattern
one,0,2.0,1.0,gamma
one,600,2.0,1.0,gamma
"""


def notes(tmp_path, text):
    (tmp_path / "clients.csv").write_text(CLIENTS)
    file = tmp_path / "s.yaml"
    file.write_text(text + BODY)
    return [
        note
        for note in load("check", str(file), []).notes
        if "workload.c" in note or "after_" in note
    ]


@pytest.mark.parametrize(
    ("horizon", "options", "told"),
    [
        ("20m", "{}", None),
        ("19m", "{start: 1m}", None),
        ("10m", "{start: 20m}", "20 min is behind the file, whose rates end after 20 min"),
        ("10m", "{start: 3h}", "3 h is behind the file"),
        ("31m", "{}", "rates end 20 min after t = 0, and nobody asks from then on"),
        ("31m", "{start: 5m}", "rates end 15 min after t = 0"),
    ],
)
def test_rates_of_a_file_that_end_are_told(horizon, options, told, tmp_path):
    """Two windows of ten minutes are 20 min; one window more is no horizon to speak of."""
    load_keys = f"{{clients: clients.csv, client_options: {options}}}"
    said = notes(tmp_path, f"horizon: {horizon}\nworkload: {load_keys}\n")
    assert len(said) == (told is not None)
    assert all(told in note for note in said)


@pytest.mark.parametrize(
    ("workload", "number", "reached"),
    [
        ("{rate: 1}", 3600, True),
        ("{rate: 1}", 3840, True),
        ("{rate: 1}", 3841, False),
        (f"{{rate: 1, profile: {{hours: {[2] + [0] * 23}}}}}", 86_000, True),
        ("{clients: clients.csv}", 2400, True),
        ("{clients: clients.csv}", 2597, False),
    ],
)
def test_an_outage_behind_more_requests_than_come_is_told(workload, number, reached, tmp_path):
    """Of n = 3,600 expected ones 4 sqrt(n) = 240 more may come; in the only busy hour of
    a day there are 86,400; of 2,400 at two a second for 20 min, 4 sqrt(n) = 196 more."""
    text = f"horizon: 1h\nworkload: {workload}\n"
    text += f"outages: {{o: {{provider: p, after_requests: {number}, repair: 1m}}}}\n"
    said = [note for note in notes(tmp_path, text) if "after_requests" in note]
    assert bool(said) != reached


def test_a_file_of_clients_that_cannot_be_read_is_one_mistake(tmp_path):
    """And no note of its end."""
    file = tmp_path / "s.yaml"
    file.write_text("workload: {clients: none.csv}\n" + BODY)
    with pytest.raises(Exception, match=r"none\.csv") as caught:
        load("check", str(file), [])
    assert len(caught.value.lines) == 1
