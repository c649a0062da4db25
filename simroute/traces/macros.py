"""What formats may say in SQL beside DuckDB's own words: texts to numbers, and fields out of nested JSON, with NULL for what is not there."""

MACROS = (
    # a finite number, or nothing
    "num(x) AS (CASE WHEN isfinite(TRY_CAST(trim(x) AS DOUBLE)) THEN TRY_CAST(trim(x) AS DOUBLE) END)",
    # a whole number, or nothing: "12" and "12.0", not "12.5"
    "whole(x) AS (CASE WHEN num(x) = floor(num(x)) AND abs(num(x)) < 9e18 THEN CAST(num(x) AS BIGINT) END)",
    # yes or no: true, false, 1, 0, in any case
    "flag(x) AS (TRY_CAST(lower(trim(x)) AS BOOLEAN))",
    # a text that says something
    "word(x) AS (nullif(nullif(nullif(trim(x), ''), 'null'), 'None'))",
    # one field of an object written as JSON: part(usage_details, '$.input'), as text
    "part(x, path) AS (CASE WHEN json_valid(x) THEN json_extract_string(x, path) END)",
    # a name such as RateLimitError or rate_limit: a message, which has spaces, is nothing
    "code(x) AS (CASE WHEN regexp_full_match(trim(x), '[A-Za-z][A-Za-z0-9_.:/-]{0,99}') AND word(x) IS NOT NULL THEN trim(x) END)",
    # the sum of the numbers under those keys of an object written as JSON that match; NULL if there are none
    "tally(x, pattern) AS (CASE WHEN json_valid(x) THEN list_sum(list_transform(list_filter(json_keys(x), lambda k: regexp_matches(k, pattern)),"
    " lambda k: TRY_CAST(json_extract_string(x, concat('$.\"', k, '\"')) AS DOUBLE))) END)",
    "bare(x) AS (regexp_full_match(trim(x), '[-+]?[0-9]+([.][0-9]*)?([eE][-+]?[0-9]+)?'))",
    "zone_pattern() AS ('(:[0-9]{2}(?:[.,][0-9]+)?) ?(Z|z|UTC|[-+][0-9]{2}(?::?[0-9]{2})?)$')",
    "offset_ns(x) AS (CASE WHEN regexp_matches(trim(x), '(:[0-9]{2}(?:[.,][0-9]+)?) ?[-+][0-9]{2}(?::?[0-9]{2})?$') THEN"
    " (CASE WHEN contains(trim(x)[-6:], '-') THEN -1 ELSE 1 END) * 60000000000 *"
    " (CAST(regexp_extract(trim(x), '[-+]([0-9]{2}):?([0-9]{2})?$', 1) AS BIGINT) * 60"
    " + coalesce(TRY_CAST(regexp_extract(trim(x), '[-+]([0-9]{2}):?([0-9]{2})?$', 2) AS BIGINT), 0)) ELSE 0 END)",
    # nanoseconds of a text on the log's clock: a number (of this many nanoseconds each), or a date with or without a zone
    "moment(x, unit) AS (CASE WHEN bare(x) THEN CAST(round(TRY_CAST(trim(x) AS DECIMAL(38, 9)) * CAST(unit AS BIGINT)) AS BIGINT)"
    " ELSE epoch_ns(TRY_CAST(replace(regexp_replace(trim(x), zone_pattern(), '\\1'), ',', '.') AS TIMESTAMP_NS)) - offset_ns(x) END)",
    # which clock a text is on: 's', 'ms', 'us', 'ns' (by size), 'zone' or 'none' for dates, NULL for nothing readable
    "clock(x) AS (CASE WHEN bare(x) THEN CASE WHEN abs(num(x)) < 1e11 THEN 's' WHEN abs(num(x)) < 1e14 THEN 'ms' WHEN abs(num(x)) < 1e17 THEN 'us'"
    " ELSE 'ns' END WHEN regexp_matches(trim(x), zone_pattern()) THEN 'zone' WHEN x IS NOT NULL THEN 'none' END)",
)
"""Each as DuckDB's CREATE MACRO wants it, in an order in which they can be made."""
