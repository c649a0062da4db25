"""What a fit says of streamed answers that failed after they had begun."""

from pathlib import Path

from simroute.fitting.fit import fit
from simroute.traces import read
from tests.logs import calls, written


def test_a_fit_says_that_it_does_not_tell_cut_streams_from_stalled_ones(tmp_path: Path) -> None:
    """Of 400 streamed calls each fifth breaks off after its first token (502), each tenth fails
    before it: 80 are counted, and all are in the errors by their status."""
    rows = list(calls(400, models={"gpt-4o": 1.0}))
    for place, row in enumerate(rows):
        row |= {"streamed": "true", "ttft_s": 0.1 * row["latency_s"]}
        if place % 5 == 0:
            row |= {"failed": "true", "status": 502}
        elif place % 10 == 1:
            row |= {"failed": "true", "status": 503, "ttft_s": ""}
    made = fit(read([written(tmp_path / "log.csv", rows)]), "log")
    (line,) = (line for line in made.head if "after their first token" in line)
    assert line.startswith("80 streamed answers failed")
    assert "`truncated`" in line
    assert "`stalled`" in line
    whole = fit(read([written(tmp_path / "whole.csv", calls(400, models={"gpt-4o": 1.0}))]), "log")
    assert not any("after their first token" in line for line in whole.head)
