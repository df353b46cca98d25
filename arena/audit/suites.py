"""A folder of results held against the suite that is said to have been played."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from arena.audit.differences import Difference, first_mismatch
from arena.results.folder import EPISODES_NAME, STANDINGS_NAME
from arena.results.record import EpisodeRecord
from arena.results.rows import Standings
from arena.world.suite import Suite


def suite_differences(
    suite: Suite, standings: Standings, records: Sequence[EpisodeRecord], *, revealed: bool
) -> Iterator[Difference]:
    """Yield what was played otherwise than the suite says.

    Args:
        suite: the suite, drawn by the key of the standings' seeds if that is known.
        standings: of the folder.
        records: those that count.
        revealed: whether the key is known; without it, scenarios that are drawn are left out.
    """
    stored = {
        "suite": standings.suite,
        "scenarios": standings.scenarios,
        "score_rule": standings.score_rule.model_dump(),
        "native": None if standings.native is None else standings.native.model_dump(),
    }
    given = {
        "suite": suite.name,
        "scenarios": tuple(scenario.name for scenario in suite.scenarios),
        "score_rule": suite.score_rule.model_dump(),
        "native": None if suite.native is None else suite.native.model_dump(),
    }
    other = first_mismatch(stored, given)
    if other is not None:
        yield Difference(STANDINGS_NAME, "", "", None, *other)
    expected = {scenario.name: scenario.digest for scenario in suite.scenarios}
    if not revealed:
        for name in suite.drawings:
            del expected[name]
    for name, digest in dict.fromkeys((record.scenario, record.scenario_digest) for record in records):
        if expected.get(name, digest) != digest:
            yield Difference(EPISODES_NAME, "", name, None, "scenario_digest", digest, expected[name])
