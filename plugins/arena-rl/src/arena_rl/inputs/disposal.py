"""Where a unit that nobody will buy is best kept until the end: at its supplier, under way, or at the buyer.

Storage is paid for by the period, on the way as well, and often costs least on the way. So a unit too many is cheapest
left where it is until there are just as many periods to go as its way is long, and then sent off.
"""

from __future__ import annotations

import torch
from torch import Tensor


def saved_by_moving(left: Tensor, lead_time: Tensor, rates: Tensor) -> tuple[Tensor, Tensor]:
    """What is saved by sending off, on a supply link, a unit that nobody will buy.

    Args:
        left: periods to go, the coming one included, (links, episodes).
        lead_time: of the links, periods, (links, 1).
        rates: cost of a unit per period at the supplier, under way and at the buyer, (links, 3, 1).

    Returns:
        Saved by sending it now, over keeping it at the supplier to the end, and by how much that is more than by
        sending it in the best of the later periods, or never; costs as in `rates`, (links, episodes) each.
    """
    there, moving, here = rates.unbind(1)

    def saved(left: Tensor) -> Tensor:
        under_way = torch.minimum(left, lead_time)
        return there * left - moving * under_way - here * (left - under_way)

    # Linear but for a bend where the way takes just what is left: the best later period is next, at the bend, or never.
    later = torch.maximum(saved(left - 1), saved(torch.minimum(left - 1, lead_time))).clamp(min=0.0)
    now = saved(left)
    return now, now - later
