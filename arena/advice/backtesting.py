"""Which windows of a world's recorded demand a backtest plays."""

from __future__ import annotations

from arena.contract.seeds import PUBLIC_SEEDS
from arena.errors import ABSENT, Fault, InvalidInput
from arena.world.scenario import Scenario
from arena.world.suite import load_scenario


def load_backtest(world: str) -> tuple[Scenario, int, int]:
    """Load a world for a backtest.

    Args:
        world: a scenario's file, or the name of a shipped scenario.

    Returns:
        The scenario, the number of windows that are played, and of those that are left out: there are ten public
        seeds, and each plays a window.

    Raises:
        UnknownName: there is no such scenario.
        InvalidInput: the file has faults, or the scenario has no windows of recorded demand.
    """
    scenario = load_scenario(world)
    if scenario.window is None:
        rule = "the scenario has no windows of recorded demand, so that there is nothing to go back to"
        fix = "write window: {start: …}, as arena new world does, or play it by arena evaluate"
        raise InvalidInput([Fault(world, "window", ABSENT, rule, fix)])
    windows = min(scenario.windows, len(PUBLIC_SEEDS))
    return scenario, windows, scenario.windows - windows
