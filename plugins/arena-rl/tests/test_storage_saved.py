"""Storage cost saved by shipping an excess unit, against an account of every later period."""

import torch
from hypothesis import given, strategies as st
from learning import scenario_on

from arena import compile_scenario, load_network
from arena_rl.inputs.echelon_positions import SupplyStructure
from arena_rl.inputs.graph_reading import lay_out
from arena_rl.inputs.graph_tokens import storage_saved_by_shipping

rate = st.floats(0, 2).map(lambda value: round(value, 3))


def paid(there: float, moving: float, here: float, *, lead_time: int, left: int, wait: int) -> float:
    """Storage of one unit to the end, if it is sent off after so many periods."""
    total = 0.0
    for period in range(left):
        if period < wait:
            total += there
        elif period < wait + lead_time:
            total += moving
        else:
            total += here
    return total


@given(there=rate, moving=rate, here=rate, lead_time=st.integers(0, 14), left=st.integers(1, 40))
def test_it_is_the_difference_of_what_storage_costs_by_account(there, moving, here, lead_time, left):
    found, more = storage_saved_by_shipping(
        torch.tensor([[float(left)]], dtype=torch.float64),
        torch.tensor([[float(lead_time)]], dtype=torch.float64),
        torch.tensor([[[there], [moving], [here]]], dtype=torch.float64),
    )
    costs = [paid(there, moving, here, lead_time=lead_time, left=left, wait=wait) for wait in range(left + 1)]
    assert abs(float(found) - (costs[left] - costs[0])) < 1e-9
    assert abs(float(more) - (min(costs[1:]) - costs[0])) < 1e-9


def test_a_cheap_way_is_taken_when_it_lasts_to_the_end_and_not_before():
    left = torch.arange(1.0, 31.0)[None, :]
    _, more = storage_saved_by_shipping(left, torch.tensor([[12.0]]), torch.tensor([[[0.011], [0.004], [0.015]]]))
    torch.testing.assert_close(more[0] > 0, left[0] <= 12)


def test_the_rates_of_a_link_are_those_of_its_ends_and_its_way_over_the_market_price():
    """Factory 6 to distributor 3 of the divergent network; its market pays 2."""
    scenario = scenario_on(load_network("divergent"))
    layout = lay_out(SupplyStructure(compile_scenario(scenario)))
    link = next(i for i, each in enumerate(scenario.network.supply_links) if (each.supplier, each.buyer) == (6, 3))
    rates = torch.tensor([0.011, 0.004, 0.015], dtype=torch.float64) * 20 / 2.0
    torch.testing.assert_close(torch.as_tensor(layout.holding_rates[link]), rates, rtol=1e-12, atol=0)
    assert layout.lead_time[link] == 12
