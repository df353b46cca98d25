"""Suites by name: the arena's own, files, and those that packages build from options such as a folder of data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from arena.contract.native_scores import find_suite_misfits
from arena.contract.suites import SuiteSpec
from arena.declarations import SUITES
from arena.errors import (
    ABSENT,
    ArenaError,
    Fault,
    InvalidInput,
    PluginError,
    UnknownName,
    describe_exception,
    show_value,
    suggest,
)
from arena.installed import GROUP, PluginEntry
from arena.plugins import LoadFailure, collect, hint_of_trust
from arena.schemas import parse_as
from arena.trust import SUITE_PROVIDERS
from arena.world import suite as written
from arena.world.contest_draws import DrawKey
from arena.world.suite import Suite, suite_names

__all__ = ["Suites", "build_suite", "discover_suites", "is_written", "load_suite", "read_options"]

DATA: Final = "data"
"""The option that is a folder of data."""

_YAML: Final = (".yaml", ".yml")


class Suites(NamedTuple):
    """The outcome of a discovery of suites.

    Attributes:
        suites: suites by name, in name order; read-only.
        failures: plugins that could not be loaded, in name order.
        untrusted: plugins that nobody trusts, in name order; what they build is unknown.
        packages: distribution that declares each suite, by name.
    """

    suites: Mapping[str, SuiteSpec[Any]]
    failures: tuple[LoadFailure, ...]
    untrusted: tuple[PluginEntry, ...]
    packages: Mapping[str, str]


def discover_suites(
    group: str = GROUP, trust: str | Sequence[str] = (), *, packages: Sequence[str] | None = None
) -> Suites:
    """Import the plugins of the arena's own packages and of trusted ones, and collect the suites that they declare.

    Args:
        group: Entry-point group.
        trust: Packages of strangers to import too, as for `arena.plugins.discover`.
        packages: Normalised names of the packages to look at; None for all.

    Raises:
        PluginError: Two packages declare the same entry point, or two plugins a suite of the same name.
        InvalidInput: A package to trust is not installed, or has another digest.
    """
    found = collect(SUITES, group, trust, packages)
    suites = MappingProxyType({name: spec for name, (spec, _) in found.given.items()})
    owners = MappingProxyType({name: entry.distribution for name, (_, entry) in found.given.items()})
    return Suites(suites, found.failures, found.untrusted, owners)


def load_suite(
    reference: str | Path,
    draw_key: DrawKey | None = None,
    *,
    options: Mapping[str, Any] | None = None,
    trust: str | Sequence[str] = (),
    group: str = GROUP,
) -> Suite:
    """Load a suite by name or from a YAML file.

    A name is that of one of the arena's own suites, or of one that an installed package builds from options.

    Args:
        reference: the name, or the path of a file.
        draw_key: draws the suite's numbers, if it has ranges; None for the public seed that it states.
        options: of a suite of a package, by name; text is read as its field's type. Other suites have none.
        trust: packages of strangers that this process may import, each `PACKAGE` or `PACKAGE=DIGEST`.
        group: entry-point group of the plugins.

    Raises:
        UnknownName: nothing of that name exists; with the closest names, and packages that nobody trusts.
        InvalidInput: with every fault of the file and of the files it refers to, or of the options and the data.
        PluginError: two plugins give the name, or the plugin fails to build the suite.
    """
    given = dict(options or {})
    if is_written(reference):
        if given:
            rule, fix = (
                "is for suites that a package builds",
                "leave it out; arena list suites shows which have options",
            )
            raise InvalidInput([Fault(_flag(name), "", str(value), rule, fix) for name, value in given.items()])
        return written.load_suite(reference, draw_key)
    name = str(reference)
    packages = [SUITE_PROVIDERS[name]] if name in SUITE_PROVIDERS else None
    found = discover_suites(group, trust, packages=packages)
    if name not in found.suites:
        raise _unknown(name, found)
    return build_suite(found.suites[name], given)


def is_written(reference: str | Path) -> bool:
    """Tell whether a suite is one of the arena's own or a file, and not one that a package builds."""
    if isinstance(reference, Path) or reference in suite_names():
        return True
    path = Path(reference)
    return path.suffix in _YAML or path.is_file()


def build_suite(spec: SuiteSpec[Any], options: Mapping[str, Any]) -> Suite:
    """Build a suite of a package from options.

    Args:
        spec: its declaration.
        options: by name; text is read as its field's type.

    Raises:
        InvalidInput: with every fault of the options, or of the data; or the suite that was built has faults.
        PluginError: it cannot be built for another reason, or another thing than a suite of its name was built.
    """
    chosen = read_options(spec, options)
    who = f"suite {show_value(spec.name)}"
    try:
        suite: object = spec.build(chosen)
    except ArenaError:
        raise
    except Exception as error:  # whatever a package raises is told in one line
        raise PluginError(f"{who} cannot be built: {describe_exception(error)}") from error
    if not isinstance(suite, Suite):
        raise PluginError(f"{who}: build gave a {type(suite).__name__}; it must give an arena.Suite")
    if suite.name != spec.name:
        raise PluginError(f"{who}: build gave the suite {show_value(suite.name)}; give it the name of its declaration")
    _refuse_faulty(suite, who)
    return suite


def read_options(spec: SuiteSpec[Any], options: Mapping[str, Any]) -> BaseModel:
    """Validate the options of a suite.

    Args:
        spec: its declaration.
        options: by name; text is read as its field's type, and for a field of several values a list is taken.

    Raises:
        InvalidInput: with everything that is missing, unknown or wrong, and how to give it.
    """
    fields: dict[str, FieldInfo] = spec.options.model_fields
    source = f"suite {spec.name}"
    faults = [
        Fault(_flag(name), "", value, f"the suite {spec.name} has no such option", suggest(name, list(fields)))
        for name, value in options.items()
        if name not in fields
    ]
    for name, field in fields.items():
        if field.is_required() and name not in options:
            told = f" ({field.description})" if field.description else ""
            fix = "give it with --data FOLDER" if name == DATA else f"give it with --option {name}=VALUE"
            faults.append(Fault(source, name, ABSENT, f"is needed{told}", fix))
        elif name in options and _is_path(field.annotation) and not Path(str(options[name])).exists():
            faults.append(Fault(_flag(name), "", str(options[name]), "there is no such file or folder", "check it"))
    if faults:
        raise InvalidInput(faults)
    values = {
        name: [value] if isinstance(value, str) and _takes_several(fields[name]) else value
        for name, value in options.items()
    }
    found: BaseModel = parse_as(spec.options, values, f"{source}, --option")
    return found


def _takes_several(field: FieldInfo) -> bool:
    """Tell whether an option is a collection of values, each of which is given by itself."""
    kinds = (field.annotation, *get_args(field.annotation))
    return any(get_origin(one) in (tuple, list, set, frozenset) for one in kinds)


def _is_path(annotation: object) -> bool:
    return any(one is Path for one in (annotation, *get_args(annotation)))


def _flag(name: str) -> str:
    return "--data" if name == DATA else f"--option {name}"


def _refuse_faulty(suite: Suite, who: str) -> None:
    faults = []
    if not suite.scenarios:
        faults.append(Fault(who, "", ABSENT, "a suite has at least one scenario", "choose other options"))
    for name, times in Counter(scenario.name for scenario in suite.scenarios).items():
        if times > 1:
            faults.append(Fault(who, "scenarios", name, "every scenario of a suite has its own name", "rename it"))
    faults += [Fault(who, *fault) for fault in find_suite_misfits(suite)]
    if faults:
        raise InvalidInput(faults)


def _unknown(name: str, found: Suites) -> UnknownName:
    hint = suggest(name, [*suite_names(), *found.suites])
    if name in SUITE_PROVIDERS and not found.failures:
        package = SUITE_PROVIDERS[name]
        hint = f"it is built by {package}; in a checkout of arena: pip install ./plugins/{package}"
    if found.failures:
        hint += "; not loaded: " + "; ".join(str(failure) for failure in found.failures)
    return UnknownName([Fault("", "", name, "unknown suite", hint + hint_of_trust(found.untrusted))])
