"""Budgets, adaptive limits and hedging once more, written for comparison from the rules that their
sources state: as slow and plain as they can be, and sharing nothing with the gauges."""

import math
from fractions import Fraction


class Finagle:
    """A deposit is 1000, a retry the whole number of 1000 / percent, each lost after ttl; above
    a reserve."""

    def __init__(self, ttl=10, min_per_s=10, percent=0.2):
        self.ttl, self.events = ttl, []
        self.credit, self.cost = (1000, int(1000 / percent)) if percent else (0, 1)
        self.reserve = min_per_s * ttl * self.cost

    def balance(self, now):
        live = sum(amount for then, amount in self.events if then + self.ttl > now)
        return max(0, (live + self.reserve) // self.cost)

    def deposit(self, now):
        self.events.append((now, self.credit))

    def withdraw(self, now):
        if self.balance(now) < 1:
            return False
        self.events.append((now, -self.cost))
        return True


class Brooker:
    """Eighths of a token."""

    def __init__(self, capacity=10, ratio=0.125, cost=1.0, initial=None):
        self.most, self.ratio, self.cost = capacity, Fraction(ratio), Fraction(cost)
        self.tokens = Fraction(capacity if initial is None else min(initial, capacity))

    def success(self):
        self.tokens = min(self.most, self.tokens + self.ratio)

    def retry(self):
        whole = self.tokens >= self.cost
        self.tokens -= self.cost if whole else 0
        return whole

    def n(self):
        return float(self.tokens)


class Grpc:
    """Token count in thousandths."""

    def __init__(self, max_tokens=10, ratio=0.1):
        self.most, self.count = max_tokens * 1000, max_tokens * 1000
        self.back = math.floor(Fraction(str(ratio)) * 1000)

    def allowed(self):
        return 2 * self.count > self.most

    def failure(self):
        self.count = max(self.count - 1000, 0)
        return self.allowed()

    def success(self):
        self.count = min(self.count + self.back, self.most)

    def n(self):
        return self.count


class Quota:
    def __init__(self, capacity=500):
        self.most = self.left = capacity

    def acquire(self, cost):
        enough = self.left >= cost
        self.left -= cost if enough else 0
        return enough

    def release(self, amount):
        self.left += min(self.most - self.left, amount)

    def n(self):
        return self.left


class Aimd:
    def __init__(self, initial=20, min=20, max=200, backoff=0.9, timeout=5):
        self.limit = initial
        self.bounds, self.backoff, self.timeout = (min, max), backoff, timeout

    def sample(self, rtt, in_flight, dropped):
        new = self.limit
        if dropped or rtt > self.timeout:
            new = math.floor(new * self.backoff)
        elif in_flight >= new / 2:
            new = new + 1
        self.limit = sorted((self.bounds[0], new, self.bounds[1]))[1]
        return self.limit


def log10_root(limit):
    return max(1, len(str(int(limit))) - 1)


class Vegas:
    def __init__(self, **config):
        self.estimate = float(config.get("initial", 20))
        self.config, self.no_load = config, None

    def sample(self, rtt, in_flight, dropped):
        if self.no_load is None or rtt < self.no_load:
            self.no_load = rtt
            return int(self.estimate)
        new = self._aim(rtt, in_flight, dropped)
        if new is not None:
            new = max(1, min(self.config.get("max", 1000), new))
            weight = self.config.get("smoothing", 1.0)
            self.estimate = (1 - weight) * self.estimate + weight * new
        return int(self.estimate)

    def _aim(self, rtt, in_flight, dropped):
        old, step = self.estimate, log10_root(self.estimate)
        less = old / 2 if self.config.get("decrease") == "half" else old - step
        if dropped:
            return less
        if in_flight * 2 < old:
            return None
        queue = math.ceil(old * (1 - self.no_load / rtt))
        alpha, beta = self.config.get("alpha", 3 * step), self.config.get("beta", 6 * step)
        if queue <= step:
            return old + beta
        if queue < alpha:
            return old + step
        return less if queue > beta else None

    def e(self):
        return self.estimate


class Gradient2:
    def __init__(self, **config):
        self.config, self.estimate = config, float(config.get("initial", 20))
        self.long, self.first = None, []

    def sample(self, rtt, in_flight, dropped):
        if len(self.first) < 10:
            self.first.append(rtt)
            self.long = sum(self.first) / len(self.first)
        else:
            part = 2 / (self.config.get("long_window", 600) + 1)
            self.long += part * (rtt - self.long)
        long, old = self.long, self.estimate
        if long > 2 * rtt:
            self.long = 0.95 * self.long
        if 2 * in_flight >= old:
            slope = min(max(self.config.get("tolerance", 1.5) * long / rtt, 0.5), 1.0)
            weight = self.config.get("smoothing", 0.2)
            new = old + weight * (slope * old + self.config.get("queue_size", 4) - old)
            new = max(self.config.get("min", 20), min(self.config.get("max", 200), new))
            self.estimate = new
        return int(self.estimate)

    def e(self):
        return self.estimate


class Cubic:
    def __init__(self, w=0.0, t0=0.0, c=0.4, beta=0.7):
        self.peak, self.fall, self.c, self.beta = w, t0, c, beta

    def k(self):
        return math.exp(math.log((1 - self.beta) * self.peak / self.c) / 3) if self.peak else 0.0

    def ok(self, now):
        return self.c * math.pow(now - self.fall - self.k(), 3) + self.peak

    def throttled(self, rate, now):
        self.peak, self.fall = rate, now
        return self.beta * rate


class Envoy:
    def __init__(self, budget_percent=20, min_retry_concurrency=3):
        self.share, self.least = Fraction(budget_percent) / 100, min_retry_concurrency

    def allowed(self, calls, retries):
        return retries < max(self.least, math.floor(calls * self.share))


def hedged(attempts, max_attempts=5, delay=0.0, deadline=None):
    """gRPC A6's hedging, step by step on a list of what happens next. Returns when copies were
    sent, when it was done, which won, and how it ended."""
    most = min(max_attempts, 5, len(attempts))
    now, sent, running, next_at, frozen, status = 0.0, [], {}, 0.0, False, None
    held = 0.0  # until when somebody has asked to wait
    while True:
        due = [(end, 0, number) for number, end in running.items()]
        if not frozen and len(sent) < most:
            due.append((next_at, 2, -1))
        if due and deadline is not None:
            due.append((deadline, 1, -2))
        if not due:
            return {"sent": sent, "done": now, "winner": None, "status": status, "cancelled": []}
        now, _, what = min(due)
        if what == -2:
            status, winner = "deadline", None
        elif what == -1:
            sent.append(now)
            running[len(sent) - 1] = now + attempts[len(sent) - 1][0]
            next_at = now + delay
            continue
        else:
            del running[what]
            _, status, *pushback = attempts[what]
            winner = what if status == "ok" else None
            if status == "nonfatal":
                if pushback:
                    frozen = frozen or pushback[0] < 0
                    held = now + pushback[0]
                next_at = max(now, held)
                continue
        told = {"sent": sent, "done": now, "winner": winner, "status": status}
        return told | {"cancelled": sorted(running)}
