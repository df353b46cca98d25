"""What the tokens of a graph policy read: the parts that no other test would miss."""

from dataclasses import replace

import torch
from learning import episodes_of, first_situation, scenario_on

from arena import load_network
from arena_rl.inputs.disposal import saved_by_moving
from arena_rl.inputs.graph_reading import lay_out
from arena_rl.inputs.graph_tokens import POSITION_UNIT, Union


def divergent():
    batch = episodes_of(scenario_on(load_network("divergent")), 3, informed=True)
    return batch.setting, first_situation(batch)


def link_between(setting, supplier: int, buyer: int) -> int:
    links = setting.compiled.network.supply_links
    return next(i for i, each in enumerate(links) if (each.supplier, each.buyer) == (supplier, buyer))


def test_a_link_reads_the_stock_of_its_buyers_rival_beside_its_own_position():
    """Distributors 2 and 3 serve one retailer: more at 2 is no position of a link into 3, and supply all the same."""
    setting, situation = divergent()
    network = setting.compiled.network
    rival = next(i for i, each in enumerate(setting.compiled.stock_points) if network.managed[each.node] == 2)
    more = situation.on_hand.clone()
    more[:, rival] += 30.0
    union, link = Union([setting]), link_between(setting, 4, 3)
    before, after = union.inputs([situation]), union.inputs([replace(situation, on_hand=more)])
    torch.testing.assert_close(after.deficit[link], before.deficit[link])
    risen = (after.links[link] - before.links[link]) * POSITION_UNIT * before.scale[link][:, None]
    # Late enough all of it could be sold to the same customers.
    assert (risen - 30.0).abs().amin() < 1e-3


def test_a_link_reads_what_it_saves_to_send_stock_off():
    setting, situation = divergent()
    layout = lay_out(setting.reach)
    for period in (0, 18, 25):
        inputs = Union([setting]).inputs([replace(situation, period=period)])
        left = torch.full((setting.compiled.links, 1), float(setting.horizon - period))
        rates = torch.as_tensor(layout.rates, dtype=torch.float32)[:, :, None]
        for saved in saved_by_moving(left, torch.as_tensor(layout.lead_time, dtype=torch.float32)[:, None], rates):
            assert saved.abs().max() > 0
            off = (inputs.links - torch.asinh(saved / 2)[:, :, None]).abs().amax((0, 1))
            assert off.amin() < 1e-5


def test_what_hardly_anybody_buys_counts_for_forty_periods_at_most():
    setting, situation = divergent()
    plenty = replace(situation, on_hand=situation.on_hand + 1e6)
    inputs = Union([setting]).inputs([plenty])
    torch.testing.assert_close(inputs.deficit.abs().max(), torch.tensor(40.0 / POSITION_UNIT))
    assert inputs.links.abs().max() < 20
    assert inputs.points.abs().max() < 20
