"""OpenLLMetry (Traceloop): what it adds to the conventions. Its workflows, tasks, agents and tools
are no calls.

The association properties `user_id`, `team_id`, `session_id` and `conversation_id` name who asked;
the workflow is taken as the feature. No cost and, but for the event of a first chunk, no time to
the first token is told.
"""

OWN = ("traceloop.", "llm.")
PROPERTY = "traceloop.association.properties"
FIELDS = (
    "traceloop.span.kind",
    "traceloop.workflow.name",
    "llm.request.type",
    "gen_ai.is_streaming",
    "llm.is_streaming",
    "llm.usage.total_tokens",
    "gen_ai.user",
    "llm.user",
    *(
        f"{PROPERTY}.{name}"
        for name in (
            "user_id",
            "userId",
            "customer_id",
            "team_id",
            "teamId",
            "session_id",
            "sessionId",
            "conversation_id",
        )
    ),
)
TYPE = 'lower(word("llm.request.type"))'
SAYS = {
    "kind": f"CASE WHEN word(\"traceloop.span.kind\") IS NOT NULL OR {TYPE} = 'rerank' THEN "
    f"'other' WHEN {TYPE} = 'embedding' THEN 'embedding'"
    f" WHEN {TYPE} IN ('chat', 'completion') THEN 'call' END",
    "streams": 'coalesce(flag("gen_ai.is_streaming"), flag("llm.is_streaming"))',
    "total": 'whole("llm.usage.total_tokens")',
    "user": f'coalesce(word("{PROPERTY}.user_id"), word("{PROPERTY}.userId"), '
    f'word("{PROPERTY}.customer_id"), word("gen_ai.user"), word("llm.user"))',
    "team": f'coalesce(word("{PROPERTY}.team_id"), word("{PROPERTY}.teamId"))',
    "session": f'coalesce(word("{PROPERTY}.session_id"), word("{PROPERTY}.sessionId"), '
    f'word("{PROPERTY}.conversation_id"))',
    "feature": 'word("traceloop.workflow.name")',
}
