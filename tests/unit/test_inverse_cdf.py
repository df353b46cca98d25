"""Demand by inverse CDF: the quantile is exact, finite and rises with the mean, and a draw takes one uniform."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.special import pdtr
from scipy.stats import norm, poisson, uniform
from strategies import decimals, demands

from arena import Demand
from arena.world.quantiles import poisson_quantile, smallest_count

#: What `generator.random()` can return, and everything between.
uniforms = st.floats(min_value=0.0, max_value=1.0 - 2.0**-53)
means = st.one_of(decimals(0, 3), decimals(0, 500), st.floats(min_value=1e-6, max_value=1e9))
#: Demand as it is drawn from the scenarios of the property tests, noise scale from 0 to 2.
sampled = demands(samplings=("inverse_cdf",))


@given(uniforms, means)
def test_poisson_demand_is_the_smallest_count_whose_probability_reaches_the_uniform(level: float, mean: float) -> None:
    count = Demand().quantile(level, mean)
    assert count == int(count) >= 0
    assert pdtr(count, mean) >= level
    assert count == 0 or pdtr(count - 1, mean) < level


@pytest.mark.parametrize("mean", [0.1, 1.0, 5.0, 20.0, 300.0, 10_000.0])
def test_poisson_demand_equals_scipys_quantile(mean: float) -> None:
    levels = np.random.default_rng(7).random(5_000)
    np.testing.assert_array_equal(Demand().quantile(levels, mean), poisson.ppf(levels, mean))


@pytest.mark.parametrize("mean", [0.1, 1.0, 20.0, 300.0])
def test_at_a_step_of_the_distribution_the_count_is_that_of_the_step(mean: float) -> None:
    counts = np.arange(int(mean), int(mean + 5 * mean**0.5) + 2, dtype=float)
    steps = pdtr(counts, mean)
    np.testing.assert_array_equal(Demand().quantile(steps, mean), counts)
    np.testing.assert_array_equal(Demand().quantile(np.nextafter(steps, 0), mean), counts)
    np.testing.assert_array_equal(Demand().quantile(np.nextafter(steps, 1), mean), counts + 1)


@pytest.mark.parametrize("guess", [0.0, 3.0, 17.0, 18.0, 19.0, 500.0, 1e6])
def test_the_search_finds_the_count_from_any_guess(guess: float) -> None:
    assert smallest_count(0.3, 20.0, guess) == poisson_quantile(0.3, 20.0) == poisson.ppf(0.3, 20.0)
    assert smallest_count(0.0, 20.0, guess) == 0.0
    counts = range(5, 40)
    assert [smallest_count(float(pdtr(count, 20.0)), 20.0, guess) for count in counts] == list(counts)


@pytest.mark.parametrize("deviation", [None, 3.0])
def test_normal_demand_equals_scipys_quantile(deviation: float | None) -> None:
    demand = Demand(distribution="normal", standard_deviation=deviation)
    levels = np.random.default_rng(7).random(5_000)
    expected = norm.ppf(levels, 20.0, 20**0.5 if deviation is None else deviation)
    np.testing.assert_allclose(demand.quantile(levels, 20.0), np.maximum(0, expected), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("half_width", [None, 6.0])
def test_uniform_demand_equals_scipys_quantile(half_width: float | None) -> None:
    demand = Demand(distribution="uniform", half_width=half_width)
    levels = np.random.default_rng(7).random(5_000)
    width = 20.0 if half_width is None else half_width
    expected = uniform.ppf(levels, 20.0 - width, 2 * width)
    np.testing.assert_allclose(demand.quantile(levels, 20.0), expected, rtol=1e-12)


@given(sampled, st.floats(min_value=0.0, max_value=1.0 - 1e-9), decimals(0, 100), decimals(0.01, 100))
def test_demand_never_falls_as_the_mean_grows(demand: Demand, level: float, mean: float, more: float) -> None:
    demand = demand.model_copy(update={"noise_scale": min(1.0, demand.noise_scale)})
    less, greater = demand.quantile(level, mean), demand.quantile(level, mean + more)
    assert greater >= less - 1e-9 * (1 + less)
    assert demand.quantile(min(1.0, level + 0.01), mean) >= less - 1e-9 * (1 + less), "nor as the uniform does"


@pytest.mark.parametrize("distribution", ["poisson", "normal", "uniform"])
@pytest.mark.parametrize("mean", [0.0, 0.1, 20.0, 1e6, 1e12])
@pytest.mark.parametrize("noise_scale", [0.0, 1.0, 2.5])
def test_demand_is_finite_at_both_ends(distribution: str, mean: float, noise_scale: float) -> None:
    demand = Demand(distribution=distribution, noise_scale=noise_scale)
    ends = np.array([0.0, 5e-324, 2.0**-53, 1.0 - 2.0**-53, 1.0])
    found = demand.quantile(ends, mean)
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert found[0] <= mean <= found[-1]
    assert found.tolist() == [demand.quantile(float(end), mean) for end in ends]


@given(sampled, st.integers(0, 2**32 - 1))
def test_arrays_equal_single_numbers_bit_for_bit(demand: Demand, seed: int) -> None:
    generator = np.random.default_rng(seed)
    levels, many = generator.random((4, 1)), generator.uniform(0, 60, 3)
    table = demand.quantile(levels, many)
    assert table.shape == (4, 3)
    assert table.tolist() == [[demand.quantile(float(u), float(m)) for m in many] for u in levels[:, 0]]


@given(sampled, st.lists(decimals(0, 60), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_a_draw_is_the_quantile_of_the_streams_next_uniform(demand: Demand, many: list[float], seed: int) -> None:
    generator = np.random.default_rng(seed)
    drawn = [demand.draw(generator, mean) for mean in many]
    levels = np.random.default_rng(seed).random(len(many) + 1)
    assert drawn == demand.quantile(levels[:-1], np.array(many)).tolist()
    assert all(type(each) is float for each in drawn)
    assert generator.random() == levels[-1], "whatever the mean, a draw takes one uniform"
    batch = demand.draw_batch(np.random.default_rng(seed), np.array(many))
    assert batch.tolist() == drawn


def test_noise_scale_stretches_the_deviation() -> None:
    levels = np.random.default_rng(5).random(50)
    raw = Demand().quantile(levels, 4.0)
    found = Demand(noise_scale=2.5).quantile(levels, 4.0)
    np.testing.assert_allclose(found, np.maximum(0, 4 + 2.5 * (raw - 4)), rtol=1e-12)
    assert found.min() == 0.0
    assert Demand(noise_scale=0).quantile(levels, 4.0).tolist() == [4.0] * 50


@pytest.mark.parametrize(
    ("level", "mean", "message"),
    [
        (-0.1, 20.0, "uniforms lie between 0 and 1"),
        (1.1, 20.0, "uniforms lie between 0 and 1"),
        (np.nan, 20.0, "uniforms lie between 0 and 1"),
        (0.5, -1.0, "means of demand are 0 or more"),
        (0.5, np.nan, "means of demand are 0 or more"),
    ],
)
def test_what_is_no_uniform_or_no_mean_is_refused(level: float, mean: float, message: str) -> None:
    for wrong in ((level, mean), (np.array([0.5, level]), np.array([20.0, mean]))):
        with pytest.raises(ValueError, match=message):
            Demand().quantile(*wrong)
    assert Demand().quantile(0.5, 20.0) == 20.0
