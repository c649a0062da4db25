"""ServeGen's client windows (Alibaba): for each client and ten minutes a rate, the coefficient of
variation of its inter-arrival times, and the family that fits them with its two parameters. They
hold no requests, so they cannot be replayed; `trace inspect` describes them.
"""

from simroute.traces.records import RecordSample

ABOUT = "ServeGen client windows: rates and burstiness of clients, no requests"
FIELDS = ("category", "model", "client", "t_s", "rate_rps", "cv", "pattern", "p1", "p2")
CLOCK = "relative_s"
COLUMNS: dict[str, str] = {}
WINDOW_S = 600


def recognises(sample: RecordSample) -> bool:
    """Tell the format by rates of clients."""
    return {"client", "t_s", "rate_rps", "cv"} <= sample.keys
