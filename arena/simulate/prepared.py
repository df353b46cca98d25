"""What every episode needs of its scenario, made once for all of them."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from arena.simulate.compiled import CompiledScenario, compile_scenario
from arena.world.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Prepared:
    """A scenario that is ready to be played; immutable.

    Attributes:
        compiled: the scenario compiled.
        places: where the parts of a state stand in one array of all of them.
        gaps: names of the parts that the world does not have.
    """

    compiled: CompiledScenario
    places: tuple[tuple[str, slice], ...]
    gaps: tuple[str, ...]


_KEPT: Final[dict[int, tuple[weakref.ref[Scenario], Prepared]]] = {}
"""By identity, as long as the scenario lives: the hash of a scenario's content takes longer than compiling it."""


def prepare(scenario: Scenario) -> Prepared:
    """A scenario ready to be played; what was made for it is kept as long as the scenario.

    Args:
        scenario: a validated scenario.
    """
    key = id(scenario)
    kept = _KEPT.get(key)
    if kept is not None and kept[0]() is scenario:
        return kept[1]
    made = prepare_compiled(compile_scenario(scenario))
    _KEPT[key] = (weakref.ref(scenario, lambda _: _KEPT.pop(key, None)), made)
    return made


def prepare_compiled(compiled: CompiledScenario) -> Prepared:
    """The same for a scenario that was compiled elsewhere; nothing is kept.

    Args:
        compiled: the compiled scenario.
    """
    network = compiled.network
    lengths = {
        "demand": compiled.markets,
        "unfilled": compiled.markets,
        "on_hand": len(network.managed),
        "component_stock": len(compiled.component_points),
        "pipeline": network.pipeline_offsets[-1],
        "in_transit": compiled.links,
        "unseen": network.delay_offsets[-1],
        "received": compiled.links,
        "arrived": network.arrival_offsets[-1],
        "owed": compiled.links,
        "requested": compiled.links,
        "sold": compiled.markets,
        "in_stock": compiled.markets,
    }
    ends = accumulate(lengths.values())
    places = [(name, slice(end - length, end)) for (name, length), end in zip(lengths.items(), ends, strict=True)]
    present = tuple((name, place) for name, place in places if lengths[name])
    return Prepared(compiled, present, tuple(name for name, length in lengths.items() if not length))
