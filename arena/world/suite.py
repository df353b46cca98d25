"""A suite: the scenarios that a competition is played on, written as matrices.

A block of a suite is a matrix: every axis has options, every combination of options is one scenario. An option has a
``label`` (its part of the scenario's name), a ``published`` text (its part of the published id) and ``set`` (what it
sets in the scenario).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

from pydantic import Field

from arena.documents import load_document
from arena.errors import Fault, InvalidInput, unknown_name
from arena.models import FrozenModel, parse_model
from arena.world.library import build_scenario, find, shipped, shipped_names
from arena.world.scenario import Scenario

_MOST_SCENARIOS = 10_000


class Option(FrozenModel):
    """One option of an axis."""

    label: str = Field(default="", max_length=60, description="part of the scenario's name; may be empty")
    published: str = Field(default="", max_length=60, description="part of the published id")
    set: dict[str, Any] = Field(default_factory=dict, description="fields of the scenario; mappings are merged")


class Block(FrozenModel):
    """A matrix of scenarios."""

    name: str = Field(default="", max_length=100, description="what the block is about, for people")
    published_id: str = Field(default="", max_length=200, description="template with $axis for each axis")
    set: dict[str, Any] = Field(default_factory=dict, description="fields common to all scenarios of the block")
    matrix: dict[str, tuple[Option, ...]] = Field(min_length=1, description="axes and their options")


class SuiteFile(FrozenModel):
    """A suite as it is written."""

    name: str = Field(min_length=1, max_length=60, pattern=r"^[a-z0-9][a-z0-9-]*$", description="the suite's name")
    description: str = Field(default="", max_length=2_000, description="a sentence for people")
    scored_by: str | None = Field(
        default=None,
        max_length=64,
        pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$",
        description="submission whose mean profit scores are divided by; absent, or if it has not played: the oracle "
        "with the highest mean profit",
    )
    blocks: tuple[Block, ...] = Field(default=(), description="matrices of scenarios")
    scenarios: tuple[str | dict[str, Any], ...] = Field(
        default=(), description="shipped names, paths, or scenarios themselves"
    )


class Suite(FrozenModel):
    """A suite ready to play."""

    name: str
    description: str
    scenarios: tuple[Scenario, ...]
    scored_by: str | None = None
    """Reference submission whose mean profit scores are divided by where it has played; None: the best oracle."""


def suite_names() -> tuple[str, ...]:
    """Names of the shipped suites."""
    return shipped_names("suites")


def scenario_names() -> tuple[str, ...]:
    """Names of the shipped scenarios: every row of every shipped suite."""
    return tuple(shipped_scenarios())


@cache
def shipped_scenarios() -> Mapping[str, Scenario]:
    """The shipped scenarios by name: the rows of the shipped suites' matrices."""
    found: dict[str, Scenario] = {}
    for path in sorted(shipped("suites").glob("*.yaml")):
        for scenario in _from_blocks(_read(path), path):
            found.setdefault(scenario.name, scenario)
    return found


def load_scenario(reference: str | Path) -> Scenario:
    """Load a scenario by the name of a shipped one or from a YAML file.

    Raises:
        UnknownName: With the closest names, if nothing of that name exists.
        InvalidInput: With every fault of the file.
    """
    known = shipped_scenarios()
    if isinstance(reference, str) and reference in known:
        return known[reference]
    path = Path(reference)
    if path.suffix not in (".yaml", ".yml"):
        raise unknown_name("scenario", str(reference), known)
    if not path.exists():
        raise InvalidInput([Fault(str(path), "", str(reference), "there is no such file", "check the path")])
    return build_scenario(load_document(path), str(path), base=path.parent)


def load_all(references: Iterable[str | Path]) -> tuple[Scenario, ...]:
    """Load several scenarios, reporting the faults of all of them at once.

    Raises:
        InvalidInput: With every fault found.
    """
    scenarios: list[Scenario] = []
    faults: list[Fault] = []
    for reference in references:
        try:
            scenarios.append(load_scenario(reference))
        except InvalidInput as error:
            faults += error.faults
    if faults:
        raise InvalidInput(faults)
    return tuple(scenarios)


def load_suite(reference: str | Path) -> Suite:
    """Load a suite by its shipped name or from a YAML file.

    Raises:
        UnknownName: With the closest names, if nothing of that name exists.
        InvalidInput: With every fault of the file and of the files it refers to.
    """
    path = find(reference, "suites")
    written = _read(path)
    scenarios = list(_from_blocks(written, path))
    faults: list[Fault] = []
    for position, entry in enumerate(written.scenarios):
        try:
            if isinstance(entry, dict):
                scenarios.append(build_scenario(entry, f"{path}: scenarios[{position}]", base=path.parent))
            else:
                local = path.parent / entry
                scenarios.append(load_scenario(local if local.suffix in (".yaml", ".yml") else entry))
        except InvalidInput as error:
            faults += error.faults
    for name, times in Counter(scenario.name for scenario in scenarios).items():
        if times > 1:
            rule = "every scenario of a suite has its own name"
            faults.append(Fault(str(path), "scenarios", name, rule, f"rename {times - 1} of them"))
    if not scenarios and not faults:
        faults.append(Fault(str(path), "", "", "a suite has at least one scenario", "add blocks or scenarios"))
    if faults:
        raise InvalidInput(faults)
    return Suite(
        name=written.name,
        description=written.description,
        scenarios=tuple(scenarios),
        scored_by=written.scored_by,
    )


def _read(path: Path) -> SuiteFile:
    return parse_model(SuiteFile, load_document(path), str(path))


def _from_blocks(written: SuiteFile, path: Path) -> tuple[Scenario, ...]:
    scenarios: list[Scenario] = []
    faults: list[Fault] = []
    for position, block in enumerate(written.blocks):
        rows = 1
        for options in block.matrix.values():
            rows *= len(options)
        if rows > _MOST_SCENARIOS:
            rule = f"a block has at most {_MOST_SCENARIOS} scenarios"
            raise InvalidInput([Fault(str(path), f"blocks[{position}].matrix", rows, rule, "split the block")])
        for combination in itertools.product(*block.matrix.values()):
            name = "-".join(option.label for option in combination if option.label)
            data: dict[str, Any] = {}
            for fields in (block.set, *(option.set for option in combination)):
                data = _merged(data, fields)
            data["name"] = name
            if block.published_id:
                parts = dict(zip(block.matrix, (option.published for option in combination), strict=True))
                data["published_id"] = Template(block.published_id).safe_substitute(parts)
            try:
                scenarios.append(build_scenario(data, f"{path}: {name}", base=path.parent))
            except InvalidInput as error:
                faults += error.faults
    if faults:
        raise InvalidInput(faults)
    return tuple(scenarios)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both mappings, the one above winning; mappings in both are merged in turn."""
    merged = dict(below)
    for key, value in above.items():
        mine = merged.get(key)
        merged[key] = _merged(mine, value) if isinstance(mine, Mapping) and isinstance(value, Mapping) else value
    return merged
