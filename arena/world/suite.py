"""A suite: the scenarios that a competition is played on, written as matrices.

A block of a suite is a matrix: every axis has options, every combination of options is one scenario. An option has a
``label`` (its part of the scenario's name), a ``published`` text (its part of the published id), ``set`` (what it
sets in the scenario) and ``draw`` (what is drawn for the scenario, and from which ranges; see
:mod:`arena.world.contest_draws`).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from string import Template
from typing import Annotated, Any

from pydantic import Field

from arena.documents import WORLD_SIZE, load_document
from arena.errors import ABSENT, Fault, InvalidInput, unknown_name
from arena.schemas import Count, FrozenSchema, Slug, parse_as
from arena.world.contest_draws import MOST_DRAWS, Draw, Drawing, DrawKey, draw_scenario, make_template, public_key
from arena.world.kinds import require_kind
from arena.world.library import build_scenario, find, is_there, shipped, shipped_names
from arena.world.native_score import NativeScore, find_native_misfits
from arena.world.scenario import Scenario
from arena.world.scoring import ScoreRule, default_rule, find_misfits

_MOST_SCENARIOS = 10_000


class Option(FrozenSchema):
    """One option of an axis."""

    label: str = Field(default="", max_length=60, description="part of the scenario's name; may be empty")
    published: str = Field(default="", max_length=60, description="part of the published id")
    set: dict[str, Any] = Field(default_factory=dict, description="fields of the scenario; mappings are merged")
    draw: tuple[Draw, ...] = Field(default=(), description="numbers of the scenario that are drawn from ranges")


class Block(FrozenSchema):
    """A matrix of scenarios."""

    name: str = Field(default="", max_length=100, description="what the block is about, for people")
    published_id: str = Field(default="", max_length=200, description="template with $axis for each axis")
    set: dict[str, Any] = Field(default_factory=dict, description="fields common to all scenarios of the block")
    draw: tuple[Draw, ...] = Field(default=(), description="numbers drawn in all scenarios of the block")
    draws: Annotated[Count, Field(ge=1, le=MOST_DRAWS)] = Field(
        default=1, description="scenarios drawn from every combination that draws anything"
    )
    matrix: dict[str, tuple[Option, ...]] = Field(min_length=1, description="axes and their options")


class SuiteFile(FrozenSchema):
    """A suite as it is written."""

    name: str = Field(min_length=1, max_length=60, pattern=r"^[a-z0-9][a-z0-9-]*$", description="the suite's name")
    description: str = Field(default="", max_length=2_000, description="a sentence for people")
    scored_by: Slug | None = Field(
        default=None,
        description="oracle that scores are measured against; absent, or where it has not played: the one with the "
        "highest mean profit",
    )
    score: ScoreRule | None = Field(
        default=None,
        description="how it scores: share_of_oracle, cost_ratio, native, or {rule: gap_closed, reference: SUBMISSION}; "
        "absent: native if that is of profit or cost, else cost_ratio if no scenario has revenue, else share_of_oracle",
    )
    native: NativeScore | None = Field(default=None, description="a score of the suite's own beside the arena's")
    draw_seed: Count | None = Field(
        default=None, description="public seed of what is drawn, unless a secret takes its place; needed to draw"
    )
    blocks: tuple[Block, ...] = Field(default=(), description="matrices of scenarios")
    scenarios: tuple[str | dict[str, Any], ...] = Field(
        default=(), description="shipped names, paths, or scenarios themselves"
    )


class Suite(FrozenSchema):
    """A suite ready to play."""

    name: str
    description: str
    scenarios: tuple[Scenario, ...]
    scored_by: str | None = None
    """Oracle that scores are measured against where it has played; None: the one with the highest mean profit."""
    score: ScoreRule | None = None
    """How it scores; None: see `arena.world.scoring.default_rule`."""
    drawings: dict[str, Drawing] = Field(default_factory=dict)
    """By scenario, what it was drawn from; scenarios that are written out are absent."""
    native: NativeScore | None = None
    """A score of the suite's own beside the arena's."""

    @property
    def score_rule(self) -> ScoreRule:
        """How it scores."""
        return self.score or default_rule(self.scenarios, self.native)


def suite_names() -> tuple[str, ...]:
    """Names of the shipped suites."""
    return shipped_names("suites")


def scenario_names() -> tuple[str, ...]:
    """Names of the shipped scenarios: every row of every shipped suite."""
    return tuple(shipped_scenarios())


@cache
def shipped_scenarios() -> Mapping[str, Scenario]:
    """The shipped scenarios by name: the rows of the shipped suites' matrices, as public seeds draw them."""
    found: dict[str, Scenario] = {}
    for path in sorted(shipped("suites").glob("*.yaml")):
        for scenario, _ in _from_blocks(_read(path), path, None):
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
        _refuse_other_files(path)
        raise unknown_name("scenario", str(reference), known)
    if not is_there(path):
        raise InvalidInput([Fault(str(path), "", str(reference), "there is no such file", "check the path")])
    data = load_document(path, WORLD_SIZE)
    require_kind(data, "scenario", str(path))
    return build_scenario(data, str(path), base=path.parent)


def _refuse_other_files(path: Path) -> None:
    """Refuse a folder, and a file that is no YAML document, with what to give instead.

    Raises:
        InvalidInput: The path leads to one.
    """
    if not is_there(path):
        return
    if path.is_dir():
        inside = path / "scenario.yaml"
        fix = f"give {inside}" if is_there(inside) else "give a scenario's YAML file in it"
        raise InvalidInput([Fault(str(path), "", ABSENT, "is a folder, and a scenario is a file", fix)])
    fix = f"make a scenario that plays a table of demand with: arena new world NAME --sales {path}"
    raise InvalidInput([Fault(str(path), "", ABSENT, "is not a scenario's YAML file", fix)])


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


def load_suite(reference: str | Path, draw_key: DrawKey | None = None) -> Suite:
    """Load a suite by its shipped name or from a YAML file.

    Args:
        reference: the name, or the path of a file.
        draw_key: what draws the suite's numbers, if it has ranges; None for the public seed that it states.

    Raises:
        UnknownName: With the closest names, if nothing of that name exists.
        InvalidInput: With every fault of the file and of the files it refers to.
    """
    path = find(reference, "suites")
    written = _read(path)
    from_blocks = _from_blocks(written, path, draw_key)
    scenarios = [scenario for scenario, _ in from_blocks]
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
    if not faults:
        found = [] if written.score is None else [*find_misfits(written.score, scenarios, written.native)]
        found += [] if written.native is None else [*find_native_misfits(written.native, scenarios)]
        faults += (Fault(str(path), *fault) for fault in found)
    if not scenarios and not faults:
        faults.append(Fault(str(path), "", "", "a suite has at least one scenario", "add blocks or scenarios"))
    if faults:
        raise InvalidInput(faults)
    return Suite(
        name=written.name,
        description=written.description,
        scenarios=tuple(scenarios),
        scored_by=written.scored_by,
        score=written.score,
        native=written.native,
        drawings={scenario.name: drawing for scenario, drawing in from_blocks if drawing is not None},
    )


def _read(path: Path) -> SuiteFile:
    data = load_document(path)
    require_kind(data, "suite", str(path))
    return parse_as(SuiteFile, data, str(path))


def _from_blocks(
    written: SuiteFile, path: Path, draw_key: DrawKey | None
) -> tuple[tuple[Scenario, Drawing | None], ...]:
    """Expand the blocks: every scenario, and where it was drawn what it was drawn from."""
    found: list[tuple[Scenario, Drawing | None]] = []
    faults: list[Fault] = []
    for position, block in enumerate(written.blocks):
        rows = block.draws
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
            draws = [*block.draw, *(draw for option in combination for draw in option.draw)]
            source = f"{path}: {name}"
            try:
                scenario = build_scenario(data, source, base=path.parent)
                if draws:
                    found += _drawn(scenario, draws, block.draws, draw_key or _public_key(written, path), source)
                else:
                    found.append((scenario, None))
            except InvalidInput as error:
                faults += error.faults
    if faults:
        raise InvalidInput(faults)
    return tuple(found)


def _drawn(
    scenario: Scenario, draws: Sequence[Draw], count: int, key: DrawKey, source: str
) -> Iterator[tuple[Scenario, Drawing]]:
    """Draw from one combination as many scenarios as the block asks for."""
    template = make_template(scenario, draws, source)
    for number in range(count):
        drawing = Drawing(template=template, number=number, draws=count, public_seed=key.public_seed)
        yield draw_scenario(drawing, key), drawing


def _public_key(written: SuiteFile, path: Path) -> DrawKey:
    if written.draw_seed is None:
        rule, fix = "a suite that draws states its public seed", "for example draw_seed: 20260101"
        raise InvalidInput([Fault(str(path), "draw_seed", ABSENT, rule, fix)])
    return public_key(written.draw_seed)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both mappings, the one above winning; mappings in both are merged in turn."""
    merged = dict(below)
    for key, value in above.items():
        mine = merged.get(key)
        merged[key] = _merged(mine, value) if isinstance(mine, Mapping) and isinstance(value, Mapping) else value
    return merged
