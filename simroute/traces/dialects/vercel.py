"""Vercel's AI SDK (`ai.*`): the calls of a provider are spans within those of a function:
`ai.streamText.doStream` within `ai.streamText`.

`doGenerate` and `doStream` are calls, `doEmbed` embeddings; the functions around them, which add
their tokens up, and tool calls are not. Each retry has a span. Input includes cached tokens.
Metadata (`userId`, `sessionId`, `teamId`) may stand on the function's span alone: spans within get
it from there. `functionId` is taken as the feature. No cost is told.
"""

OWN = ("ai.",)
FIELDS = (
    "ai.operationId",
    "ai.model.id",
    "ai.model.provider",
    "ai.response.model",
    "ai.usage.inputTokens",
    "ai.usage.outputTokens",
    "ai.usage.promptTokens",
    "ai.usage.completionTokens",
    "ai.usage.totalTokens",
    "ai.usage.tokens",
    "ai.usage.cachedInputTokens",
    "ai.usage.inputTokenDetails.cacheReadTokens",
    "ai.usage.inputTokenDetails.cacheWriteTokens",
    "ai.response.msToFirstChunk",
    "ai.stream.msToFirstChunk",
    "ai.telemetry.functionId",
    "ai.telemetry.metadata.userId",
    "ai.telemetry.metadata.user_id",
    "ai.telemetry.metadata.sessionId",
    "ai.telemetry.metadata.session_id",
    "ai.telemetry.metadata.teamId",
    "ai.telemetry.metadata.team_id",
)
OPERATION = 'word("ai.operationId")'
SAYS = {
    "kind": f"CASE WHEN {OPERATION} LIKE '%.doGenerate' OR {OPERATION} LIKE '%.doStream' THEN "
    f"'call' WHEN {OPERATION} LIKE '%.doEmbed'"
    f" THEN 'embedding' WHEN {OPERATION} IS NOT NULL THEN 'other' END",
    "provider": 'word("ai.model.provider")',
    "answering": 'word("ai.response.model")',
    "asked": 'word("ai.model.id")',
    "streams": f"CASE WHEN {OPERATION} LIKE '%.doStream' THEN true WHEN {OPERATION} LIKE "
    f"'%.doGenerate' THEN false END",
    "sent": 'coalesce(whole("ai.usage.inputTokens"), whole("ai.usage.promptTokens"), '
    'whole("ai.usage.tokens"))',
    "given": 'coalesce(whole("ai.usage.outputTokens"), whole("ai.usage.completionTokens"))',
    "read": 'coalesce(whole("ai.usage.inputTokenDetails.cacheReadTokens"), '
    'whole("ai.usage.cachedInputTokens"))',
    "written": 'whole("ai.usage.inputTokenDetails.cacheWriteTokens")',
    "total": 'whole("ai.usage.totalTokens")',
    "first": 'coalesce(num("ai.response.msToFirstChunk"), num("ai.stream.msToFirstChunk")) / 1000',
    "user": 'coalesce(word("ai.telemetry.metadata.userId"), word("ai.telemetry.metadata.user_id"))',
    "team": 'coalesce(word("ai.telemetry.metadata.teamId"), word("ai.telemetry.metadata.team_id"))',
    "session": 'coalesce(word("ai.telemetry.metadata.sessionId"), '
    'word("ai.telemetry.metadata.session_id"))',
    "feature": 'word("ai.telemetry.functionId")',
}
