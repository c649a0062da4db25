"""Virtual time for originals, in a process of their own: where nothing is to be read, time passes
at once."""

import asyncio
import datetime as dates
import selectors
import sys
import time

BEGIN = 1_700_000_040
"""t = 0 as Unix time: the start of a minute."""
REAL = {name: getattr(time, name) for name in ("time", "monotonic", "perf_counter")}
DATE = dates.datetime


class Clock:
    """Seconds since t = 0."""

    now = 0.0


class Selector(selectors.DefaultSelector):
    def select(self, timeout=None):
        found = super().select(0)
        if not found and timeout:
            Clock.now += timeout
        return found


class Loop(asyncio.SelectorEventLoop):
    """By the clock; what threads would do is done here and now."""

    def __init__(self):
        super().__init__(Selector())
        self._clock_resolution = 1e-9

    def time(self):
        return Clock.now

    def run_in_executor(self, executor, func, *args):
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


class Meta(type(DATE)):
    def __instancecheck__(cls, value):
        return isinstance(value, DATE)


class Date(DATE, metaclass=Meta):
    """By the clock."""

    @classmethod
    def now(cls, tz=None):
        return DATE.fromtimestamp(BEGIN + Clock.now, tz or dates.UTC).replace(
            tzinfo=tz if tz is not None else None
        )

    @classmethod
    def utcnow(cls):
        return cls.now()

    @classmethod
    def __get_pydantic_core_schema__(cls, source, handler):
        return handler(DATE)


FAKE = {
    "time": lambda: BEGIN + Clock.now,
    "monotonic": lambda: 1000.0 + Clock.now,
    "perf_counter": lambda: 1000.0 + Clock.now,
}


def bend_time(*packages):
    """In the standard modules, and in these packages' modules that hold a reference to them."""
    swaps = {id(REAL[name]): FAKE[name] for name in REAL} | {id(DATE): Date}
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in packages:
            for key, value in list(vars(module).items()):
                if id(value) in swaps:
                    setattr(module, key, swaps[id(value)])
    for name, fake in FAKE.items():
        setattr(time, name, fake)
    dates.datetime = Date
