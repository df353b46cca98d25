"""Briefing and observation of a track as tensors over a batch of episodes.

Both classes are filled from the simulator in training (`arena_rl.episodes`) and from the arena's own briefing and
observation in play (`arena_rl.controller`), so that training cannot show a policy what play does not: on the blind
track forecast, noise scale and goodwill are None.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from arena import Briefing, CompiledScenario, Demand, Goodwill, InformedBriefing, Scenario, compile_scenario
from arena_rl.inputs.echelon_positions import SupplyStructure

RULES = 7
"""Numbers that describe the rules of an episode: backlog, noise scale, goodwill present, growth, decay, cap, floor."""


@dataclass(frozen=True)
class BatchBriefing:
    """Facts about a batch of episodes that are known before they begin.

    Attributes:
        compiled: network and rules, shared by the batch.
        horizon: number of periods.
        order_bound: largest order on a supply link, units.
        noise_scale: factor on demand's deviation from its mean, (episodes,); None on the blind track.
        goodwill: sentiment dynamics; None on the blind track and in episodes without goodwill.
        informed: True on the informed track, False on the blind one.
    """

    compiled: CompiledScenario
    horizon: int
    order_bound: float
    noise_scale: Tensor | None
    goodwill: Goodwill | None
    informed: bool

    @cached_property
    def structure(self) -> SupplyStructure:
        """Supply structure of the network."""
        return SupplyStructure(self.compiled)

    @cached_property
    def rules(self) -> Tensor:
        """Rules as policies read them, (1 or episodes, RULES); on the blind track all but the first are 0."""
        backlog, goodwill = float(self.compiled.backlog), self.goodwill
        dynamics = (
            [0.0] * 5 if goodwill is None else [1.0, goodwill.growth, goodwill.decay, goodwill.cap, goodwill.floor]
        )
        noise = torch.zeros(1) if self.noise_scale is None else self.noise_scale
        rules = torch.tensor([backlog, 0.0, *dynamics]).repeat(len(noise), 1)
        rules[:, 1] = noise
        return scale_rules(rules)

    @cached_property
    def _last_useful_period(self) -> Tensor:
        """Last period in which an order on a supply link may be of use, (links,)."""
        network, time_to_market = self.compiled.network, self.structure.time_to_market
        periods = []
        for link, source in enumerate(self.compiled.sources):
            delay = network.lead_times[link] + time_to_market[network.receiving_points[link]]
            periods.append(self.horizon - 1 - delay if source.node < 0 else self.horizon)
        return torch.tensor(periods)

    def backlog(self, observation: BatchObservation) -> Tensor:
        """Backlog of the market links, units, (episodes, market links); 0 where unfilled demand is lost."""
        return observation.unfilled if self.compiled.backlog else torch.zeros_like(observation.unfilled)

    def playable(self, orders: Tensor, period: int) -> Tensor:
        """Clip orders to the bound, and drop orders of raw material that can no longer be sold.

        Raw material that reaches the market after the last period costs its price and earns nothing. An order between
        managed nodes may be of use even then: its price is no cost to the network, and holding stock in transit may
        cost less than holding it on hand.

        Args:
            orders: units, (episodes, supply links).
            period: the period in which the orders are placed.

        Returns:
            Orders as the simulator plays them, units, (episodes, supply links).
        """
        return orders.clamp(0.0, self.order_bound) * (period <= self._last_useful_period)


@dataclass(frozen=True)
class BatchObservation:
    """Observation of a batch before the decision of a period; quantities in units.

    Attributes:
        period: the period about to be played, from 0.
        on_hand: stock on hand, (episodes, stock points).
        pipeline: stock in transit by slot, laid out as `Network.pipeline_offsets` says, (episodes, slots).
        unfilled: unfilled demand at the end of the last period, (episodes, market links).
        owed: quantities that suppliers still owe, (episodes, supply links).
        sentiment: sentiment of the last period, (episodes,).
        past_demand: all demand so far, latest last, (episodes, market links, periods so far).
        past_sentiment: sentiment under which each past demand arose, (episodes, periods so far).
        forecast: mean demand from the coming period on, 0 after the last period of the episode, (episodes, market
            links, periods ahead); None on the blind track.
    """

    period: int
    on_hand: Tensor
    pipeline: Tensor
    unfilled: Tensor
    owed: Tensor
    sentiment: Tensor
    past_demand: Tensor
    past_sentiment: Tensor
    forecast: Tensor | None


class DemandHistory:
    """Demand and sentiment of the periods played so far in a batch.

    Args:
        episodes: number of episodes.
        markets: number of market links.
    """

    def __init__(self, episodes: int, markets: int) -> None:
        self._none = torch.zeros((episodes, markets, 0))
        self._demand: list[Tensor] = []
        self._sentiment: list[Tensor] = []

    def append(self, demand: Tensor, sentiment: Tensor) -> None:
        """Add a period.

        Args:
            demand: units, (episodes, market links).
            sentiment: sentiment under which the demand arose, (episodes,).
        """
        self._demand.append(demand)
        self._sentiment.append(sentiment)

    @property
    def demand(self) -> Tensor:
        """Demand so far, latest last, units, (episodes, market links, periods so far)."""
        return torch.stack(self._demand, dim=2) if self._demand else self._none

    @property
    def sentiment(self) -> Tensor:
        """Sentiment so far, latest last, (episodes, periods so far)."""
        return torch.stack(self._sentiment, dim=1) if self._sentiment else self._none[:, 0]

    def __len__(self) -> int:
        """Number of periods."""
        return len(self._demand)


def as_float(array: object) -> Tensor:
    """Convert an array to a tensor of single precision."""
    return torch.as_tensor(array, dtype=torch.float32)


def scale_rules(rules: Tensor) -> Tensor:
    """Bring the rules of episodes to sizes near 1, as policies read them.

    Args:
        rules: backlog, noise scale, goodwill present, growth, decay, cap, floor, (episodes, RULES); the last four are
            ignored where goodwill is absent.

    Returns:
        Scaled rules, (episodes, RULES).
    """
    backlog, noise, has_goodwill, growth, decay, cap, floor = rules.unbind(1)
    dynamics = torch.stack(((growth - 1) * 50, (1 - decay) * 5, cap / 2, floor), dim=1)
    dynamics = torch.where(has_goodwill[:, None] > 0, dynamics, 0.0)
    return torch.cat((torch.stack((backlog, noise, has_goodwill), dim=1), dynamics), dim=1)


def batch_briefing(briefing: Briefing) -> BatchBriefing:
    """Convert the briefing of one episode to a batch of one.

    Args:
        briefing: of the blind or the informed track.

    Raises:
        ValueError: On the decentralised track, where a policy for the whole network cannot play.
    """
    if briefing.node is not None:
        raise ValueError(
            f"node {briefing.node} is told only of itself, and this policy orders for all: play it on the "
            "blind or informed track"
        )
    informed = isinstance(briefing, InformedBriefing)
    goodwill = briefing.goodwill if isinstance(briefing, InformedBriefing) else None
    # A scenario needs a demand, and a compiled scenario does not depend on it.
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
    noise_scale = torch.tensor([briefing.noise_scale]) if isinstance(briefing, InformedBriefing) else None
    return BatchBriefing(
        compiled=compile_scenario(scenario),
        horizon=briefing.horizon,
        order_bound=float(briefing.order_bound[0]),
        noise_scale=noise_scale,
        goodwill=goodwill,
        informed=informed,
    )
