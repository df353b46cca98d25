"""Demand beyond the published one: quantiles, dependence, histories, and one world on every road through the core."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st
from numpy.typing import NDArray
from pydantic import BaseModel
from scipy.special import betainc, gammainc
from scipy.stats import gamma, nbinom
from strategies import changed, decimals, further_demands, further_scenarios, seeds

from arena import Briefing, ControllerSpec, Observation, Simulator, State, Track, TrackView, load_network, load_scenario
from arena.contract.messages import OracleBriefing
from arena.contract.orders import check_orders
from arena.envs import InventoryEnv, InventoryVectorEnv
from arena.play.seats.translate import describe_briefing, rebuild_briefing
from arena.simulate.simulator import realised_demand, realised_history
from arena.testing import ConformanceError, check_information
from arena.world.demand import Demand
from arena.world.dependence import Correlation, Dependence
from arena.world.quantiles import LARGEST_UNIFORM, negative_binomial_quantiles
from arena.world.scenario import Scenario

levels = st.floats(min_value=0.0, max_value=LARGEST_UNIFORM)


# --- distributions --------------------------------------------------------------------------------------------------


@given(
    levels,
    st.one_of(decimals(0, 3), decimals(0, 500), st.floats(1e-6, 1e9)),
    st.one_of(decimals(0.01, 4), st.floats(1e-6, 1e6)),
)
def test_a_negative_binomial_quantile_is_the_smallest_count_that_reaches_the_level(
    level: float, mean: float, dispersion: float
) -> None:
    count = Demand(distribution="negative_binomial", dispersion=dispersion).quantile(level, mean)
    size = 1.0 / dispersion
    share = size / (size + mean)
    assert count == int(count) >= 0
    assert betainc(size, count + 1, share) >= level
    assert count == 0 or betainc(size, count, share) < level


@pytest.mark.parametrize("mean", [0.02, 0.5, 5.0, 300.0])
@pytest.mark.parametrize("dispersion", [0.05, 0.7, 3.0])
def test_negative_binomial_demand_equals_scipys_quantile(mean: float, dispersion: float) -> None:
    uniforms = np.random.default_rng(7).random(2_000)
    found = Demand(distribution="negative_binomial", dispersion=dispersion).quantile(uniforms, mean)
    size = 1.0 / dispersion
    np.testing.assert_array_equal(found, nbinom.ppf(uniforms, size, size / (size + mean)))


def test_at_a_step_of_a_negative_binomial_the_count_is_that_of_the_step() -> None:
    counts = np.arange(0.0, 40.0)
    steps = betainc(2.0, counts + 1, 2.0 / 12.0)
    np.testing.assert_array_equal(negative_binomial_quantiles(steps, np.full(40, 10.0), 0.5), counts)
    after = np.nextafter(steps, 1)
    np.testing.assert_array_equal(negative_binomial_quantiles(after, np.full(40, 10.0), 0.5), counts + 1)


@pytest.mark.parametrize("shape", [0.3, 1.0, 6.0])
def test_gamma_demand_is_the_inverse_of_its_distribution_function(shape: float) -> None:
    demand, uniforms = Demand(distribution="gamma", shape=shape), np.random.default_rng(7).random(2_000)
    found = demand.quantile(uniforms, 20.0)
    np.testing.assert_allclose(found, gamma.ppf(uniforms, shape, scale=20.0 / shape), rtol=1e-9)
    np.testing.assert_allclose(gammainc(shape, found * shape / 20.0), uniforms, rtol=1e-9, atol=1e-12)


def test_empirical_demand_is_the_smallest_value_whose_weights_reach_the_uniform() -> None:
    demand = Demand(distribution="empirical", values=(8.0, 0.0, 2.0), weights=(1.0, 2.0, 1.0))
    assert demand.own_mean == 2.5
    assert demand.quantile(np.array([0.0, 0.5, 0.51, 0.75, 0.76, 1.0]), 2.5).tolist() == [0, 0, 2, 2, 8, 8]
    assert demand.quantile(0.76, 5.0) == 16.0
    np.testing.assert_allclose(demand.deviation(np.array([2.5])), np.std([0, 0, 2, 8]), rtol=1e-12)


@given(further_demands(), levels, decimals(0, 100), decimals(0.01, 100))
def test_further_demand_never_falls_as_the_mean_or_the_uniform_grows(
    demand: Demand, level: float, mean: float, more: float
) -> None:
    demand = demand.model_copy(update={"noise_scale": min(1.0, demand.noise_scale)})
    less = demand.quantile(level, mean)
    assert demand.quantile(level, mean + more) >= less - 1e-9 * (1 + less)
    assert demand.quantile(min(1.0, level + 0.01), mean) >= less - 1e-9 * (1 + less)


@given(further_demands(), st.lists(st.tuples(levels, decimals(0, 100)), min_size=1, max_size=5))
def test_a_batch_of_further_demand_is_the_singles_bit_for_bit(demand: Demand, drawn: list[tuple[float, float]]) -> None:
    uniforms, means = np.array(drawn).T
    batch = demand.quantile(uniforms, means)
    assert batch.tolist() == [demand.quantile(float(u), float(m)) for u, m in drawn]
    assert (batch <= demand.quantile(1.0, means)).all(), "no uniform exceeds the one of the ceiling"


@pytest.mark.parametrize(
    "fields",
    [
        {"distribution": "negative_binomial", "dispersion": 0.4},
        {"distribution": "gamma", "shape": 2.5},
        {"distribution": "empirical", "values": (1.0, 9.0, 11.0), "weights": (5.0, 2.0, 1.0)},
    ],
)
@pytest.mark.parametrize("mean", [0.02, 7.0])
@pytest.mark.parametrize("noise_scale", [1.0, 0.5])
def test_further_demand_has_the_moments_that_are_told(fields: dict, mean: float, noise_scale: float) -> None:
    demand = Demand(**fields, noise_scale=noise_scale)
    drawn = demand.draw_batch(np.random.default_rng(3), mean, 200_000)
    deviation = float(demand.deviation(np.array([mean]))[0])
    assert abs(drawn.mean() - mean) < 5 * deviation / np.sqrt(200_000)
    assert drawn.std() == pytest.approx(deviation, rel=0.04)


# --- dependence -----------------------------------------------------------------------------------------------------


def deviates(correlation: Correlation | None, coefficients: list[float], periods: int = 20_000) -> np.ndarray:
    from scipy.special import ndtri

    uniforms = np.random.default_rng(5).random((periods, len(coefficients)))
    return np.asarray(ndtri(Dependence(len(coefficients), correlation, coefficients).table(uniforms)))


def test_a_common_factor_correlates_every_pair() -> None:
    found = np.corrcoef(deviates(Correlation(common=0.6), [0.0] * 3).T)
    np.testing.assert_allclose(found, np.where(np.eye(3), 1.0, 0.6), atol=0.035)


def test_a_matrix_correlates_as_it_says() -> None:
    matrix = ((1.0, 0.8, -0.3), (0.8, 1.0, 0.0), (-0.3, 0.0, 1.0))
    found = np.corrcoef(deviates(Correlation(matrix=matrix), [0.0] * 3).T)
    np.testing.assert_allclose(found, matrix, atol=0.035)
    singular = Correlation(matrix=((1.0, 1.0), (1.0, 1.0)))
    one, other = deviates(singular, [0.0, 0.0], 100).T
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_autoregression_correlates_successive_periods_and_leaves_the_distribution_alone() -> None:
    found = deviates(None, [0.7, 0.0])
    for link, phi in enumerate((0.7, 0.0)):
        series = found[:, link]
        assert np.corrcoef(series[1:], series[:-1])[0, 1] == pytest.approx(phi, abs=0.035)
        assert np.corrcoef(series[2:], series[:-2])[0, 1] == pytest.approx(phi**2, abs=0.035)
        assert (series.mean(), series.std()) == pytest.approx((0.0, 1.0), abs=0.06)
    free = np.random.default_rng(5).random((20_000, 2))[:, 1]
    np.testing.assert_array_equal(Dependence(2, None, [0.7, 0.0]).table(np.c_[free, free])[:, 1], free)


@given(st.integers(1, 4), seeds, decimals(0, 1), st.sampled_from([0.0, 0.5, -0.9]))
def test_dependent_uniforms_of_a_batch_are_those_of_its_episodes_bit_for_bit(
    markets: int, seed: int, common: float, phi: float
) -> None:
    dependence = Dependence(markets, Correlation(common=common), [phi] * markets)
    uniforms = np.random.default_rng(seed).random((3, 5, markets))
    before, batch = dependence.begin(), []
    for period in range(5):
        dependent, before = dependence.step(list(uniforms[:, period].T), before)
        batch.append(np.array(dependent).T)
    singles = [dependence.table(episode) for episode in uniforms]
    np.testing.assert_array_equal(np.array(batch).transpose(1, 0, 2), singles)
    assert ((np.array(batch) >= 0) & (np.array(batch) < 1)).all()


# --- one world on every road ----------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(further_scenarios(), seeds)
def test_an_oracle_reckons_with_the_demand_that_is_played(scenario: Scenario, seed: int) -> None:
    history = realised_history(scenario, seed)
    told = TrackView(scenario, "oracle").brief(seed=1, entropy=seed, history=history)
    plain = describe_briefing(told)
    briefing = rebuild_briefing(plain.kind, plain.fields)
    assert isinstance(briefing, OracleBriefing)
    assert briefing.scenario is not None
    assert briefing.scenario.digest == scenario.digest
    np.testing.assert_array_equal(briefing.history, history)
    assert briefing.history.shape == (scenario.history, len(scenario.demands))
    simulator = Simulator(scenario)
    simulator.start(seed)
    while not simulator.finished:
        simulator.step(np.full(simulator.compiled.links, 9.0))
    ledger, uniforms = simulator.ledger(), briefing.uniforms()
    for period, sentiment in enumerate(ledger.sentiment.tolist()):
        means = briefing.scenario.mean_demand(period, period + 1, sentiment)[:, 0].tolist()
        for link, mean in enumerate(means):
            asked = briefing.scenario.demands[link].quantile(float(uniforms[period, link]), mean)
            assert ledger.demand[period, link] == asked
    assert (ledger.demand.sum() <= scenario.demand_ceiling * (1 + 1e-9)).all()
    known = realised_demand(scenario, seed)
    assert (known is None) == (scenario.goodwill is not None)
    assert known is None or (known == ledger.demand).all()


@settings(max_examples=15)
@given(further_scenarios(longest=6), st.integers(0, 1_000))
def test_a_vector_environment_of_independent_streams_equals_single_ones(scenario: Scenario, seed: int) -> None:
    envs = InventoryVectorEnv(scenario, 3, track="informed", streams="independent", autoreset_mode="Disabled")
    singles = [InventoryEnv(scenario, track="informed") for _ in range(3)]
    batch, infos = envs.reset(seed=seed)
    firsts = [env.reset(seed=seed + i) for i, env in enumerate(singles)]
    for i, (first, info) in enumerate(firsts):
        np.testing.assert_array_equal(batch[i], first)
        if scenario.history:
            np.testing.assert_array_equal(infos["history"][i], info["history"])
            np.testing.assert_array_equal(info["history"], realised_history(scenario, seed + i))
    orders = np.full((3, len(scenario.network.supply_links)), 7.0)
    for _ in range(scenario.horizon):
        batch, rewards, *_ = envs.step(orders)
        for i, env in enumerate(singles):
            one, reward, *_ = env.step(orders[i])
            np.testing.assert_array_equal(batch[i], one)
            assert rewards[i] == reward
            assert env.observation_space.contains(one)


SERIAL = load_network("serial")
SMALL = Scenario(
    name="small",
    network=changed(
        SERIAL,
        nodes=tuple(
            changed(
                one,
                initial_stock=None if one.initial_stock is None else 0.0,
                capacity=None if one.capacity is None else 1.0,
                yield_=one.yield_,
            )
            for one in SERIAL.nodes
        ),
    ),
    demand=Demand(base_mean=0.1),
    horizon=2,
)
"""A world in which the tests' order of 5 units lies above the largest order."""


@settings(max_examples=15)
@given(further_scenarios(longest=6), seeds)
@example(SMALL, 0)
def test_the_environments_observation_is_the_contracts_vector(scenario: Scenario, seed: int) -> None:
    env, view, simulator = InventoryEnv(scenario), TrackView(scenario, "blind"), Simulator(scenario)
    seen, _ = env.reset(seed=seed)
    simulator.start(seed)
    bound = scenario.order_bound
    assert scenario is not SMALL or bound < 5.0
    for _ in range(scenario.horizon):
        np.testing.assert_array_equal(seen, view.observe(simulator.state).vector)
        orders = np.full(simulator.compiled.links, 5.0)
        seen, *_ = env.step(orders)
        # The environment brings orders within their bound, as a contest does; the simulator plays what it is given.
        simulator.step(check_orders(orders, bound, len(orders)).orders)
    np.testing.assert_array_equal(seen, view.observe(simulator.state).vector)


class Nothing(BaseModel, frozen=True, extra="forbid"):
    """No settings."""


class Follows:
    """Orders what it was shown, so that whatever reaches it can be seen in its orders."""

    def begin(self, briefing: Briefing) -> None:
        self.links = len(briefing.order_bound)
        self.before = float(briefing.history.sum() + briefing.history_in_stock.sum())

    def order(self, observation: Observation) -> NDArray[np.float64]:
        shown = observation.vector.sum() + np.sum(getattr(observation, "forecast", 0.0)) + self.before
        return np.full(self.links, 1.0 + shown / 9.0)


TRACKS: tuple[Track, ...] = ("blind", "informed", "oracle", "decentralised")
FOLLOWS = ControllerSpec("follows", Nothing, TRACKS, lambda config: Follows(), "Orders what it was shown.")


@settings(max_examples=20)
@given(further_scenarios(longest=8))
def test_nothing_reaches_a_controller_that_its_track_does_not_tell(scenario: Scenario) -> None:
    assert check_information(FOLLOWS, scenarios=[scenario]).checks == ("information",)


def test_a_shown_loss_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    network = load_network("serial")
    nodes = tuple(
        one if one.initial_stock is None else changed(one, initial_stock=5.0, yield_=one.yield_)
        for one in network.nodes
    )
    scenario = Scenario(
        name="empty-shelves",
        network=changed(network, nodes=nodes),
        demand=Demand(base_mean=20.0),
        fulfilment="lost_sales",
        visible_demand="sales",
        horizon=6,
    )
    check_information(FOLLOWS, scenarios=[scenario])
    observe = TrackView.observe

    def leaking(self: TrackView, state: State) -> Observation:
        return dataclasses.replace(observe(self, state), last_unfilled=state.unfilled)

    monkeypatch.setattr(TrackView, "observe", leaking)
    with pytest.raises(ConformanceError, match=r"other lost sales: the observation of period .* in last_unfilled"):
        check_information(FOLLOWS, scenarios=[scenario])


@settings(max_examples=20)
@given(further_scenarios(), seeds)
def test_a_history_moves_nothing_of_what_is_played(scenario: Scenario, seed: int) -> None:
    without = Scenario(**{name: getattr(scenario, name) for name in Scenario.model_fields} | {"history": 0})
    calm = [one.model_copy(update={"goodwill": None}) for one in (scenario, without)]
    np.testing.assert_array_equal(*(realised_demand(one, seed) for one in calm))
    assert (realised_history(scenario, seed) == realised_history(scenario, seed)).all()


def test_an_autoregressive_history_leads_to_the_first_period() -> None:
    """The deviates before and in period 0 are correlated as any two successive ones are, over 2,000 episodes."""
    demand = Demand(base_mean=100.0, distribution="normal", autoregression=0.8)
    scenario = changed(load_scenario("serial-stationary-backlog"), demand=demand, history=2, horizon=1)
    pairs = np.array(
        [[*realised_history(scenario, seed)[:, 0], realised_demand(scenario, seed)[0, 0]] for seed in range(2_000)]
    )
    found = np.corrcoef(pairs.T)
    assert found[1, 2] == pytest.approx(0.8, abs=0.04)
    assert found[0, 2] == pytest.approx(0.64, abs=0.06)
