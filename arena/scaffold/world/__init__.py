"""A world of a person's own data: a network with a shop per series, and a scenario that plays windows of them."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from arena.documents import WORLD_BYTES, WORLD_SIZE, parse_document
from arena.errors import Fault, InvalidInput
from arena.scaffold.world.windows import Windows
from arena.scaffold.writing import render, require_absent, write_files
from arena.schemas import SLUG_RULE, is_slug, parse_as
from arena.world.data import DataSource, DemandData
from arena.world.network import Network
from arena.world.scenario import Scenario
from arena.world.supply_graph import MOST_NODES

MARK: Final = "FILL IN:"
"""Text before each place that holds a made-up value."""

_LONGEST_NAME: Final = 100
_MOST_UNITS: Final = 1_000_000_000
_LEAD_TIME: Final = 1
_LEAD_TIME_OF_WAREHOUSE: Final = 2
_NETWORK: Final = "network.yaml"
_SCENARIO: Final = "scenario.yaml"


class NewWorld(NamedTuple):
    """A world that was written.

    Attributes:
        folder: the new folder.
        scenario: the file that is played.
        marks: places to fill in: file, line from 1, and what belongs there.
    """

    folder: Path
    scenario: Path
    marks: tuple[tuple[Path, int, str], ...]


def new_world(
    name: str, place: Path, source: DataSource, data: DemandData, windows: Windows, *, warehouse: bool = False
) -> NewWorld:
    """Write a network and a scenario for recorded demand; they play as they are, with made-up costs and lead times.

    Args:
        name: slug, the name of folder, network and scenario.
        place: folder in which the new folder is made.
        source: the table and how to read it, its paths relative to the working folder.
        data: the demand that was read from it.
        windows: what is played of it.
        warehouse: whether a warehouse stands between the supplier and the shops.

    Raises:
        InvalidInput: The name cannot be used or exists already; a market's name cannot be that of a shop; the network
            would be larger than a file may be; or the world cannot be played.
        ArenaError: The files cannot be written; none is left behind.
    """
    if not is_slug(name):
        raise InvalidInput([Fault("", "NAME", name, SLUG_RULE, "as in my-shops")])
    folder = place / name
    require_absent(folder)
    if len(data.markets) > most_shops(warehouse=warehouse):
        raise _too_many(data, source.file, most_shops(warehouse=warehouse), "")
    _check_names(data, source.file)
    network = render("world/network.yaml.jinja", _network_values(name, data, windows, warehouse=warehouse))
    if len(network.encode()) > WORLD_BYTES:
        more = f"and shorter names; the network's file has at most {WORLD_BYTES:,} bytes"
        raise _too_many(data, source.file, most_shops(warehouse=warehouse), more)
    scenario = render("world/scenario.yaml.jinja", _scenario_values(name, folder, source, data, windows))
    _check_plays(network, scenario, data, source.file)
    contents = {_NETWORK: network, _SCENARIO: scenario}
    write_files(folder, contents)
    marks = tuple(
        (folder / file, number, line.partition(MARK)[2].strip())
        for file, text in contents.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if line.lstrip().startswith(f"# {MARK}")
    )
    return NewWorld(folder, folder / _SCENARIO, marks)


def most_shops(*, warehouse: bool) -> int:
    """Most shops: a network has at most 20,000 nodes, two for each shop, one for the supplier, one for a warehouse."""
    return (MOST_NODES - 1 - warehouse) // 2


def _too_many(data: DemandData, file: str, most: int, more: str) -> InvalidInput:
    rule = f"a network has at most {MOST_NODES:,} nodes, two for each shop, so that {most:,} shops can be made"
    rule = " ".join(filter(None, (rule, more)))
    fix = "choose the markets to play, such as --only NAME --only NAME, or a table with fewer"
    return InvalidInput([Fault(file, "", f"{len(data.markets)} markets", rule, fix)])


def _check_names(data: DemandData, file: str) -> None:
    for market in data.markets:
        if len(market) > _LONGEST_NAME or any(character < " " or character == "\x7f" for character in market):
            rule = f"a shop has the name of its market: one line of at most {_LONGEST_NAME} characters"
            raise InvalidInput([Fault(file, "", market, rule, "shorten it in the table, or name other columns")])


def _check_plays(network: str, scenario: str, data: DemandData, file: str) -> None:
    """Refuse a world that could not be loaded: of a file that was made here nobody could mend the faults."""
    document = parse_document(scenario.encode(), _SCENARIO, WORLD_SIZE)
    document["network"] = parse_as(Network, parse_document(network.encode(), _NETWORK, WORLD_SIZE), _NETWORK)
    document["demand"] = {"data": data}
    try:
        parse_as(Scenario, document, file)
    except InvalidInput as error:
        raise InvalidInput([fault._replace(source=file) for fault in error.faults]) from None


def _network_values(name: str, data: DemandData, windows: Windows, *, warehouse: bool) -> dict[str, Any]:
    taken = set(data.markets)
    # Demand of the windows is what controllers are to meet unknown, also where the first stock is concerned.
    means = data.array[: windows.start or None].mean(axis=0)
    shops = [
        {
            "name": _quoted(market),
            "stock": _units((_LEAD_TIME + 1) * mean),
            "market": _quoted(_free(f"{market[: _LONGEST_NAME - 20]} customers", taken)),
        }
        for market, mean in zip(data.markets, means.tolist(), strict=True)
    ]
    period = _period(data)
    return {
        "name": name,
        "period": period,
        "a_period": _a_period(data),
        "supplier": _free("supplier", taken),
        "warehouse": _free("warehouse", taken) if warehouse else "",
        "warehouse_stock": _units((_LEAD_TIME_OF_WAREHOUSE + 1) * float(np.sum(means))),
        "warehouse_lead_time": _LEAD_TIME_OF_WAREHOUSE,
        "lead_time": _LEAD_TIME,
        "shops": shops,
    }


def _scenario_values(name: str, folder: Path, source: DataSource, data: DemandData, windows: Windows) -> dict[str, Any]:
    first, start, last = (data.labels(period, 1)[0] for period in (0, windows.start, data.periods - 1))
    return {
        "name": name,
        "periods": data.periods,
        "first": first,
        "start_label": start,
        "last": last,
        "start": windows.start,
        "horizon": windows.length,
        "windows": windows.number,
        "history": windows.history,
        "table": list(_table_lines(source, folder)),
    }


def _table_lines(source: DataSource, folder: Path) -> Iterator[str]:
    """The fields of the table as lines of YAML, paths as they are seen from the world's folder."""
    for field, value in source.model_dump(mode="json", exclude_unset=True, exclude_none=True).items():
        if field == "file":
            value = _seen_from(folder, value)
        elif field == "in_stock":
            pairs = {**value, "file": _seen_from(folder, value["file"])}
            yield f"in_stock: {{{', '.join(f'{key}: {_flow(one)}' for key, one in pairs.items())}}}"
            continue
        yield f"{field}: {_flow(value)}"


def _seen_from(folder: Path, file: str) -> str:
    """A path from the folder's place; absolute where it is so already, or where no relative one leads there."""
    if Path(file).is_absolute():
        return file
    try:
        return Path(os.path.relpath(Path(file).absolute(), folder.absolute())).as_posix()
    except ValueError:  # another drive
        return str(Path(file).absolute())


def _flow(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    return f'"{_quoted(value)}"' if isinstance(value, str) else json.dumps(value)


def _quoted(text: str) -> str:
    """Text between double quotes of YAML; what cannot be seen, and what is not text, is escaped."""
    return "".join(f"\\{one}" if one in '"\\' else one if one.isprintable() else f"\\U{ord(one):08x}" for one in text)


def _free(wanted: str, taken: set[str]) -> str:
    """A name that nobody has; it is taken then."""
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted} {number}"
    taken.add(name)
    return name


def _units(amount: float) -> int:
    return min(math.ceil(amount), _MOST_UNITS)


def _period(data: DemandData) -> str:
    return data.frequency if data.frequency in ("day", "week", "month") else "period"


def _a_period(data: DemandData) -> str:
    if data.frequency == "period":
        return "what the table numbers"
    return data.frequency if data.frequency[0].isdigit() else f"a {data.frequency}"
