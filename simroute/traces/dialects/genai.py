"""OpenTelemetry's conventions for generative AI, current and older names; and what Pydantic AI,
Logfire, Langfuse, OpenLIT and Sentry add to them.

Input includes cached tokens. The conventions have no cost, attempts or gateway's cache:
`simroute.cost_usd`, `simroute.attempts` and `simroute.cached` (no, exact, semantic) are read where
somebody writes them, and `gen_ai.usage.cost` and `operation.cost` (USD) of some libraries.
"""

OWN = ("gen_ai.",)
FIELDS = (
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.system",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "gen_ai.request.stream",
    "gen_ai.response.time_to_first_chunk",
    "gen_ai.server.time_to_first_token",
    "gen_ai.client.operation.time_to_first_chunk",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.prompt_tokens",
    "gen_ai.usage.completion_tokens",
    "gen_ai.usage.total_tokens",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.usage.details.cached_tokens",
    "gen_ai.usage.details.cache_read_tokens",
    "gen_ai.usage.details.cache_read_input_tokens",
    "gen_ai.usage.input_tokens.cached",
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
    "gen_ai.usage.details.cache_write_tokens",
    "gen_ai.usage.details.cache_creation_input_tokens",
    "gen_ai.usage.input_tokens.cache_write",
    "gen_ai.usage.cost",
    "operation.cost",
    "gen_ai.conversation.id",
    "session.id",
    "langfuse.session.id",
    "user.id",
    "enduser.id",
    "langfuse.user.id",
    "service.name",
    "error.type",
    "http.response.status_code",
    "http.status_code",
    "simroute.cost_usd",
)
NO_CALLS = (
    "'create_agent', 'invoke_agent', 'agent_step', 'execute_tool', 'invoke_workflow', "
    "'retrieval', 'rerank', 'arerank', 'execute_task',"
    " 'vector_db_retrieve', 'image_generation', 'aimage_generation', 'moderation', "
    "'amoderation', 'transcription', 'atranscription', 'speech',"
    " 'aspeech', 'call_mcp_tool', 'list_mcp_tools'"
)
"""Operations whose models get no prompt and give no answer in tokens, or whose model calls have
spans of their own."""
OPERATION = 'lower(word("gen_ai.operation.name"))'
EMBEDS = "'embeddings', 'embedding', 'aembedding', 'embed'"
ASKED, ANSWERING = 'word("gen_ai.request.model")', 'word("gen_ai.response.model")'
SAYS = {
    "kind": f"CASE WHEN {OPERATION} IN ({NO_CALLS}) THEN 'other' WHEN {OPERATION} IN ({EMBEDS}) "
    f"THEN 'embedding'"
    f" WHEN {OPERATION} IS NOT NULL THEN 'call' END",
    "provider": 'coalesce(word("gen_ai.provider.name"), word("gen_ai.system"))',
    "answering": ANSWERING,
    "asked": ASKED,
    "streams": 'flag("gen_ai.request.stream")',
    "sent": 'coalesce(whole("gen_ai.usage.input_tokens"), whole("gen_ai.usage.prompt_tokens"))',
    "given": 'coalesce(whole("gen_ai.usage.output_tokens"), '
    'whole("gen_ai.usage.completion_tokens"))',
    "read": 'coalesce(whole("gen_ai.usage.cache_read.input_tokens"), '
    'whole("gen_ai.usage.cache_read_input_tokens"),'
    ' whole("gen_ai.usage.details.cached_tokens"), whole("gen_ai.usage.details.cache_read_tokens"),'
    ' whole("gen_ai.usage.details.cache_read_input_tokens"), '
    'whole("gen_ai.usage.input_tokens.cached"))',
    "written": 'coalesce(whole("gen_ai.usage.cache_creation.input_tokens"), '
    'whole("gen_ai.usage.cache_creation_input_tokens"),'
    ' whole("gen_ai.usage.details.cache_write_tokens"), '
    'whole("gen_ai.usage.details.cache_creation_input_tokens"),'
    ' whole("gen_ai.usage.input_tokens.cache_write"))',
    "total": 'whole("gen_ai.usage.total_tokens")',
    "first": 'coalesce(num("gen_ai.response.time_to_first_chunk"), '
    'num("gen_ai.server.time_to_first_token"),'
    ' num("gen_ai.client.operation.time_to_first_chunk"))',
    "code_of_error": 'coalesce(whole("http.response.status_code"), whole("http.status_code"),'
    ' CASE WHEN whole("error.type") BETWEEN 100 AND 599 THEN whole("error.type") END)',
    "word_of_error": 'word("error.type")',
    "cost": 'coalesce(num("simroute.cost_usd"), num("gen_ai.usage.cost"), num("operation.cost"))',
    "user": 'coalesce(word("user.id"), word("enduser.id"), word("langfuse.user.id"))',
    "session": 'coalesce(word("gen_ai.conversation.id"), word("session.id"), '
    'word("langfuse.session.id"))',
}
