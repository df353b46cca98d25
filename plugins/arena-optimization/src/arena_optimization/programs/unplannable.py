"""Episodes that the programs cannot state, refused by name before anything is planned."""

from __future__ import annotations

from arena import Briefing


def refuse_unplannable(briefing: Briefing) -> None:
    """Refuse an episode that the programs cannot state.

    Raises:
        ValueError: Naming what is wrong, why, and what to do.
    """
    if briefing.node is not None:
        raise ValueError(
            f"node {briefing.node} is told only of itself: these programs plan the whole network; play them on the "
            "blind, informed or oracle track"
        )
    for node in briefing.network.nodes:
        if node.storage_capacity is not None and node.bill_of_materials:
            raise ValueError(
                f"node {node.id} has a storage capacity and a bill of materials: what it scraps of its components is "
                "proportional to their stocks, which no linear program states; remove one of the two"
            )
