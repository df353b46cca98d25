from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_heuristics.costs import echelon_holding_cost, ratio_quantile, shortage_cost, standard_quantile

# Correctly rounded quantiles of the standard normal distribution at the given doubles, from tables to 20 digits.
TABLE = {
    0.5: 0.0,
    0.75: 0.6744897501960817,
    0.9: 1.2815515655446004,
    0.95: 1.6448536269514722,
    0.975: 1.959963984540054,
    0.99: 2.3263478740408408,
    0.999: 3.090232306167813,
}


@pytest.mark.parametrize(("probability", "quantile"), TABLE.items())
def test_quantiles_are_those_of_the_tables_to_the_last_place(probability: float, quantile: float) -> None:
    assert standard_quantile(probability) == pytest.approx(quantile, rel=2.3e-16, abs=1e-300)


def test_the_quantile_at_95_percent_is_exact() -> None:
    # (s, S) decides ties by its last bit.
    assert standard_quantile(0.95) == 1.6448536269514722


@given(st.floats(min_value=1e-9, max_value=1 - 1e-9))
def test_the_distribution_function_returns_the_probability(probability: float) -> None:
    assert NormalDist().cdf(standard_quantile(probability)) == pytest.approx(probability, rel=1e-9)


@given(st.floats(min_value=1e-9, max_value=0.5))
def test_quantiles_are_antisymmetric(probability: float) -> None:
    assert standard_quantile(1 - probability) == pytest.approx(-standard_quantile(probability), abs=1e-6)


def test_certainty_keeps_a_finite_quantile_and_no_shortage_cost_a_hopeless_one() -> None:
    assert 7 < standard_quantile(1.0) < 7.1
    assert standard_quantile(0.0) < -37
    assert ratio_quantile(0.1, 0.0) == standard_quantile(1.0)
    assert ratio_quantile(0.0, 0.1) == standard_quantile(0.0)
    assert ratio_quantile(0.0, 0.0) == 0.0


def test_a_shortage_costs_the_penalty_at_a_retailer_and_the_margin_elsewhere(network) -> None:
    assert shortage_cost(network, 1, least=0.5) == 0.1
    assert shortage_cost(network, 2, least=0.5) == pytest.approx(0.6)
    assert shortage_cost(network, 3, least=0.5) == pytest.approx(0.8)
    assert shortage_cost(network, 3, least=0.9) == 0.9


def test_a_unit_of_an_assembly_is_bought_as_its_components(assembly) -> None:
    # Sells at 2.0; one component costs 1.0, the other 0.7, two of which go into a unit.
    assert shortage_cost(assembly, 2, least=0.1) == pytest.approx(0.1)
    assert shortage_cost(assembly, 2, least=-9.0) == pytest.approx(2.0 - 1.0 - 2 * 0.7)


def test_echelon_stock_costs_what_holding_it_here_adds_but_never_nothing(network) -> None:
    assert echelon_holding_cost(network, 1, least=0.01) == 0.03
    assert echelon_holding_cost(network, 2, least=0.01) == 0.01
    assert echelon_holding_cost(network, 1, least=0.05) == 0.05
