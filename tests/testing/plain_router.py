"""The LiteLLM Router once more, written plainly from its rules (its source, 1.83.14 and what later
versions do otherwise) and from nothing of ours: what the conformance runner's is compared with.

Whole answers only, one strategy: the lowest `order`. It plays an item of the form of
litellm_runs.json and says which sends and ends come of it.
"""

import asyncio

KINDS = {
    401: "AuthenticationError",
    404: "NotFoundError",
    408: "Timeout",
    422: "BadRequestError",
    429: "RateLimitError",
    500: "InternalServerError",
    502: "BadGatewayError",
    503: "ServiceUnavailableError",
    504: "Timeout",
}
BODIES = {"context_window": "ContextWindowExceededError"}
BODIES["content_policy"] = "ContentPolicyViolationError"
BAD_REQUESTS = ("BadRequestError", *BODIES.values())
RETRY_POLICIES = {
    "AuthenticationErrorRetries": ("AuthenticationError",),
    "TimeoutErrorRetries": ("Timeout",),
    "RateLimitErrorRetries": ("RateLimitError",),
    "ContentPolicyViolationErrorRetries": ("ContentPolicyViolationError",),
    "BadRequestErrorRetries": BAD_REQUESTS,
    "InternalServerErrorRetries": ("InternalServerError",),
}
"""In the order in which they are looked at."""


class Failed(Exception):
    """An exception of LiteLLM's: its class, its status, and a Retry-After that could be read."""

    def __init__(self, kind, status, after=None):
        super().__init__(kind)
        self.kind, self.status, self.after = kind, status, after


class Chance(Exception):
    """Several may be asked: which, nobody can say."""


def now():
    return asyncio.get_running_loop().time()


def policy_of(policy, kind, suffix, late):
    """What a policy says of this class of error, None where it says nothing."""
    for name, kinds in RETRY_POLICIES.items():
        key = name.removesuffix("Retries") + suffix
        unread = name.startswith("InternalServer") and not late
        if kind in kinds and not unread and (policy or {}).get(key) is not None:
            return policy[key]
    return None


class PlainRouter:
    """One item, played."""

    def __init__(self, item, version):
        self.item, self.late, self.latest = item, version != "1.83", version == "1.109"
        self.says = item.get("router_settings") or {}
        self.fallbacks = list(item.get("fallbacks") or [])
        if self.says.get("default_fallbacks"):
            self.fallbacks.append({"*": self.says["default_fallbacks"]})
        self.known, self.groups = {}, {}
        for entry in item["model_list"]:
            name = entry["model_info"]["id"]
            self.known[name] = entry["litellm_params"]
            self.groups.setdefault(entry["model_name"], []).append(name)
        self.slots = {
            name: asyncio.Semaphore(given["max_parallel_requests"])
            for name, given in self.known.items()
            if given.get("max_parallel_requests")
        }
        self.asked, self.sends, self.ends = {}, [], []
        self.cold, self.counts, self.minutes, self.written = {}, {}, {}, -1

    async def play(self):
        await asyncio.gather(*(self.caller(*each) for each in enumerate(self.item["requests"])))
        return {"attempts": self.sends, "finals": sorted(self.ends)}

    async def caller(self, number, asked):
        await asyncio.sleep(asked["t"] - now())
        try:
            first = asked["model"]
            await self.with_fallbacks(first, asked.get("kwargs") or {}, 0, None, set(), first)
            end = "ok", 200
        except Failed as failed:
            end = failed.kind, failed.status
        self.ends.append([round(now() * 1000), number, *end])

    # -- fallbacks

    async def with_fallbacks(self, group, own, depth, level, walk, first):
        try:
            return await self.with_retries(group, own, level)
        except Failed as failed:
            error = failed
        if own.get("disable_fallbacks"):
            raise error
        lists = own.get("fallbacks", self.fallbacks)
        orders = sorted({self.known[name].get("order") or 0 for name in self.groups[group]})
        if len(orders) > 1 and error.kind not in BODIES.values():
            least = orders[0] if level is None else level
            steps = [(group, order) for order in orders if order > least]
            steps += [(each, None) for each in self.listed(lists, group, first) or []]
            if steps:
                return await self.walk(steps, group, error, own, depth, level, walk, first)
        for kind, key in zip(
            BODIES.values(), ("context_window_fallbacks", "content_policy_fallbacks"), strict=True
        ):
            if error.kind == kind and self.item.get(key):
                lists = self.item[key]
        names = self.listed(lists, group, first)
        if names is None:
            raise error
        try:
            steps = [(each, None) for each in names]
            return await self.walk(steps, group, error, own, depth, level, walk, first)
        except Failed:
            raise error from None

    def listed(self, lists, group, first=None):
        """What stands behind a group: by its name, later also the first one's, else by a star."""
        for name in (group, first, "*") if self.late and first else (group, "*"):
            for each in lists or []:
                if name in each:
                    return each[name]
        return None

    async def walk(self, steps, group, error, own, depth, level, walk, first):
        if depth >= self.says.get("max_fallbacks", 5):
            raise error
        walk.add((group, None))
        last = error
        for step in steps:
            if step == (group, None) or (self.late and step in walk):
                continue
            walk.add(step)
            depth += 1
            if self.late or step[1] is not None:
                level = step[1]
            try:
                return await self.with_fallbacks(step[0], own, depth, level, walk, first)
            except Failed as failed:
                last = failed
        raise last

    # -- retries

    async def with_retries(self, group, own, level):
        try:
            return await self.attempt(group, own, level)
        except Failed as failed:
            error = failed
        most = own.get("num_retries", self.says.get("num_retries", 2))
        policy = (self.says.get("model_group_retry_policy") or {}).get(
            group, self.says.get("retry_policy")
        )
        ruled = None
        if not (self.late and own.get("num_retries") == 0):
            ruled = policy_of(policy, error.kind, "Retries", self.late)
        most = most if ruled is None else ruled
        if ruled is None:
            self.check(error, group)
        if not most:
            raise error
        await self.rest(error, group, 0)
        for k in range(1, most + 1):
            try:
                return await self.attempt(group, own, level)
            except Failed as failed:
                error = failed
            if ruled is None:
                self.check(error, group)
            await self.rest(error, group, k)
        raise error

    def check(self, error, group):
        """Raises what is not to be tried again."""
        status = error.status
        never = status in (400, 404, 422)
        if never or (status == 401 and len(self.groups[group]) == 1) or not self.left(group):
            raise error

    async def rest(self, error, group, k):
        if len(self.groups[group]) > 1 and self.left(group):
            return
        pause = min(max(0.5 * 2**k, self.says.get("retry_after") or 0), 8)
        if error.after is not None and 0 < error.after <= 60:
            pause = error.after
        await asyncio.sleep(pause)

    # -- one attempt

    def left(self, group):
        return [name for name in self.groups[group] if not self.is_cold(name)]

    def is_cold(self, name):
        """At the very end only in 1.83, and not where that moment has written anything."""
        end = self.cold.get(name, -1)
        if abs(now() - end) < 1e-7:
            return not self.late and self.written < end - 1e-7
        return now() < end

    async def attempt(self, group, own, level):
        names = self.left(group)
        orders = {name: self.known[name].get("order") for name in names}
        if level is not None:
            found = [name for name in names if orders[name] == level]
            names = found if found or self.late else names
        elif any(orders.values()):
            least = min(order for order in orders.values() if order)
            names = [name for name in names if orders[name] == least]
        if not names:
            raise Failed("RouterRateLimitError", 429 if self.latest else None)
        if len(names) > 1:
            raise Chance(names)
        name, self.written = names[0], now()
        slot = self.slots.get(name)
        if slot is None:
            return await self.send(name, group, own)
        if self.late and slot.locked():
            raise Failed("RateLimitError", 429)
        async with slot:
            return await self.send(name, group, own)

    async def send(self, name, group, own):
        script, count = self.item["upstream"][name], self.asked.get(name, 0)
        self.asked[name] = count + 1
        answer = script[min(count, len(script) - 1)]
        given = self.known[name]
        limit = own.get("timeout") or given.get("timeout") or self.says.get("timeout") or 6000
        start, latency = round(now() * 1000), answer["latency"]
        await asyncio.sleep(min(latency, limit))
        status = answer.get("status", 200)
        if latency >= limit:
            told, error = "timeout", Failed("Timeout", 408)
        elif answer.get("error"):
            told, error = f"{answer['error']}_error", Failed("InternalServerError", 500)
        else:
            kind = BODIES.get(answer.get("body"), "BadRequestError" if status == 400 else None)
            after = (answer.get("headers") or {}).get("retry-after", "")
            kind = kind or KINDS.get(status, "APIError")
            after = int(after) if after.isdigit() else None
            told, error = str(status), Failed(kind, status, after)
        self.sends.append([start, name, told])
        if told == "200":
            self.count(name, "passes")
            return
        self.failed(name, group, error)
        raise error

    # -- cooldowns

    def count(self, name, what):
        """One more of a minute that begins with its first."""
        self.written = now()
        end, number = self.minutes.get((name, what), (0, 0))
        if now() >= end:
            end, number = now() + 60, 0
        self.minutes[name, what] = end, number + 1

    def counted(self, name, what):
        end, number = self.minutes.get((name, what), (0, 0))
        return number if now() < end else 0

    def failed(self, name, group, error):
        self.count(name, "fails")
        seconds = self.known[name].get("cooldown_time")
        if seconds is None:
            seconds = error.after
        if seconds is None:
            seconds = self.says.get("cooldown_time", 5)
        status = error.status
        counts = status in (401, 404, 408, 429) or status >= 500
        if not seconds or self.says.get("disable_cooldowns") or not counts:
            return
        if not (self.by_count if self.tuned() else self.by_share)(name, group, error):
            return
        until = now() + seconds
        if self.is_cold(name):
            until = min(until, self.cold[name]) if self.late else self.cold[name]
        self.cold[name] = until

    def tuned(self):
        allowed = self.says.get("allowed_fails")
        return bool(self.says.get("allowed_fails_policy")) or (
            allowed is not None and (self.latest or allowed != 3)
        )

    def by_count(self, name, group, error):
        own = policy_of(
            self.says.get("allowed_fails_policy"), error.kind, "AllowedFails", self.late
        )
        alone = len(self.groups[group]) == 1 and not self.listed(self.fallbacks, group)
        if self.latest and alone and own is None:
            return False
        if own is None or (own == 0 and not self.late):
            own = self.says.get("allowed_fails", 3)
        end, number = self.counts.get(name, (0, 0))
        if now() > end or (self.late and now() == end):
            number = 0  # at its very end 1.83 still reads it, and lets it live on
        if now() >= end:
            end = now() + self.says.get("cooldown_time", 5)
        if self.late or number + 1 <= own:
            self.counts[name] = end, number + 1
        return number + 1 > own

    def by_share(self, name, group, error):
        if error.status in (401, 404):
            return True
        if len(self.groups[group]) == 1:
            return False
        fails, passes = self.counted(name, "fails"), self.counted(name, "passes")
        return error.status == 429 or (fails + passes >= 5 and fails > passes)
