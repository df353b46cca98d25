"""The blind belief about demand: what it may know, how well it is calibrated, and that nothing breaks it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_faults import refused
from scipy.stats import nbinom

from arena import Briefing, Observation, TrackView, load_network, load_scenario
from arena_optimization.beliefs.bayesian_mixture import BayesianBelief
from arena_optimization.beliefs.demand_paths import by_importance, centred_normals, scaled_poisson
from arena_optimization.beliefs.goodwill import GoodwillBelief
from arena_optimization.beliefs.steady_level import LevelBank
from arena_optimization.beliefs.structure import StructureParticles
from arena_optimization.config import BeliefConfig, GoodwillConfig, LevelConfig, StructureConfig

SMALL = BeliefConfig(structure=StructureConfig(particles=200, moves=2))
HORIZON = 30


def brief(scenario: str = "serial-stationary-backlog") -> Briefing:
    return TrackView(load_scenario(scenario), "blind").brief(seed=0)


def seen(period: int, demand: list[float], *, sentiment: float = 1.0, unfilled: float = 0.0) -> Observation:
    """What a controller of a serial network sees; only what a belief may use varies."""
    return Observation(
        period=period,
        last_demand=np.array(demand),
        last_unfilled=np.full(len(demand), unfilled),
        on_hand=np.zeros(3),
        component_stock=np.zeros(0),
        pipeline=np.zeros(8),
        in_transit=np.zeros(3),
        owed=np.zeros(3),
        sentiment=sentiment,
    )


def taught(series: np.ndarray, *, config: BeliefConfig = SMALL, seed: int = 5) -> BayesianBelief:
    """A belief that has seen a series, (periods,) or (periods, market links)."""
    rows = series.reshape(len(series), -1)
    belief = BayesianBelief(brief("serial-stationary-backlog") if rows.shape[1] == 1 else tree(), config, seed)
    belief.observe(seen(0, [0.0] * rows.shape[1]))
    for period, row in enumerate(rows, start=1):
        belief.observe(seen(period, row.tolist()))
    return belief


def drawn(belief: BayesianBelief, horizon: int, count: int, sentiment: float = 1.0) -> np.ndarray:
    """Demand of drawn paths at one sentiment, (count, market links, horizon)."""
    return belief.draw(horizon, count).at(np.full((count, horizon), sentiment))


def mean_of(belief: BayesianBelief, horizon: int, sentiment: float = 1.0) -> np.ndarray:
    """Mean of the drawn paths, (market links, horizon)."""
    return np.asarray(drawn(belief, horizon, 4096, sentiment).mean(axis=0))


def tree() -> Briefing:
    """A network with three market links."""
    base = load_scenario("serial-stationary-backlog")
    scenario = base.model_copy(update={"network": load_network("tree"), "name": "tree"})
    return TrackView(scenario, "blind").brief(seed=0)


FAMILIES = {
    "stationary": lambda t: np.full(len(t), 20.0),
    "trend": lambda t: 12.0 * (1.0 + 0.06 * t),
    "season": lambda t: 30.0 * (1.0 + 0.5 * np.sin(2.0 * math.pi * t / 12.0 + 1.0)),
    "shock": lambda t: np.where(t >= 8, 45.0, 18.0),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_intervals_of_the_coming_periods_cover_as_often_as_they_say(family: str) -> None:
    generator = np.random.default_rng(11)
    mean = FAMILIES[family](np.arange(HORIZON))
    inside = []
    for seed in range(24):
        demand = generator.poisson(mean).astype(float)
        known = 18
        paths = drawn(taught(demand[:known], seed=seed), 4, 256)[:, 0]
        low, high = np.quantile(paths, [0.1, 0.9], axis=0)
        inside.append((demand[known : known + 4] >= low) & (demand[known : known + 4] <= high))
    # 80 % is meant; counts make the interval slightly wider, and one family is not the prior's average.
    assert 0.66 <= np.mean(inside) <= 0.97


def test_mean_demand_is_the_mean_of_the_paths() -> None:
    demand = np.random.default_rng(3).poisson(20.0, 12).astype(float)
    paths, sentiments = taught(demand).draw(6, 4096), np.linspace(0.5, 1.5, 6) * np.ones((4096, 1))
    assert paths.at(sentiments).mean(axis=0) == pytest.approx(paths.mean(sentiments), rel=0.03)


def test_evidence_prefers_the_hypothesis_that_made_the_series() -> None:
    time, prior = np.arange(26), SMALL.structure_share
    season, wandering = [], []
    for seed in range(6):
        generator = np.random.default_rng(seed)
        mean = 40.0 * (1.0 + 0.7 * np.sin(2.0 * math.pi * time / 9.0 + seed))
        season.append(taught(generator.poisson(mean).astype(float)).structure_probability)
        mean = 40.0 * np.exp(np.cumsum(generator.normal(0.0, 0.3, 26)))
        wandering.append(taught(generator.poisson(mean).astype(float)).structure_probability)
    assert min(season) > 0.95
    assert np.mean(wandering) < 0.75 * prior


@pytest.mark.parametrize(("effect", "family"), [(0, "trend"), (1, "season"), (2, "shock")])
def test_evidence_finds_the_effect_that_is_there(effect: int, family: str) -> None:
    mean = 3.0 * FAMILIES[family](np.arange(24))
    demand = np.random.default_rng(6).poisson(mean).astype(float)
    population = StructureParticles(StructureConfig(), HORIZON, 2.0, np.array([40.0]), np.random.default_rng(0))
    for units in demand:
        population.observe(np.array([units]), 1.0)
    there = np.exp(population.log_weights) @ population.present[:, effect]
    assert there > (0.9 if family != "trend" else 0.6)


def test_evidence_of_a_level_is_the_negative_binomial_density() -> None:
    bank = LevelBank(LevelConfig(memories=(0.8,), dispersions=(1.0,)), 2.0, np.array([10.0]))
    bank.observe(np.array([7.0]), 1.0)
    first = nbinom.logpmf(7, 2.0, 0.2 / 1.2)
    assert bank.log_evidence == pytest.approx(first, rel=1e-9)
    bank.observe(np.array([12.0]), 0.5)
    rate = 1.2 * 0.8
    assert bank.log_evidence == pytest.approx(first + nbinom.logpmf(12, 9.0 * 0.8, rate / (rate + 0.5)), rel=1e-9)


def test_evidence_of_structure_without_effects_is_the_gamma_poisson_density() -> None:
    # Presence next to nothing and dispersions next to 1: what remains is one level.
    config = StructureConfig(particles=64, moves=0, presence=1e-9, least_dispersion=1 - 1e-9, most_dispersion=1 + 1e-9)
    population = StructureParticles(config, HORIZON, 2.0, np.array([10.0]), np.random.default_rng(0))
    population.observe(np.array([7.0]), 1.0)
    population.observe(np.array([12.0]), 0.5)
    expected = nbinom.logpmf(7, 2.0, 0.2 / 1.2) + nbinom.logpmf(12, 9.0, 1.2 / 1.7)
    assert population.log_evidence == pytest.approx(expected, rel=1e-4)


def test_belief_depends_on_demand_and_sentiment_only() -> None:
    def asked(**other: float) -> np.ndarray:
        belief = BayesianBelief(brief(), SMALL, 1)
        for period in range(5):
            view = seen(period, [20.0 + period])
            changed = Observation(
                **{
                    name: getattr(view, name)
                    for name in ("period", "last_demand", "last_unfilled", "owed", "sentiment")
                },
                on_hand=np.full(3, other.get("on_hand", 0.0)),
                component_stock=np.zeros(0),
                pipeline=np.full(8, other.get("pipeline", 0.0)),
                in_transit=np.full(3, other.get("pipeline", 0.0)),
            )
            belief.observe(changed)
        return drawn(belief, 8, 16)

    np.testing.assert_array_equal(asked(), asked(on_hand=500.0, pipeline=70.0))


@pytest.mark.parametrize("other", ["serial-trend-seasonal-shock-goodwill-backlog", "serial-m5-backlog"])
def test_belief_before_the_first_demand_is_the_same_in_all_scenarios_of_a_network(other: str) -> None:
    def first(name: str) -> np.ndarray:
        belief = BayesianBelief(brief(name), SMALL, 1)
        belief.observe(seen(0, [0.0]))
        return drawn(belief, HORIZON, 16)

    np.testing.assert_array_equal(first("serial-stationary-backlog"), first(other))


def test_equal_seeds_give_equal_paths_and_asking_changes_nothing() -> None:
    demand = np.random.default_rng(8).poisson(25.0, 9).astype(float)
    quiet, asked, other = taught(demand, seed=3), taught(demand[:8], seed=3), taught(demand, seed=4)
    drawn(asked, 12, 8)
    assert (asked.possible_loss, asked.goodwill) == (0.0, None)
    asked.observe(seen(9, [float(demand[8])]))
    np.testing.assert_array_equal(drawn(quiet, 10, 16), drawn(asked, 10, 16))
    np.testing.assert_array_equal(drawn(quiet, 10, 16), drawn(quiet, 10, 16))
    assert not np.array_equal(drawn(quiet, 10, 16), drawn(other, 10, 16))


@pytest.mark.parametrize("share", [1e-12, 1.0 - 1e-12])  # one hypothesis alone, then the other
def test_demand_is_deflated_by_the_sentiment_it_was_drawn_at(share: float) -> None:
    config = SMALL.model_copy(update={"structure_share": share})
    plain, halved = BayesianBelief(brief(), config, 0), BayesianBelief(brief(), config, 0)
    for period in range(12):
        plain.observe(seen(period, [40.0]))
        halved.observe(seen(period, [20.0], sentiment=0.5 if period else 1.0))
    # What is foreseen is at the sentiment of today.
    assert mean_of(halved, 3, 0.5)[0, 0] == pytest.approx(20.0, rel=0.15)
    assert mean_of(plain, 3)[0, 0] == pytest.approx(40.0, rel=0.15)


def test_market_links_share_the_shape_and_keep_their_levels() -> None:
    time = np.arange(20)
    mean = (1.0 + 0.6 * np.sin(2.0 * math.pi * time / 8.0))[:, None] * np.array([60.0, 20.0, 6.0])
    belief = taught(np.random.default_rng(5).poisson(mean).astype(float))
    foreseen = mean_of(belief, 8)
    assert foreseen.shape == (3, 8)
    assert drawn(belief, 8, 32).shape == (32, 3, 8)
    assert foreseen.mean(axis=1) == pytest.approx([60.0, 20.0, 6.0], rel=0.35)
    # The small link alone could not tell its season; it is told by the large one.
    assert foreseen[2] / foreseen[2].mean() == pytest.approx(foreseen[0] / foreseen[0].mean(), abs=0.15)


def test_zero_demand_is_believed_to_stay_small() -> None:
    belief = taught(np.zeros(15))
    assert np.all(drawn(belief, 10, 64) >= 0.0)
    assert mean_of(belief, 10).max() < 1.0


def test_huge_demand_is_followed() -> None:
    belief = taught(np.full(10, 4e6))
    assert mean_of(belief, 3)[0] == pytest.approx([4e6] * 3, rel=0.5)
    assert drawn(belief, 3, 32).mean() == pytest.approx(4e6, rel=0.5)


@given(
    series=st.lists(st.floats(0.0, 1e9), min_size=0, max_size=8),
    sentiments=st.lists(st.floats(1e-3, 1e3), min_size=8, max_size=8),
    unfilled=st.lists(st.booleans(), min_size=8, max_size=8),
    horizon=st.integers(1, 6),
    count=st.integers(1, 9),
)
@settings(max_examples=40, deadline=None)
def test_paths_are_finite_and_not_negative_whatever_is_seen(
    series: list[float], sentiments: list[float], unfilled: list[bool], horizon: int, count: int
) -> None:
    config = BeliefConfig(structure=StructureConfig(particles=32, moves=2))
    belief = BayesianBelief(brief(), config, 0)
    belief.observe(seen(0, [0.0]))
    for period, units in enumerate(series, start=1):
        belief.observe(seen(period, [units], sentiment=sentiments[period - 1], unfilled=float(unfilled[period - 1])))
    paths = drawn(belief, horizon, count, sentiments[-1])
    assert paths.shape == (count, 1, horizon)
    assert np.isfinite(paths).all()
    assert (paths >= 0.0).all()


def test_goodwill_is_read_off_the_sentiment() -> None:
    belief = GoodwillBelief(GoodwillConfig(growth=1.05, decay=0.7, cap=3.0, floor=0.1))
    for period, sentiment in enumerate([1.0, 1.0]):
        belief.observe(seen(period, [20.0], sentiment=sentiment))
    assert belief.dynamics is None
    belief.observe(seen(2, [20.0], sentiment=1.02, unfilled=3.0))
    assert belief.dynamics is not None
    assert (belief.dynamics.growth, belief.dynamics.decay) == (pytest.approx(1.02), 0.7)
    belief.observe(seen(3, [20.0], sentiment=1.02 * 0.9))
    assert (belief.dynamics.growth, belief.dynamics.decay) == (pytest.approx(1.02), pytest.approx(0.9))


def test_goodwill_bounds_show_by_steps_of_no_length() -> None:
    belief = GoodwillBelief(GoodwillConfig())
    sentiments = [1.0, 1.0, 1.1, 1.2, 1.2]
    for period, sentiment in enumerate(sentiments):
        belief.observe(seen(period, [20.0], sentiment=sentiment))
    assert belief.dynamics is not None
    assert belief.dynamics.cap == pytest.approx(1.2)


def test_a_loss_is_possible_until_sentiment_could_have_moved() -> None:
    belief = BayesianBelief(brief(), SMALL.model_copy(update={"goodwill": GoodwillConfig(possible_loss=0.25)}), 0)
    losses = []
    for period in range(4):
        belief.observe(seen(period, [20.0]))
        losses.append(belief.possible_loss)
    assert losses == [0.25, 0.25, 0.0, 0.0]


def test_sentiment_that_stands_still_is_no_goodwill() -> None:
    belief = taught(np.full(6, 20.0))
    assert belief.goodwill is None


def test_paths_are_rotated_without_changing_their_distribution() -> None:
    turned = by_importance(centred_normals(12, 4096, np.random.default_rng(0)).reshape(4096, 12, 1))[:, 0]
    assert np.cov(turned.T) == pytest.approx(np.eye(12), abs=0.06)
    assert turned.mean(axis=0) == pytest.approx(np.zeros(12), abs=1e-9)


@pytest.mark.parametrize(("mean", "dispersion"), [(0.4, 1.0), (20.0, 1.0), (20.0, 9.0), (20.0, 0.2), (5e7, 2.0)])
def test_scaled_poisson_has_the_mean_and_variance_it_says(mean: float, dispersion: float) -> None:
    normals = centred_normals(1, 8192, np.random.default_rng(0))[:, 0]
    demand = scaled_poisson(normals, np.full(8192, mean), np.array(dispersion))
    assert demand.mean() == pytest.approx(mean, rel=0.02)
    assert demand.var() == pytest.approx(mean * dispersion, rel=0.05)


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("structure_share", 1.0, "less_than"),
        ("level_shape", 0.0, "greater_than"),
        ("spread", -0.1, "greater_than_equal"),
        ("fallback_level", math.nan, "finite_number"),
    ],
)
def test_config_rejects_what_is_no_prior(field: str, value: float, fault: str) -> None:
    with refused((field, fault)):
        BeliefConfig.model_validate({field: value})
    assert BeliefConfig.model_validate({field: 0.5})


def test_config_rejects_unknown_fields() -> None:
    with refused(("base_mean", "extra_forbidden")):
        BeliefConfig.model_validate({"base_mean": 20.0})
    assert BeliefConfig.model_validate({})
