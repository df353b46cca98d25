"""What the clairvoyant controllers share: a plan for the whole episode, made at its beginning and then played."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from arena import Briefing, ControllerReport, Observation, OracleBriefing
from arena_optimization.arrays import FloatArray
from arena_optimization.programs.known_episode import Played, told_in_full


@dataclass(frozen=True)
class ClairvoyantPlan:
    """A plan for a whole episode.

    Attributes:
        orders: Units, (periods, supply links).
        profit_bound: Proved upper bound of the profit; None without one.
        is_fallback: Whether a program was not solved to its end.
        played: The episode played with it; None on exogenous demand.
    """

    orders: FloatArray
    profit_bound: float | None
    is_fallback: bool
    played: Played | None = None


class ClairvoyantController(ABC):
    """Plays a plan that was made before the first decision."""

    def __init__(self) -> None:
        """No plan yet."""
        self._plan: ClairvoyantPlan | None = None
        self._fallbacks = 0

    def begin(self, briefing: Briefing) -> None:
        """Make the plan of the episode.

        Raises:
            ValueError: If the episode cannot be stated as a program, or the briefing does not tell it.
        """
        self._plan, self._fallbacks = self.make_plan(told_in_full(briefing)), 0

    def order(self, observation: Observation) -> FloatArray:
        """The planned orders of the period, (supply links,), units."""
        plan = self._begun
        self._fallbacks += plan.is_fallback
        orders: FloatArray = plan.orders[observation.period]
        return orders

    def report(self) -> ControllerReport:
        """What was proved, and how many decisions were fallbacks: all of them if the plan is one."""
        return ControllerReport(fallbacks=self._fallbacks, profit_bound=self._begun.profit_bound)

    @abstractmethod
    def make_plan(self, briefing: OracleBriefing) -> ClairvoyantPlan:
        """Plan the whole episode."""

    @property
    def _begun(self) -> ClairvoyantPlan:
        if self._plan is None:
            raise RuntimeError("no episode has begun: call begin(briefing) first")
        return self._plan
