"""Where the shipped networks, suites and series are, and how a scenario file refers to them.

A reference is the name of something shipped, a path (relative to the file that holds it), or the thing itself inline.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from arena.documents import WORLD_SIZE, load_document
from arena.errors import Fault, InvalidInput, suggest, unknown_name
from arena.schemas import parse_as
from arena.world.data.demand_data import LONGEST_NOTE
from arena.world.data.reading import read_data
from arena.world.data.series_table import read_series_table
from arena.world.data.source import parse_data_source
from arena.world.demand import LONGEST_SERIES, Series
from arena.world.kinds import require_kind
from arena.world.network import Network
from arena.world.scenario import Scenario

_SERIES_OF_A_TABLE: Final = ("source", "column", "scale_to_mean", "name")
"""Fields of a series that is read from a table."""


def shipped(kind: str) -> Path:
    """Folder of what is shipped: ``networks``, ``suites`` or ``demand``; in a wheel or in the repository."""
    package = Path(__file__).resolve().parent.parent
    packaged = package / "scenarios" / kind
    return packaged if packaged.is_dir() else package.parent / "scenarios" / kind


def shipped_names(kind: str, suffix: str = ".yaml") -> tuple[str, ...]:
    """Names of what is shipped of one kind, sorted."""
    return tuple(sorted(path.stem for path in shipped(kind).glob(f"*{suffix}")))


def network_names() -> tuple[str, ...]:
    """Names of the shipped networks."""
    return shipped_names("networks")


def find(reference: str | Path, kind: str, *, base: Path | None = None, suffix: str = ".yaml") -> Path:
    """The file a reference means.

    Args:
        reference: a shipped name, or a path with the suffix (absolute, or relative to ``base`` or the working folder).
        kind: ``networks``, ``suites`` or ``demand``.
        base: folder of the file that holds the reference.
        suffix: how such files end.

    Raises:
        UnknownName: If there is neither a shipped thing of that name nor such a file.
    """
    text = str(reference)
    if isinstance(reference, str) and text in shipped_names(kind, suffix):
        return shipped(kind) / f"{text}{suffix}"
    path = Path(text) if base is None else base / text
    there = is_there(path)
    if path.suffix == suffix or path.suffix == ".yml" or isinstance(reference, Path) or (there and path.is_file()):
        if there:
            return path
        raise InvalidInput([Fault(str(path), "", text, "there is no such file", "check the path")])
    singular = {"networks": "network", "suites": "suite", "demand": "demand series"}[kind]
    raise unknown_name(singular, text, shipped_names(kind, suffix))


def is_there(path: Path) -> bool:
    """Whether a path leads to something; one that the system cannot even look up, as one too long, leads nowhere."""
    try:
        return path.exists()
    except OSError:
        return False


def load_network(reference: str | Path) -> Network:
    """Load a network by its shipped name or from a YAML file.

    Raises:
        InvalidInput: With every fault of the file.
    """
    path = find(reference, "networks")
    return _load_network_file(path.resolve(), path.stat().st_mtime_ns)


@cache
def _load_network_file(path: Path, _modified: int) -> Network:
    data = load_document(path, WORLD_SIZE)
    require_kind(data, "network", str(path))
    faults: list[Fault] = []
    data = _with_demands(data, path.parent, faults, "")
    if faults:
        raise InvalidInput([fault._replace(source=fault.source or str(path)) for fault in faults])
    return parse_as(Network, data, str(path))


def load_series(reference: str | Path, column: str | None = None, *, base: Path | None = None) -> Series:
    """Load a demand series from a CSV file with a header and a row per period, oldest first.

    Args:
        reference: a shipped name (``m5``) or a path to a ``.csv`` file.
        column: the column of units; by default the only one that holds numbers.
        base: folder that relative paths start from.

    Raises:
        InvalidInput: With a fault for each cause for which the table cannot be played, such as several columns of
            numbers and none named, or several rows of one date.
    """
    path = find(reference, "demand", base=base, suffix=".csv")
    values = read_series_table(path, column, LONGEST_SERIES, str(reference))
    return parse_as(Series, {"values": values, "name": path.stem}, str(path))


def build_scenario(data: Mapping[str, Any], source: str, *, base: Path | None = None) -> Scenario:
    """A scenario from a mapping in which the network and the series may be references.

    Args:
        data: as read from a YAML file.
        source: what error messages call the mapping.
        base: folder that relative paths start from.

    Raises:
        InvalidInput: With every fault of the mapping and of the files it refers to.
    """
    resolved = dict(data)
    faults: list[Fault] = []
    network = resolved.get("network")
    if isinstance(network, str):
        try:
            resolved["network"] = load_network(find(network, "networks", base=base))
        except InvalidInput as error:
            faults += error.faults
            del resolved["network"]
    network = resolved.get("network")
    if isinstance(network, Mapping):
        resolved["network"] = _with_demands(network, base, faults, "network.")
    if "demand" in resolved:
        resolved["demand"] = _resolved(resolved["demand"], base, faults, "demand")
    try:
        scenario = parse_as(Scenario, resolved, source)
    except InvalidInput as error:
        if not faults:
            raise
        # What follows from the reference that could not be resolved is an echo, not a fault of its own.
        echoes = ("network", "demand.series", "window", "window.length", "history")
        faults += [fault for fault in error.faults if fault.field not in echoes]
        raise InvalidInput(faults) from None
    if faults:
        raise InvalidInput(faults)
    return scenario


def _with_demands(network: Mapping[str, Any], base: Path | None, faults: list[Fault], prefix: str) -> dict[str, Any]:
    """A network as it is written, with the references in the demands of its market links resolved."""
    links = network.get("market_links")
    if not isinstance(links, list):
        return dict(network)
    resolved = [
        {**link, "demand": _resolved(link["demand"], base, faults, f"{prefix}market_links[{i}].demand")}
        if isinstance(link, Mapping) and "demand" in link
        else link
        for i, link in enumerate(links)
    ]
    return {**network, "market_links": resolved}


def _resolved(demand: object, base: Path | None, faults: list[Fault], where: str) -> object:
    """A demand as it is written, with its series and its data read; what cannot be read is left out and told."""
    if not isinstance(demand, Mapping):
        return demand
    found = dict(demand)
    for name, read in (("series", _series), ("data", _data)):
        if name not in found:
            continue
        try:
            found[name] = read(found[name], base)
        except InvalidInput as error:
            faults += [fault._replace(field=fault.field.replace("demand", where, 1)) for fault in error.faults]
            del found[name]
            found.pop("by", None)
            found.setdefault("base_mean", 1.0)  # stands for it, so that its absence is no fault of its own
    return found


def _data(given: object, base: Path | None) -> object:
    """Recorded demand from a table that the author describes (a mapping with `file`), or as it is."""
    if not isinstance(given, str) and (not isinstance(given, Mapping) or "file" not in given):
        return given
    data, reading = read_data(parse_data_source(given, "", "demand.data"), base)
    return data.model_copy(update={"note": reading.sentence[:LONGEST_NOTE]})


def _series(given: object, base: Path | None) -> object:
    """A series from a name, a path, ``{source: name or path, column: …, scale_to_mean: …}``, or as it is."""
    if isinstance(given, str):
        return load_series(given, base=base)
    if isinstance(given, list):
        return {"values": given}
    if isinstance(given, Mapping) and isinstance(given.get("source"), str):
        column = given.get("column")
        faults = []
        if column is not None and not isinstance(column, str):
            faults.append(Fault("", "demand.series.column", column, "a column is named by its header", "quote it"))
        if "values" in given:
            rule = "a series has a source or its values, not both"
            faults.append(Fault("", "demand.series.values", "given", rule, "remove one of them"))
        unknown = [key for key in given if key not in (*_SERIES_OF_A_TABLE, "values")]
        faults += [
            Fault("", f"demand.series.{key}", given[key], "is not a field here", suggest(key, _SERIES_OF_A_TABLE))
            for key in unknown
        ]
        if faults:
            raise InvalidInput(faults)
        series = load_series(given["source"], column, base=base)
        rest = {key: value for key, value in given.items() if key not in ("source", "column")}
        return {"values": series.values, "name": series.name, **rest}
    return given
