"""The teacher against the oracle of arena-optimization: step by step it plays the same plan."""

import numpy as np
import pytest
import torch

from arena import Demand, Network, Scenario, Simulator, TrackView, discover, load_network
from arena_imitation.expert import Expert
from arena_rl.episodes.batches import make_batch
from arena_rl.inputs.observations import BatchBriefing, BatchObservation


def scenario_on(network: Network, *, backlog: bool = True, **more: object) -> Scenario:
    return Scenario(
        name="taught",
        network=network,
        demand=Demand.model_validate({"base_mean": 20.0, "trend": {}, "seasonal": {}}),
        fulfilment="backlog" if backlog else "lost_sales",
        **more,
    )


def setting_on(scenario: Scenario) -> BatchBriefing:
    return make_batch(scenario, [scenario.demand], informed=True).briefing


def situation_of(simulator: Simulator, scenario: Scenario, briefing: BatchBriefing) -> BatchObservation:
    observation = TrackView(scenario, "blind").observe(simulator.state)
    stock = np.concatenate((observation.on_hand, observation.component_stock))[list(scenario.network.stock_places)]

    def batch(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.array(array, dtype=np.float64)[None])

    nothing = torch.zeros((1, briefing.compiled.markets, 0))
    return BatchObservation(
        period=observation.period,
        on_hand=batch(stock),
        pipeline=batch(observation.pipeline),
        unfilled=batch(observation.last_unfilled),
        owed=batch(observation.owed),
        sentiment=torch.ones(1),
        past_demand=nothing,
        past_sentiment=nothing[:, 0],
        forecast=None,
    )


def trace_of(scenario: Scenario, seed: int) -> np.ndarray:
    """What customers want, units, (periods, market links)."""
    means = scenario.mean_demand(0, scenario.horizon, 1.0)
    return np.random.default_rng(seed).poisson(means).T.astype(np.float64)


def profit_of_the_expert(scenario: Scenario, trace: np.ndarray) -> float:
    briefing = setting_on(scenario)
    expert = Expert(briefing, shortage_weight=1.5)
    simulator = Simulator(scenario)
    simulator.replay(trace)
    total = 0.0
    while not simulator.finished:
        orders = expert.orders(situation_of(simulator, scenario, briefing), trace[simulator.period :].T[None])
        total += simulator.step(orders[0])
    return total


def profit_of_the_oracle(scenario: Scenario, trace: np.ndarray) -> float:
    declared = discover().controller("oracle").spec
    controller = declared.factory(declared.config())
    view, simulator = TrackView(scenario, "oracle"), Simulator(scenario)
    simulator.replay(trace)
    controller.begin(view.brief(seed=0, realised_demand=trace))
    total = 0.0
    while not simulator.finished:
        total += simulator.step(controller.order(view.observe(simulator.state)))
    return total


@pytest.mark.parametrize("backlog", [True, False])
@pytest.mark.parametrize("network", ["serial", "divergent", "tree", "assembly"])
def test_the_expert_earns_what_the_oracle_earns(network, backlog):
    scenario = scenario_on(load_network(network), backlog=backlog, horizon=20)
    for seed in (3, 4):
        trace = trace_of(scenario, seed)
        expected = profit_of_the_oracle(scenario, trace)
        assert profit_of_the_expert(scenario, trace) == pytest.approx(expected, rel=1e-6)


def test_a_share_of_later_demand_that_is_lost_is_a_price_on_shortage():
    """Customers whom it does not pay to serve are served for those who come after them."""
    data = load_network("serial").model_dump(mode="json", by_alias=True)
    data["market_links"][0] |= {"price": 0.52, "shortage_penalty": 0.0}  # a unit costs 0.51, and its way 0.06
    for node in data["nodes"][1:4]:
        node["initial_stock"] = 0.0
    scenario = scenario_on(Network.model_validate(data), backlog=False, horizon=20)
    briefing, simulator = setting_on(scenario), Simulator(scenario)
    simulator.start(1)
    observation, demand = situation_of(simulator, scenario, briefing), np.full((1, 1, 20), 40.0)
    expert = Expert(briefing, shortage_weight=10.0)
    assert expert.orders(observation, demand).sum() == 0.0
    assert expert.orders(observation, demand, lost_share=0.5).sum() > 0.0


def test_an_integer_program_does_not_teach():
    data = load_network("serial").model_dump(mode="json", by_alias=True)
    data["supply_links"][0]["fixed_ordering_cost"] = 10.0
    with pytest.raises(ValueError, match="its oracle is an integer program, too slow to teach"):
        Expert(setting_on(scenario_on(Network.model_validate(data))), shortage_weight=1.0)
