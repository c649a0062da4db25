"""What a page says of an outage that does not last at one depth."""

from types import SimpleNamespace

from simroute.config.loading import load
from simroute.studies.comparison.scenario_facts import weather_events


def test_an_outage_that_ramps_and_flaps_is_told_so():
    """Beside how deep it is, with the mean lengths of its spells; nothing of it where it does
    neither."""
    keys = "{ramp: 5m, flapping: {bad: 2m, fair: 3m}}"
    told = []
    for words in ([], [f"+scenario.outages.morning={keys}"]):
        study = SimpleNamespace(configuration=load("compare", "demo", ["direct"], words))
        window = SimpleNamespace(name="morning", start=10.0, end=2000.0, targets=("a",))
        weather = SimpleNamespace(windows=[window], deployments={}, horizon=7200.0)
        (event,) = weather_events(study, weather)
        told.append(event["what"])
    plain, uneven = told
    assert uneven == (
        f"{plain}, growing for 5 min and fading for as long, in bad spells of 2 min with fair ones "
        f"of 3 min between, on average"
    )
