"""Lead times that vary: the table of an episode or of a batch, and which orders arrive in a period.

A table is drawn before the first period, from a stream of its own: demand does not move with it, and every controller
of an episode meets the same lead times, whatever it orders.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from arena.simulate.columns import Column
from arena.simulate.streams import child_generator
from arena.world.lead_times import without_crossing
from arena.world.network import Network
from arena.world.scenario import Scenario

_STREAM: Final = 0x6C656164
"""Keeps the stream of lead times apart from the others of an episode."""


def draw_lead_times(
    scenario: Scenario, generator: np.random.Generator, episodes: int | None = None
) -> NDArray[np.int64]:
    """Lead times of an episode, or of several from one stream, by the period of the order.

    Args:
        scenario: what is played.
        generator: the episode's random stream at its start. Nothing is taken from it: lead times come from a stream
            that follows from its state.
        episodes: number of episodes; None for one.

    Returns:
        Periods, shape (horizon, links whose lead time varies), in the order of `Network.varying_links`; with a number
        of episodes (horizon, links, episodes). -1 (`arena.world.lead_times.LOST`) for orders that never arrive.
    """
    return lead_time_table(scenario.network, scenario.horizon, generator, episodes)


def lead_time_table(
    network: Network, horizon: int, generator: np.random.Generator, episodes: int | None = None
) -> NDArray[np.int64]:
    """The same on a network, for a number of periods; see `draw_lead_times`."""
    links = [network.supply_links[position] for position in network.varying_links]
    shape = (horizon, len(links)) if episodes is None else (horizon, len(links), episodes)
    table = np.empty(shape, dtype=np.int64)
    if not links:
        return table
    uniforms = child_generator(generator, _STREAM).random(shape)
    for place, (position, link) in enumerate(zip(network.varying_links, links, strict=True)):
        law = link.lead_time_distribution if link.lead_time_series is None else link.lead_time_series
        if law is None:
            raise ValueError(f"supply link {position} has a longest lead time and no law to draw from")
        drawn = law.lead_times(uniforms[:, place])
        table[:, place] = drawn if law.may_cross else without_crossing(drawn)
    return table


class Arrivals:
    """Which orders arrive, in an episode or a batch of them.

    Args:
        network: what is played.
        lead_times: as of `draw_lead_times`, shape (periods, varying links), or (periods, varying links, batch).
        column: turns a boolean array (batch,) into a column of the state's kind; not needed for a single episode.
    """

    def __init__(
        self,
        network: Network,
        lead_times: NDArray[np.int64],
        column: Callable[[NDArray[np.bool_]], Column] | None = None,
    ) -> None:
        self._slots = [network.supply_links[position].slots for position in network.varying_links]
        self._lead_times: Any = lead_times.tolist() if lead_times.ndim == 2 else lead_times
        self._column = column

    def in_period(self, period: int) -> list[list[Column]]:
        """Shares of the orders that arrive in a period, 0 or 1.

        Args:
            period: from 0.

        Returns:
            Per varying link, a share for every slot of its pipeline, oldest order first, and for the order of the
            period itself. A share that is the same for the whole batch is the number 0 or 1.
        """
        return [self._of_link(place, slots, period) for place, slots in enumerate(self._slots)]

    def _of_link(self, place: int, slots: int, period: int) -> list[Column]:
        shares: list[Column] = []
        for age in range(slots, -1, -1):
            ordered = period - age
            if ordered < 0:
                # Orders from before the first period arrive when the pipeline says.
                shares.append(1 if age == slots else 0)
            else:
                arrives = self._lead_times[ordered][place] == age
                if self._column is None:
                    shares.append(int(arrives))
                else:
                    shares.append(self._column(arrives) if arrives.any() else 0)
        return shares


def arrivals_of(network: Network, lead_times: Any, like: Any) -> Arrivals:
    """Arrivals of a batch, in columns of the kind of an array.

    Args:
        network: what is played.
        lead_times: numpy integers, shape (batch, periods, varying links).
        like: an array (batch, …) of numpy or torch.

    Raises:
        ValueError: the shape is another.
    """
    from array_api_compat import array_namespace, device

    table = np.asarray(lead_times)
    expected = (like.shape[0], len(network.varying_links))
    if table.ndim != 3 or (table.shape[0], table.shape[2]) != expected:
        raise ValueError(
            f"lead times have the shape (batch, periods, links whose lead time varies), here ({expected[0]}, periods, "
            f"{expected[1]}); got {table.shape}"
        )
    xp = array_namespace(like)

    def column(arrives: NDArray[np.bool_]) -> Any:
        return xp.asarray(arrives.astype(np.float64), dtype=like.dtype, device=device(like))

    return Arrivals(network, np.ascontiguousarray(table.transpose(1, 2, 0)), column)
