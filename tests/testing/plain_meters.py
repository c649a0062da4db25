"""Meters of how much passes, once more, written for comparison from the rules that their sources
state: as slow and plain as they can be, and sharing nothing with the gauges.

Each keeps all that has happened, and reckons anew from it at every step.
"""

import math
from fractions import Fraction


class TokenBucket:
    """Exact: rational numbers, and the whole history of changes."""

    def __init__(self, capacity, refill, initial=None):
        self.capacity, self.refill = Fraction(capacity), Fraction(refill)
        full = self.capacity if initial is None else Fraction(initial)
        self.level, self.latest = min(full, self.capacity), None
        if initial is not None:
            self.latest = Fraction(0)

    def _flow(self, now):
        now = Fraction(now)
        if self.latest is not None and now > self.latest:
            full = self.level + (now - self.latest) * self.refill
            self.level = min(self.capacity, full)
        self.latest = now if self.latest is None else max(now, self.latest)

    def take(self, now, amount=1):
        self._flow(now)
        if self.level < amount:
            return False
        self.level -= Fraction(amount)
        return True

    def wait(self, now, amount=1):
        self._flow(now)
        if self.level >= amount:
            return 0
        never = amount > self.capacity or self.refill == 0
        return None if never else float((Fraction(amount) - self.level) / self.refill)

    def settle(self, now, reserved, used):
        self._flow(now)
        self.level = min(self.capacity, self.level + Fraction(reserved) - Fraction(used))

    def n(self):
        return float(self.level)


class Leaky:
    """How much water there is, and how high the vessel."""

    def __init__(self, capacity, leak, initial=0):
        self.capacity, self.leak = capacity, Fraction(leak)
        self.water, self.latest = Fraction(initial), 0

    def take(self, now, amount=1):
        self.water = max(Fraction(0), self.water - (Fraction(now) - self.latest) * self.leak)
        self.latest = Fraction(now)
        if self.water + Fraction(amount) > self.capacity:
            return False
        self.water += Fraction(amount)
        return True

    def used(self):
        return float(self.water)


class Gcra:
    """By the theoretical time of arrival, and how much earlier one may come."""

    def __init__(self, rate, burst):
        self.every = 1 / Fraction(rate)
        self.early, self.expected = (burst - 1) * self.every, Fraction(0)

    def take(self, now):
        if Fraction(now) < self.expected - self.early:
            return False
        self.expected = max(Fraction(now), self.expected) + self.every
        return True


class Dual:
    """Two buckets; both or none."""

    def __init__(self, rpm=None, tpm=None):
        self.calls = None if rpm is None else TokenBucket(max(1, rpm), Fraction(rpm) / 60)
        self.tokens = None if tpm is None else TokenBucket(tpm, Fraction(tpm) / 60)
        self.held = {}

    def reserve(self, now, key, tokens):
        if self.tokens is not None and tokens > self.tokens.capacity:
            return "error"
        pairs = [(self.calls, 1), (self.tokens, tokens)]
        pairs = [(bucket, amount) for bucket, amount in pairs if bucket is not None]
        for bucket, _ in pairs:
            bucket._flow(now)
        if any(bucket.level < amount for bucket, amount in pairs):
            return False
        for bucket, amount in pairs:
            bucket.take(now, amount)
        self.held[key] = tokens
        return True

    def finish(self, now, key, used):
        if key not in self.held:
            return "error"
        held = self.held.pop(key)
        if self.tokens is not None:
            self.tokens.settle(now, held, used)
        return None

    def cancel(self, now, key):
        return self.finish(now, key, 0)


class Sliding:
    """Every moment at which something was taken."""

    def __init__(self, limit, window=60):
        self.limit, self.window, self.taken = limit, window, []

    def used_at(self, now):
        return sum(amount for then, amount in self.taken if then + self.window > now)

    def take(self, now, amount=1):
        if self.used_at(now) + amount > self.limit:
            return False
        self.taken.append((now, amount))
        return True

    def wait(self, now, amount=1):
        if amount > self.limit:
            return None
        ends = [now, *(then + self.window for then, _ in self.taken)]
        fits = [end for end in ends if end >= now and self.used_at(end) + amount <= self.limit]
        return min(fits) - now


class Fixed:
    """How much of each numbered window."""

    def __init__(self, limit, window=60):
        self.limit, self.window, self.taken = limit, window, {}

    def take(self, now, amount=1):
        number = math.floor(now / self.window)
        if self.taken.get(number, 0) + amount > self.limit:
            return False
        self.taken[number] = self.taken.get(number, 0) + amount
        return True

    def wait(self, now, amount=1):
        number = math.floor(now / self.window)
        if amount > self.limit:
            return None
        full = self.taken.get(number, 0) + amount > self.limit
        return (number + 1) * self.window - now if full else 0


class Counter(Fixed):
    """The same beside what is left of the window before, had it come evenly."""

    def take(self, now, amount=1):
        number = math.floor(now / self.window)
        rest = number + 1 - Fraction(now) / Fraction(self.window)
        before = self.taken.get(number - 1, 0) * rest
        if before + self.taken.get(number, 0) + Fraction(amount) > self.limit:
            return False
        self.taken[number] = self.taken.get(number, 0) + Fraction(amount)
        return True


class Concurrency:
    """Who is in."""

    def __init__(self, limit):
        self.limit, self.inside = limit, []

    def acquire(self):
        if len(self.inside) < self.limit:
            self.inside.append("one")
            return True
        return False

    def release(self):
        return self.inside.pop() and None if self.inside else "error"

    def used(self):
        return len(self.inside)


class AwsBucket:
    """Line by line what botocore's does."""

    def __init__(self, rate=1, least=0.5):
        self.least, self.tokens, self.latest, self.filled, self.most = least, 0, 0, None, None
        self.set_rate(0, rate)

    def _refill(self, now):
        if self.filled is not None:
            self.tokens = min(self.most, self.tokens + (now - self.latest) * self.filled)
        self.latest = now

    def set_rate(self, now, rate):
        self._refill(now)
        self.filled, self.most = max(rate, self.least), rate if rate >= 1 else 1
        self.tokens = min(self.tokens, self.most)

    def take(self, now, amount=1):
        self._refill(now)
        if amount > self.tokens:
            return False
        self.tokens -= amount
        return True

    def n(self):
        return float(self.tokens)


class Clocker:
    """Every half second with a call is weighed by what came since the last such."""

    def __init__(self, smoothing=0.8):
        self.weight, self.rate, self.count, self.last = smoothing, 0, 0, 0

    def record(self, now):
        self.count += 1
        half = math.floor(now * 2) / 2
        if half > self.last:
            fresh = self.count / (half - self.last)
            self.rate = fresh * self.weight + self.rate * (1 - self.weight)
            self.count, self.last = 0, half
        return self.rate


class Throttle:
    """Google's: what was asked and accepted in the window, the request itself not yet counted."""

    def __init__(self, k=2, window=120):
        self.factor, self.window, self.asked, self.accepted = k, window, [], []

    def request(self, now):
        asked = sum(then + self.window > now for then in self.asked)
        accepted = sum(then + self.window > now for then in self.accepted)
        self.asked.append(now)
        return max(0.0, (asked - self.factor * accepted) / (asked + 1))

    def accept(self, now):
        self.accepted.append(now)
