"""Time of a controller's process: CPU time and the clock, held to their limits while the arena waits for an answer."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

from arena.play.seats.use import NO_TIME, TimeUse

if TYPE_CHECKING:
    from arena.jail.cpu_time import CpuMeter
    from arena.jail.limits import Limits

_BRIEF: Final = 1e-3
"""Seconds on the clock in which no other process of a controller can have used what would matter."""
_LEAST_PAUSE: Final = 0.02
"""Seconds from one look at the CPU time to the next, at least."""


class Stopwatch:
    """Measures one request after another, and tells when one has used more than it may.

    The CPU time is not looked at before it can have reached its limit, on as many cores as the machine has. So a quick
    answer costs two readings of a clock, and a controller that spins is found soon after its limit.

    CPU time that a controller uses between two requests, in threads or processes that go on after an answer, is charged
    to the second one, as if it had been used there.

    Args:
        limits: the limits.
        meter: of the CPU time; None where it cannot be read, and the clock stands in its place.

    Attributes:
        used: what the last request that was answered has used.
    """

    def __init__(self, limits: Limits, meter: CpuMeter | None) -> None:
        self._meter = meter
        self._factor = limits.wall_time_factor
        self._cores = os.cpu_count() or 1
        self._bank = self.allowance(limits.bank)
        self._allowed = self._bank
        self._banked = True
        self._started = 0.0
        self._waited = 0.0
        self._next_look = 0.0
        self._answered: float | None = None
        self._carried = 0.0
        self.used = NO_TIME

    @property
    def reads_cpu_time(self) -> bool:
        """Whether the CPU time can be read."""
        return self._meter is not None

    def allowance(self, limit: float) -> TimeUse:
        """Return what a limit allows, seconds."""
        return TimeUse(limit, limit * self._factor if self.reads_cpu_time else limit)

    def start(self, allowed: TimeUse, *, banked: bool = True) -> None:
        """Begin to measure a request.

        Args:
            allowed: what it may use.
            banked: whether it may use no more than is left for the episode, of which it is taken.
        """
        self._banked = banked
        self._allowed = allowed.least(self._bank) if banked else allowed
        self._waited = 0.0
        self.used = NO_TIME
        self._carried = self._restart()
        self._started = time.monotonic()
        self._next_look = self._started + max(0.0, self._allowed.cpu - self._carried) / self._cores

    def _restart(self) -> float:
        """Begin to count CPU time, and return the seconds since the last answer."""
        if self._meter is None:
            return 0.0
        answered, self._answered = self._answered, None
        if answered is None:
            self._meter.start()
            return 0.0
        return max(0.0, self._meter.restart() - answered)

    def exclude(self, seconds: float) -> None:
        """Leave time out on the clock, in which somebody else was waited for."""
        self._waited += seconds

    def pause(self) -> float:
        """Return the seconds until something has to be looked at; 0 if it has to be now."""
        now = time.monotonic()
        end = self._started + self._waited + self._allowed.wall
        return max(0.0, (end if self._meter is None else min(end, self._next_look)) - now)

    def is_late(self) -> bool:
        """Tell whether the time on the clock is over."""
        return time.monotonic() - self._started - self._waited > self._allowed.wall

    def has_overspent(self) -> bool:
        """Tell whether more CPU time was used than is allowed; it is looked at only when it can have been."""
        now = time.monotonic()
        if self._meter is None or now < self._next_look:
            return False
        left = self._allowed.cpu - self._carried - self._meter.spent()
        self._next_look = now + max(_LEAST_PAUSE, left / self._cores)
        return left < 0

    def describe(self, limit: float, bank: float, what: str = "") -> str:
        """Say what was used, and what was allowed.

        Args:
            limit: the limit, seconds of CPU time.
            bank: that of the episode.
            what: what the limit is for, where it is not for one request.
        """
        cpu, wall = self._measure()
        one, all_ = self.allowance(limit), self.allowance(bank)
        if not self.reads_cpu_time:
            return f"{wall:.3g} s; the limit is {one.wall:g} s{what}, and {all_.wall:g} s for the episode"
        limits = f"{one.cpu:g} s of CPU time and {one.wall:g} s on the clock{what}"
        episode = f"{all_.cpu:g} s and {all_.wall:g} s for the episode"
        before = f" ({self._carried:.3g} s of it since the answer before)" if self._carried > _BRIEF else ""
        return f"{cpu:.3g} s of CPU time{before}, {wall:.3g} s on the clock; the limits are {limits}, and {episode}"

    def stop(self) -> bool:
        """Measure what an answered request has used.

        Returns:
            False if it used more CPU time than is allowed. An answer that was there before anybody looked is in time
            by the clock, so that a host that was itself held up blames nobody.
        """
        self.used = self._measure()
        if self._banked:
            self._bank = self._bank.less(self.used)
        return self._meter is None or self.used.cpu <= self._allowed.cpu

    def _measure(self) -> TimeUse:
        wall = time.monotonic() - self._started - self._waited
        if self._meter is None:
            return TimeUse(wall, wall)
        self._answered = self._meter.spent_alone() if wall < _BRIEF else self._meter.spent()
        return TimeUse(self._carried + self._answered, wall)
