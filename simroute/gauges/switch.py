"""Who takes the place of a target after a switch, and until when."""

from __future__ import annotations


class Switches:
    """For each target the one that took its place, for `seconds` from the switch on (0: not at
    all). At exactly that age the switch is over."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._made: dict[str, tuple[float, str]] = {}

    def make(self, now: float, lead: str, other: str) -> bool:
        """`other` takes the place of `lead` from now on, `lead` itself its own; whether that is
        new."""
        if not self.seconds:
            return False
        _, before = self._made.pop(lead, (now, lead))
        if other != lead:
            self._made[lead] = now + self.seconds, other
        return before != other

    def at(self, now: float, lead: str) -> str | None:
        """Who has the place of `lead` now; None if that is `lead` itself."""
        known = self._made.get(lead)
        return known[1] if known is not None and now < known[0] else None

    def end(self, now: float, lead: str) -> bool:
        """Forget a switch that is over; whether there was one."""
        over = lead in self._made and now >= self._made[lead][0]
        if over:
            del self._made[lead]
        return over
