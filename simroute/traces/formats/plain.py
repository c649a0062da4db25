"""The plainest trace, for logs of one's own: arrival_s (seconds on any clock), input_tokens, output_tokens."""

from simroute.traces.files import Sample

ABOUT = "arrival_s, input_tokens, output_tokens: the least that a trace needs"
FIELDS = ("arrival_s", "input_tokens", "output_tokens")
CLOCK = "relative_s"
COLUMNS = {"time": "arrival_s", "input_tokens": "whole(input_tokens)", "output_tokens": "whole(output_tokens)"}


def recognises(found: Sample) -> bool:
    """By its three columns; with an outcome they are the rows of a run."""
    return set(FIELDS) <= found.keys and "outcome" not in found.keys
