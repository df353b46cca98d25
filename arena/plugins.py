"""Discovery of plugins from the entry points of installed packages.

Metadata are read without importing anything. Plugins are then imported one at a time, in name order, each in its own
`try`: a broken one is recorded as a `LoadFailure` and the others go on. A name given twice is an error, because
no silent choice between two packages could be fair.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from itertools import groupby
from types import MappingProxyType
from typing import Any, NamedTuple

from arena.contract.controller import ControllerSpec
from arena.contract.language_model import LlmClientSpec
from arena.contract.training import TrainingSpec
from arena.declarations import CLIENTS, CONTROLLERS, TRAININGS, Declaration, Kind, check_spec, make_manager
from arena.errors import Fault, PluginError, UnknownName, describe_exception, show_value, suggest, unknown_name

__all__ = [
    "GROUP",
    "LoadFailure",
    "PluginEntry",
    "Plugins",
    "RegisteredController",
    "Trainings",
    "check_spec",
    "discover",
    "discover_trainings",
    "list_entry_points",
    "load_entry",
    "load_llm_client",
    "load_plugin",
    "make_manager",
    "plugin_packages",
]

GROUP = "arena"
"""Entry-point group in which plugins announce themselves."""


@dataclass(frozen=True)
class PluginEntry:
    """One entry point, as its package's metadata state it; nothing has been imported.

    Attributes:
        name: Name of the entry point, which is the name of the plugin.
        value: Module (or `module:object`) that the entry point names.
        distribution: Installed package that declares it.
        version: Version of that package.
    """

    name: str
    value: str
    distribution: str
    version: str


@dataclass(frozen=True)
class LoadFailure:
    """A plugin that could not be loaded, and why, in one line.

    Attributes:
        entry_point: Name of the entry point.
        distribution: Installed package that declares it.
        message: Cause in one line, with the fix where there is one.
    """

    entry_point: str
    distribution: str
    message: str

    def __str__(self) -> str:
        """Return offender and cause as one line."""
        return f"plugin {show_value(self.entry_point)} of {self.distribution}: {self.message}"


@dataclass(frozen=True)
class RegisteredController:
    """A validated controller specification and where it comes from.

    Attributes:
        spec: The specification.
        plugin: Name of the entry point that gave it; `load_plugin` with this name finds it again elsewhere.
        distribution: Installed package.
        version: Version of that package.
    """

    spec: ControllerSpec[Any]
    plugin: str
    distribution: str
    version: str


@dataclass(frozen=True)
class Plugins:
    """Outcome of a discovery.

    Attributes:
        controllers: Registered controllers by name, in name order; read-only.
        failures: Plugins that could not be loaded, in name order.
    """

    controllers: Mapping[str, RegisteredController]
    failures: tuple[LoadFailure, ...] = ()

    def controller(self, name: str) -> RegisteredController:
        """Return the controller with this name.

        Args:
            name: Name of a controller, as plugins give it.

        Returns:
            The registered controller.

        Raises:
            UnknownName: No loaded plugin gives this name. Plugins that failed to load are named in the message, since
                the controller may be one of theirs.
        """
        if name in self.controllers:
            return self.controllers[name]
        hint = suggest(name, self.controllers)
        if self.failures:
            hint += "; not loaded: " + "; ".join(str(failure) for failure in self.failures)
        raise UnknownName([Fault("", "", name, "unknown controller", hint)])


def list_entry_points(group: str = GROUP) -> tuple[PluginEntry, ...]:
    """Read the entry points of installed packages without importing any of them.

    Args:
        group: Entry-point group.

    Returns:
        The entries in the order of name, then distribution.
    """
    return tuple(entry for entry, _ in _sorted_entries(group))


def discover(group: str = GROUP) -> Plugins:
    """Import every installed plugin and collect what it declares.

    Args:
        group: Entry-point group.

    Returns:
        The controllers of the plugins that could be loaded, and a `LoadFailure` for each of the others.

    Raises:
        PluginError: Two packages declare the same entry point, or two plugins give a controller the same name; the
            message names both.
    """
    found, failures = _collect(CONTROLLERS, group)
    controllers = {name: _registered(spec, entry) for name, (spec, entry) in found.items()}
    return Plugins(MappingProxyType(controllers), failures)


class Trainings(NamedTuple):
    """The outcome of a discovery of trainings.

    Attributes:
        trainings: trainings by name, in name order; read-only.
        failures: plugins that could not be loaded, in name order.
    """

    trainings: Mapping[str, TrainingSpec]
    failures: tuple[LoadFailure, ...]


def discover_trainings(group: str = GROUP) -> Trainings:
    """Import every installed plugin and collect the trainings that they declare.

    Args:
        group: Entry-point group.

    Raises:
        PluginError: Two packages declare the same entry point, or two plugins a training of the same name.
    """
    found, failures = _collect(TRAININGS, group)
    return Trainings(MappingProxyType({name: spec for name, (spec, _) in found.items()}), failures)


def load_plugin(name: str, group: str = GROUP) -> tuple[RegisteredController, ...]:
    """Import one plugin and no other.

    Args:
        name: Name of its entry point.
        group: Entry-point group.

    Returns:
        The controllers it gives, in its own order.

    Raises:
        UnknownName: No installed package declares this entry point.
        PluginError: Two packages declare it, or it cannot be loaded.
    """
    found = _sorted_entries(group)
    matching = [(entry, entry_point) for entry, entry_point in found if entry.name == name]
    if not matching:
        raise unknown_name("plugin", name, [entry.name for entry, _ in found])
    _refuse_doubled_entries(entry for entry, _ in matching)
    entry, entry_point = matching[0]
    try:
        return _load_controllers(entry, entry_point)
    except PluginError as error:
        raise PluginError(str(LoadFailure(entry.name, entry.distribution, str(error)))) from error


def plugin_packages() -> tuple[str, ...]:
    """Return the names of the installed plugins' packages, sorted; nothing is imported."""
    return tuple(sorted({entry.value.partition(":")[0].partition(".")[0] for entry in list_entry_points()}))


def load_entry(entry: PluginEntry, group: str = GROUP) -> tuple[RegisteredController, ...]:
    """Import the plugin of an entry point that is known already, without looking through the installed packages.

    Args:
        entry: What `list_entry_points` told of it, maybe in another process.
        group: Entry-point group.

    Returns:
        The controllers it gives, in its own order.

    Raises:
        PluginError: It cannot be loaded.
    """
    return _load_controllers(entry, EntryPoint(entry.name, entry.value, group))


def load_llm_client(name: str, group: str = GROUP) -> LlmClientSpec:
    """Find a client of language models among the installed plugins.

    Args:
        name: its name, as an endpoint's `client`.
        group: Entry-point group.

    Raises:
        UnknownName: No plugin that can be loaded gives it.
        PluginError: Two plugins give it.
    """
    found, _ = _collect(CLIENTS, group)  # `discover` tells of a plugin that cannot be loaded
    if name not in found:
        raise unknown_name("client of language models", name, found)
    return found[name][0]


def _sorted_entries(group: str) -> list[tuple[PluginEntry, EntryPoint]]:
    found = []
    for entry_point in entry_points(group=group):
        distribution = entry_point.dist
        name, version = (distribution.name, distribution.version) if distribution else ("unknown package", "")
        found.append((PluginEntry(entry_point.name, entry_point.value, name, version), entry_point))
    return sorted(found, key=lambda pair: (pair[0].name, pair[0].distribution))


def _refuse_doubled_entries(entries: Iterable[PluginEntry]) -> None:
    for name, group in groupby(entries, key=lambda entry: entry.name):
        same = list(group)
        if len(same) > 1:
            owners = " and ".join(f"{entry.distribution} ({entry.value})" for entry in same)
            raise PluginError(f"plugin {show_value(name)} is declared twice, by {owners}; uninstall one of them")


def _collect(
    kind: Kind[Declaration], group: str
) -> tuple[dict[str, tuple[Declaration, PluginEntry]], tuple[LoadFailure, ...]]:
    """All declarations of a kind by name, in name order, and the plugins that could not be loaded."""
    entries = _sorted_entries(group)
    _refuse_doubled_entries(entry for entry, _ in entries)
    found: dict[str, tuple[Declaration, PluginEntry]] = {}
    failures: list[LoadFailure] = []
    for entry, entry_point in entries:
        try:
            given = _load(kind, entry_point)
        except PluginError as error:
            failures.append(LoadFailure(entry.name, entry.distribution, str(error)))
            continue
        for one in given:
            if one.name in found:
                both = (found[one.name][1], entry)
                owners = " and by ".join(f"plugin {show_value(each.name)} of {each.distribution}" for each in both)
                what = f"{kind.word} {show_value(one.name)}"
                raise PluginError(f"{what} is given twice, by {owners}; uninstall one of them")
            found[one.name] = one, entry
    return dict(sorted(found.items())), tuple(failures)


def _load(kind: Kind[Declaration], entry_point: EntryPoint) -> list[Declaration]:
    """Import one plugin and validate what it declares; every fault of the plugin becomes a `PluginError`."""
    try:
        return kind.declared(entry_point.load())
    except PluginError:
        raise
    except (Exception, SystemExit) as error:  # whatever a stranger's module raises, the other plugins go on
        raise PluginError(describe_exception(error)) from error


def _load_controllers(entry: PluginEntry, entry_point: EntryPoint) -> tuple[RegisteredController, ...]:
    return tuple(_registered(spec, entry) for spec in _load(CONTROLLERS, entry_point))


def _registered(spec: ControllerSpec[Any], entry: PluginEntry) -> RegisteredController:
    return RegisteredController(spec, entry.name, entry.distribution, entry.version)
