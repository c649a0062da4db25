"""LiteLLM's OpenTelemetry callback: what it adds to the conventions. A call is `litellm_request`,
or the proxy's own span where that is left out.

`raw_gen_ai_request` within it holds the provider's own words and is no call. Costs are USD; who
asked is the key's end user, or else its owner. The time to the first token is not told.
"""

OWN = ("llm.",)
FIELDS = (
    "gen_ai.cost.total_cost",
    "hidden_params",
    "error.code",
    "metadata.user_api_key_end_user_id",
    "metadata.user_api_key_user_id",
    "metadata.user_api_key_team_id",
    "metadata.session_id",
)


def _name(*keys: str) -> str:
    """The first that is told; Python's None comes as a text."""
    return (
        "coalesce(" + ", ".join(f"nullif(word(\"metadata.{key}\"), 'None')" for key in keys) + ")"
    )


SAYS = {
    "code_of_error": 'CASE WHEN whole("error.code") BETWEEN 100 AND 599 THEN whole("error.code") '
    "END",
    "cost": 'coalesce(num("gen_ai.cost.total_cost"), num(part(hidden_params, '
    "'$.response_cost')))",
    "user": _name("user_api_key_end_user_id", "user_api_key_user_id"),
    "team": _name("user_api_key_team_id"),
    "session": _name("session_id"),
}
