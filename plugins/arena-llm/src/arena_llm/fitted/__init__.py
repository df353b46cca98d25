"""Fitted parameters: what `python -m arena_llm.fitting` found, as data, and how it is read.

A table has an entry for each network that it was fitted on and each fulfilment mode, and one per mode for every other
network. An entry is a schedule: the horizon is cut into equal stages, and each has six parameters of its own, as a
tuner that revises them at the beginning of every stage could set them.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from arena import Network
from arena_llm.parameters import Parameters, make_parameters

ANY_NETWORK = "any"
"""Stands for every network without an entry of its own."""


class FittedEntry(BaseModel):
    """The schedule of one network and fulfilment mode."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: str
    """Name of the network it was fitted on, for people; `any` for all of them."""
    shape: str
    """`network_shape` of that network; `any` for every network without an entry of its own."""
    fulfilment: Literal["backlog", "lost_sales"]
    """Of the scenarios it was fitted on."""
    stages: Annotated[tuple[tuple[float, float, float, float, float, float], ...], Field(min_length=1)]
    """Parameters of every stage, in the order of `arena_llm.parameters.NAMES`."""
    objective: float
    """What the fit reached on its own scenarios; see `arena_llm.fitting`."""


class FittedTable(BaseModel):
    """The result of a fit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    track: Literal["blind", "informed"]
    """Track it was fitted on."""
    settings: dict[str, Any]
    """Settings of the fit, its seed and the digest of its training scenarios."""
    entries: Annotated[tuple[FittedEntry, ...], Field(min_length=1)]
    """The schedules."""

    def schedule(self, network: Network, fulfilment: str) -> tuple[Parameters, ...]:
        """Parameters by stage for an episode.

        Args:
            network: of the briefing.
            fulfilment: of the briefing.
        """
        chosen = {entry.shape: entry for entry in self.entries if entry.fulfilment == fulfilment}
        entry = chosen.get(network_shape(network)) or chosen[ANY_NETWORK]
        return tuple(make_parameters(values) for values in entry.stages)


def network_shape(network: Network) -> str:
    """A digest of what a network is made of: roles and links with their lead times; no prices, costs, stocks or names.

    Ids count: two networks of one shape have the same nodes in the same places.
    """
    retailers = set(network.retailers)
    nodes = [[node, node in retailers, network.node(node).capacity is not None] for node in network.managed]
    supply = [[link.supplier, link.buyer, link.lead_time] for link in network.supply_links]
    markets = [[link.retailer, link.market] for link in network.market_links]
    content = json.dumps([nodes, sorted(supply), sorted(markets)], separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()[:16]


@cache
def load_fitted(track: str) -> FittedTable:
    """The table of the package for a track.

    Args:
        track: `blind` or `informed`.
    """
    return FittedTable.model_validate_json((files(__package__) / f"{track}.json").read_text(encoding="utf-8"))
