"""What a policy sees: the briefing and the observation of a track, as tensors over a batch of episodes.

The same two classes are filled from the simulator in training (:mod:`arena_rl.episodes.batches`) and from the arena's
observations when a trained policy plays (:mod:`arena_rl.controller`), so that a policy cannot be given in training what
it will not have later: on the blind track forecast, noise scale and goodwill are None.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from arena import Briefing, CompiledScenario, Demand, Goodwill, InformedBriefing, Scenario, compile_scenario
from arena_rl.inputs.echelon_positions import Reach

SMALLEST_FORECAST = 1e-6
RULES = 7
"""Numbers that describe the rules of an episode: backlog, noise scale, goodwill present, growth, decay, cap, floor."""


@dataclass(frozen=True)
class Setting:
    """What is known of a batch of episodes before they begin.

    Attributes:
        compiled: network and rules, shared by the batch.
        horizon: number of periods.
        order_bound: largest order on a supply link, units.
        noise_scale: factor on demand's deviation from its mean, (episodes,); None on the blind track.
        goodwill: sentiment dynamics; None on the blind track, and where there is none.
        informed: whether the track is the informed one.
    """

    compiled: CompiledScenario
    horizon: int
    order_bound: float
    noise_scale: Tensor | None
    goodwill: Goodwill | None
    informed: bool

    @cached_property
    def reach(self) -> Reach:
        """Who supplies whom."""
        return Reach(self.compiled)

    @cached_property
    def rules(self) -> Tensor:
        """What is told of the rules, all near 1 in size, (1 or episodes, RULES); on the blind track only the first."""
        backlog, goodwill = float(self.compiled.backlog), self.goodwill
        mood = [0.0] * 5 if goodwill is None else [1.0, goodwill.growth, goodwill.decay, goodwill.cap, goodwill.floor]
        noise = torch.zeros(1) if self.noise_scale is None else self.noise_scale
        rules = torch.tensor([backlog, 0.0, *mood]).repeat(len(noise), 1)
        rules[:, 1] = noise
        return near_one(rules)

    @cached_property
    def _last_useful(self) -> Tensor:
        """Per supply link, the last period in which an order may be of use, (links,)."""
        way = self.reach.time_to_market
        times = []
        for link, source in enumerate(self.compiled.sources):
            deadline = self.compiled.network.lead_times[link] + way[self.reach.buyer_points[link]]
            times.append(self.horizon - 1 - deadline if source.node < 0 else self.horizon)
        return torch.tensor(times)

    def playable(self, orders: Tensor, period: int) -> Tensor:
        """Orders as they are played: within the bound, and of raw material only what can still be sold.

        Raw material that reaches the market after the last period costs its price and earns nothing. An order between
        managed nodes may be of use even then: its price is no cost to the network, and stock may be cheaper under way.

        Args:
            orders: units, (episodes, supply links).
            period: in which they are placed.
        """
        return orders.clamp(0.0, self.order_bound) * (period <= self._last_useful)


@dataclass(frozen=True)
class Situation:
    """What is seen before the decision of a period; units, episodes first.

    Attributes:
        period: the period about to be played, from 0.
        on_hand: (episodes, stock points).
        pipeline: (episodes, slots), as `Network.pipeline_offsets` lays them out.
        unfilled: (episodes, market links), at the end of the last period.
        owed: (episodes, supply links), what suppliers still owe.
        sentiment: (episodes,), in the last period.
        demand: (episodes, market links, periods so far), all demand seen, latest last.
        moods: (episodes, periods so far), the sentiment under which each of these demands came.
        forecast: (episodes, market links, periods ahead), mean demand from the coming period on, 0 after the last
            period of the episode; None on the blind track.
    """

    period: int
    on_hand: Tensor
    pipeline: Tensor
    unfilled: Tensor
    owed: Tensor
    sentiment: Tensor
    demand: Tensor
    moods: Tensor
    forecast: Tensor | None


def as_float(array: object) -> Tensor:
    """An array as a tensor of single precision."""
    return torch.as_tensor(array, dtype=torch.float32)


def near_one(rules: Tensor) -> Tensor:
    """Rules as policies read them, (episodes, RULES).

    Args:
        rules: backlog, noise scale, goodwill present, growth, decay, cap, floor; without goodwill its four numbers do
            not matter.
    """
    backlog, noise, remembers, growth, decay, cap, floor = rules.unbind(1)
    moods = torch.stack(((growth - 1) * 50, (1 - decay) * 5, cap / 2, floor), dim=1)
    moods = torch.where(remembers[:, None] > 0, moods, 0.0)
    return torch.cat((torch.stack((backlog, noise, remembers), dim=1), moods), dim=1)


def point_places(compiled: CompiledScenario) -> np.ndarray:
    """Where each stock point stands in (on hand per managed node, stock per component)."""
    places = [point.node for point in compiled.stock_points]
    for component, point in enumerate(compiled.component_points):
        places[point] = len(compiled.network.managed) + component
    return np.array(places, dtype=np.intp)


def setting_of(briefing: Briefing) -> Setting:
    """The setting of one episode that is played, a batch of one.

    Args:
        briefing: of the blind or the informed track.

    Raises:
        ValueError: On the decentralised track, where a policy for the whole network has no place.
    """
    if briefing.node is not None:
        raise ValueError(
            f"node {briefing.node} is told only of itself, and this policy orders for all: play it on the "
            "blind or informed track"
        )
    informed = isinstance(briefing, InformedBriefing)
    goodwill = briefing.goodwill if isinstance(briefing, InformedBriefing) else None
    # Any level of demand will do: a compiled has none.
    scenario = Scenario(
        name="briefing",
        network=briefing.network,
        demand=Demand(base_mean=1.0),
        goodwill=goodwill,
        fulfilment=briefing.fulfilment,
        horizon=briefing.horizon,
        discount=briefing.discount,
        upstream_shortage=briefing.upstream_shortage,
    )
    noise = torch.tensor([briefing.noise_scale]) if isinstance(briefing, InformedBriefing) else None
    return Setting(
        compiled=compile_scenario(scenario),
        horizon=briefing.horizon,
        order_bound=float(briefing.order_bound[0]),
        noise_scale=noise,
        goodwill=goodwill,
        informed=informed,
    )
