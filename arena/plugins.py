"""Discovery of plugins from the entry points of installed packages.

Metadata are read without importing anything. Plugins are then imported one at a time, in name order, each in its own
`try`: a broken one is recorded as a `LoadFailure` and the others go on. A name given twice is an error, because
no silent choice between two packages could be fair.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from itertools import groupby
from types import MappingProxyType
from typing import Any, get_args

import pluggy
from pydantic import BaseModel

from arena import hookspecs
from arena.contract.controller import Capability, ControllerSpec
from arena.contract.language_model import ModelClientSpec
from arena.contract.tracks import Track
from arena.contract.training import TrainingSpec
from arena.errors import Fault, PluginError, UnknownName, printable, show_value, suggest, unknown_name

GROUP = "arena"
"""Entry-point group in which plugins announce themselves."""

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_NAME = 64
_LONGEST_CAUSE = 300
_HOOK = "arena_controllers"
_TRAINING_HOOK = "arena_trainings"
_CLIENT_HOOK = "arena_model_clients"
_HOOKS = tuple(name for name in vars(hookspecs) if name.startswith("arena_"))


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

    spec: ControllerSpec
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


def make_manager() -> pluggy.PluginManager:
    """Return a new plugin manager that knows the hooks of `arena.hookspecs` and no plugin."""
    manager = pluggy.PluginManager("arena")
    manager.add_hookspecs(hookspecs)
    return manager


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
    found = _sorted_entries(group)
    _refuse_doubled_entries(entry for entry, _ in found)
    controllers: dict[str, RegisteredController] = {}
    failures: list[LoadFailure] = []
    for entry, entry_point in found:
        try:
            given = _load(entry, entry_point)
        except PluginError as error:
            failures.append(LoadFailure(entry.name, entry.distribution, str(error)))
            continue
        for registered in given:
            _refuse_doubled_controller(controllers.get(registered.spec.name), registered)
            controllers[registered.spec.name] = registered
    return Plugins(MappingProxyType(dict(sorted(controllers.items()))), tuple(failures))


def discover_trainings(group: str = GROUP) -> tuple[Mapping[str, TrainingSpec], tuple[LoadFailure, ...]]:
    """Import every installed plugin and collect the trainings that they declare.

    Args:
        group: Entry-point group.

    Returns:
        Trainings by name, in name order, read-only, and the plugins that could not be loaded.

    Raises:
        PluginError: Two packages declare the same entry point, or two plugins a training of the same name.
    """
    found = _sorted_entries(group)
    _refuse_doubled_entries(entry for entry, _ in found)
    trainings: dict[str, TrainingSpec] = {}
    owners: dict[str, str] = {}
    failures: list[LoadFailure] = []
    for entry, entry_point in found:
        try:
            specs = _load_trainings(entry_point)
        except PluginError as error:
            failures.append(LoadFailure(entry.name, entry.distribution, str(error)))
            continue
        for spec in specs:
            if spec.name in trainings:
                both = f"{owners[spec.name]} and by {entry.distribution}"
                raise PluginError(f"training {show_value(spec.name)} is given twice, by {both}; uninstall one of them")
            trainings[spec.name], owners[spec.name] = spec, entry.distribution
    return MappingProxyType(dict(sorted(trainings.items()))), tuple(failures)


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
        return _load(entry, entry_point)
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
    return _load(entry, EntryPoint(entry.name, entry.value, group))


def load_model_client(name: str, group: str = GROUP) -> ModelClientSpec:
    """Find a client of language models among the installed plugins.

    Args:
        name: its name, as an endpoint's `client`.
        group: Entry-point group.

    Raises:
        UnknownName: No plugin that can be loaded gives it.
        PluginError: Two plugins give it.
    """
    found: dict[str, tuple[ModelClientSpec, PluginEntry]] = {}
    for entry, entry_point in _sorted_entries(group):
        try:
            clients = _declared_clients(entry_point.load())
        except (Exception, SystemExit):  # `discover` tells of a plugin that cannot be loaded
            continue
        for client in clients:
            if client.name in found:
                owners = f"{found[client.name][1].distribution} and by {entry.distribution}"
                what = f"client {show_value(client.name)} of language models"
                raise PluginError(f"{what} is given twice, by {owners}; uninstall one of them")
            found[client.name] = client, entry
    if name not in found:
        raise unknown_name("client of language models", name, found)
    return found[name][0]


def check_spec(spec: object) -> None:
    """Validate a controller specification.

    Args:
        spec: What a plugin declared.

    Raises:
        PluginError: The first rule that it breaks: type, slug name, summary, known tracks, frozen configuration model
            that forbids extras (nested models too), callable factory, preload names.
    """
    if not isinstance(spec, ControllerSpec):
        raise PluginError(f"{_HOOK} gave a {type(spec).__name__}; it must give arena.ControllerSpec objects")
    # The declared types are promises of a stranger; here they are looked at as the objects that they are.
    name: object = spec.name
    summary: object = spec.summary
    preload: object = spec.preload
    capabilities: object = spec.capabilities
    who = f"controller {show_value(name)}"
    if not isinstance(name, str) or not _SLUG.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise PluginError(
            f"{who}: the name is not a slug; use lower-case letters, digits and single hyphens, "
            f"at most {_LONGEST_NAME} characters"
        )
    if not isinstance(summary, str) or not summary.strip() or "\n" in summary:
        raise PluginError(f"{who}: summary must be one line of text")
    _check_tracks(spec.tracks, who)
    _check_config(spec.config, who)
    if not callable(spec.factory):
        raise PluginError(f"{who}: factory must be callable with a configuration, got {show_value(spec.factory)}")
    if not isinstance(preload, tuple) or not all(isinstance(library, str) for library in preload):
        raise PluginError(f"{who}: preload must be a tuple of module names, got {show_value(preload)}")
    if not isinstance(capabilities, tuple) or not set(capabilities) <= set(get_args(Capability)):
        listed = ", ".join(get_args(Capability))
        raise PluginError(f"{who}: capabilities must be a tuple of {listed}, got {show_value(capabilities)}")


def _check_tracks(tracks: object, who: str) -> None:
    known = get_args(Track)
    if not isinstance(tracks, tuple) or not tracks:
        raise PluginError(f"{who}: tracks must be a tuple of at least one of {', '.join(known)}")
    for track in tracks:
        if track not in known:
            raise PluginError(f"{who}: track {show_value(track)} is unknown; {suggest(str(track), known)}")
    if len(set(tracks)) < len(tracks):
        raise PluginError(f"{who}: a track is named twice; name each one once")


def _check_config(config: object, who: str) -> None:
    if not (isinstance(config, type) and issubclass(config, BaseModel)):
        raise PluginError(f"{who}: config must be a pydantic model class, got {show_value(config)}")
    for model in _models_of(config):
        if model.model_config.get("extra") != "forbid" or not model.model_config.get("frozen"):
            raise PluginError(
                f"{who}: configuration model {model.__name__} must be frozen and forbid extras; "
                f'write class {model.__name__}(BaseModel, frozen=True, extra="forbid")'
            )


def _models_of(model: type[BaseModel]) -> list[type[BaseModel]]:
    """Return a model and every model nested in its fields, each once."""
    seen: list[type[BaseModel]] = []
    waiting: list[Any] = [model]
    while waiting:
        annotation = waiting.pop()
        waiting.extend(get_args(annotation))
        if inspect.isclass(annotation) and issubclass(annotation, BaseModel) and annotation not in seen:
            seen.append(annotation)
            waiting.extend(field.annotation for field in annotation.model_fields.values())
    return seen


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


def _refuse_doubled_controller(first: RegisteredController | None, second: RegisteredController) -> None:
    if first is not None:
        owners = " and by ".join(f"plugin {show_value(one.plugin)} of {one.distribution}" for one in (first, second))
        raise PluginError(
            f"controller {show_value(second.spec.name)} is given twice, by {owners}; uninstall one of them"
        )


def _load(entry: PluginEntry, entry_point: EntryPoint) -> tuple[RegisteredController, ...]:
    """Import one plugin and validate what it declares; every fault of the plugin becomes a `PluginError`."""
    try:
        module = entry_point.load()
        specs = _declared(module)
    except PluginError:
        raise
    except (Exception, SystemExit) as error:  # whatever a stranger's module raises, the other plugins go on
        raise PluginError(_cause(error)) from error
    names: set[str] = set()
    for spec in specs:
        check_spec(spec)
        if spec.name in names:
            raise PluginError(f"it gives controller {show_value(spec.name)} twice; give each controller its own name")
        names.add(spec.name)
    return tuple(RegisteredController(spec, entry.name, entry.distribution, entry.version) for spec in specs)


def _load_trainings(entry_point: EntryPoint) -> list[TrainingSpec]:
    """Import one plugin and validate the trainings that it declares, if any."""
    try:
        manager = _managed(entry_point.load())
        specs = [given for answer in manager.hook.arena_trainings() for given in _listed(answer, _TRAINING_HOOK)]
    except PluginError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(_cause(error)) from error
    for spec in specs:
        declared: object = spec
        if not isinstance(declared, TrainingSpec):
            raise PluginError(f"{_TRAINING_HOOK} gave a {type(spec).__name__}; it must give arena.TrainingSpec objects")
        if not _SLUG.fullmatch(spec.name) or len(spec.name) > _LONGEST_NAME or not callable(spec.run):
            raise PluginError(f"training {show_value(spec.name)}: its name must be a slug and run a function")
    return specs


def _declared(module: object) -> list[ControllerSpec]:
    """Return what the hook of one plugin gives, after refusing hooks that do not exist."""
    manager = _managed(module)
    if not any(getattr(manager.hook, name).get_hookimpls() for name in _HOOKS):
        raise PluginError(f"it implements no hook; define {_HOOK}() and mark it with @arena.hookimpl")
    if not manager.hook.arena_controllers.get_hookimpls():
        return []
    specs = [given for answer in manager.hook.arena_controllers() for given in _listed(answer, _HOOK)]
    if not specs:
        raise PluginError(f"{_HOOK} gave no controller; return a list of arena.ControllerSpec objects")
    return specs


def _managed(module: object) -> pluggy.PluginManager:
    """A manager of one plugin alone, after refusing hooks that do not exist."""
    manager = make_manager()
    manager.register(module)
    # pluggy accepts unknown hooks until it is asked. Each plugin has a manager of its own, so the offender is known.
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        unknown = next(name for name in vars(manager.hook) if not name.startswith("_") and name not in _HOOKS)
        raise PluginError(f"there is no hook {show_value(unknown)}; {suggest(unknown, _HOOKS)}") from error
    return manager


def _declared_clients(module: object) -> list[ModelClientSpec]:
    """Return the clients of language models that one plugin gives; most give none."""
    given = [one for answer in _managed(module).hook.arena_model_clients() for one in _listed(answer, _CLIENT_HOOK)]
    for one in given:
        if not isinstance(one, ModelClientSpec):
            kind = type(one).__name__
            raise PluginError(f"{_CLIENT_HOOK} gave a {kind}; it must give arena.ModelClientSpec objects")
    return given


def _listed(answer: object, hook: str) -> list[Any]:
    if isinstance(answer, str) or not isinstance(answer, Iterable):
        kind = {_HOOK: "ControllerSpec", _TRAINING_HOOK: "TrainingSpec", _CLIENT_HOOK: "ModelClientSpec"}[hook]
        raise PluginError(f"{hook} gave a {type(answer).__name__}; return a list of arena.{kind} objects")
    return list(answer)


def _cause(error: BaseException) -> str:
    """Return type and text of an error on one line; its text is a stranger's, and its `__str__` may fail."""
    kind = type(error).__name__
    try:
        text = " ".join(str(error).split())
    except Exception:  # the plugin is broken already; its error must not break the discovery
        return kind
    return printable(f"{kind}: {text}" if text else kind, _LONGEST_CAUSE)
