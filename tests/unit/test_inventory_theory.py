"""Inventory formulas on cases worked out by hand."""

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import changed

from arena import (
    Network,
    contribution_margins,
    critical_ratio,
    holding_cost,
    load_network,
    lost_goodwill_price,
    newsvendor_quantile,
    order_up_to_level,
    presumed_demand,
    shortage_cost,
    standard_normal_quantile,
)

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
    assert standard_normal_quantile(probability) == pytest.approx(quantile, rel=2.3e-16, abs=1e-300)


def test_the_quantile_at_95_percent_is_exact() -> None:
    # (s, S) decides ties by its last bit.
    assert standard_normal_quantile(0.95) == 1.6448536269514722


@given(st.floats(min_value=1e-9, max_value=1 - 1e-9))
def test_the_distribution_function_returns_the_probability(probability: float) -> None:
    assert NormalDist().cdf(standard_normal_quantile(probability)) == pytest.approx(probability, rel=1e-9)


@given(st.floats(min_value=1e-9, max_value=0.5))
def test_quantiles_are_antisymmetric(probability: float) -> None:
    assert standard_normal_quantile(1 - probability) == pytest.approx(-standard_normal_quantile(probability), abs=1e-6)


def test_certainty_keeps_a_finite_quantile_and_no_shortage_cost_a_hopeless_one() -> None:
    assert 7 < standard_normal_quantile(1.0) < 7.1
    assert standard_normal_quantile(0.0) < -37
    assert newsvendor_quantile(0.1, 0.0) == standard_normal_quantile(1.0)
    assert newsvendor_quantile(0.0, 0.1) == standard_normal_quantile(0.0)
    assert newsvendor_quantile(0.0, 0.0) == 0.0


def test_the_critical_ratio_weighs_a_unit_short_against_a_unit_left() -> None:
    assert critical_ratio(0.3, 0.1) == pytest.approx(0.75, abs=1e-12)
    assert critical_ratio(0.0, 0.0) == 0.5


def test_a_level_is_the_mean_and_safety_stock_never_below_zero_nor_without_demand() -> None:
    mean, deviation = np.array([40.0, 40.0, 0.0]), np.array([5.0, 5.0, 5.0])
    assert order_up_to_level(mean, deviation, np.array([2.0, -9.0, 2.0])).tolist() == [50.0, 0.0, 0.0]
    assert order_up_to_level(40.0, 5.0, 2.0) == 50.0


@pytest.mark.torch
def test_a_level_of_torch_is_that_of_numpy_and_is_differentiable() -> None:
    import torch

    mean = torch.tensor([40.0, 0.0], requires_grad=True)
    level = order_up_to_level(mean, torch.tensor([5.0, 5.0]), torch.tensor([2.0, 2.0]))
    assert level.tolist() == [50.0, 0.0]
    level.sum().backward()
    assert mean.grad.tolist() == [1.0, 0.0]


def test_a_shortage_costs_the_penalty_at_a_retailer_and_the_margin_elsewhere() -> None:
    serial = load_network("serial")
    assert shortage_cost(serial, 1, least=0.5) == 0.1
    # Sells at 1.5 what it buys at 1.0; the factory sells at 1.0 what it buys at 0.5.
    assert shortage_cost(serial, 2, least=0.4) == pytest.approx(0.5, abs=1e-12)
    assert shortage_cost(serial, 3, least=0.9) == 0.9
    assert holding_cost(serial, 2) == 0.020


def test_the_cheapest_supplier_counts_in_a_shortage() -> None:
    # The distribution centre sells at most at 1.5, and buys at least at 0.6.
    assert shortage_cost(load_network("w"), 3, least=0.0) == pytest.approx(0.9, abs=1e-12)


def with_two_of_the_second_component(assembly: Network) -> Network:
    first, second = assembly.node(2).bill_of_materials
    plant = changed(assembly.node(2), bill_of_materials=(first, changed(second, units=2.0)))
    return changed(assembly, nodes=tuple(plant if node.id == 2 else node for node in assembly.nodes))


def test_a_unit_of_an_assembly_is_bought_as_its_components() -> None:
    assembly = load_network("assembly")
    # Sells at 2.0; the components cost 1.0 and 0.7.
    assert shortage_cost(assembly, 2, least=0.1) == pytest.approx(0.3, abs=1e-12)
    double = with_two_of_the_second_component(assembly)
    assert shortage_cost(double, 2, least=-9.0) == pytest.approx(2.0 - 1.0 - 1.4, abs=1e-12)


def test_the_contribution_margin_is_the_price_less_the_cheapest_way_to_make_the_unit() -> None:
    # Sold at 2.0; raw material 0.5, operations 0.010; prices between nodes are no cost of the network.
    assert contribution_margins(load_network("serial")) == pytest.approx([2.0 - 0.5 - 0.010], abs=1e-12)
    # Assembled at 0.020 from components made at 0.3 + 0.008 and at 0.2 + 0.005.
    made = 0.308 + 0.205 + 0.020
    assembly = load_network("assembly")
    assert contribution_margins(assembly) == pytest.approx([3.0 - made], abs=1e-12)
    double = with_two_of_the_second_component(assembly)
    assert contribution_margins(double) == pytest.approx([3.0 - made - 0.205], abs=1e-12)
    # The cheaper factory makes it at 0.2 + 0.010, for both retailers.
    assert contribution_margins(load_network("w")) == pytest.approx([2.5 - 0.21, 2.0 - 0.21], abs=1e-12)


def test_a_yield_makes_a_unit_dearer_and_a_margin_is_never_negative() -> None:
    serial = load_network("serial")
    nodes = tuple(changed(node, yield_=0.25) if node.id == 3 else node for node in serial.nodes)
    assert contribution_margins(changed(serial, nodes=nodes)) == pytest.approx([0.0], abs=1e-12)  # 2.0 < 0.51 / 0.25
    nodes = tuple(changed(node, yield_=0.5) if node.id == 3 else node for node in serial.nodes)
    assert contribution_margins(changed(serial, nodes=nodes)) == pytest.approx([2.0 - 0.51 / 0.5], abs=1e-12)


def test_the_price_of_lost_goodwill_is_what_later_periods_lose_per_unit_of_this_one() -> None:
    units = np.array([10.0, 20.0, 30.0])
    # A tenth of the 50, then 30, then 0 units that follow, at 2 a unit.
    price = lost_goodwill_price(0.1, 2.0 * units, units)
    assert price == pytest.approx([0.1 * 100 / 10, 0.1 * 60 / 20, 0.0], rel=1e-12)
    # Below one unit the period counts as one: no price without end.
    assert lost_goodwill_price(0.5, np.array([0.0, 8.0]), np.array([0.0, 8.0])) == pytest.approx([4.0, 0.0], rel=1e-12)


def test_before_any_demand_a_retailers_stock_is_presumed_to_cover_a_lead_time() -> None:
    w = load_network("w")
    # Longest lead time of the network 7; of the retailers' own links 3 and 4.
    assert presumed_demand(w, fallback=9.0) == pytest.approx([100 / 8, 80 / 8], rel=1e-12)
    assert presumed_demand(w, fallback=9.0, lead_time="retailer") == pytest.approx([100 / 4, 80 / 5], rel=1e-12)
    empty = changed(w, nodes=tuple(changed(node, initial_stock=0.0) if node.id == 1 else node for node in w.nodes))
    assert presumed_demand(empty, fallback=9.0) == pytest.approx([9.0, 80 / 8], rel=1e-12)


def test_the_markets_of_one_retailer_divide_its_presumed_demand() -> None:
    serial = load_network("serial")
    second = changed(serial.market_links[0], market=7)
    network = changed(serial, nodes=(*serial.nodes, {"id": 7}), market_links=(*serial.market_links, second))
    assert presumed_demand(network, fallback=9.0) == pytest.approx([10.0, 10.0], rel=1e-12)  # 100 / 2 / (4 + 1)
