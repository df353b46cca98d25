"""What all schemas of the project share: number types, a frozen base class, and validation with faults told at once.

A model validator that finds several faults raises `arena.errors.FaultList`; see there.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator, Mapping, Sequence, Sized
from pathlib import Path
from typing import Annotated, Any, Final, Self, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from arena.documents import MAX_FAULTS, load_document
from arena.errors import ABSENT, Fault, FaultList, InvalidInput, closest, show_value, suggest

__all__ = [
    "LONGEST_SLUG",
    "SLUG_RULE",
    "Count",
    "Finite",
    "Fraction01",
    "FrozenSchema",
    "NonNegative",
    "Positive",
    "Slug",
    "is_slug",
    "load_as",
    "parse_as",
    "seed_number",
    "whole_number",
]

Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
"""A finite number; integers are taken, booleans and text are not."""
LARGEST: Final = 1e9
"""Largest quantity, price or cost: sums and products of such numbers stay far from the end of floating point."""
SMALLEST: Final = 1e-6
"""Smallest divisor (yield, lot size, units of a component), for the same reason."""


def _not_tiny(value: float) -> float:
    if value < SMALLEST:
        raise ValueError(f"must be at least {SMALLEST:g}")
    return value


NonNegative = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=LARGEST)]
"""A number of 0 or more, at most `LARGEST`."""
Positive = Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0, le=LARGEST), AfterValidator(_not_tiny)]
"""A number above 0: at least `SMALLEST`, at most `LARGEST`."""
Fraction01 = Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0, le=1), AfterValidator(_not_tiny)]
"""A number above 0 (at least `SMALLEST`) and at most 1."""
Count = Annotated[int, Field(strict=True, ge=0)]
"""A whole number of 0 or more; booleans and `2.0` are not taken."""

LONGEST_SLUG: Final = 64
"""Characters of a slug, at most."""
SLUG_RULE: Final = f"must be lower-case letters, digits and single hyphens, at most {LONGEST_SLUG} characters"
"""The rule of slugs, for messages."""
_SLUG: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def is_slug(name: object) -> bool:
    """Tell whether a name is a slug: lower-case letters, digits and single hyphens, at most `LONGEST_SLUG` characters.

    Submissions, controllers, trainings and clients have such names.

    >>> is_slug("order-up-to"), is_slug("Order_up_to"), is_slug("order--up")
    (True, False, False)
    """
    return isinstance(name, str) and len(name) <= LONGEST_SLUG and _SLUG.fullmatch(name) is not None


def _check_slug(name: str) -> str:
    if not is_slug(name):
        raise ValueError(SLUG_RULE)
    return name


Slug = Annotated[str, AfterValidator(_check_slug)]
"""A name for people and files alike; see `is_slug`."""

M = TypeVar("M", bound=BaseModel)


def whole_number(value: object, name: str) -> int:
    """Return a whole number of any library as Python's.

    Args:
        value: an integer of Python, numpy or the like; booleans, floats and text are refused.
        name: what the number is, for the message.

    Raises:
        TypeError: it is not a whole number.
    """
    # Python's own are returned as they are: a hidden seed is of a class that does not print itself.
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        if not isinstance(value, bool):
            return operator.index(value)  # type: ignore[arg-type]  # What has no index is refused below.
    except TypeError:
        pass
    raise TypeError(f"{name} must be a whole number, got {show_value(value)}; write an integer such as 3") from None


def seed_number(value: object) -> int:
    """Return the seed of a random stream as Python's integer; see `whole_number`.

    Raises:
        TypeError: it is not a whole number.
        ValueError: it is negative.
    """
    seed = whole_number(value, "seed")
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, got {show_value(seed)}; write an integer such as 3")
    return seed


class FrozenSchema(BaseModel):
    """A pydantic model whose values never change and which accepts no unknown field."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    def __eq__(self, other: object) -> bool:
        """Equal by fields; what is derived from them takes no part."""
        if type(self) is not type(other):
            return NotImplemented
        # Lists compare by identity first, so that what is not a number equals itself.
        mine, theirs = ([getattr(one, name) for name in type(self).model_fields] for one in (self, other))
        return mine == theirs

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with some fields replaced (unchecked, as in pydantic); cached properties are computed anew.

        Args:
            update: fields to replace.
            deep: whether nested values are copied too.
        """
        copy = super().model_copy(update=update, deep=deep)
        fields = type(self).model_fields  # looked up once: pydantic makes it a property of a metaclass
        for name in [name for name in copy.__dict__ if name not in fields]:
            del copy.__dict__[name]
        return copy


def load_as(model: type[M], path: Path) -> M:
    """Read the document in the file `path` as a `model`.

    Raises:
        InvalidInput: as `load_document` and `parse_as`.
    """
    return parse_as(model, load_document(path), str(path))


def parse_as(model: type[M], data: Mapping[str, Any], source: str) -> M:
    """Validate `data` as a `model`.

    Args:
        model: the pydantic model.
        data: what `load_document` returned, or the like.
        source: the origin of the data, for faults.

    Raises:
        InvalidInput: with every fault of the data: field path, value, rule, suggestion. The faults of a `FaultList`
            that a validator raised are told one by one.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        details: Any = error.errors(include_url=False)
    # Raised outside the handler: the chain would show pydantic's text, with the input at full length.
    details = _without_echoes(details)
    faults: list[Fault] = []
    for detail in details[:MAX_FAULTS]:
        faults.extend(_told(model, data, source, detail))
    unseen = len(details) - MAX_FAULTS
    faults = _without_repetitions(faults)
    if unseen > 0:
        faults.append(Fault(source, "", ABSENT, f"has {unseen} faults more"))
    raise InvalidInput(faults)


_RULES: Final = {
    "missing": "is required",
    "extra_forbidden": "is not a field here",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be {le} or less",
    "multiple_of": "must be a multiple of {multiple_of}",
    "finite_number": "must be a finite number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text",
    "string_pattern_mismatch": "must match the pattern {pattern}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "literal_error": "must be one of {expected}",
    "enum": "must be one of {expected}",
    "union_tag_invalid": "{discriminator} must be one of {expected_tags}",
    "union_tag_not_found": "{discriminator} is required, it tells the kind",
    "model_type": "must be a mapping of fields",
    "model_attributes_type": "must be a mapping of fields",
    "dict_type": "must be a mapping",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "none_required": "must be left out or null",
}


_TOLD_ONE_BY_ONE: Final = 3
"""Most entries of a list that are told of one by one where they break the same rule."""

_NOT_A_NUMBER: Final = frozenset({"int_type", "int_parsing", "float_type", "float_parsing"})


def _without_echoes(details: list[Any]) -> list[Any]:
    """Leave out what only follows from other faults.

    A list counts as too short without its faulty entries. A text that could be one of a few words, or a number, is told
    of the words alone.
    """
    # Pydantic calls the members of a union by their types at the end of a location.
    worded = {each["loc"][:-1] for each in details if each["loc"] and str(each["loc"][-1]).startswith("literal[")}
    details = [
        each
        for each in details
        if not (isinstance(each["input"], str) and each["type"] in _NOT_A_NUMBER and each["loc"][:-1] in worded)
    ]
    faulty = {detail["loc"][:depth] for detail in details for depth in range(len(detail["loc"]))}
    return [
        detail
        for detail in details
        if detail["type"] != "too_short"
        or detail["loc"] not in faulty
        or not isinstance(detail["input"], Sized)
        or len(detail["input"]) < detail["ctx"]["min_length"]
    ]


def _without_repetitions(faults: Sequence[Fault]) -> list[Fault]:
    """Tell once of many entries of a list that break one rule: a table that is written out has thousands."""
    groups: dict[tuple[str, str], list[Fault]] = {}
    for fault in faults:
        alike = re.sub(r"\[[0-9]+\]", "[]", fault.field) if fault.field.endswith("]") else fault.field
        groups.setdefault((alike, fault.rule), []).append(fault)
    told = []
    for (field, rule), each in groups.items():
        if field.endswith("]") and len(each) > _TOLD_ONE_BY_ONE:
            told.append(each[0]._replace(rule=f"{rule} ({len(each)} entries break this rule)"))
        else:
            told += each
    return told


def _told(model: type[BaseModel], data: Any, source: str, detail: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield the faults behind one error of pydantic."""
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    path = _path(detail["loc"], data, missing=kind == "missing")
    cause = context.get("error")
    if isinstance(cause, FaultList):
        for fault in cause.faults:
            yield Fault(source, _joined(path, fault.field), fault.value, fault.rule, fault.suggestion)
        return
    suggestion = ""
    if kind == "missing":
        value = ABSENT
        _, found = _walk(model, detail["loc"])
        suggestion = f"add it: {found.description}" if found is not None and found.description else "add it"
    elif kind == "string_pattern_mismatch":
        _, found = _walk(model, detail["loc"])
        suggestion = f"write: {found.description}" if found is not None and found.description else ""
    elif kind == "extra_forbidden":
        models, _ = _walk(model, detail["loc"][:-1])
        suggestion = suggest(str(detail["loc"][-1]), [name for each in models for name in _fields(each)])
    elif kind in {"literal_error", "enum", "union_tag_invalid"}:
        choices = re.findall(r"'([^']*)'", str(context.get("expected", context.get("expected_tags", ""))))
        given = context.get("tag", value)
        near = closest(given, choices) if isinstance(given, str) else None
        suggestion = f'did you mean "{near}"?' if near is not None else ""
    elif isinstance(value, (Mapping, BaseModel, list, tuple)) and kind not in _RULES:
        value = ABSENT  # A rule about a whole model: its picture would say nothing.
    # Pydantic gives the bounds of a float as floats; a whole one reads better without its ".0".
    words = {key: f"{bound:.15g}" if isinstance(bound, float) else bound for key, bound in context.items()}
    rule = str(cause) if cause is not None else _RULES.get(kind, "").format(**words) or str(detail["msg"])
    yield Fault(source, path, value, rule, suggestion)


def _joined(prefix: str, path: str) -> str:
    return f"{prefix}.{path}" if prefix and path and not path.startswith("[") else prefix + path


def _path(location: tuple[int | str, ...], data: Any, *, missing: bool) -> str:
    """Return the dotted path of pydantic's location, without the names that it adds for members of a union."""
    path, value = "", data
    for position, piece in enumerate(location):
        if isinstance(piece, int):
            path += f"[{piece}]"
            value = value[piece] if isinstance(value, (list, tuple)) and piece < len(value) else None
        elif (isinstance(value, Mapping) and piece in value) or (missing and position == len(location) - 1):
            path = _joined(path, piece)
            value = value.get(piece) if isinstance(value, Mapping) else None
    return path


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields by the names that a document uses."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def _walk(model: type[BaseModel], location: tuple[int | str, ...]) -> tuple[list[type[BaseModel]], FieldInfo | None]:
    """Follow a location through the models: those that may stand at its end, and the last field on the way."""
    models: list[type[BaseModel]] = [model]
    last: FieldInfo | None = None
    for piece in location:
        named = [each for each in models if each.__name__ == piece]
        found = [_fields(each)[str(piece)] for each in models if piece in _fields(each)]
        if found:
            last = found[0]
            models = [each for info in found for each in _models_in(info.annotation)]
        elif named:  # The member of a union that pydantic tried.
            models = named
    return models, last


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
