"""`arena list suites`: the arena's own suites, and those that packages build, with their options."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from arena.cli.app import WRONG_INPUT
from arena.cli.checking import pin
from arena.cli.console import print_json, print_table, warn

if TYPE_CHECKING:
    from arena.contract.suites import SuiteSpec


def list_suites(trust: list[str] | None, as_json: bool) -> None:
    """Print the suites that can be named here.

    Args:
        trust: packages of strangers that this process may import.
        as_json: whether to print JSON.
    """
    from arena.entry.suites import discover_suites
    from arena.world.suite import load_suite, suite_names

    trusted = pin(trust)
    found = discover_suites(trust=trusted)
    entries: list[dict[str, Any]] = []
    for suite in map(load_suite, suite_names()):
        entries.append(_entry(suite.name, suite.description, "", len(suite.scenarios), []))
    for name, spec in found.suites.items():
        entries.append(_entry(name, spec.summary, found.packages[name], None, _options(spec)))
    if as_json:
        print_json({"suites": entries, "failures": [asdict(failure) for failure in found.failures]})
    else:
        rows = [(one["name"], one["package"] or "arena", _first_sentence(one["summary"])) for one in entries]
        print_table(("suite", "package", "summary"), rows)
        for one in entries:
            for told in _in_words(one["options"]):
                print(f"{one['name']}: {told}")
    for package in sorted({entry.distribution for entry in found.untrusted}):
        warn(f"{package} is not imported, since nobody trusts it; its suites are listed with --trust {package}")
    for failure in found.failures:
        warn(str(failure))
    if found.failures:
        raise typer.Exit(WRONG_INPUT)


def _entry(
    name: str, summary: str, package: str, scenarios: int | None, options: list[dict[str, Any]]
) -> dict[str, Any]:
    return {"name": name, "summary": summary, "package": package, "scenarios": scenarios, "options": options}


def _options(spec: SuiteSpec[Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "needed": field.is_required(),
            "default": None if field.is_required() else _plain(field.get_default(call_default_factory=True)),
            "description": field.description or "",
        }
        for name, field in spec.options.model_fields.items()
    ]


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _first_sentence(text: str) -> str:
    first, ended, _ = " ".join(text.split()).partition(". ")
    return f"{first}." if ended else first


def _in_words(options: list[dict[str, Any]]) -> list[str]:
    """Return a line for every option."""
    told = []
    for one in options:
        flag = "--data FOLDER" if one["name"] == "data" else f"--option {one['name']}=…"
        said = "needed" if one["needed"] else "" if one["default"] in ("", None) else f"{one['default']} unless given"
        told.append(": ".join(filter(None, (f"{flag} ({said})" if said else flag, one["description"]))))
    return told
