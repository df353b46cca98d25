"""The customers' end of a plan: what the simulator does there, path by path, and the demand that paths stand for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import changed, networks, order_sequences, scenarios

from arena import Goodwill, Scenario, Simulator, TrackView, load_scenario
from arena_optimization.beliefs.demand_paths import DemandPaths, centred_normals
from arena_optimization.controllers.customers import Customers
from arena_optimization.programs.rolling_horizon import Planner

GOODWILL = scenarios(networks(2, 5, extensions=("bill_of_materials",)), goodwill=True, longest=10)


@settings(max_examples=40, deadline=None)
@given(drawn=GOODWILL, seed=st.integers(0, 10_000), data=st.data())
def test_customers_do_what_the_simulator_does(drawn: Scenario, seed: int, data: st.DataObject) -> None:
    # Without noise demand is mean x sentiment: one path says all.
    scenario = changed(drawn, demand=changed(drawn.demand, noise_scale=0.0))
    network, horizon = scenario.network, scenario.horizon
    simulator, view = Simulator(scenario), TrackView(scenario, "informed")
    simulator.start(seed)
    orders, first = data.draw(order_sequences(scenario)), data.draw(st.integers(0, horizon - 1))
    for period in orders[:first]:
        simulator.step(period)
    observation, briefing = view.observe(simulator.state), view.brief(seed=1)
    for period in orders[first:]:
        simulator.step(period)
    ledger = simulator.ledger()
    # Rounding may leave a shortage of 1e-15 units, which the simulator counts and a plan must not.
    assume(not ((ledger.unfilled > 0) & (ledger.unfilled < 1e-6)).any())

    planner = Planner(briefing, horizon=lambda _, left: left, paths=1, open_loop=True)
    paths = DemandPaths(
        base=scenario.mean_path[None, :, first:horizon],
        normals=np.zeros((1, len(network.market_links), horizon - first)),
        dispersion=np.ones(1),
        noise_scale=0.0,
        smallest_mean=scenario.demand.smallest_mean,
    )
    assert scenario.goodwill is not None
    outcome = Customers(briefing).play(
        ledger.filled[first:].T,
        planner.start(observation, horizon - first),
        paths,
        scenario.goodwill,
        observation,
    )
    assert outcome.sentiments[0] == pytest.approx(ledger.sentiment[first:], rel=1e-9)
    assert pytest.approx(ledger.demand[first:], rel=1e-9, abs=1e-9) == outcome.demand[0].T

    money = np.zeros(horizon - first)
    for market, link in enumerate(network.market_links):
        node = network.node(link.retailer)
        margin = link.price - (node.operating_cost or 0.0) / node.yield_
        money += margin * ledger.sold[first:, market] - link.shortage_penalty * ledger.unfilled[first:, market]
    for retailer in network.retailers:
        holding = network.node(retailer).holding_cost or 0.0
        money -= holding * ledger.on_hand[first:, network.managed_index(retailer)]
    expected = float(money @ scenario.discount ** np.arange(horizon - first))
    assert outcome.profit == pytest.approx(expected, rel=1e-9, abs=1e-7)


def test_every_path_has_its_own_customers() -> None:
    scenario = changed(load_scenario("serial-trend-seasonal-goodwill-lost-sales"), horizon=6)
    simulator, view = Simulator(scenario), TrackView(scenario, "informed")
    simulator.start(1)
    observation, briefing = view.observe(simulator.state), view.brief(seed=1)
    planner = Planner(briefing, horizon=lambda _, left: left, paths=1, open_loop=True)
    customers, start = Customers(briefing), planner.start(observation, 6)
    goodwill = scenario.goodwill
    assert goodwill is not None

    def outcome(*levels: float) -> tuple[np.ndarray, float]:
        base = np.array(levels)[:, None, None] * np.ones((1, 1, 6))
        paths = DemandPaths(base=base, normals=np.zeros(base.shape), dispersion=np.ones(1), noise_scale=0.0)
        found = customers.play(np.zeros((3, 6)), start, paths, goodwill, observation)
        return found.sentiments, found.profit

    (few, few_profit), (many, many_profit), (both, both_profit) = outcome(1.0), outcome(500.0), outcome(1.0, 500.0)
    np.testing.assert_array_equal(both, np.concatenate([few, many]))
    assert both_profit == pytest.approx((few_profit + many_profit) / 2.0, rel=1e-12)
    assert few[0, -1] > 1.0 > many[0, -1]


def test_sentiment_if_all_are_served_from_now_on() -> None:
    scenario = load_scenario("serial-trend-seasonal-goodwill-lost-sales")
    goodwill = Goodwill(growth=1.1, decay=0.5, cap=1.3, floor=0.1)
    simulator, view = Simulator(changed(scenario, goodwill=goodwill)), TrackView(scenario, "informed")
    simulator.start(1)
    customers = Customers(view.brief(seed=1))
    at_first = customers.first_sentiments(goodwill, view.observe(simulator.state), 2, 5)
    assert at_first == pytest.approx(np.tile([1.0, 1.1, 1.21, 1.3, 1.3], (2, 1)), rel=1e-12)
    simulator.step(np.zeros(3))
    while not simulator.state.unfilled.any():
        simulator.step(np.zeros(3))
    sentiment = simulator.state.sentiment
    after_a_shortage = customers.first_sentiments(goodwill, view.observe(simulator.state), 1, 3)
    fallen = sentiment * 0.5
    assert after_a_shortage[0] == pytest.approx([fallen, fallen * 1.1, fallen * 1.21], rel=1e-12)


@pytest.mark.parametrize(("mean", "sentiment"), [(20.0, 1.0), (20.0, 0.4), (3.0, 1.5)])
@pytest.mark.parametrize("dispersion", [1.0, 4.0])
@pytest.mark.parametrize("noise_scale", [1.0, 0.5])
def test_paths_have_the_mean_and_variance_they_say(
    mean: float, sentiment: float, dispersion: float, noise_scale: float
) -> None:
    normals = centred_normals(2, 8192, np.random.default_rng(0)).reshape(8192, 1, 2)
    paths = DemandPaths(
        base=np.full((1, 1, 2), mean), normals=normals, dispersion=np.array([dispersion]), noise_scale=noise_scale
    )
    sentiments = np.full((8192, 2), sentiment)
    demand = paths.at(sentiments)
    assert demand.shape == (8192, 1, 2)
    assert demand.mean(axis=0) == pytest.approx(np.full((1, 2), mean * sentiment), rel=0.03)
    variance = noise_scale**2 * dispersion * mean * sentiment
    assert demand.var(axis=0) == pytest.approx(np.full((1, 2), variance), rel=0.08)
    assert paths.mean(sentiments) == pytest.approx(np.full((1, 2), mean * sentiment), rel=1e-12)


@settings(max_examples=50, deadline=None)
@given(
    noise_scale=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    dispersion=st.sampled_from([0.2, 1.0, 7.0]),
    seed=st.integers(0, 1_000),
)
def test_demand_of_one_period_is_its_part_of_all(noise_scale: float, dispersion: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    paths = DemandPaths(
        base=generator.uniform(0.0, 40.0, (5, 2, 4)),
        normals=generator.standard_normal((5, 2, 4)),
        dispersion=np.full((5, 2, 1), dispersion),
        noise_scale=noise_scale,
        smallest_mean=0.1,
    )
    sentiments = generator.uniform(0.0, 2.0, (5, 4))
    whole = paths.at(sentiments)
    assert (whole >= 0.0).all()
    for period in range(4):
        np.testing.assert_array_equal(paths.at(sentiments[:, period], period), whole[..., period])
    if noise_scale == 0.0:
        np.testing.assert_array_equal(whole, np.maximum(paths.base * sentiments[:, None], 0.1))
    if noise_scale == 1.0:
        # Whole multiples of the dispersion.
        np.testing.assert_allclose(whole / dispersion, np.round(whole / dispersion), atol=1e-9)
