"""OpenInference (Arize Phoenix): LLM and EMBEDDING spans are calls, and no others: not AGENT,
CHAIN, TOOL, RETRIEVER, RERANKER, GUARDRAIL, ….

`llm.token_count.prompt` includes what was read from the provider's cache, costs are USD. That a
call was streamed is told by a `stream` among its parameters, or by the event of its first token;
where there is neither, nothing is said. Sessions and users are named as in the conventions.
"""

OWN = ("openinference.", "llm.")
FIELDS = (
    "openinference.span.kind",
    "llm.system",
    "llm.provider",
    "llm.model_name",
    "llm.request.model_name",
    "llm.response.model_name",
    "llm.invocation_parameters",
    "llm.token_count.prompt",
    "llm.token_count.completion",
    "llm.token_count.total",
    "llm.token_count.prompt_details.cache_read",
    "llm.token_count.prompt_details.cache_write",
    "llm.cost.total",
    "llm.cost.prompt",
    "llm.cost.completion",
    "embedding.model_name",
)
KIND = 'upper(word("openinference.span.kind"))'
SAYS = {
    "kind": f"CASE {KIND} WHEN 'LLM' THEN 'call' WHEN 'EMBEDDING' THEN 'embedding' ELSE CASE "
    f"WHEN {KIND} IS NOT NULL THEN 'other' END END",
    "provider": 'coalesce(word("llm.provider"), word("llm.system"))',
    "answering": 'coalesce(word("llm.response.model_name"), word("llm.model_name"), '
    'word("embedding.model_name"))',
    "asked": 'coalesce(word("llm.request.model_name"), word(part("llm.invocation_parameters", '
    "'$.model')))",
    "streams": "flag(part(\"llm.invocation_parameters\", '$.stream'))",
    "sent": 'whole("llm.token_count.prompt")',
    "given": 'whole("llm.token_count.completion")',
    "read": 'whole("llm.token_count.prompt_details.cache_read")',
    "written": 'whole("llm.token_count.prompt_details.cache_write")',
    "total": 'whole("llm.token_count.total")',
    "cost": 'coalesce(num("llm.cost.total"), num("llm.cost.prompt") + num("llm.cost.completion"))',
}
