"""Prices of what a controller may see: of decentralisation, and of information, both compared seed by seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from arena.report.html import number, percent, write_range
from arena.results.compared import Interval
from arena.results.paired import Episodes, compare_pairs

if TYPE_CHECKING:
    from arena.results.compared import PriceOfDecentralisation, ScenarioPrice
    from arena.results.rows import StandingRow, Standings

__all__ = ["InformationTable", "PriceLine", "pair_information", "price_information", "price_lines"]

_ALL: Final = "all scenarios"


@dataclass(frozen=True)
class PriceLine:
    """One line of a price of decentralisation, as the template prints it."""

    heading: str
    profit: str
    full_view_profit: str
    price: str
    price_interval: str
    share: str
    share_interval: str


def price_lines(one: PriceOfDecentralisation) -> tuple[PriceOfDecentralisation, list[PriceLine]]:
    """Return a price with its lines: the scenarios', then the suite's."""
    return one, [*(_price(each.scenario, each) for each in one.by_scenario), _price(_ALL, one)]


def _price(heading: str, one: PriceOfDecentralisation | ScenarioPrice) -> PriceLine:
    shares = one.share_interval
    return PriceLine(
        heading=heading,
        profit=number(one.profit),
        full_view_profit=number(one.full_view_profit),
        price=number(one.price),
        price_interval=write_range(one.price_interval, 1),
        share=percent(one.share),
        share_interval="" if shares is None else f"{percent(shares.low)} … {percent(shares.high)}",
    )


@dataclass(frozen=True)
class InformationLine:
    """One line of a price of information: a scenario, or all of them."""

    heading: str
    blind: str
    informed: str
    difference: str
    interval: str


@dataclass(frozen=True)
class InformationTable:
    """The price of information of one controller: two submissions and its lines, the suite's last."""

    controller: str
    blind: str
    informed: str
    lines: list[InformationLine]


def pair_information(standings: Standings) -> list[tuple[StandingRow, StandingRow]]:
    """Return the pairs of complete submissions that play one controller, blind and informed, best informed one first.

    Where a controller has several submissions on a track, those belong together whose names are equal but for the
    track. Own code of submissions is left out: equal names of classes do not make equal rules.
    """
    complete = [row for row in standings.rows if row.complete and ":" not in row.controller]
    pairs = []
    for informed in (row for row in complete if row.track == "informed"):
        blind = [row for row in complete if row.track == "blind" and row.controller == informed.controller]
        alike = [row for row in blind if _stem(row.submission) == _stem(informed.submission)]
        others = [row for row in complete if row.track == "informed" and row.controller == informed.controller]
        if alike:
            pairs.append((alike[0], informed))
        elif len(blind) == 1 and len(others) == 1:
            pairs.append((blind[0], informed))
    return pairs


def _stem(name: str) -> str:
    return name.replace("-informed", "").replace("-blind", "")


def price_information(episodes: Episodes) -> list[InformationTable]:
    """Return the price of information of every controller that plays blind and informed."""
    standings = episodes.standings
    there = episodes.table.index
    pairs = [pair for pair in pair_information(standings) if all(row.submission in there for row in pair)]
    if not pairs:
        return []
    names = [(informed.submission, blind.submission) for blind, informed in pairs]
    found = compare_pairs(episodes, names, by_score=False)
    means = {(row.submission, row.scenario): row.mean_profit for row in standings.by_scenario}
    tables = []
    for place, (blind, informed) in enumerate(pairs):
        lines = [
            _information_line(
                scenario,
                means.get((blind.submission, scenario)),
                means.get((informed.submission, scenario)),
                *(array[place, 1 + column] for array in found),
            )
            for column, scenario in enumerate(standings.scenarios)
        ]
        over_all = (array[place, 0] for array in found)
        lines.append(_information_line(_ALL, blind.mean_profit, informed.mean_profit, *over_all))
        tables.append(InformationTable(informed.controller, blind.submission, informed.submission, lines))
    return tables


def _information_line(
    heading: str, blind: float | None, informed: float | None, value: float, low: float, high: float
) -> InformationLine:
    spread = None if np.isnan(low) else Interval(low=float(low), high=float(high))
    return InformationLine(
        heading=heading,
        blind=number(blind),
        informed=number(informed),
        difference=number(None if np.isnan(value) else float(value)),
        interval=write_range(spread, 1),
    )
