"""Scenarios whose parameters are drawn from published ranges, so that no controller can have been fitted to them.

A template is a scenario with ranges for some of its numbers. What is drawn is a function of a key, of the template's
name and of the number of the draw, and of nothing else, so that whoever is told the key can draw the same again:

    u = the first 53 bits of HMAC-SHA256(key, "name|number|path") / 2^53

    uniform     low + u × (high − low)
    loguniform  low × (high / low)^u
    integer     low + ⌊u × (high − low + 1)⌋
    choice      the option at position ⌊u × options⌋, from 0

Uniform and loguniform values are rounded to six significant digits, so that the last digit of a logarithm, on which
machines differ, changes no scenario. Every path has a u of its own: adding or removing a range moves no other value.

Keys come from a published seed, or from the secret behind hidden seeds (`arena.contract.seeds`); then nobody knows
the parameters before the secret is revealed.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, NamedTuple

from pydantic import Field, model_validator

from arena.errors import ABSENT, Fault, FaultList, FieldFault, InvalidInput, suggest
from arena.schemas import Count, Finite, FrozenSchema, Positive, parse_as, whole_number
from arena.world.scenario import Scenario

MOST_DRAWS: Final = 1_000
"""Most scenarios that are drawn from one template."""

_BITS: Final = 53
_DIGITS: Final = 6
_PIECE: Final = re.compile(r"([a-z_]+)(?:\[(\*|[0-9]{1,4})\])?")
_PATH: Final = re.compile(rf"{_PIECE.pattern}(?:\.{_PIECE.pattern})*")
_NOT_CONTENT: Final = frozenset({"name", "published_id", "note"})

Scalar = bool | int | Finite | str


class Draw(FrozenSchema):
    """One number of a scenario and the range that it is drawn from."""

    path: str = Field(
        min_length=1,
        max_length=200,
        description="where in the scenario, as in demand.trend.slope or network.nodes[*].initial_stock; [*] is every "
        "entry that has a value there",
    )
    uniform: tuple[Finite, Finite] | None = Field(default=None, description="[low, high]: all values alike")
    loguniform: tuple[Positive, Positive] | None = Field(default=None, description="[low, high]: all ratios alike")
    integer: tuple[int, int] | None = Field(default=None, description="[low, high]: whole numbers, both included")
    choice: tuple[Scalar, ...] | None = Field(default=None, min_length=1, description="values to choose from")
    scale: bool = Field(
        default=False, description="multiply what stands at the path by the value drawn, instead of replacing it"
    )

    @model_validator(mode="after")
    def _is_one_range(self) -> Draw:
        faults = []
        given = [name for name in ("uniform", "loguniform", "integer", "choice") if getattr(self, name) is not None]
        if len(given) != 1:
            fix = f"keep one of {', '.join(given)}" if given else "give uniform, loguniform, integer or choice"
            faults.append(FieldFault("", ABSENT, "a draw has one range", fix))
        for name in given:
            values = getattr(self, name)
            if name != "choice" and values[0] > values[1]:
                faults.append(FieldFault(name, list(values), "a range is [low, high]", "swap the two"))
            if self.scale and not all(_is_number(value) for value in values):
                faults.append(FieldFault(name, list(values), "only a number scales", "remove scale"))
        if not _PATH.fullmatch(self.path):
            rule = "a path is names joined by points, with [*] or [position] after the name of a list"
            faults.append(FieldFault("path", self.path, rule, "for example network.nodes[*].initial_stock"))
        if self.path in _NOT_CONTENT:
            faults.append(FieldFault("path", self.path, "a name or a note is not drawn", "remove it"))
        if faults:
            raise FaultList(faults)
        return self

    @property
    def ends(self) -> tuple[Any, Any]:
        """The two ends of the range: low and high, or the first and the last choice."""
        values: Sequence[Any] = self.uniform or self.loguniform or self.integer or self.choice or ()
        return values[0], values[-1]

    def at(self, share: float) -> Any:
        """The value at a share of the range.

        Args:
            share: from 0 (included) to 1 (excluded).
        """
        if self.choice is not None:
            return self.choice[int(share * len(self.choice))]
        low, high = self.ends
        if self.integer is not None:
            return low + int(share * (high - low + 1))
        value = low + share * (high - low) if self.uniform is not None else low * (high / low) ** share
        return min(max(float(f"{value:.{_DIGITS}g}"), float(low)), float(high))


class Template(FrozenSchema):
    """A scenario with ranges for some of its numbers."""

    scenario: Scenario = Field(description="the scenario before anything is drawn")
    draw: tuple[Draw, ...] = Field(min_length=1, description="what is drawn; a path stands once")


class Drawing(FrozenSchema):
    """Where a drawn scenario comes from: with the key, all that is needed to draw it again."""

    template: Template = Field(description="the scenario and its ranges")
    number: Annotated[Count, Field(lt=MOST_DRAWS)] = Field(description="which draw from the template, from 0")
    draws: Annotated[Count, Field(ge=1, le=MOST_DRAWS)] = Field(description="how many were drawn from it")
    public_seed: Count | None = Field(description="the published seed behind the key; null: the secret")


@dataclass(frozen=True, slots=True)
class DrawKey:
    """What a drawing is a function of."""

    value: bytes = field(repr=False)
    """The key of the HMAC."""
    public_seed: int | None = None
    """The published seed that it was made of; None for a key from a secret."""


def public_key(seed: int) -> DrawKey:
    """The key of a published seed: the text ``public|`` and the seed in decimal digits."""
    number = whole_number(seed, "public seed")
    return DrawKey(f"public|{number}".encode(), number)


def make_template(scenario: Scenario, draws: Sequence[Draw], source: str) -> Template:
    """Join a scenario and its ranges.

    Args:
        scenario: before anything is drawn.
        draws: the ranges; of two for one path the later one holds.
        source: what messages call the scenario.

    Raises:
        InvalidInput: A path leads nowhere, or an end of a range would give a scenario that breaks the rules.
    """
    template = Template(scenario=scenario, draw=tuple({draw.path: draw for draw in draws}.values()))
    for end in (0, 1):
        _filled(template, [draw.ends[end] for draw in template.draw], source)
    return template


def draw_scenario(drawing: Drawing, key: DrawKey) -> Scenario:
    """Draw a scenario. Its name is the template's, with the number of the draw, from 1, if there are several.

    Args:
        drawing: what to draw.
        key: the key; of the drawing's public seed where it has one.

    Raises:
        InvalidInput: The values drawn break a rule together that each of them keeps alone.
    """
    template = drawing.template
    name = template.scenario.name
    values = [draw.at(_share(key, f"{name}|{drawing.number}|{draw.path}")) for draw in template.draw]
    scenario = _filled(template, values, f"{name}, draw {drawing.number}")
    return scenario.model_copy(update={"name": f"{name}-{drawing.number + 1}"}) if drawing.draws > 1 else scenario


def _share(key: DrawKey, message: str) -> float:
    digest = hmac.new(key.value, message.encode(), hashlib.sha256).digest()
    return (int.from_bytes(digest[:8], "big") >> (64 - _BITS)) / (1 << _BITS)


class _Place(NamedTuple):
    """A value in a document: the mapping or list that holds it, and its key there."""

    parent: Any
    key: str | int


def _filled(template: Template, values: Sequence[Any], source: str) -> Scenario:
    """The scenario with values at the places of the draws."""
    data = template.scenario.model_dump(mode="json", by_alias=True)
    faults: list[Fault] = []
    for draw, value in zip(template.draw, values, strict=True):
        try:
            for place in _places(data, draw, source):
                place.parent[place.key] = place.parent[place.key] * value if draw.scale else value
        except InvalidInput as error:
            faults += error.faults
    if faults:
        raise InvalidInput(faults)
    return parse_as(Scenario, data, f"{source}: a drawn value")


def _places(data: dict[str, Any], draw: Draw, source: str) -> list[_Place]:
    """Where a path leads."""
    places = [_Place({"": data}, "")]
    for name, position in _PIECE.findall(draw.path):
        places = [_Place(_of(place), name) for place in places]
        for holder, _ in places:
            if not isinstance(holder, dict) or name not in holder:
                known = list(holder) if isinstance(holder, dict) else []
                raise _astray(draw, source, f"leads nowhere at {name}", suggest(name, known) if known else "set it")
        if position:
            places = [entry for place in places for entry in _entries(_of(place), position)]
    if "[*]" in draw.path or draw.scale:
        places = [place for place in places if _of(place) is not None]
    if not places:
        raise _astray(draw, source, "leads to no value", "give the scenario a value there, or remove the draw")
    if draw.scale and not all(_is_number(_of(place)) for place in places):
        raise _astray(draw, source, "leads to something that is no number", "remove scale")
    return places


def _of(place: _Place) -> Any:
    return place.parent[place.key]


def _entries(values: Any, position: str) -> Iterator[_Place]:
    if isinstance(values, list):
        wanted = range(len(values)) if position == "*" else [int(position)]
        yield from (_Place(values, entry) for entry in wanted if entry < len(values))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _astray(draw: Draw, source: str, rule: str, fix: str) -> InvalidInput:
    return InvalidInput([Fault(source, "draw", draw.path, f"this path {rule}", fix)])
