"""Belief about deliveries where lead times vary: which orders are under way, and when they and later ones arrive.

Where arrivals show the order that came, the pipeline says what is under way. Where they do not, only totals are seen.
Then what was shipped follows from the total under way, and what came is taken for the most probable set of open orders
that has its quantity; with many open orders, or where no set has it, for the oldest ones.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from arena import Briefing, Observation, SupplyLink
from arena_optimization.arrays import BoolArray, FloatArray, IntArray
from arena_optimization.beliefs.lead_times import LOST, LeadTimes
from arena_optimization.deliveries import Deliveries

_STREAM = 0x6C656164
"""Keeps the draws of lead times apart from other uses of the seed."""
_MOST_SETS = 10
"""Open orders up to which all sets of them are tried."""
_SAME = 1e-6
"""Relative difference up to which quantities count as equal."""


class SupplyBelief:
    """Deliveries on all supply links whose lead time varies.

    The same question in the same period has the same answer.
    """

    def __init__(self, briefing: Briefing) -> None:
        """Begin with what is on its way before the first period.

        Args:
            briefing: The episode; what its track does not tell is not used.
        """
        self._network = network = briefing.network
        self._seed, self._period = briefing.seed, 0
        self._is_total = briefing.visible_arrivals == "total"
        self._links = [_Link(network.supply_links[link], link) for link in network.varying_links]

    def note(self, orders: FloatArray) -> None:
        """Take note of what was ordered after an observation, (supply links,), units."""
        for link in self._links:
            link.ordered(float(orders[link.position]))

    def observe(self, observation: Observation) -> None:
        """Take note of an observation; once per period."""
        self._period = observation.period
        network = self._network
        pipeline, ages = network.pipeline_offsets, network.arrival_offsets
        for link in self._links:
            i = link.position
            if self._is_total:
                link.infer(observation.period, float(observation.in_transit[i]), float(observation.received[i]))
            else:
                slots = observation.pipeline[pipeline[i] : pipeline[i + 1]]
                link.see(observation.period, slots, observation.arrived[ages[i] : ages[i + 1]])

    def draw(self, horizon: int, count: int) -> Deliveries:
        """Paths of deliveries.

        Args:
            horizon: Number of periods.
            count: Number of paths.
        """
        generator = np.random.default_rng([self._seed, _STREAM, self._period])
        coming = np.zeros((count, len(self._links), horizon))
        kernel = np.zeros((count, len(self._links), horizon, horizon))
        longest = max(link.law.slots for link in self._links)
        survival = np.zeros((len(self._links), longest))
        for place, link in enumerate(self._links):
            slots = link.law.slots
            survival[place, :slots] = link.law.survival
            table = link.law.draw(link.is_open(), link.has_arrived, horizon, count, generator)
            arrival = np.arange(-slots, horizon) + table
            comes = (table != LOST) & (arrival >= 0) & (arrival < horizon)
            path, order = np.nonzero(comes)
            period, is_before = arrival[path, order], order < slots
            early, late = np.flatnonzero(is_before), np.flatnonzero(~is_before)
            here: FloatArray = np.zeros((count, horizon))
            np.add.at(here, (path[early], period[early]), link.units[order[early]])
            coming[:, place] = here
            kernel[path[late], place, order[late] - slots, period[late]] = 1.0
            begun = link.begun[:horizon]
            coming[:, place, : len(begun)] += begun
        return Deliveries(coming, kernel, survival)


class _Link:
    """What is under way on one link."""

    def __init__(self, link: SupplyLink, position: int) -> None:
        self.position = position
        self.law = LeadTimes(link)
        slots = self.law.slots
        self.units: FloatArray = np.zeros(slots)
        """Orders of the episode that are under way, the oldest one first, (slots,)."""
        self.begun: FloatArray = np.zeros(slots)
        """What was on its way before the episode, by period of arrival, (slots,)."""
        self.begun[: len(link.initial_pipeline)] = link.initial_pipeline
        self.has_arrived = np.zeros(slots, dtype=np.int64)
        """Whether the order of 1, 2, … periods ago is known to have arrived, (slots,)."""
        self._waiting = [*link.initial_orders, *[0.0] * (link.order_delay - len(link.initial_orders))]
        self._rounding = (link.minimum_order, link.lot_size)
        self._seen, self._total = 0.0, float(sum(link.initial_pipeline))

    def is_open(self) -> IntArray:
        """Whether the order of 1, 2, … periods ago is under way, (slots,)."""
        return (self.units[::-1] > 0).astype(np.int64)

    def ordered(self, units: float) -> None:
        """Take note of an order; what its supplier sees of it now may be an earlier one."""
        minimum, lot = self._rounding
        if units > 0:
            units = max(units, minimum)
            units = np.ceil(units / lot - 1e-9) * lot if lot else units
        self._waiting.append(float(units))
        self._seen = self._waiting.pop(0)

    def see(self, period: int, slots: FloatArray, arrived: FloatArray) -> None:
        """Take note of the pipeline and of what arrived, by age."""
        if period == 0:
            return
        ages, count = np.arange(self.law.slots, -1, -1), self.law.slots
        # The first slots hold what was on its way before the episode as long as no order of it is so old.
        of_episode = np.arange(count) >= count - period
        shipped = float(arrived[-1] + slots[-1]) if count else self._seen
        self._pass(np.append(self.units, shipped), arrived, ages, period)
        self.units = np.where(of_episode, slots, 0.0)

    def _pass(self, open_then: FloatArray, arrived: FloatArray, ages: IntArray, period: int) -> None:
        """Learn from the last period: what could arrive in it, and what did, by age, the oldest order first."""
        self.begun = np.append(self.begun[1:], 0.0) if len(self.begun) else self.begun
        self.has_arrived = np.append(0, self.has_arrived)[: self.law.slots] if self.law.slots else self.has_arrived
        for place, age in enumerate(ages.tolist()):
            came = bool(arrived[place] > 0)
            if age > period - 1 or not (came or open_then[place] > 0):
                continue
            self.law.learn(age, arrived=came)
            if came and age < self.law.slots:
                self.has_arrived[age] = 1

    def infer(self, period: int, total: float, received: float) -> None:
        """Take note of what is under way and of what arrived in all."""
        if period == 0:
            self._total = total
            return
        count = self.law.slots
        begun = float(self.begun[0]) if count else 0.0
        # What was under way and what was shipped is under way, has arrived, or is lost and has left.
        least = max(total - self._total + received, 0.0)
        is_lost = count > 0 and self.units[0] > 0 and self._seen > least + _SAME * max(1.0, least)
        shipped = max(self._seen, least) if is_lost else least
        open_then = np.append(self.units, shipped)
        ages = np.arange(count, -1, -1)
        came = self._most_probable(open_then, ages, max(received - begun, 0.0))
        arrived = np.where(came, open_then, 0.0)
        self._pass(open_then, arrived, ages, period)
        self.units = np.where(came, 0.0, open_then)[1:]
        self._total = total

    def _most_probable(self, units: FloatArray, ages: IntArray, received: float) -> BoolArray:
        came = np.zeros(len(units), dtype=np.bool_)
        places = np.flatnonzero(units > 0)
        slack = _SAME * max(1.0, received)
        if received <= slack:
            return came
        if len(places) <= _MOST_SETS:
            sets = np.array(list(product((False, True), repeat=len(places))))
            fits = np.abs(sets @ units[places] - received) <= slack
            if fits.any():
                hazard = np.clip([self.law.hazard(age) for age in ages[places].tolist()], 1e-9, 1.0 - 1e-9)
                chances = np.where(sets[fits], np.log(hazard), np.log1p(-hazard)).sum(axis=1)
                came[places] = sets[fits][int(np.argmax(chances))]
                return came
        came[places] = np.cumsum(units[places]) <= received + slack
        return came
