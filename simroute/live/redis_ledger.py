"""Spend in Redis, for gateways on several hosts."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from ssl import SSLError
from typing import Any
from urllib.parse import urlsplit

from redis import AuthenticationError, RedisError, ResponseError
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from simroute.errors import InputError
from simroute.live.money import Answer, Entry, Ledger

PATIENCE_S, PATIENCE_AT_START_S, REST_S = 0.25, 5.0, 1.0
"""Seconds to wait for an answer, also at the start; and for which it is not asked after a failure,
so that calls do not wait one by one for what is down."""
DAY_S, KEPT_S = 86_400, 40 * 86_400
"""How far clocks of hosts may differ in a period of the calendar; how long an entry is kept beyond
its window, which is longer than a month."""
SCRIPT = """
local spent, oldest, gone = 0, tonumber(ARGV[2]), tonumber(ARGV[3])
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local period = tonumber(all[i])
  if period >= oldest then
    spent = spent + tonumber(all[i + 1])
  elseif period < gone then
    redis.call('HDEL', KEYS[1], all[i])
  end
end
local nano = tonumber(ARGV[4])
local fits = ARGV[5] == '' or spent + nano <= tonumber(ARGV[5])
if fits and (nano > 0 or nano < 0 and redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1) then
  redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[4])
  redis.call('EXPIRE', KEYS[1], ARGV[6])
  spent = spent + nano
end
return {fits and 1 or 0, spent}
"""
"""All three operations: it adds ARGV[4] to period ARGV[1], unless more than ARGV[5] were spent from
period ARGV[2] on. Exact up to 2^53 nano-dollars, nine million dollars. What was reserved in entries
that are lost is not taken away again."""
EXPECTED = "expected redis://[[USER]:PASSWORD@]HOST[:PORT][/DB], rediss://… or unix://PATH"


class RedisLedger(Ledger):
    """A hash for each scope, with a number for each period.

    Nothing that redis-py says is handed on: an error of an old server quotes the password.
    """

    fresh_s, linger_s = 1.0, 2 * PATIENCE_S

    def __init__(self, url: str) -> None:
        super().__init__(_name(url))
        retry = Retry(NoBackoff(), 0)
        try:
            self._redis = Redis.from_url(url, retry=retry)
        except (ValueError, TypeError):
            raise InputError(f"--state: {self.name}: its options cannot be read") from None
        self._rests_until = -math.inf

    async def open(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE_AT_START_S):
                await self._redis.set("simroute:opened", 1, ex=60)
        except (RedisError, OSError, ValueError, TypeError, TimeoutError) as error:
            await self._redis.aclose()
            raise InputError(f"--state: {self.name} {_why(error)}") from None

    async def _answer(self, entries: list[Entry]) -> Sequence[Answer]:
        now = asyncio.get_running_loop().time
        with self._asked(RedisError, OSError, TimeoutError):
            if now() < self._rests_until:
                raise TimeoutError
            self._rests_until = now() + REST_S  # unless an answer comes
            pipe = self._redis.pipeline(transaction=False)
            for entry in entries:
                pipe.eval(SCRIPT, 1, *_words(entry))
            async with asyncio.timeout(PATIENCE_S):
                answers: list[Any] = await pipe.execute()
            self._rests_until = -math.inf
        return [(bool(fits), int(spent)) for fits, spent in answers]

    async def _close(self) -> None:
        await self._redis.aclose()


def _words(entry: Entry) -> tuple[int | str, ...]:
    """Key and arguments of the script."""
    scope, period, oldest, nano, most = entry
    window = period - oldest
    gone = oldest - (window // 10 if window else DAY_S)
    limit = "" if most is None else most
    return f"simroute:spend:{scope}", period, oldest, gone, nano, limit, KEPT_S + 2 * window


def _name(url: str) -> str:
    """Where it stands, without user, password and options. Raises InputError, without them too."""
    try:
        parts = urlsplit(url)
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        raise InputError(f"--state: the address cannot be read; {EXPECTED}") from None
    if parts.fragment:
        raise InputError(f"--state: a # in an address is written %23; {EXPECTED}")
    if parts.scheme == "unix":
        if not parts.path.strip("/"):
            raise InputError(f"--state: a path is missing; {EXPECTED}")
        return f"unix://{parts.path}"
    number = parts.path.removeprefix("/")
    if not parts.hostname:
        raise InputError(f"--state: a host is missing; {EXPECTED}")
    if number and not (number.isascii() and number.isdecimal()):
        raise InputError(
            f"--state: behind the host a number of a database is expected; {EXPECTED}, "
            "with / ? # @ in a password as %2F %3F %23 %40"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}" + (f"/{number}" if number else "")


def _why(error: BaseException) -> str:
    """What is wrong, in words of ours; redis-py wraps what the server said."""
    chain = [error]
    while (deeper := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(deeper)
    for each in chain:
        if isinstance(each, SSLError):
            return "shows no certificate that is trusted here (?ssl_ca_certs=FILE names others)"
        if isinstance(each, AuthenticationError):
            return "does not accept the user or password"
        if isinstance(each, ResponseError):
            if "DB index" in str(each):
                return "has no database of that number"
            return f"refuses to write ({str(each).split(' ', 1)[0][:20]})"
        if isinstance(each, TimeoutError):
            return f"gave no answer within {PATIENCE_AT_START_S:g} s"
        if isinstance(each, ValueError | TypeError):
            return "cannot be asked: its address has an option that redis-py does not know"
    return "cannot be reached"
