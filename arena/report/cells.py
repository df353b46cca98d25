"""Cells: groups of scenarios by which a page shows a suite that has too many to list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from arena.results.rows import Standings

__all__ = ["MOST_LISTED", "Cells", "group_scenarios"]

MOST_LISTED: Final = 60
"""Scenarios up to which a page lists each."""

_FEWEST, _MOST = 2, 30
_RUNS: Final = 20


class Cells(NamedTuple):
    """Groups of scenarios.

    Attributes:
        names: of the cells, in their order.
        of: by scenario, the place of its cell.
    """

    names: tuple[str, ...]
    of: tuple[int, ...]

    def places(self) -> list[list[int]]:
        """Return the places of the scenarios of each cell."""
        found: list[list[int]] = [[] for _ in self.names]
        for place, cell in enumerate(self.of):
            found[cell].append(place)
        return found


def group_scenarios(standings: Standings) -> Cells | None:
    """Return the cells of a suite with more scenarios than a page lists; None for another one.

    They are those of its native score; else scenarios whose names begin alike, up to the first hyphen; else scenarios
    that follow each other.
    """
    scenarios = standings.scenarios
    if len(scenarios) <= MOST_LISTED:
        return None
    native = standings.native
    if native is not None and all(scenario in native.cells for scenario in scenarios):
        return _grouped([native.cells[scenario] for scenario in scenarios])
    by_name = _grouped([scenario.partition("-")[0] for scenario in scenarios])
    if _FEWEST <= len(by_name.names) <= _MOST:
        return by_name
    length = -(-len(scenarios) // _RUNS)
    labels = []
    for start in range(0, len(scenarios), length):
        run = scenarios[start : start + length]
        labels += [f"{run[0]} … {run[-1]}"] * len(run)
    return _grouped(labels)


def _grouped(labels: list[str]) -> Cells:
    names = tuple(dict.fromkeys(labels))
    places = {name: place for place, name in enumerate(names)}
    return Cells(names, tuple(places[label] for label in labels))
