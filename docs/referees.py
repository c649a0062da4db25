"""Published figures and programs from outside that simroute is held against, and by which test."""

from __future__ import annotations

REFEREES: list[tuple[str, str, str]] = [
    (
        "genai-prices, its own `calc_price`",
        "10,000 random calls to the nano-dollar, whole runs and logs",
        "tests/models/test_catalogue.py::test_ten_thousand_calls_cost_what_the_catalogue_says",
    ),
    (
        "genai-prices, published bills of a thousand requests",
        "seven of four companies to the cent: long prompts, hours of the day",
        "tests/truth/test_catalogued_bills.py::"
        "test_a_thousand_requests_cost_what_was_published_to_the_cent",
    ),
    (
        "PRISM models of Mendonca et al., ICSA 2020",
        "time to 100 answers and in contention, in a closed loop with retries and breakers",
        "tests/truth/test_prism.py::test_time_to_a_hundred_answers_and_time_in_contention",
    ),
    (
        "Brooker's simulator, independent failures of 30 %",
        "success and load of three retries, a token bucket and a breaker on retries, within 1.5 %",
        "tests/truth/test_phenomena.py::test_p1_brookers_own_figures_come_out",
    ),
    (
        "Brooker's simulator, collapse",
        "no success from 40 s on without back-off; back by 60 s with it",
        "tests/truth/test_phenomena.py::"
        "test_a_crowd_of_five_seconds_ends_a_provider_whose_callers_ask_again_at_once",
    ),
    (
        "RouteLLM's table of MMLU answers",
        "escalation and accuracy of cascades",
        "tests/truth/test_cascade_table.py::test_the_empirical_backend_gives_the_published_cascade",
    ),
    (
        "Status pages, arXiv 2501.12469",
        "availability of two APIs to the last digit; not its median hours to resolve",
        "tests/docs/test_validation_pages.py::test_what_is_counted_stands_on_the_page_as_it_is",
    ),
    (
        "Don't break the cache, arXiv 2601.06007",
        "cost and time to first token of agents whose prompts are kept",
        "tests/worlds/sim/test_prompt_caching.py::test_do_not_break_the_cache",
    ),
    (
        "Mooncake's conversations",
        "input tokens read again, 37 and 29 %",
        "tests/worlds/sim/test_prompt_caching.py::"
        "test_mooncakes_conversations_are_read_again_as_published",
    ),
    (
        "Outages with a published depth",
        "four of them as presets, with the depths and lengths that were published",
        "tests/config/test_outage_presets.py::test_a_preset_is_as_deep_and_as_long_as_was_published",
    ),
    (
        "429 messages of OpenAI and Groq",
        "the wait that they state, to the digit",
        "tests/models/test_provider_limits.py::test_retry_after_is_what_openai_and_groq_printed",
    ),
    (
        "failoverbench's scorecard",
        "all 160 cells: ten systems, sixteen faults",
        "tests/testing/test_failoverbench.py::test_all_cells_hold",
    ),
    (
        "ParetoBandit's holdout",
        "mean rewards, the clairvoyant's, and the best at four ceilings of mean cost",
        "tests/statistics/test_routing.py::test_paretobandit_s_holdout_gives_its_published_figures",
    ),
    (
        "PORT's share of the offline optimum, arXiv 2509.02718",
        "its yardstick on RouteLLM's MMLU table, since its own cannot be had",
        "tests/truth/test_dual_prices.py::"
        "test_a_dual_price_finds_the_threshold_that_the_budget_allows",
    ),
    (
        "LiteLLM #40405, sends in an outage of a minute",
        "33 sends for 11 requests, and 4 for 15 when tuned (S15 of failoverbench)",
        "tests/testing/test_failoverbench.py::test_all_cells_hold",
    ),
]
"""Who, what comes out, and the test that says so; none where it has not been tried."""


def rows() -> list[list[str]]:
    """As a table shows them."""
    return [
        [who, what, f"`{test.replace('::', '`, `')}`" if test else ""]
        for who, what, test in REFEREES
    ]
