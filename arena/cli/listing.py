"""`arena list` and `arena contract`: what is there to play, and by which rules."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from arena.cli.app import WRONG_INPUT
from arena.cli.checking import Trust
from arena.cli.console import Json, print_json, print_table, warn
from arena.cli.suite_listing import list_suites

if TYPE_CHECKING:
    from arena.declarations import Promises


class Listed(StrEnum):
    """What `arena list` can list."""

    PLUGINS = "plugins"
    CONTROLLERS = "controllers"
    SCENARIOS = "scenarios"
    SUITES = "suites"


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the application."""
    app.command("list")(list_)
    app.command("contract")(contract)


def list_(
    what: Annotated[Listed, typer.Argument(help="What to list.")] = Listed.PLUGINS,
    trust: Trust = None,
    as_json: Json = False,
) -> None:
    """List plugins (read from metadata, nothing is imported), controllers, scenarios, or suites.

    Controllers are declared by plugins: those of the arena's own packages are imported, those of strangers are asked in
    locked processes. Suites that strangers' packages build are listed for packages that are trusted.
    """
    if what is Listed.SUITES:
        list_suites(trust, as_json)
        return
    {Listed.PLUGINS: _list_plugins, Listed.CONTROLLERS: _list_controllers, Listed.SCENARIOS: _list_scenarios}[what](
        as_json
    )


def _list_plugins(as_json: bool) -> None:
    from arena.plugins import list_entry_points
    from arena.trust import is_own

    entries = list_entry_points()
    if as_json:
        print_json([asdict(entry) for entry in entries])
    elif entries:
        rows = [
            (entry.name, entry.value, entry.distribution, entry.version, "arena" if is_own(entry.distribution) else "")
            for entry in entries
        ]
        print_table(("plugin", "module", "package", "version", "name of"), rows)
    else:
        warn(
            "no plugin is installed; for the classical rules, in a checkout of arena: "
            "pip install ./plugins/arena-heuristics"
        )


def _list_controllers(as_json: bool) -> None:
    from arena.entry.providers import find_controllers
    from arena.entry.strangers import Strangers

    with Strangers() as strangers:
        plugins = find_controllers(None, strangers)
    found: list[tuple[Promises, str, str, str, bool]] = [
        (one.spec, one.plugin, one.distribution, one.version, True) for one in plugins.controllers.values()
    ]
    found += [
        (one, one.entry.name, one.entry.distribution, one.entry.version, False) for one in plugins.described.values()
    ]
    found.sort(key=lambda one: one[0].name)
    if as_json:
        print_json(
            {
                "controllers": [
                    {
                        "name": promises.name,
                        "tracks": promises.tracks,
                        "summary": promises.summary,
                        "plugin": plugin,
                        "distribution": distribution,
                        "version": version,
                        "own": own,
                    }
                    for promises, plugin, distribution, version, own in found
                ],
                "failures": [asdict(failure) for failure in plugins.failures],
            }
        )
    else:
        rows = [
            (promises.name, ", ".join(promises.tracks), f"{distribution} {version}", promises.summary)
            for promises, _, distribution, version, _ in found
        ]
        print_table(("controller", "tracks", "package", "summary"), rows)
    for failure in plugins.failures:
        warn(str(failure))
    if plugins.failures:
        raise typer.Exit(WRONG_INPUT)


def _list_scenarios(as_json: bool) -> None:
    from arena.world.suite import load_suite, suite_names

    suites_of: dict[str, list[str]] = {}
    scenarios = {}
    for suite in (load_suite(name) for name in suite_names()):
        for scenario in suite.scenarios:
            suites_of.setdefault(scenario.name, []).append(suite.name)
            scenarios[scenario.name] = scenario
    entries = [
        {
            "name": name,
            "network": scenario.network.name,
            "fulfilment": scenario.fulfilment,
            "horizon": scenario.horizon,
            "decentralised": scenario.decentralised,
            "suites": suites_of[name],
            "published_id": scenario.published_id,
            "note": scenario.note,
        }
        for name, scenario in sorted(scenarios.items())
    ]
    if as_json:
        print_json(entries)
    else:
        rows = [
            (str(entry["name"]), ", ".join(suites_of[str(entry["name"])]), str(entry["published_id"] or ""))
            for entry in entries
        ]
        print_table(("scenario", "suites", "published id"), rows)


def contract(as_json: Json = False) -> None:
    """Show the digest of the rules in force, which every result carries, and the rules in short."""
    from typing import get_args

    from arena.contract.version import contract as rules, contract_digest
    from arena.errors import Outcome
    from arena.jail.limits import Limits

    limits = Limits()
    deadlines = {name: getattr(limits, name) for name in ("setup", "first_decision", "decision", "close", "bank")}
    in_short = rules()
    if as_json:
        print_json(
            {
                "contract_digest": contract_digest(),
                "contract": in_short,
                "outcomes": get_args(Outcome),
                "deadlines_in_seconds": deadlines,
                "wall_time_factor": limits.wall_time_factor,
            }
        )
        return
    print(f"contract {contract_digest()}")
    print(f"rules: {in_short['rules']}")
    for key in ("tracks", "kpis", "public_seeds"):
        print(f"{key.replace('_', ' ')}: {', '.join(map(str, in_short[key]))}")
    print(f"outcomes: {', '.join(get_args(Outcome))}")
    told = ", ".join(f"{name} {seconds:g} s" for name, seconds in deadlines.items())
    print(f"deadlines: {told} of CPU time, and {limits.wall_time_factor:g} times as much on the clock")
