"""Features of the tokens of a graph policy: the parts that no other test would miss."""

from dataclasses import replace

import torch
from learning import episodes_of, first_situation, scenario_on

from arena import load_network
from arena_rl.inputs.graph_reading import lay_out
from arena_rl.inputs.graph_tokens import POSITION_UNIT, NetworkUnion, storage_saved_by_shipping


def divergent():
    batch = episodes_of(scenario_on(load_network("divergent")), 3, informed=True)
    return batch.briefing, first_situation(batch)


def link_between(briefing, supplier: int, buyer: int) -> int:
    links = briefing.compiled.network.supply_links
    return next(i for i, each in enumerate(links) if (each.supplier, each.buyer) == (supplier, buyer))


def test_a_link_reads_the_stock_of_its_buyers_rival_beside_its_own_position():
    """Distributors 2 and 3 serve one retailer: more at 2 is no position of a link into 3, and supply all the same."""
    briefing, observation = divergent()
    network = briefing.compiled.network
    rival = next(i for i, each in enumerate(briefing.compiled.stock_points) if network.managed[each.node] == 2)
    more = observation.on_hand.clone()
    more[:, rival] += 30.0
    union, link = NetworkUnion([briefing]), link_between(briefing, 4, 3)
    before, after = union.inputs([observation]), union.inputs([replace(observation, on_hand=more)])
    torch.testing.assert_close(after.positions[link], before.positions[link])
    risen = (after.links[link] - before.links[link]) * POSITION_UNIT * before.demand[link][:, None]
    # Late enough all of it could be sold to the same customers.
    assert (risen - 30.0).abs().amin() < 1e-3


def test_a_link_reads_what_it_saves_to_send_stock_off():
    briefing, observation = divergent()
    layout = lay_out(briefing.structure)
    for period in (0, 18, 25):
        inputs = NetworkUnion([briefing]).inputs([replace(observation, period=period)])
        left = torch.full((briefing.compiled.links, 1), float(briefing.horizon - period))
        rates = torch.as_tensor(layout.holding_rates, dtype=torch.float32)[:, :, None]
        for saved in storage_saved_by_shipping(
            left, torch.as_tensor(layout.lead_time, dtype=torch.float32)[:, None], rates
        ):
            assert saved.abs().max() > 0
            off = (inputs.links - torch.asinh(saved / 2)[:, :, None]).abs().amax((0, 1))
            assert off.amin() < 1e-5


def test_what_hardly_anybody_buys_counts_for_forty_periods_at_most():
    briefing, observation = divergent()
    plenty = replace(observation, on_hand=observation.on_hand + 1e6)
    inputs = NetworkUnion([briefing]).inputs([plenty])
    torch.testing.assert_close(inputs.positions.abs().max(), torch.tensor(40.0 / POSITION_UNIT))
    assert inputs.links.abs().max() < 20
    assert inputs.points.abs().max() < 20
