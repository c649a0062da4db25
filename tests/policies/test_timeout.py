"""Not waiting for ever."""

from simroute.policies.timeout import Timeout
from tests.fakes import Ask, FakeWorld, Reply


def outcome_of(policy: Timeout, reply: Reply, streamed: bool = False) -> tuple[float, int]:
    ((end, outcome),) = FakeWorld(lambda call, n: reply).play(policy, Ask(streamed=streamed))
    return end, outcome.status


def test_an_answer_must_be_complete_in_time():
    """29 s pass, 31 s do not, and a reply in the very moment counts as in time."""
    assert outcome_of(Timeout(30.0), Reply(seconds=29.0)) == (29.0, 200)
    assert outcome_of(Timeout(30.0), Reply(seconds=30.0)) == (30.0, 200)
    assert outcome_of(Timeout(30.0), Reply(seconds=31.0)) == (30.0, 408)


def test_the_first_token_of_a_stream_must_be_there_in_time():
    """The shorter of both bounds; it is no bound for an answer that comes whole."""
    assert outcome_of(Timeout(30.0, 5.0), Reply(seconds=6.0, rest=1.0), streamed=True) == (5.0, 408)
    assert outcome_of(Timeout(3.0, 5.0), Reply(seconds=4.0, rest=1.0), streamed=True) == (3.0, 408)
    assert outcome_of(Timeout(30.0, 5.0), Reply(seconds=6.0)) == (6.0, 200)


def test_the_total_counts_from_the_start_of_a_stream():
    """First token after 4 s: 26 s are left for the rest."""
    assert outcome_of(Timeout(30.0, 5.0), Reply(seconds=4.0, rest=25.0), streamed=True) == (
        29.0,
        200,
    )
    assert outcome_of(Timeout(30.0, 5.0), Reply(seconds=4.0, rest=27.0), streamed=True) == (
        30.0,
        408,
    )
