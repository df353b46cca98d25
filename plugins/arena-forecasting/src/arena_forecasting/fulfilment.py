"""Whether customers wait."""

from __future__ import annotations

import numpy as np

from arena import Briefing
from arena_forecasting.arrays import FloatArray


def waiting_shares(briefing: Briefing) -> FloatArray:
    """Return the share of unfilled units that wait, by market link, from 0 to 1."""
    plain = {"backlog": 1.0, "lost_sales": 0.0}
    return np.array(
        [
            plain[link.fulfilment or briefing.fulfilment] if link.waiting_share is None else link.waiting_share
            for link in briefing.network.market_links
        ]
    )
