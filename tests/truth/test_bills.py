"""What is billed is what was produced."""

import simroute as sr


def test_a_complete_answer_is_billed_to_its_last_token():
    """Every successful send that nobody gave up has all the output tokens of its request, whatever
    the sums of its times round to."""
    rows = sr.simulate(sr.load_scenario("steady", "scenario.horizon=20m"), "failover")
    sent = rows.attempts[(rows.attempts.status == 200) & ~rows.attempts.abandoned].merge(
        rows.requests, on="request_id", suffixes=("", "_asked")
    )
    assert len(sent) > 3000
    assert (sent.output_tokens == sent.output_tokens_asked).all()
