import numpy as np
import pytest

from arena_heuristics.ordering import list_materials, material_needs, split_shares, unit_contents
from arena_heuristics.stock_keeper import StockKeeper


def keeper(briefing, alternative_paths="auto"):
    return StockKeeper(briefing, lead_time_weight=0.1, alternative_paths=alternative_paths)


def needs(network, convention):
    materials = list_materials(network, 0.1)
    return material_needs(network, materials, unit_contents(network, materials, convention))


def test_an_order_is_split_by_price_and_lead_time(network) -> None:
    dear, cheap = network.supply_links[0], network.supply_links[1]
    shares = split_shares([dear, cheap], 0.1)
    # 1 + 1.6 + 0.4 = 3.0 and 1 + 1.8 + 0.2 = 3.0: equal scores.
    assert shares == pytest.approx((0.5, 0.5), rel=1e-12)
    assert split_shares([dear, cheap], 0.2) == pytest.approx((3.2 / 6.6, 3.4 / 6.6), rel=1e-12)


def test_a_node_orders_one_material_with_its_longest_lead_time(network) -> None:
    materials = list_materials(network, 0.1)
    assert [material.node for material in materials] == [1, 2, 3, 4]
    assert [material.lead_time for material in materials] == [4, 3, 0, 1]
    assert materials[0].links == (0, 1)
    assert all(material.units == 1 and material.component is None for material in materials)


def test_a_bill_of_materials_makes_one_material_per_component(assembly) -> None:
    materials = list_materials(assembly, 0.1)
    assert [(material.node, material.component, material.units) for material in materials] == [
        (1, None, 1.0),
        (2, 0, 1.0),
        (2, 1, 2.0),
        (3, None, 1.0),
        (4, None, 1.0),
        (5, None, 1.0),
    ]
    assert materials[1].links == (1, 3)
    assert materials[2].links == (2,)
    assert materials[2].lead_time == 5


def test_one_market_in_the_whole_convention_reaches_every_node_undivided(network) -> None:
    assert needs(network, "whole").tolist() == [[1.0]] * 4


def test_the_shared_convention_divides_demand_as_orders_are_divided(network) -> None:
    assert needs(network, "shared").ravel() == pytest.approx([1.0, 0.5, 0.5, 0.5], rel=1e-12)


def test_components_are_needed_together_and_their_suppliers_are_alternatives(assembly) -> None:
    #                                              retailer, the two components, makers 3, 4 and 5
    assert needs(assembly, "whole").ravel().tolist() == [1.0, 1.0, 2.0, 1.0, 1.0, 2.0]
    assert needs(assembly, "shared").ravel().tolist() == [1.0, 1.0, 2.0, 0.5, 0.5, 2.0]


def test_a_component_that_is_part_of_both_lines_is_needed_twice(network_with) -> None:
    def factory(node, **more):
        return {"id": node, "initial_stock": 10, "holding_cost": 0.01, "capacity": 50, "operating_cost": 0.01, **more}

    def link(supplier, buyer):
        return {"supplier": supplier, "buyer": buyer, "lead_time": 1, "price": 1, "pipeline_holding_cost": 0}

    bill = [{"suppliers": [3], "units": 1}, {"suppliers": [4], "units": 2}]
    network = network_with(
        nodes=[
            {"id": 0},
            {"id": 1, "initial_stock": 10, "holding_cost": 0.01},
            factory(2, bill_of_materials=bill),
            factory(3),
            factory(4),
            factory(5),
            {"id": 9},
        ],
        supply_links=[link(2, 1), link(3, 2), link(4, 2), link(5, 3), link(5, 4), link(9, 5)],
    )
    for convention in ("whole", "shared"):
        assert needs(network, convention).ravel().tolist() == [1.0, 1.0, 2.0, 1.0, 2.0, 3.0]


def test_a_node_sees_the_markets_it_reaches(two_markets) -> None:
    whole = needs(two_markets, "whole")
    assert whole.tolist() == [[1, 0], [0, 1], [1, 1], [1, 1], [1, 1]]
    shared = needs(two_markets, "shared")
    assert shared[:3].tolist() == [[1, 0], [0, 1], [1, 1]]
    assert shared[3] == pytest.approx([0.75, 0.75], rel=1e-12)
    assert shared[4] == pytest.approx([0.25, 0.25], rel=1e-12)


def test_auto_shares_only_where_there_are_several_market_links(network, two_markets, briefing_of) -> None:
    assert keeper(briefing_of(network)).needs.tolist() == needs(network, "whole").tolist()
    assert keeper(briefing_of(two_markets)).needs.tolist() == needs(two_markets, "shared").tolist()


def test_the_position_is_stock_plus_orders_minus_backlog(network, briefing_of, observation_of) -> None:
    observation = observation_of(network, in_transit=[7.0, 5.0, 3.0, 0.0, 2.0], last_unfilled=[4.0])
    assert keeper(briefing_of(network)).positions(observation).tolist() == [68.0, 53.0, 80.0, 32.0]


def test_lost_sales_are_no_backlog(network, briefing_of, observation_of) -> None:
    observation = observation_of(network, last_unfilled=[4.0])
    positions = keeper(briefing_of(network, fulfilment="lost_sales")).positions(observation)
    assert positions.tolist() == [60.0, 50.0, 80.0, 30.0]


def test_owed_shortages_are_on_order_for_the_buyer_and_a_debt_of_the_supplier(
    network, briefing_of, observation_of
) -> None:
    observation = observation_of(network, owed=[10.0, 0.0, 6.0, 0.0, 0.0])
    positions = keeper(briefing_of(network, upstream_shortage="owed")).positions(observation)
    assert positions.tolist() == [70.0, 50.0 - 10.0 + 6.0, 80.0 - 6.0, 30.0]


def test_the_position_of_a_component_is_in_its_own_units(assembly, briefing_of, observation_of) -> None:
    observation = observation_of(
        assembly,
        component_stock=[40.0, 90.0],
        in_transit=[1.0, 2.0, 4.0, 8.0, 0.0, 0.0, 0.0],
        owed=[5.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    )
    positions = keeper(briefing_of(assembly, upstream_shortage="owed")).positions(observation)
    assert positions.tolist() == [66.0, 40.0 + 2.0 + 8.0 - 5.0, 90.0 + 4.0 - 2 * 5.0, 50.0, 50.0, 50.0]


def test_the_echelon_position_adds_everything_downstream(network, briefing_of, observation_of) -> None:
    stock = keeper(briefing_of(network))
    stock.count_echelon_stock()
    observation = observation_of(network, in_transit=[7.0, 5.0, 3.0, 0.0, 2.0], last_unfilled=[4.0])
    assert stock.positions(observation).tolist() == [68.0, 68.0 + 53.0, 68.0 + 53.0 + 80.0, 68.0 + 32.0]


def test_what_is_owed_inside_an_echelon_cancels(network, briefing_of, observation_of) -> None:
    stock = keeper(briefing_of(network, upstream_shortage="owed"))
    stock.count_echelon_stock()
    plain = stock.positions(observation_of(network))
    owed = stock.positions(observation_of(network, owed=[10.0, 0.0, 6.0, 0.0, 0.0]))
    assert (owed - plain).tolist() == [10.0, 6.0, 0.0, 10.0]


def test_echelon_stock_of_a_component_counts_what_finished_units_contain(assembly, briefing_of, observation_of) -> None:
    stock = keeper(briefing_of(assembly), alternative_paths="shared")
    stock.count_echelon_stock()
    observation = observation_of(assembly, component_stock=[40.0, 90.0], last_unfilled=[4.0])
    finished = 60.0 - 4.0
    assert stock.positions(observation) == pytest.approx(
        [
            finished,
            40.0 + finished,
            90.0 + 2 * finished,
            50.0 + 0.5 * (40.0 + finished),
            50.0 + 0.5 * (40.0 + finished),
            50.0 + 90.0 + 2 * finished,
        ],
        rel=1e-12,
    )


def test_orders_follow_the_shares_and_surplus_orders_nothing(network, briefing_of) -> None:
    orders = keeper(briefing_of(network)).orders(np.array([30.0, -5.0, 0.0, 7.0]))
    assert orders == pytest.approx([15.0, 15.0, 0.0, 0.0, 7.0], rel=1e-12)


def test_lots_and_minimum_orders_are_rounded_up_but_rounding_errors_buy_nothing(
    network, network_with, briefing_of
) -> None:
    links = [link.model_dump() for link in network.supply_links]
    links[0] |= {"lot_size": 10.0}
    links[2] |= {"minimum_order": 12.0}
    links[4] |= {"minimum_order": 12.0, "lot_size": 5.0}
    stock = keeper(briefing_of(network_with(supply_links=links)))
    assert stock.orders(np.array([30.0, 7.0, 7.0, 7.0])) == pytest.approx([20.0, 15.0, 12.0, 7.0, 15.0], rel=1e-12)
    assert stock.orders(np.array([40.0, 13.0, 0.0, 16.0])) == pytest.approx([20.0, 20.0, 13.0, 0.0, 20.0], rel=1e-12)
    assert stock.orders(np.full(4, 1e-12)).max() == 0.0
