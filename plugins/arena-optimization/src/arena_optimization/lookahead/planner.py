"""The order of a store: a rule that fits the coming periods, and the first order that is best before it.

Both are chosen by simulated profit on the same paths of demand. The rule's own order is among the first orders that
are tried, so that on these paths what is ordered is never worse than the rule (rollout: D. Bertsekas 2005, "Dynamic
Programming and Optimal Control", section 6.4).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from arena_optimization.arrays import FloatArray, IntArray
from arena_optimization.lookahead.rules import CAPS, LEVEL_STEP, Knobs, Moments, Rules, moments_of, raised, rules_of
from arena_optimization.lookahead.simulation import Situation, Weights, simulate, weights_of
from arena_optimization.lookahead.store import Store

_FIRST_STRIDES = (8, 8, 4, 4, 2, 2, 2, 1, 1, 1, 1, 1)
"""Steps of the knobs in the first search of an episode."""
_LATER_STRIDES = (2, 1)
"""The same in later ones, in turn; each begins with the last rule."""
_LAST_STRIDES = (4, 2, 1)
"""The same when the end of the episode is in sight, and good rules change from period to period."""
_OFF = -64
"""Level knob of a source that is not used."""
_BETTER = 1e-9
"""Relative gain from which on a first order is better than the rule's, whatever the unit of money."""
_WIDE = (-16, -8, -4, -2, -1, 1, 2, 4, 8, 16)
"""Changes of a first order in the first round, in strides."""
_NARROW = (-4, -2, -1, 1, 2, 4)
"""The same in later rounds."""
_MOST_ROUNDS = 6
"""Rounds of the search for the first order with one stride."""
_RULE_PATHS = 256
"""Paths on which rules are compared; first orders are compared on all."""
_MOST_GAPS = 8
"""Bound of the gap knob."""


class Decision(NamedTuple):
    """The orders of a period, and the rule that they were held against; money on the paths of the decision."""

    orders: FloatArray
    """Units, (sources,)."""
    profit: float
    """Mean profit with these orders, if the rule orders from then on."""
    rules: Rules
    """The rule, alone."""
    rule_orders: FloatArray
    """Its own orders, (sources,), units."""


class StorePlanner:
    """Chooses the orders of one store; it remembers its last rule."""

    def __init__(self, store: Store) -> None:
        """Take the store."""
        self._store = store
        self._knobs: Knobs | None = None
        self._searches = 0

    def decide(
        self, situation: Situation, demand: FloatArray, *, horizon: int, left: int, discount: float, whole: bool
    ) -> Decision:
        """Choose the orders of a period.

        Args:
            situation: What the store starts from.
            demand: Units, (paths, periods); to the end of the episode or the longest lead time beyond the horizon.
            horizon: Periods that are simulated.
            left: Periods left of the episode.
            discount: Factor on profits per period.
            whole: Whether demand and stock are whole numbers.
        """
        store = self._store
        moments = moments_of(store, demand, horizon, left=left, whole=whole)
        weights, played = weights_of(horizon, left, discount), demand[:, :horizon]
        sample = played[:: max(1, len(played) // _RULE_PATHS)]
        self._knobs = self._search(situation, sample, moments, weights)
        rule = rules_of(store, self._knobs, moments)

        def value(orders: FloatArray) -> FloatArray:
            return simulate(store, situation, played, rule, weights, orders)

        own = best = self._rule_orders(situation, rule)
        most = float(value(best[None])[0])
        changes: tuple[int, ...] = _WIDE
        for stride in self._strides(moments):
            for _ in range(_MOST_ROUNDS):
                tried = self._around(best, stride, changes)
                changes = _NARROW
                values = value(tried)
                place = int(np.argmax(values))
                if values[place] <= most + _BETTER * abs(most):
                    break
                best, most = tried[place], float(values[place])
        return Decision(best, most, rule, own)

    def _search(self, situation: Situation, demand: FloatArray, moments: Moments, weights: Weights) -> Knobs:
        """The best rule that is found from the last one, or from a few at first."""
        store = self._store

        def best_of(knobs: Knobs) -> Knobs:
            values = simulate(store, situation, demand, rules_of(store, knobs, moments), weights)
            place = int(np.argmax(values))
            if values[place] <= values[0] + _BETTER * abs(values[0]):
                place = 0
            return Knobs(*(knob[place : place + 1] for knob in knobs))

        self._searches += 1
        knobs = self._knobs
        strides: tuple[int, ...] = (_LATER_STRIDES[self._searches % len(_LATER_STRIDES)],)
        if knobs is None:
            knobs, strides = best_of(self._starts()), _FIRST_STRIDES
        elif weights.is_last:
            strides = _LAST_STRIDES
        for stride in strides:
            knobs = best_of(self._neighbours(knobs, stride))
        return knobs

    def _starts(self) -> Knobs:
        """Rules of the critical ratio, with each source as the main one and others as a reserve or not at all."""
        store, sources = self._store, len(self._store.sources)
        ratio = store.shortage_cost / max(store.shortage_cost + store.holding_cost, 1e-12)
        level = round(float(ndtri(min(max(ratio, 0.05), 0.999))) / LEVEL_STEP)
        rows = []
        for main in range(sources):
            for other in (_OFF, -16, level) if sources > 1 else (level,):
                rows.append([level if place == main else other for place in range(sources)])
        levels = np.array(rows, dtype=np.int64)
        return Knobs(levels, np.full_like(levels, len(CAPS) - 1), np.zeros_like(levels))

    def _neighbours(self, knobs: Knobs, stride: int) -> Knobs:
        """A rule and those with one knob turned, or a level raised and its cap lowered."""
        rows = [np.concatenate([knob[0] for knob in knobs])]
        sources = len(self._store.sources)
        for place, source in enumerate(self._store.sources):
            level, cap, gap = place, sources + place, 2 * sources + place
            turns: list[dict[int, int]] = [{level: stride}, {level: -stride}]
            step = max(1, stride // 2)
            turns += [{cap: step}, {cap: -step}, {level: stride, cap: -step}, {level: -stride, cap: step}]
            if source.fixed_cost > 0:
                turns += [{gap: step}, {gap: -step}, {gap: step, level: stride}, {gap: -step, level: -stride}]
            for turn in turns:
                row = rows[0].copy()
                for knob, change in turn.items():
                    row[knob] += change
                rows.append(row)
        table: IntArray = np.array(rows, dtype=np.int64)
        levels, caps, gaps = np.split(table, 3, axis=1)
        return Knobs(
            np.clip(levels, _OFF, -_OFF), np.clip(caps, 0, len(CAPS) - 1), np.clip(gaps, -_MOST_GAPS, _MOST_GAPS)
        )

    def _rule_orders(self, situation: Situation, rule: Rules) -> FloatArray:
        """The orders of the rule itself, (sources,), units."""
        store = self._store
        orders = np.zeros(len(store.sources))
        due = situation.due.copy()
        for place, source in enumerate(store.sources):
            level = rule.levels[0, place, 0]
            position = situation.on_hand - situation.backlog + float(due[: source.reach + 1].sum())
            order = max(0.0, level - position) if math.isfinite(level) else 0.0
            if source.fixed_cost > 0 and order < rule.gaps[0, place, 0]:
                order = 0.0
            placed = raised(source, np.array([min(order, rule.caps[0, place, 0])]))
            orders[place] = min(float(placed[0]), source.most)
            due[source.reach] += orders[place]
        return orders

    def _strides(self, moments: Moments) -> list[float]:
        """Steps in which the first order is changed, units."""
        deviation = float(np.max(moments.deviations[0]))
        finest = 1.0 if moments.whole else deviation / 64.0
        stride, strides = max(finest, deviation / 8.0), []
        while stride > finest:
            strides.append(math.ceil(stride) if moments.whole else stride)
            stride /= 2.0
        return [*strides, finest]

    def _around(self, orders: FloatArray, stride: float, changes: tuple[int, ...]) -> FloatArray:
        """First orders near some, and without each of them, (first orders, sources), units."""
        sources = self._store.sources
        rows = []
        for place, source in enumerate(sources):
            step = max(stride, source.lot)
            for change in changes:
                rows.append(orders.copy())
                rows[-1][place] += change * step
            rows.append(orders.copy())
            rows[-1][place] = 0.0
            for other in range(len(sources)):
                if other != place:
                    rows.append(orders.copy())
                    rows[-1][place] += step
                    rows[-1][other] -= step
        table = np.maximum(np.array(rows), 0.0)
        for place, source in enumerate(sources):
            table[:, place] = np.minimum(raised(source, table[:, place]), source.most)
        return table
