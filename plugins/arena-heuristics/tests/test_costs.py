from arena_heuristics.costs import echelon_holding_cost


def test_echelon_stock_costs_what_holding_it_here_adds_but_never_nothing(network) -> None:
    assert echelon_holding_cost(network, 1, least=0.01) == 0.03
    assert echelon_holding_cost(network, 2, least=0.01) == 0.01
    assert echelon_holding_cost(network, 1, least=0.05) == 0.05
