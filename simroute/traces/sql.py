"""Quoting, and the functions that formats may use in SQL beside DuckDB's own: texts to numbers, and
fields out of nested JSON, with NULL for what is not there."""

from __future__ import annotations

from pathlib import Path


def text_literal(text: str) -> str:
    """A text, quoted."""
    return "'" + text.replace("'", "''") + "'"


def parquet_source(path: Path) -> str:
    """The rows of a Parquet file, with `file_row_number`."""
    return f"read_parquet({text_literal(str(path))}, file_row_number=true)"


def identifier(name: str) -> str:
    """A name, quoted."""
    return '"' + name.replace('"', '""') + '"'


MACROS = (
    # a finite number, or nothing
    "num(x) AS (CASE WHEN isfinite(TRY_CAST(x AS DOUBLE)) THEN TRY_CAST(x AS DOUBLE) END)",
    # a whole number, or nothing: "12" and "12.0", not "12.5"
    """whole(x) AS (
        CASE WHEN TRY_CAST(x AS BIGINT) = TRY_CAST(x AS DOUBLE) THEN TRY_CAST(x AS BIGINT) END)""",
    # yes or no: true, false, 1, 0, in any case
    "flag(x) AS (TRY_CAST(lower(trim(x)) AS BOOLEAN))",
    # the letters of a name: "BadRequestError" and "bad_request" have the same beginning
    "slug(x) AS (regexp_replace(lower(x), '[^a-z]', '', 'g'))",
    # a text that is not blank
    "word(x) AS (nullif(trim(x), ''))",
    # a text that holds a text of JSON, quoted, is the value in it
    """plain(x) AS (
        CASE WHEN starts_with(x, '"') AND json_valid(x) THEN json_extract_string(x, '$')
            ELSE x END)""",
    # one field of an object written as JSON: part(usage_details, '$.input'), as text
    "part(x, path) AS (CASE WHEN json_valid(x) THEN json_extract_string(x, path) END)",
    # of an object written as JSON, what stands at the first of these paths that leads to something,
    # as text
    """first_of(x, paths) AS (
        CASE WHEN json_valid(x) THEN list_filter(
            json_extract_string(x, paths), lambda one: one IS NOT NULL)[1] END)""",
    # what an application says of its own requests: 'user' is found as user, user_id and userId
    """own(x, name) AS (coalesce(
        word(part(x, concat('$.', name))), word(part(x, concat('$.', name, '_id'))),
        word(part(x, concat('$.', name, 'Id')))))""",
    # a name such as RateLimitError or rate_limit; a message, which has spaces, is nothing
    """code(x) AS (
        CASE WHEN regexp_full_match(trim(x), '[A-Za-z][A-Za-z0-9_.:/-]{0,99}')
            AND word(x) IS NOT NULL THEN trim(x) END)""",
    # the status that providers and their libraries give to a class of errors of theirs:
    # openai.RateLimitError, ThrottlingException
    """http_status(x) AS (map_extract(MAP {
        'ratelimiterror': 429, 'throttlingexception': 429, 'throttlingerror': 429,
        'modelnotreadyexception': 429, 'authenticationerror': 401, 'permissiondeniederror': 403,
        'accessdeniedexception': 403, 'badrequesterror': 400, 'validationexception': 400,
        'contextwindowexceedederror': 400, 'contentpolicyviolationerror': 400,
        'servicequotaexceededexception': 400, 'notfounderror': 404,
        'resourcenotfoundexception': 404, 'modeltimeoutexception': 408, 'conflicterror': 409,
        'unprocessableentityerror': 422, 'modelerrorexception': 424,
        'modelstreamerrorexception': 424, 'internalservererror': 500,
        'internalserverexception': 500, 'serviceunavailableerror': 503,
        'serviceunavailableexception': 503, 'overloadederror': 529},
        lower(regexp_extract(x, '[A-Za-z0-9_]+$')))[1])""",
    # the status of a failure that belongs to the request or to its account, else NULL: 4xx but
    # those that clients try again for, or an error's name (OpenAI's and Anthropic's clients retry
    # 408, 409, 429 and 5xx; 424 is Bedrock's for a failing model); 499: the caller abandoned it
    """blamed(code, word) AS (CASE
        WHEN code BETWEEN 400 AND 499
            THEN CASE WHEN code NOT IN (408, 409, 423, 424, 425, 429) THEN code END
        WHEN code IS NULL THEN CASE
            WHEN regexp_matches(slug(word), 'badrequest|invalidrequest|contextwindow|contextlength'
                || '|contentpolicy|contentfilter|unsupportedparam') THEN 400
            WHEN regexp_matches(slug(word), 'authentication|unauthori|invalidapikey') THEN 401
            WHEN regexp_matches(slug(word), 'permission|forbidden|accessdenied') THEN 403
            WHEN regexp_matches(slug(word), 'notfound') THEN 404
            WHEN regexp_matches(slug(word), 'toolarge') THEN 413
            WHEN regexp_matches(slug(word), 'unprocessable|validationexception') THEN 422
            END END)""",
    # tokens read from or written to a provider's cache that are not among those sent: the total
    # says so, or more were read than sent
    """beside(sent, read, written, given, total) AS (CASE
        WHEN read > sent OR total - given - sent = read + written THEN read + written
        WHEN total - given - sent = read THEN read ELSE 0 END)""",
    # the sum of the numbers under those keys of an object written as JSON that match; NULL if there
    # are none
    """tally(x, pattern) AS (CASE WHEN json_valid(x) THEN list_sum(list_transform(
        list_filter(json_keys(x), lambda k: regexp_matches(k, pattern)),
        lambda k: TRY_CAST(json_extract_string(x, concat('$."', k, '"')) AS DOUBLE))) END)""",
    # nanoseconds since 1970 of a date, in its own zone or else in UTC; a comma may stand before the
    # fraction
    """date_ns(x) AS (
        CASE WHEN TRY_CAST(x AS TIMESTAMPTZ) BETWEEN TIMESTAMPTZ '1900-01-01 00:00:00Z'
            AND TIMESTAMPTZ '2110-01-01 00:00:00Z'
        THEN epoch_us(TRY_CAST(x AS TIMESTAMPTZ)) * 1000
            + (epoch_ns(TRY_CAST(x AS TIMESTAMP_NS)) % 1000 + 1000) % 1000 END)""",
    # nanoseconds of a text on the log's clock: a number (of this many nanoseconds each), or a date;
    # digits alone need no decimal, which takes five times as long
    """moment(x, unit) AS (CASE
        WHEN TRY_CAST(x AS DOUBLE) IS NULL THEN coalesce(date_ns(x), date_ns(replace(x, ',', '.')))
        WHEN abs(num(x)) * unit < 4.5e18 THEN CASE
            WHEN regexp_full_match(x, '[0-9]+') THEN CAST(x AS BIGINT) * CAST(unit AS BIGINT)
            ELSE CAST(round(CAST(x AS DECIMAL(28, 9)) * CAST(unit AS BIGINT)) AS BIGINT)
            END END)""",
    # whether a date has a zone
    """zoned(x) AS (
        contains(x, '+') OR suffix(x, 'Z') OR suffix(x, 'z') OR suffix(x, 'UTC')
        OR suffix(x, 'GMT') OR date_ns(x) <> epoch_ns(TRY_CAST(x AS TIMESTAMP_NS)))""",
    # the clock of a text: 's', 'ms', 'us', 'ns' (by size), 'zone' or 'none' for dates, NULL for
    # nothing
    """clock(x) AS (CASE
        WHEN TRY_CAST(x AS DOUBLE) IS NULL
            THEN CASE WHEN x IS NULL THEN NULL WHEN zoned(x) THEN 'zone' ELSE 'none' END
        WHEN abs(num(x)) < 1e11 THEN 's' WHEN abs(num(x)) < 1e14 THEN 'ms'
        WHEN abs(num(x)) < 1e17 THEN 'us' ELSE 'ns' END)""",
)
"""Each as DuckDB's CREATE MACRO wants it, in an order in which they can be made."""
