"""The environments' ids in Gymnasium's registry.

========================== =========================================================================================
id                         plays
========================== =========================================================================================
``Arena/Divergent-v0``     ``divergent-stationary-backlog``
``Arena/Serial-v0``        ``serial-stationary-backlog``
``Arena/<scenario>-v0``    the shipped scenario of that name, such as ``Arena/serial-m5-backlog-v0``
``Arena/Scenario-v0``      any scenario: ``gymnasium.make("Arena/Scenario-v0", scenario="my-scenario.yaml")``
========================== =========================================================================================

Gymnasium learns the ids when :mod:`arena.envs` is imported; ``gymnasium.make("arena.envs:Arena/Serial-v0")`` imports
it by itself. (Gymnasium 1.0 gave up loading environments from installed packages.) Every id makes
:class:`~arena.envs.single.InventoryEnv` with ``gymnasium.make``, and
:class:`~arena.envs.vector.InventoryVectorEnv` with ``gymnasium.make_vec``.

Scenarios that are scored decentralised are registered too: here one decision maker plays the whole network. One agent
per node is what :mod:`arena.envs.parallel` is for.
"""

from __future__ import annotations

import gymnasium

from arena.world.suite import scenario_names

#: Ids of their own for what the published environments of the same networks play.
SHORT_IDS = {
    "Arena/Divergent-v0": "divergent-stationary-backlog",
    "Arena/Serial-v0": "serial-stationary-backlog",
}

#: The id that takes the scenario as an argument.
ANY_SCENARIO_ID = "Arena/Scenario-v0"


def environment_id(scenario: str) -> str:
    """The id of a shipped scenario.

    >>> environment_id("serial-m5-backlog")
    'Arena/serial-m5-backlog-v0'
    """
    return f"Arena/{scenario}-v0"


def register() -> None:
    """Register the environments; what is registered already stays as it is."""
    scenarios: dict[str, str | None] = {ANY_SCENARIO_ID: None, **SHORT_IDS}
    scenarios |= {environment_id(name): name for name in scenario_names()}
    for identifier, scenario in scenarios.items():
        if identifier not in gymnasium.registry:
            gymnasium.register(
                identifier,
                entry_point="arena.envs.single:InventoryEnv",
                vector_entry_point="arena.envs.vector:InventoryVectorEnv",
                kwargs={} if scenario is None else {"scenario": scenario},
            )
