"""Damping of the gradient through observed stocks: waves of a policy's own making do not drown the rest."""

from dataclasses import replace

import pytest
import torch
from learning import episodes_of, scenario_on
from torch import Tensor, nn

from arena import load_network
from arena_rl.episodes.batches import play
from arena_rl.episodes.worlds import relative_profit


class Filler(nn.Module):
    """Orders what the shelves lack, times a gain, whatever is under way already."""

    def __init__(self, gain: float, *, blind_to_itself: bool = False) -> None:
        super().__init__()
        self.gain = gain
        self.blind_to_itself = blind_to_itself
        self.level = nn.Parameter(torch.tensor(300.0))
        self.forecasts: list[Tensor] = []
        self.asked: list[Tensor] = []

    def order_batches(self, briefings, observations):
        found = []
        for briefing, observation in zip(briefings, observations, strict=True):
            orders = self.wish(observation).repeat(1, briefing.compiled.links)
            if orders.requires_grad:
                orders.retain_grad()
            self.asked.append(orders)
            found.append(orders)
        return found

    def wish(self, observation):
        if self.blind_to_itself:
            observation = replace(observation, on_hand=observation.on_hand.detach())
        lacking = self.level - observation.on_hand.sum(1, keepdim=True)
        return nn.functional.softplus(self.gain * lacking)


class Follower(Filler):
    """Orders by the mood of the customers alone."""

    def wish(self, observation):
        return 0.1 * self.level * observation.sentiment[:, None]


def slopes(policy, *, goodwill=False, **how):
    """Profits, and what a unit of every order is worth to them by the gradient, market prices, (periods,)."""
    batch = episodes_of(scenario_on(load_network("serial"), backlog=True, goodwill=goodwill), 8, informed=True)
    played = play(policy, [batch], torch.Generator().manual_seed(1), **how)
    relative_profit(played.profits, [batch]).backward()
    (price,) = {link.price for link in batch.briefing.compiled.network.market_links}
    per_unit = (batch.reference_profit[:, None] * batch.count) / price
    return played.profits[0], torch.stack([(orders.grad * per_unit).abs().max() for orders in policy.asked])


def test_waves_grow_in_the_gradient_and_damped_they_do_not():
    profits, free = slopes(Filler(2.0))
    same, damped = slopes(Filler(2.0), feedback=0.2)
    torch.testing.assert_close(same, profits, rtol=0, atol=0)
    assert free.max() > 100
    assert damped.max() < 10
    # The last orders feed back on nothing.
    torch.testing.assert_close(damped[-3:], free[-3:], rtol=1e-5, atol=1e-9)


def test_without_feedback_later_orders_are_taken_as_given():
    damped, alone = Filler(0.4), Filler(0.4, blind_to_itself=True)
    _, found = slopes(damped, feedback=0.0)
    _, expected = slopes(alone)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-9)
    assert float(damped.level.grad) == pytest.approx(float(alone.level.grad), rel=1e-4)


def test_what_service_does_to_demand_is_never_damped():
    true, damped = Follower(1.0), Follower(1.0)
    _, expected = slopes(true, goodwill=True)
    _, found = slopes(damped, goodwill=True, feedback=0.0)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert float(damped.level.grad) == float(true.level.grad) != 0


def test_it_is_given_as_a_share_and_one_is_the_true_gradient():
    true, same, half = (Filler(0.4) for _ in range(3))
    slopes(true)
    slopes(same, feedback=1.0)
    slopes(half, feedback=0.5)
    assert float(same.level.grad) == float(true.level.grad)
    assert float(half.level.grad) != pytest.approx(float(true.level.grad), rel=1e-3)
