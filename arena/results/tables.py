"""Tables of an export, block by block and column by column: links and nodes in every period of every episode.

A column is an array of numbers, or texts that are few and repeat (`Texts`), so that a block of many rows is cheap to
make and to write. Stock and money are those that the simulator gives for the stored orders and demand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from arena.contract.version import contract_digest, earlier_digests
from arena.errors import StoreError
from arena.results.columns import NODE_COLUMNS, PERIOD_COLUMNS
from arena.results.record import EpisodeRecord
from arena.results.stored import Series, StoredScenario
from arena.simulate.batch import NodeHistory, replay_batch
from arena.simulate.compiled import CompiledScenario, compile_scenario
from arena.world.network import Network


class Texts(NamedTuple):
    """A column of texts.

    Attributes:
        values: the different texts; None is an empty cell.
        codes: position among them, by row.
    """

    values: Sequence[str | None]
    codes: NDArray[np.int32]


Column = Texts | NDArray[np.int64] | NDArray[np.float64]
Block = dict[str, Column]
"""Columns of equal length by name, in order."""

Played = tuple[EpisodeRecord, Series]
"""An episode with its series."""

_HEAD = ("submission", "submission_digest", "scenario", "commitment")
_REPAIR = "drop its episode by arena results repair"
_QUANTITIES = ("requested_order", "realised_demand", "lead_time")


def cells(block: Block) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a block as Python's values; None is an empty cell."""
    columns = []
    for column in block.values():
        if isinstance(column, Texts):
            columns.append([column.values[code] for code in column.codes.tolist()])
        else:
            columns.append(column.tolist())
    return zip(*columns, strict=True)


class Tables:
    """Makes the blocks of the tables of periods and of nodes.

    Args:
        scenarios: content of scenarios by digest, from which names and the network's flows follow.

    Attributes:
        left_out: number of episodes without rows in the table of nodes: the content of the scenario is not stored, or
            they follow other rules than those of this arena.
    """

    def __init__(self, scenarios: Mapping[str, StoredScenario]) -> None:
        self._scenarios = scenarios
        self._compiled: dict[str, CompiledScenario] = {}
        self.left_out = 0

    def periods(self, played: Sequence[Played]) -> Block:
        """Return the rows of episodes in the table of periods: `PERIOD_COLUMNS`."""
        parts = [
            self._periods_of(number, record.scenario_digest, series) for number, (record, series) in enumerate(played)
        ]
        names: list[str | None] = [None]
        places: dict[str, int] = {}
        ends = {"link_name": [], "origin": [], "destination": []}  # type: dict[str, list[NDArray[np.int32]]]
        for (record, series), _ in zip(played, parts, strict=True):
            periods, width = len(series.requested), series.requested.shape[1] + series.drawn.shape[1]
            for column, labels in zip(ends, self._ends(record.scenario_digest, width), strict=True):
                for label in labels:
                    if label is not None and label not in places:
                        places[label] = len(names)
                        names.append(label)
                codes = [0 if label is None else places[label] for label in labels]
                ends[column].append(np.tile(np.array(codes, dtype=np.int32), periods))
        numbers = _joined(parts, "episode", np.int32)
        block: Block = {
            **_head(played, numbers),
            "period": _joined(parts, "period", np.int64),
            "quantity": Texts(_QUANTITIES, _joined(parts, "quantity", np.int32)),
            "link": _joined(parts, "link", np.int64),
            **{name: Texts(names, _concatenated(codes, np.int32)) for name, codes in ends.items()},
            "units": _joined(parts, "units", np.float64),
        }
        return {name: block[name] for name in PERIOD_COLUMNS}

    def nodes(self, played: Sequence[Played]) -> Block:
        """Return the rows of episodes in the table of nodes: `NODE_COLUMNS`.

        Raises:
            StoreError: orders or demand are of no episode of their scenario.
        """
        together: dict[tuple[str, int], list[int]] = {}
        for number, (record, series) in enumerate(played):
            if self._can_replay(record):
                together.setdefault((record.scenario_digest, len(series.requested)), []).append(number)
            else:
                self.left_out += 1
        histories: dict[int, tuple[NodeHistory, int]] = {}
        for (digest, _), numbers in together.items():
            history = self._replay(digest, [played[number] for number in numbers])
            histories |= {number: (history, place) for place, number in enumerate(numbers)}
        parts = [
            _nodes_of(number, *histories[number], self._network(played[number][0].scenario_digest))
            for number in sorted(histories)
        ]
        names = list(dict.fromkeys(name for part in parts for name in part.pop("names")))
        places = {name: place for place, name in enumerate(names)}
        labels = [
            np.tile(np.array([places[name] for name in part["labels"]], dtype=np.int32), part["periods"])
            for part in parts
        ]
        numbers_of_rows = _joined(parts, "episode", np.int32)
        block: Block = {
            **_head(played, numbers_of_rows),
            "period": _joined(parts, "period", np.int64),
            "node": Texts(names, _concatenated(labels, np.int32)),
        }
        for column in NODE_COLUMNS[len(block) :]:
            block[column] = _joined(parts, column, np.float64)
        return {name: block[name] for name in NODE_COLUMNS}

    def _periods_of(self, number: int, digest: str, series: Series) -> dict[str, Any]:
        requested, drawn = series
        periods, links = len(requested), requested.shape[1]
        varying = self._varying_links(digest)
        markets = drawn.shape[1] - len(varying)
        width = links + drawn.shape[1]
        quantities = np.repeat(np.array([0, 1, 2], dtype=np.int32), [links, markets, len(varying)])
        return {
            "episode": np.full(periods * width, number, dtype=np.int32),
            "period": np.repeat(np.arange(periods), width),
            "quantity": np.tile(quantities, periods),
            "link": np.tile(np.concatenate([np.arange(links), np.arange(markets), varying]).astype(np.int64), periods),
            "units": np.concatenate([requested, drawn], axis=1).ravel(),
        }

    def _varying_links(self, digest: str) -> tuple[int, ...]:
        stored = self._scenarios.get(digest)
        return () if stored is None else stored.scenario.network.varying_links

    def _ends(self, digest: str, width: int) -> tuple[list[str | None], ...]:
        """Return the names of supply links and market links, and of their ends, by the position of their columns."""
        stored = self._scenarios.get(digest)
        if stored is None:
            return [None] * width, [None] * width, [None] * width
        network = stored.scenario.network
        ends = [(link.supplier, link.buyer) for link in network.supply_links]
        ends += [(link.retailer, link.market) for link in network.market_links]
        ends += [ends[position] for position in network.varying_links]
        names = [link.name for link in network.supply_links] + [link.name for link in network.market_links]
        names += [names[position] for position in network.varying_links]
        if len(ends) != width:
            rule = f"a series has {width} links where scenario {digest} has {len(ends)}"
            raise StoreError(f"{rule}; {_REPAIR}, then play it again")
        origins: list[str | None] = [network.label(origin) for origin, _ in ends]
        return names, origins, [network.label(destination) for _, destination in ends]

    def _can_replay(self, record: EpisodeRecord) -> bool:
        known = record.contract_digest == contract_digest() or record.contract_digest in earlier_digests()
        return known and record.scenario_digest in self._scenarios

    def _replay(self, digest: str, played: Sequence[Played]) -> NodeHistory:
        if digest not in self._compiled:
            self._compiled[digest] = compile_scenario(self._scenarios[digest].scenario)
        try:
            requested = np.stack([series.requested for _, series in played])
            split = [series.split(self._compiled[digest].markets) for _, series in played]
            demand, lead_times = (np.stack(parts) for parts in zip(*split, strict=True))
            return replay_batch(self._compiled[digest], requested, demand, lead_times)
        except ValueError as error:
            rule = f"series of scenario {digest} are damaged ({error})"
            raise StoreError(f"{rule}; {_REPAIR}, then play it again") from error

    def _network(self, digest: str) -> Network:
        return self._scenarios[digest].scenario.network


def _nodes_of(number: int, history: NodeHistory, place: int, network: Network) -> dict[str, Any]:
    periods, nodes = history.on_hand[place].shape
    labels = [network.label(node_id) for node_id in network.managed]
    return {
        "names": labels,
        "labels": labels,
        "periods": periods,
        "episode": np.full(periods * nodes, number, dtype=np.int32),
        "period": np.repeat(np.arange(periods), nodes),
        "on_hand": history.on_hand[place].ravel(),
        "in_transit": history.in_transit[place].ravel(),
        **{name: amounts[place].ravel() for name, amounts in history.money.items()},
        "profit": history.profit[place].ravel(),
        "terminal_value": history.terminal_value[place].ravel(),
    }


def _head(played: Sequence[Played], numbers: NDArray[np.int32]) -> Block:
    """Return the columns that say which episode a row is of."""
    records = [record for record, _ in played]
    seeds = np.array([record.seed_index for record in records], dtype=np.int64)
    texts: Block = {name: Texts([getattr(record, name) for record in records], numbers) for name in _HEAD}
    return {**texts, "seed_index": seeds[numbers] if len(records) else seeds}


def _joined(parts: Sequence[Mapping[str, Any]], name: str, kind: Any) -> NDArray[Any]:
    return _concatenated([part[name] for part in parts], kind)


def _concatenated(arrays: Sequence[NDArray[Any]], kind: Any) -> NDArray[Any]:
    return np.concatenate(arrays).astype(kind, copy=False) if arrays else np.empty(0, dtype=kind)
