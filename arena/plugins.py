"""Plugins that the arena's own process imports, found by the entry points of installed packages.

Metadata are read without importing anything. Imported are the plugins of the arena's own packages, and of packages that
are trusted by name and digest (see `arena.trust`); every other package is a stranger's, and only listed here: what it
declares is asked for in a locked process, by `arena.entry.strangers`. Plugins are imported one at a time, in name
order, each in its own `try`: a broken one is recorded as a `LoadFailure` and the others go on. A name given twice is an
error, because no silent choice between two packages could be fair.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from types import MappingProxyType
from typing import Any, NamedTuple

from arena.contract.controller import Capability, ControllerSpec
from arena.contract.language_model import LlmClientSpec
from arena.contract.messages import Track
from arena.contract.training import TrainingSpec
from arena.declarations import CLIENTS, CONTROLLERS, SUITES, TRAININGS, Declaration, Kind, check_spec, make_manager
from arena.errors import Fault, PluginError, UnknownName, describe_exception, show_value, suggest, unknown_name
from arena.installed import (
    GROUP,
    PluginEntry,
    find_doubt,
    list_entry_points,
    normalised,
    plugin_packages,
    refuse_doubled_entries,
    sorted_entries,
)
from arena.trust import CLIENT_PROVIDERS, PROVIDERS, SUITE_PROVIDERS, is_own, resolve_trust
from arena.world.parts import Part
from arena.world.suite import suite_names

__all__ = [
    "GROUP",
    "Collected",
    "DescribedController",
    "LoadFailure",
    "PluginEntry",
    "Plugins",
    "RegisteredController",
    "Trainings",
    "check_spec",
    "collect",
    "discover",
    "discover_trainings",
    "list_entry_points",
    "load_declared",
    "load_entry",
    "load_llm_client",
    "load_plugin",
    "make_manager",
    "plugin_packages",
]


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
class DescribedController:
    """A controller of a stranger's plugin, as the plugin described it in a locked process: no class, nothing to call.

    Attributes:
        name: Name of the controller.
        summary: One line.
        tracks: The tracks it can play.
        preload: Libraries that a host imports beforehand.
        capabilities: What it cannot do without.
        plays: Parts of worlds that it plays; None: all.
        independent_only: Whether it plays only worlds whose stock points are independent of one another.
        entry: Entry point of the plugin.
    """

    name: str
    summary: str
    tracks: tuple[Track, ...]
    preload: tuple[str, ...]
    capabilities: tuple[Capability, ...]
    plays: tuple[Part, ...] | None
    independent_only: bool
    entry: PluginEntry


@dataclass(frozen=True)
class Plugins:
    """Outcome of a discovery.

    Attributes:
        controllers: Controllers whose plugins this process has imported, by name, in name order; read-only.
        failures: Plugins that could not be loaded, in name order.
        untrusted: Plugins of strangers that nobody trusts and this process has not imported, in name order.
        described: Controllers of such plugins as they were described in a locked process, by name, in name order;
            read-only. `discover` gives none.
    """

    controllers: Mapping[str, RegisteredController]
    failures: tuple[LoadFailure, ...] = ()
    untrusted: tuple[PluginEntry, ...] = ()
    described: Mapping[str, DescribedController] = field(default_factory=lambda: MappingProxyType({}))

    def controller(self, name: str) -> RegisteredController:
        """Return the controller with this name.

        Args:
            name: Name of a controller, as plugins give it.

        Returns:
            The registered controller.

        Raises:
            UnknownName: No loaded plugin gives this name. Plugins that failed to load, and those that are not trusted,
                are named in the message, since the controller may be one of theirs.
        """
        if name in self.controllers:
            return self.controllers[name]
        hint = suggest(name, self.controllers)
        if self.failures:
            hint += "; not loaded: " + "; ".join(str(failure) for failure in self.failures)
        raise UnknownName([Fault("", "", name, "unknown controller", hint + hint_of_trust(self.untrusted))])


def hint_of_trust(untrusted: Iterable[PluginEntry]) -> str:
    """Return the end of a message about a name that may be of a package that is not trusted; empty without any."""
    packages = sorted({entry.distribution for entry in untrusted})
    if not packages:
        return ""
    fix = f"--trust {packages[0]}, or trust=[{show_value(packages[0])}] in Python"
    return f"; not imported here, since nobody trusts them: {', '.join(packages)} (trust one with {fix})"


def discover(
    group: str = GROUP, trust: str | Sequence[str] = (), *, packages: Collection[str] | None = None
) -> Plugins:
    """Import the plugins of the arena's own packages and of trusted ones, and collect what they declare.

    Args:
        group: Entry-point group.
        trust: Packages of strangers to import in this process too, each `PACKAGE` or `PACKAGE=DIGEST`.
        packages: Normalised names of the packages to look at; None for all.

    Returns:
        The controllers of the plugins that could be loaded, a `LoadFailure` for each of those that could not, and the
        entries of the plugins that nobody trusts.

    Raises:
        PluginError: Two packages declare the same entry point, or two plugins give a controller the same name; the
            message names both.
        InvalidInput: A package to trust is not installed, or has another digest.
    """
    found = collect(CONTROLLERS, group, trust, packages)
    controllers = {name: _registered(spec, entry) for name, (spec, entry) in found.given.items()}
    return Plugins(MappingProxyType(controllers), found.failures, found.untrusted)


class Trainings(NamedTuple):
    """The outcome of a discovery of trainings.

    Attributes:
        trainings: trainings by name, in name order; read-only.
        failures: plugins that could not be loaded, in name order.
        untrusted: plugins that nobody trusts, in name order; what they train is unknown.
    """

    trainings: Mapping[str, TrainingSpec]
    failures: tuple[LoadFailure, ...]
    untrusted: tuple[PluginEntry, ...] = ()


def discover_trainings(group: str = GROUP, trust: str | Sequence[str] = ()) -> Trainings:
    """Import the plugins of the arena's own packages and of trusted ones, and collect the trainings that they declare.

    Args:
        group: Entry-point group.
        trust: Packages of strangers to import too, as for `discover`.

    Raises:
        PluginError: Two packages declare the same entry point, or two plugins a training of the same name.
        InvalidInput: A package to trust is not installed, or has another digest.
    """
    found = collect(TRAININGS, group, trust)
    trainings = MappingProxyType({name: spec for name, (spec, _) in found.given.items()})
    return Trainings(trainings, found.failures, found.untrusted)


def load_plugin(name: str, group: str = GROUP) -> tuple[RegisteredController, ...]:
    """Import one plugin and no other, whoever wrote it; the caller knows that this is the process for it.

    Args:
        name: Name of its entry point.
        group: Entry-point group.

    Returns:
        The controllers it gives, in its own order.

    Raises:
        UnknownName: No installed package declares this entry point.
        PluginError: Two packages declare it, or it cannot be loaded.
    """
    found = sorted_entries(group)
    matching = [(entry, entry_point) for entry, entry_point in found if entry.name == name]
    if not matching:
        raise unknown_name("plugin", name, [entry.name for entry, _ in found])
    refuse_doubled_entries(entry for entry, _ in matching)
    entry, entry_point = matching[0]
    try:
        return _load_controllers(entry, entry_point)
    except PluginError as error:
        raise PluginError(str(LoadFailure(entry.name, entry.distribution, str(error)))) from error


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


def load_declared(
    kind: Kind[Declaration], entry: PluginEntry, group: str = GROUP, reserved: Callable[[str], str | None] | None = None
) -> list[Declaration]:
    """Import the plugin of an entry point that is known already, and return its checked declarations of one kind.

    Args:
        kind: The kind.
        entry: What `list_entry_points` told of it, maybe in another process.
        group: Entry-point group.
        reserved: Says of a name which other package has it, None if any may have it.

    Raises:
        PluginError: It cannot be loaded, or gives a name that is reserved.
    """
    given = _load(kind, EntryPoint(entry.name, entry.value, group))
    for one in given:
        owner = None if reserved is None else reserved(one.name)
        if owner is not None:
            raise PluginError(f"its {kind.word} {show_value(one.name)} has a name of {owner}; give it another name")
    return given


def load_llm_client(name: str, group: str = GROUP, trust: str | Sequence[str] = ()) -> LlmClientSpec:
    """Find a client of language models among the plugins of the arena's own packages and of trusted ones.

    Args:
        name: its name, as an endpoint's `client`.
        group: Entry-point group.
        trust: Packages of strangers to import too, as for `discover`.

    Raises:
        UnknownName: No plugin that can be loaded gives it; packages that nobody trusts are named.
        PluginError: Two plugins give it.
        InvalidInput: A package to trust is not installed, or has another digest.
    """
    packages = {CLIENT_PROVIDERS[name]} if name in CLIENT_PROVIDERS else None
    found = collect(CLIENTS, group, trust, packages)  # `discover` tells of a plugin that cannot be loaded
    if name not in found.given:
        hint = suggest(name, found.given) + hint_of_trust(found.untrusted)
        raise UnknownName([Fault("", "", name, "unknown client of language models", hint)])
    spec: LlmClientSpec = found.given[name][0]
    return spec


class Collected(NamedTuple):
    """Declarations of one kind.

    Attributes:
        given: Declarations by name, in name order, each with the entry of its plugin.
        failures: Plugins that could not be loaded, in name order.
        untrusted: Plugins that nobody trusts, in name order.
    """

    given: dict[str, tuple[Any, PluginEntry]]
    failures: tuple[LoadFailure, ...]
    untrusted: tuple[PluginEntry, ...]


def collect(
    kind: Kind[Declaration], group: str, trust: str | Sequence[str], packages: Collection[str] | None = None
) -> Collected:
    """Import the plugins of the arena's own packages and of trusted ones, and collect their declarations of one kind.

    Args:
        kind: The kind.
        group: Entry-point group.
        trust: Packages of strangers to import too, as for `discover`.
        packages: Normalised names of the packages to look at; None for all.

    Raises:
        PluginError: Two packages declare the same entry point, or two plugins give a declaration the same name.
        InvalidInput: A package to trust is not installed, or has another digest.
    """
    entries = sorted_entries(group)
    refuse_doubled_entries(entry for entry, _ in entries)
    trusted = resolve_trust(trust, group)
    found: dict[str, tuple[Declaration, PluginEntry]] = {}
    failures: list[LoadFailure] = []
    untrusted: list[PluginEntry] = []
    for entry, entry_point in entries:
        package = normalised(entry.distribution)
        if packages is not None and package not in packages:
            continue
        if package not in trusted and not is_own(package):
            untrusted.append(entry)
            continue
        try:
            if package not in trusted:
                _refuse_doubtful(entry, entry_point)
            given = load_declared(kind, entry, group, reserved_by(package, kind))
        except PluginError as error:
            failures.append(LoadFailure(entry.name, entry.distribution, str(error)))
            continue
        for one in given:
            if one.name in found:
                raise doubled(kind, one.name, found[one.name][1], entry)
            found[one.name] = one, entry
    return Collected(dict(sorted(found.items())), tuple(failures), tuple(untrusted))


def doubled(kind: Kind[Declaration], name: str, first: PluginEntry, second: PluginEntry) -> PluginError:
    """Return the error for a name that two plugins give, which names both."""
    owners = " and by ".join(f"plugin {show_value(each.name)} of {each.distribution}" for each in (first, second))
    return PluginError(f"{kind.word} {show_value(name)} is given twice, by {owners}; uninstall one of them")


def reserved_by(package: str, kind: Kind[Any]) -> Callable[[str], str | None]:
    """Return a function that tells who else of the arena's own has a name, None if nobody has it."""
    known = {CONTROLLERS.hook: PROVIDERS, CLIENTS.hook: CLIENT_PROVIDERS, SUITES.hook: SUITE_PROVIDERS}

    def owner(name: str) -> str | None:
        if kind is SUITES and name in suite_names():
            return "the arena itself"
        provider = known.get(kind.hook, {}).get(name)
        return None if provider in (None, normalised(package)) else f"the arena's own package {provider}"

    return owner


def _refuse_doubtful(entry: PluginEntry, entry_point: EntryPoint) -> None:
    """Refuse a package that has the name of one of the arena's own and is not it."""
    doubt = (
        f"no package of it is installed at {entry.package}"
        if entry_point.dist is None
        else find_doubt(entry_point.dist, entry.package)
    )
    if doubt:
        name = normalised(entry.distribution)
        fix = f"uninstall it, and install the arena's own (in a checkout of arena: pip install ./plugins/{name})"
        raise PluginError(f"it is called like the arena's own package {name} and is not taken for it: {doubt}; {fix}")


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
