import pytest

from arena_heuristics.costs import echelon_holding_cost, underage_costs


def test_echelon_stock_costs_what_holding_it_here_adds_but_never_nothing(network) -> None:
    assert echelon_holding_cost(network, 1, least=0.01) == 0.03
    assert echelon_holding_cost(network, 2, least=0.01) == 0.01
    assert echelon_holding_cost(network, 1, least=0.05) == 0.05


def test_a_shortage_costs_margin_and_penalty_at_every_node_of_a_chain(network) -> None:
    # Sold at 2; the cheapest way is factory 3: raw material at .2, operations at .01. Penalty .1.
    assert underage_costs(network) == pytest.approx(dict.fromkeys((1, 2, 3, 4), 2 - 0.21 + 0.1), rel=1e-12)


def test_without_prices_a_shortage_costs_the_penalty_upstream_too(network, network_with) -> None:
    free = [link.model_dump() | {"price": 0.0} for link in network.supply_links]
    market = [network.market_links[0].model_dump() | {"price": 0.0, "shortage_penalty": 9.0}]
    costs = underage_costs(network_with(supply_links=free, market_links=market))
    assert costs == dict.fromkeys((1, 2, 3, 4), 9.0)


def test_a_component_of_which_two_are_needed_costs_half(assembly) -> None:
    costs = underage_costs(assembly)
    assert costs[3] == costs[4] == costs[2] == costs[1] > 0
    assert costs[5] == pytest.approx(costs[1] / 2, rel=1e-12)


def test_a_supplier_of_two_markets_reckons_with_the_dearer_one(two_markets, network_with) -> None:
    links = [link.model_dump() for link in two_markets.market_links]
    links[1]["shortage_penalty"] = 5.0
    fields = {name: [each.model_dump() for each in getattr(two_markets, name)] for name in ("nodes", "supply_links")}
    costs = underage_costs(network_with(market_links=links, **fields))
    assert costs[3] == costs[2] == pytest.approx(costs[1] + 4.9, rel=1e-12)
