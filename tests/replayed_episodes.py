"""Episodes as an audit hands them to who shows them, for tests that need no contest."""

import numpy as np
from records import make_record
from strategies import Episode, play

from arena import load_scenario, measure
from arena.audit.replaying import ReplayedEpisode

HOSTILE = '</script><script>alert("x")</script><img src=x onerror=alert(1)>'
"""A name that a page has to show as text."""


def replayed(episode: Episode, **changes: object) -> ReplayedEpisode:
    """An episode that was played, with a row that agrees."""
    ledger = play(episode)
    kpis = measure(ledger, episode.scenario).model_dump()
    return ReplayedEpisode(make_record(scenario="north", **{**kpis, **changes}), episode.scenario, ledger)


def steady(name: str = "serial-stationary-backlog", units: float = 20.0, **changes: object) -> ReplayedEpisode:
    """An episode of a shipped scenario in which every link is asked for the same in every period."""
    scenario = load_scenario(name)
    orders = np.full((scenario.horizon, len(scenario.network.supply_links)), units)
    return replayed(Episode(scenario, 42, orders), **changes)
