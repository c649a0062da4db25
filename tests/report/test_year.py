"""The year in the answer, from figures made up by hand."""

from simroute.report.answer import year_sentences, year_table


def interval(mean, half):
    return {"mean": mean, "low": mean - half, "high": mean + half}


def summary(*policies):
    """A year with an outage that comes eleven times alone and once with another."""
    figures = {
        "success_rate": interval(0.9992, 0.0004),
        "availability": interval(1.0, 0.0),
        "cost_usd": interval(248_000.0, 3_000.0),
    }
    strata = [
        {"outages": [], "horizons": 8000.0},
        {"outages": ["<b>"], "horizons": 11.0},
        {"outages": ["<b>", "night"], "horizons": 1.0},
    ]
    yearly = {
        "strata": strata,
        "three_at_once": 0.0,
        "policies": dict.fromkeys(policies, figures),
    }
    return {"horizon_s": 3600.0, "yearly": yearly}


def test_the_sentence_counts_each_outage_wherever_it_stands():
    """Twelve times in all; figures in as many digits as their intervals justify."""
    assert year_sentences(summary("a", "b")) == [
        "In a year (<b> 12 times and night 1 time): a answers 99.920 % of requests for about "
        "$248,000, b answers 99.920 % of requests for about $248,000."
    ]


def test_of_many_policies_the_first_four_are_named():
    """The table below has all."""
    (line,) = year_sentences(summary(*"abcdef"))
    assert "2 others stand below" in line
    assert len(year_table(summary(*"abcdef"))[0].rows) == 6


def test_without_a_year_nothing_is_said():
    """As in most runs."""
    assert year_sentences({"yearly": None}) == year_sentences({}) == []
