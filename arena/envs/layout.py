"""The flat observation vector, written straight from the simulator's columns.

The entries are those of ``TrackView(scenario, track).observe(state).vector``: last demand and last unfilled (per market
link), on hand (per managed node), the pipeline slots of every supply link, the period, sentiment; then, where the
scenario has them, component stock and what suppliers owe. On the informed track the forecast follows, padded to a
fixed length: see :class:`ObservationLayout`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, get_args

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from arena.errors import unknown_name
from arena.simulate.blocks import BlockMovements, BlockState
from arena.simulate.columns import Column
from arena.simulate.compiled import CompiledScenario
from arena.simulate.states import Columns, Movements
from arena.world.scenario import Scenario

#: Tracks that one decision maker for the whole network can train on. The oracle's knowledge is no observation, and the
#: decentralised track is the parallel environment's.
EnvTrack = Literal["blind", "informed"]


@dataclass(frozen=True)
class MeanPaths:
    """Mean demand at sentiment 1 of a batch of episodes, units per period.

    Attributes:
        path: shape (market links, horizon + longest lead time, episodes); or (…, 1) where all episodes share it.
        smallest: lower bound of the mean, shape (episodes,), or (market links, 1, 1) for all.
    """

    path: NDArray[np.float64]
    smallest: NDArray[np.float64]


class ObservationLayout:
    """How a scenario's observations are laid out as a vector.

    On the informed track ``market links × (horizon + longest lead time)`` entries follow the blind vector, market link
    by market link: entry k of a link is its mean demand k periods after the coming one, at the sentiment of the
    observation. As the episode goes on, fewer periods lie ahead; the entries at the end are then 0.

    Args:
        scenario: what is played.
        compiled: the scenario compiled.
        track: ``blind`` or ``informed``.

    Raises:
        UnknownName: If the track is neither.
    """

    def __init__(self, scenario: Scenario, compiled: CompiledScenario, track: EnvTrack) -> None:
        if track not in get_args(EnvTrack):
            raise unknown_name("track of a training environment", str(track), get_args(EnvTrack))
        network = scenario.network
        self._compiled = compiled
        self._owed_shown = scenario.upstream_shortage == "owed"
        self._varies = bool(network.varying_links)
        self._hides_arrivals = scenario.visible_arrivals == "total"
        self._hidden_links = frozenset(network.varying_links if self._hides_arrivals else ())
        self._has_arrivals = self._varies or network.delay_offsets[-1] > 0
        self._is_informed = track == "informed"
        self._sales_shown = scenario.visible_demand == "sales"
        self._mean_path = scenario.mean_path
        self._forecast_periods = len(scenario.mean_path.T)
        self._smallest_means = scenario.smallest_means[:, None]
        self.means = MeanPaths(scenario.mean_path[:, :, None], scenario.smallest_means[:, None, None])
        """The scenario's own mean demand."""
        self._no_demand = (0.0,) * compiled.markets
        self.length: int = 2 * compiled.markets + len(network.managed) + network.pipeline_offsets[-1] + 2
        """Number of entries."""
        self.length += len(network.components) + (compiled.links if self._owed_shown else 0)
        self.length += network.delay_offsets[-1]
        self.length += compiled.links + network.arrival_offsets[-1] if self._varies else 0
        self.length += compiled.markets if self._sales_shown else 0
        self.length += self._mean_path.size if self._is_informed else 0

    def space(self, bound: float) -> spaces.Box:
        """The observation space, float64.

        Args:
            bound: of every entry, see `arena.envs.reach.observation_bound`; infinite where none is known.
        """
        return spaces.Box(-bound, bound, (self.length,), np.float64)

    def single(
        self, columns: Columns, last: Movements | None, mean_path: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """The observation of one episode, shape (length,), a new array.

        Args:
            columns: state before the coming period, as floats.
            last: what moved in the last period; None before the first.
            mean_path: what forecasts show, shape (market links, periods); None for the scenario's own.
        """
        stocks = columns.on_hand
        components = self._compiled.component_points
        values = [
            *(self._no_demand if last is None else last.sold if self._sales_shown else last.demand),
            *(self._no_demand if self._sales_shown else columns.unfilled),
            *(self._compiled.by_node(stocks) if components else stocks),
            *chain.from_iterable(self._pipeline(columns, 0.0) if self._hidden_links else columns.pipeline),
            columns.period,
            columns.sentiment,
        ]
        if components:
            values += [stocks[point] for point in components]
        if self._owed_shown:
            values += columns.owed
        if self._has_arrivals:
            values += self._arrivals(columns, last, 0.0)
        if self._sales_shown:
            values += [float(stocks[seller] > 0.0) for seller in self._compiled.sellers]
        if self._is_informed:
            path = self._mean_path if mean_path is None else mean_path
            ahead = np.zeros(path.shape)
            left = self._forecast_periods - columns.period
            ahead[:, :left] = np.maximum(self._smallest_means, path[:, columns.period :] * columns.sentiment)
            return np.concatenate((values, ahead.ravel()))
        return np.array(values, dtype=np.float64)

    def _pipeline(self, columns: Columns, nothing: Column) -> Iterable[Sequence[Column]]:
        """What is on the way by link, as far as it is shown."""
        return [
            [nothing] * len(slots) if link in self._hidden_links else slots
            for link, slots in enumerate(columns.pipeline)
        ]

    def _arrivals(self, columns: Columns, last: Movements | None, nothing: Column) -> list[Column]:
        """Orders that suppliers have not seen, and, where lead times vary, what was received, and by age."""
        shown = list(chain.from_iterable(columns.unseen))
        if self._varies:
            ages = self._compiled.network.arrival_offsets[-1]
            shown += [nothing] * self._compiled.links if last is None else last.received
            shown += [nothing] * ages if last is None or self._hides_arrivals else chain.from_iterable(last.arrived)
        return shown

    def batch(
        self,
        columns: Columns | BlockState,
        last: Movements | BlockMovements | None,
        means: MeanPaths | None = None,
    ) -> NDArray[np.float64]:
        """The observations of a batch, shape (batch, length), a new array.

        Each entry of the vector is contiguous over the batch (Fortran order): that is how the columns are at hand.

        Args:
            columns: state before the coming period, as numpy columns, or as blocks.
            last: what moved in the last period, of the same kind; None before the first.
            means: what forecasts show; None for the scenario's own.
        """
        if isinstance(columns, BlockState):
            assert not isinstance(last, Movements)
            parts = self._blocks(columns, last)
        else:
            assert not isinstance(last, BlockMovements)
            parts = self._columns(columns, last)
        count = len(columns.sentiment)
        if self._is_informed:
            ahead = np.zeros((*self._mean_path.shape, count))
            left = self._forecast_periods - columns.period
            means = means or self.means
            coming = means.path[:, columns.period :] * columns.sentiment
            np.maximum(means.smallest, coming, out=ahead[:, :left])
            parts.append(ahead.ravel())
        observations: NDArray[np.float64] = np.concatenate(parts).reshape(self.length, count)
        return observations.T

    def _columns(self, columns: Columns, last: Movements | None) -> list[Column]:
        """What stands in the observations of a batch before the forecast, entry by entry."""
        stocks = columns.on_hand
        count = len(stocks[0])
        needs_nothing = last is None or self._sales_shown
        nothing: Sequence[Column] = [np.zeros(count)] * self._compiled.markets if needs_nothing else ()
        parts = [
            *(nothing if last is None else last.sold if self._sales_shown else last.demand),
            *(nothing if self._sales_shown else columns.unfilled),
            *self._compiled.by_node(stocks),
            *chain.from_iterable(self._pipeline(columns, np.zeros(count)) if self._hidden_links else columns.pipeline),
            np.full(count, float(columns.period)),
            columns.sentiment,
            *(stocks[point] for point in self._compiled.component_points),
        ]
        if self._owed_shown:
            parts += columns.owed
        if self._has_arrivals:
            parts += self._arrivals(columns, last, np.zeros(count))
        if self._sales_shown:
            parts += [(stocks[seller] > 0.0).astype(np.float64) for seller in self._compiled.sellers]
        return parts

    @staticmethod
    def _blocks(state: BlockState, last: BlockMovements | None) -> list[Column]:
        """The same of blocks, whose entries stand in this order already."""
        return [
            (np.zeros(state.unfilled.shape) if last is None else last.demand).ravel(),
            state.unfilled.ravel(),
            state.on_hand.ravel(),
            *(pipeline.ravel() for pipeline in state.pipelines),
            np.full(len(state.sentiment), float(state.period)),
            state.sentiment,
        ]
