"""Who gives the controllers that manifests name: packages of the arena, trusted ones, and strangers.

A package is imported, or a stranger's plugin asked in its locked process, only if one of the names may be its.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from arena.contract.controller import ControllerSpec
from arena.contract.messages import Track
from arena.contract.training_card import TrainingCard, check_cards
from arena.declarations import CONTROLLERS, Promises
from arena.entry.strangers import Strangers
from arena.errors import ABSENT, ArenaError, Fault, InfrastructureFailure, InvalidInput, PluginError, describe_exception
from arena.installed import find_startup_code, normalised, refuse_doubled_entries, sorted_entries
from arena.plugins import (
    GROUP,
    DescribedController,
    LoadFailure,
    PluginEntry,
    Plugins,
    RegisteredController,
    discover,
    doubled,
)
from arena.schemas import parse_as
from arena.trust import PROVIDERS, TrustedPackage, is_own, resolve_trust


def find_controllers(
    names: Collection[str] | None,
    strangers: Strangers,
    trust: str | Sequence[str] = (),
    group: str = GROUP,
) -> Plugins:
    """Find the controllers of installed plugins by name, importing as little as possible.

    Names of the arena's own controllers lead to one package each, which is imported. Only if there are other names, all
    strangers' plugins are asked, in locked processes; the packages of the arena are then searched for what is left.

    Args:
        names: Names of controllers; None for all, in which case strangers' controllers are described only.
        strangers: Who asks the strangers' plugins.
        trust: Packages of strangers that this process may import, each `PACKAGE` or `PACKAGE=DIGEST`.
        group: Entry-point group.

    Returns:
        The controllers that were imported and those that were described, and the plugins that failed.

    Raises:
        PluginError: Two packages declare the same entry point, or two plugins give a controller the same name.
        InvalidInput: A package to trust is not installed, or has another digest.
        InfrastructureFailure: A process in which a stranger's plugin could be asked could not be made.
    """
    trusted = resolve_trust(trust, group)
    own_trust = [str(one) for name, one in trusted.items() if is_own(name)]
    known = None if names is None else {PROVIDERS[name] for name in names if name in PROVIDERS}
    found = discover(group, own_trust, packages=known)
    if names is not None and all(name in PROVIDERS for name in names):
        return found
    described, imported, failures, untrusted = _ask(names, strangers, trusted, group)
    if names is not None and any(name not in {**found.controllers, **described, **imported} for name in names):
        found = discover(group, own_trust)
    for name, entry in described.items():
        if name in found.controllers:
            raise doubled(CONTROLLERS, name, _entry_of(found.controllers[name]), entry.entry)
    controllers = {**found.controllers, **imported}
    return Plugins(
        MappingProxyType(dict(sorted(controllers.items()))),
        tuple(sorted((*found.failures, *failures), key=lambda one: (one.entry_point, one.distribution))),
        tuple(untrusted),
        MappingProxyType({name: one for name, one in sorted(described.items()) if name not in imported}),
    )


class Offer(NamedTuple):
    """A plugin's controller, whether its class is at hand or a stranger's process answers for it.

    Attributes:
        given: The controller.
        plugin: Name of the entry point.
        distribution: Installed package.
        version: Version of that package.
    """

    given: RegisteredController | DescribedController
    plugin: str
    distribution: str
    version: str

    @property
    def spec(self) -> ControllerSpec[Any] | None:
        """The specification; None for a controller of a stranger."""
        return self.given.spec if isinstance(self.given, RegisteredController) else None

    @property
    def promises(self) -> Promises:
        """Plain values of the declaration."""
        return self.given.spec if isinstance(self.given, RegisteredController) else self.given


def find_offer(name: str, plugins: Plugins) -> Offer | None:
    """Return the controller of a name; None if no plugin gives it.

    Args:
        name: Name of the controller.
        plugins: Where to look.
    """
    if (known := plugins.controllers.get(name)) is not None:
        return Offer(known, known.plugin, known.distribution, known.version)
    if (described := plugins.described.get(name)) is not None:
        entry = described.entry
        return Offer(described, entry.name, entry.distribution, entry.version)
    return None


def configure(
    offer: Offer, config: Mapping[str, Any], track: Track, source: str, strangers: Strangers
) -> tuple[dict[str, Any], tuple[TrainingCard, ...]]:
    """Validate a configuration, in this process or in that of the stranger's plugin.

    Args:
        offer: The controller.
        config: Its configuration, as a manifest has it.
        track: The track on which it is to play.
        source: Origin of the configuration, for faults.
        strangers: Who asks the strangers' plugins.

    Returns:
        The configuration as JSON values, defaults applied; and its training cards.

    Raises:
        InvalidInput: With its faults, whose fields are those of the configuration; or the plugin cannot give its
            cards.
    """
    if isinstance(offer.given, DescribedController):
        return strangers.configure(offer.given, config, track, source)
    spec = offer.given.spec
    parsed = parse_as(spec.config, config, source)
    values: dict[str, Any] = parsed.model_dump(mode="json")
    return values, _cards_of(spec, parsed, track, source)


def _cards_of(spec: ControllerSpec[Any], config: Any, track: Track, source: str) -> tuple[TrainingCard, ...]:
    if spec.cards is None or track not in spec.tracks:
        return ()
    try:
        given = list(spec.cards(config, track))
    except Exception as error:
        rule = f'controller "{spec.name}" cannot give its training cards: {describe_exception(error)}'
        raise InvalidInput([Fault(source, "", ABSENT, rule, "mend the plugin, or install it again")]) from error
    return check_cards(given, source)


def _ask(
    names: Collection[str] | None, strangers: Strangers, trusted: Mapping[str, TrustedPackage], group: str
) -> tuple[dict[str, DescribedController], dict[str, RegisteredController], list[LoadFailure], list[PluginEntry]]:
    """Return what strangers' plugins describe, what of it was imported, who failed, and who is not trusted."""
    entries = sorted_entries(group)
    refuse_doubled_entries(entry for entry, _ in entries)
    described: dict[str, DescribedController] = {}
    imported: dict[str, RegisteredController] = {}
    failures: list[LoadFailure] = []
    untrusted: list[PluginEntry] = []
    for entry, entry_point in entries:
        package = normalised(entry.distribution)
        if is_own(package):
            continue
        if package not in trusted:
            untrusted.append(entry)
            startup = "" if entry_point.dist is None else find_startup_code(entry_point.dist)
            if startup:
                rule = f"it runs code in the arena's process without being asked, by {startup}"
                failures.append(LoadFailure(entry.name, entry.distribution, f"{rule}; uninstall it, or trust it"))
                continue
        try:
            given = strangers.describe(entry)
        except PluginError as error:
            failures.append(LoadFailure(entry.name, entry.distribution, str(error)))
            continue
        except InfrastructureFailure:
            raise
        except ArenaError as error:  # This system cannot make such a process; what is trusted needs none.
            if package not in trusted:
                failures.append(LoadFailure(entry.name, entry.distribution, str(error)))
                continue
            given = ()
        for one in given:
            if one.name in described:
                raise doubled(CONTROLLERS, one.name, described[one.name].entry, entry)
            described[one.name] = one
        if package in trusted and names is not None and (not given or any(one.name in names for one in given)):
            found = discover(group, [str(trusted[package])], packages={package})
            failures += found.failures
            imported |= {name: one for name, one in found.controllers.items() if one.plugin == entry.name}
    return described, imported, failures, untrusted


def _entry_of(registered: RegisteredController) -> PluginEntry:
    return PluginEntry(registered.plugin, "", registered.distribution, registered.version)
