"""Controllers asked for today's order, where the contest would seat them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arena.advice.today import Today
from arena.contract.seeds import PublicSeeds
from arena.entry.submission import Submission
from arena.errors import ABSENT, ArenaError, ContractViolation, Fault, InvalidInput
from arena.jail.isolation import Isolation
from arena.jail.limits import Limits
from arena.play.refusals import refuse_ungranted, refuse_unplayed_parts
from arena.play.seats import Host, make_host, require_level, strongest
from arena.play.table import OWN_FAILURES, Table
from arena.simulate.compiled import CompiledScenario
from arena.trust import is_own
from arena.world.suite import Suite


@dataclass(frozen=True)
class FirstDecision:
    """The first decision of an episode that begins today.

    Attributes:
        requested: units per supply link, checked and within the bounds, as a match logs them.
        clipped: how many of them were brought within the bounds.
        fell_back: whether the controller reported that its fallback decided.
    """

    requested: NDArray[np.float64]
    clipped: int
    fell_back: bool


class Asking:
    """Asks controllers of their first decision; hosts are made when they are needed, and closed with it.

    Args:
        isolation: level of all controllers; None: trusted for those of the arena's own plugins, and the strongest level
            that works on this machine for all others.
        limits: deadlines and caps.
    """

    def __init__(self, isolation: str | None = None, limits: Limits | None = None) -> None:
        self._given: Isolation | None = None if isolation is None else require_level(isolation)
        self._limits = limits or Limits()
        self._hosts: dict[Isolation, Host] = {}
        self._closing = contextlib.ExitStack()

    def close(self) -> None:
        """Close the hosts."""
        self._closing.close()

    def level_of(self, submission: Submission) -> Isolation:
        """Return the level at which a submission's controller is seated."""
        if self._given is not None:
            return self._given
        is_ours = bool(submission.distribution) and is_own(submission.distribution) and not submission.untrusted
        return "trusted" if is_ours else strongest()

    def ask(self, submission: Submission, today: Today) -> FirstDecision:
        """Ask for the orders of today.

        Raises:
            ArenaError: the controller broke the contract, or the arena failed.
        """
        level = self.level_of(submission)
        if level not in self._hosts:
            host = make_host(level, self._limits)
            self._closing.callback(host.close)
            self._hosts[level] = host
        seed = PublicSeeds().episode(today.scenario.digest, 0)
        simulator = today.simulator()
        simulator.start(seed.entropy)
        past = None
        if today.history is not None and today.in_stock is not None:
            past = (today.history, today.in_stock)
        host, scenario = self._hosts[level], today.scenario
        table = Table(submission, scenario, seed, host, self._limits, None, time.perf_counter)
        decided = False
        try:
            table.begin(past)
            requested = table.decide(simulator)
            decided = True
            # The order is known: whatever goes wrong at the end of the episode changes nothing.
            with contextlib.suppress(ContractViolation, *OWN_FAILURES):
                table.close()
        except ContractViolation as violation:
            tail = f"; it wrote: {table.stderr_tail[-300:]}" if table.stderr_tail else ""
            raise ArenaError(f"{submission.name} gives no order: {violation}{tail}") from violation
        finally:
            table.release(forgive=decided)
        return FirstDecision(requested, table.clipped, table.report.fallbacks > 0)


@contextlib.contextmanager
def asking(isolation: str | None = None, limits: Limits | None = None) -> Iterator[Asking]:
    """Make an `Asking` and close it in the end; arguments as there."""
    one = Asking(isolation, limits)
    try:
        yield one
    finally:
        one.close()


def refuse_unaskable(submissions: Sequence[Submission], today: Today, asking: Asking) -> None:
    """Refuse controllers that could give no order of today.

    Args:
        submissions: whose controllers are to be asked.
        today: the world of today.
        asking: seats them.

    Raises:
        InvalidInput: one plays on the oracle's track, asks a language model, needs what its level does not grant, or
            does not play a part of the world.
    """
    faults = []
    for one in submissions:
        if one.track == "oracle":
            rule = "the oracle is told the demand to come, which nobody knows today"
            faults.append(Fault(str(one.path), "track", one.track, rule, "name a controller of another track"))
        if one.endpoint is not None:
            rule = "asks a language model, which arena advise does not do"
            faults.append(Fault(str(one.path), "capabilities", ABSENT, rule, "name another controller"))
    if faults:
        raise InvalidInput(faults)
    for one in submissions:
        refuse_ungranted([one], asking.level_of(one))
    refuse_unplayed_parts(submissions, Suite(name="today", description="", scenarios=(today.scenario,)))


def round_to_lots(compiled: CompiledScenario, requested: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return orders as suppliers see them: raised to minimum orders and whole lots, as the simulator does.

    Args:
        compiled: the scenario.
        requested: units per supply link, not negative.
    """
    from arena.simulate.columns import SCALAR
    from arena.simulate.shipping import place_orders

    return np.array(place_orders(compiled, requested.tolist(), SCALAR), dtype=np.float64)
