"""What plugins may declare: the hooks, and the rules that every declaration keeps.

A plugin comes from a stranger, so whatever it gives is looked at as the object that it is, and every fault becomes a
`PluginError` of one line that names offender, rule and fix.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, get_args

import pluggy
from pydantic import BaseModel

from arena import hookspecs
from arena.contract.controller import Capability, ControllerSpec
from arena.contract.language_model import LlmClientSpec
from arena.contract.messages import Track
from arena.contract.preloading import check_preload
from arena.contract.suites import SuiteSpec
from arena.contract.training import TrainingSpec
from arena.errors import PluginError, show_value, suggest
from arena.schemas import SLUG_RULE, is_slug
from arena.world.parts import PARTS, Part

_HOOKS = tuple(name for name in vars(hookspecs) if name.startswith("arena_"))


class Named(Protocol):
    """A declaration."""

    @property
    def name(self) -> str:
        """Unique among its kind."""


Declaration = TypeVar("Declaration", bound=Named)


@dataclass(frozen=True)
class Kind(Generic[Declaration]):
    """A kind of declaration.

    Attributes:
        hook: name of the hook that gives it.
        word: what it is called in messages.
        type: its class.
        check: raises `PluginError` for the first rule that a declaration breaks.
        needed: whether a plugin with this hook must give at least one.
    """

    hook: str
    word: str
    type: type[Declaration]
    check: Callable[[Declaration], None]
    needed: bool = False

    def declared(self, module: object) -> list[Declaration]:
        """What the hook of one plugin gives, checked; nothing if the plugin does without it.

        Args:
            module: the plugin.

        Raises:
            PluginError: it has no hook at all, one that does not exist, or a declaration that breaks a rule.
        """
        manager = managed(module)
        if not any(getattr(manager.hook, name).get_hookimpls() for name in _HOOKS):
            raise PluginError(f"it implements no hook; define {CONTROLLERS.hook}() and mark it with @arena.hookimpl")
        hook = getattr(manager.hook, self.hook)
        found = [given for answer in hook() for given in self._listed(answer)]
        if self.needed and hook.get_hookimpls() and not found:
            raise PluginError(f"{self.hook} gave no {self.word}; return a list of arena.{self.type.__name__} objects")
        names: set[str] = set()
        for given in found:
            if not isinstance(given, self.type):
                kind = type(given).__name__
                raise PluginError(f"{self.hook} gave a {kind}; it must give arena.{self.type.__name__} objects")
            self.check(given)
            if given.name in names:
                name = f"{self.word} {show_value(given.name)}"
                raise PluginError(f"it gives {name} twice; give each {self.word} its own name")
            names.add(given.name)
        return found

    def _listed(self, answer: object) -> list[Any]:
        if isinstance(answer, str) or not isinstance(answer, Iterable):
            kind = type(answer).__name__
            raise PluginError(f"{self.hook} gave a {kind}; return a list of arena.{self.type.__name__} objects")
        return list(answer)


def make_manager() -> pluggy.PluginManager:
    """Return a new plugin manager that knows the hooks of `arena.hookspecs` and no plugin."""
    manager = pluggy.PluginManager("arena")
    manager.add_hookspecs(hookspecs)
    return manager


def managed(module: object) -> pluggy.PluginManager:
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


def check_spec(spec: object) -> None:
    """Validate a controller specification.

    Args:
        spec: What a plugin declared.

    Raises:
        PluginError: The first rule that it breaks: type, slug name, summary, known tracks, frozen configuration model
            that forbids extras (nested models too), callable factory, preload names.
    """
    if not isinstance(spec, ControllerSpec):
        raise PluginError(f"{CONTROLLERS.hook} gave a {type(spec).__name__}; it must give arena.ControllerSpec objects")
    who = check_promises(spec)
    _check_config(spec.config, who, "config", "configuration")
    if not callable(spec.factory):
        raise PluginError(f"{who}: factory must be callable with a configuration, got {show_value(spec.factory)}")


class Promises(Protocol):
    """Plain values of a controller's declaration, whether its class is at hand or not."""

    @property
    def name(self) -> str:
        """Name of the controller."""

    @property
    def summary(self) -> str:
        """One line."""

    @property
    def tracks(self) -> tuple[Track, ...]:
        """Tracks."""

    @property
    def preload(self) -> tuple[str, ...]:
        """Libraries."""

    @property
    def capabilities(self) -> tuple[Capability, ...]:
        """Capabilities."""

    @property
    def plays(self) -> tuple[Part, ...] | None:
        """Parts of worlds."""

    @property
    def independent_only(self) -> bool:
        """Whether worlds must have independent stock points."""


def check_promises(spec: Promises) -> str:
    """Validate the plain values of a controller's declaration.

    Args:
        spec: The declaration.

    Returns:
        Its name for messages.

    Raises:
        PluginError: The first rule that it breaks: slug name, one-line summary, known tracks, preload names, known
            capabilities.
    """
    # The declared types are promises of a stranger; here they are looked at as the objects that they are.
    name: object = spec.name
    summary: object = spec.summary
    preload: object = spec.preload
    capabilities: object = spec.capabilities
    who = f"controller {show_value(name)}"
    if not is_slug(name):
        raise PluginError(f"{who}: the name is not a slug; it {SLUG_RULE}")
    if not isinstance(summary, str) or not summary.strip() or "\n" in summary:
        raise PluginError(f"{who}: summary must be one line of text")
    _check_tracks(spec.tracks, who)
    if not isinstance(preload, tuple) or not all(isinstance(library, str) for library in preload):
        raise PluginError(f"{who}: preload must be a tuple of module names, got {show_value(preload)}")
    for library in preload:
        if (broken := check_preload(library)) is not None:
            rule, fix = broken
            raise PluginError(f"{who}: preload {rule}, got {show_value(library)}; {fix}")
    if not isinstance(capabilities, tuple) or not set(capabilities) <= set(get_args(Capability)):
        listed = ", ".join(get_args(Capability))
        raise PluginError(f"{who}: capabilities must be a tuple of {listed}, got {show_value(capabilities)}")
    plays: object = spec.plays
    if plays is not None and (not isinstance(plays, tuple) or not set(plays) <= set(PARTS)):
        unknown = next((part for part in plays if part not in PARTS), plays) if isinstance(plays, tuple) else plays
        rule = "plays must be None or a tuple of parts of worlds"
        raise PluginError(f"{who}: {rule}, got {show_value(unknown)}; {suggest(str(unknown), PARTS)}")
    independent_only: object = spec.independent_only
    if not isinstance(independent_only, bool):
        raise PluginError(f"{who}: independent_only must be True or False, got {show_value(independent_only)}")
    return who


def _check_tracks(tracks: object, who: str) -> None:
    known = get_args(Track)
    if not isinstance(tracks, tuple) or not tracks:
        raise PluginError(f"{who}: tracks must be a tuple of at least one of {', '.join(known)}")
    for track in tracks:
        if track not in known:
            raise PluginError(f"{who}: track {show_value(track)} is unknown; {suggest(str(track), known)}")
    if len(set(tracks)) < len(tracks):
        raise PluginError(f"{who}: a track is named twice; name each one once")


def _check_config(config: object, who: str, field: str, word: str) -> None:
    if not (isinstance(config, type) and issubclass(config, BaseModel)):
        raise PluginError(f"{who}: {field} must be a pydantic model class, got {show_value(config)}")
    for model in _models_of(config):
        if model.model_config.get("extra") != "forbid" or not model.model_config.get("frozen"):
            raise PluginError(
                f"{who}: {word} model {model.__name__} must be frozen and forbid extras; "
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


def check_training(spec: object) -> None:
    """Validate the declaration of a training.

    Args:
        spec: What a plugin declared.

    Raises:
        PluginError: The first rule that it breaks: type, slug name, callable `run`, summary.
    """
    if not isinstance(spec, TrainingSpec):
        raise PluginError(f"{TRAININGS.hook} gave a {type(spec).__name__}; it must give arena.TrainingSpec objects")
    _check_named(f"training {show_value(spec.name)}", spec.name, "run", spec.run, spec.summary)


def check_llm_client(spec: object) -> None:
    """Validate the declaration of a client of language models.

    Args:
        spec: What a plugin declared.

    Raises:
        PluginError: The first rule that it breaks: type, slug name, callable `connect`, summary.
    """
    if not isinstance(spec, LlmClientSpec):
        raise PluginError(f"{CLIENTS.hook} gave a {type(spec).__name__}; it must give arena.LlmClientSpec objects")
    _check_named(f"client {show_value(spec.name)}", spec.name, "connect", spec.connect, spec.summary)


def check_suite(spec: object) -> None:
    """Validate the declaration of a suite.

    Args:
        spec: What a plugin declared.

    Raises:
        PluginError: The first rule that it breaks: type, slug name, callable `build`, summary, frozen model of options
            that forbids extras.
    """
    if not isinstance(spec, SuiteSpec):
        raise PluginError(f"{SUITES.hook} gave a {type(spec).__name__}; it must give arena.SuiteSpec objects")
    who = f"suite {show_value(spec.name)}"
    _check_named(who, spec.name, "build", spec.build, spec.summary)
    _check_config(spec.options, who, "options", "options")


def _check_named(who: str, name: object, field: str, function: object, summary: object) -> None:
    if not is_slug(name) or not callable(function):
        raise PluginError(f"{who}: its name must be a slug and {field} a function; a name {SLUG_RULE}")
    if not isinstance(summary, str) or not summary.strip() or "\n" in summary:
        raise PluginError(f"{who}: summary must be one line of text")


CONTROLLERS = Kind("arena_controllers", "controller", ControllerSpec, check_spec, needed=True)
TRAININGS = Kind("arena_trainings", "training", TrainingSpec, check_training)
CLIENTS = Kind("arena_llm_clients", "client of language models", LlmClientSpec, check_llm_client)
SUITES = Kind("arena_suites", "suite", SuiteSpec, check_suite)
