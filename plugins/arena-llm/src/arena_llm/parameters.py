"""The six parameters of the ordering rule: their bounds, their defaults, and how an answer is read.

An answer is taken as it is or not at all. A value out of bounds is never moved to the bound: a model that has not
understood the bounds has not understood the question.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError

_LONGEST_COMPLAINT = 600


def _bounded(low: float, high: float, description: str) -> Any:
    return Field(strict=True, ge=low, le=high, allow_inf_nan=False, description=description)


class Parameters(BaseModel):
    """What is set, once an episode or a few times. Booleans, text and NaN are no numbers."""

    # Built on first use: each episode starts in a fresh process.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    demand_multiplier: Annotated[float, _bounded(0.5, 2.0, "factor on the mean demand over the lead time")]
    safety_z: Annotated[float, _bounded(0.0, 3.0, "deviations of that demand held as safety stock")]
    order_cap_fraction: Annotated[float, _bounded(0.05, 1.0, "largest order, as a share of the order bound")]
    retail_multiplier: Annotated[float, _bounded(0.2, 2.0, "factor on what retailers order")]
    distribution_multiplier: Annotated[float, _bounded(0.2, 2.0, "factor on what other distributors order")]
    factory_multiplier: Annotated[float, _bounded(0.2, 2.0, "factor on what factories order")]


NAMES: Final = (
    "demand_multiplier",
    "safety_z",
    "order_cap_fraction",
    "retail_multiplier",
    "distribution_multiplier",
    "factory_multiplier",
)
"""The parameters in the order of every array of them."""

BOUNDS: Final = ((0.5, 2.0), (0.0, 3.0), (0.05, 1.0), (0.2, 2.0), (0.2, 2.0), (0.2, 2.0))
"""Lower and upper bound of each, in the order of `NAMES`."""

DEFAULT_VALUES: Final = (1.0, 1.0, 0.35, 1.0, 0.8, 0.6)
"""The published defaults, in the order of `NAMES`."""


def make_parameters(values: tuple[float, ...] | list[float]) -> Parameters:
    """Return parameters from values in the order of `NAMES`.

    Raises:
        ValueError: there are not six, or one is out of bounds.
    """
    return Parameters(**dict(zip(NAMES, values, strict=True)))


def default_parameters() -> Parameters:
    """The published defaults."""
    return make_parameters(DEFAULT_VALUES)


class UnusableAnswer(ValueError):  # noqa: N818 - named after what it reports
    """An answer that is not what was asked for; its text is what the model is told."""


def read_answer(text: str) -> Parameters:
    """Read a model's answer: one JSON object with the six numbers, within bounds, and nothing around it.

    Raises:
        UnusableAnswer: it is anything else.

    >>> read_answer(" ")
    Traceback (most recent call last):
    ...
    arena_llm.parameters.UnusableAnswer: the answer is empty
    """
    if not text.strip():
        raise UnusableAnswer("the answer is empty")
    try:
        found = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except UnusableAnswer:
        raise
    except (ValueError, RecursionError) as error:
        cause = str(error) if isinstance(error, ValueError) else "it is nested too deep"
        raise UnusableAnswer(f"the answer is not one JSON object and nothing else: {cause}") from error
    try:
        return Parameters.model_validate(found)
    except ValidationError as error:
        told = "; ".join(_complaint(fault) for fault in error.errors(include_url=False, include_input=False))
        raise UnusableAnswer(told[:_LONGEST_COMPLAINT]) from error


def answer_schema() -> dict[str, Any]:
    """JSON schema of an answer, as endpoints with structured output take it.

    Bounds stand in the descriptions too: not every endpoint that takes a schema takes its bounds.
    """
    bounds = dict(zip(NAMES, BOUNDS, strict=True))
    return {
        "type": "object",
        "properties": {
            name: {
                "type": "number",
                "description": f"{field.description}; {bounds[name][0]:g} to {bounds[name][1]:g}",
                "minimum": bounds[name][0],
                "maximum": bounds[name][1],
            }
            for name, field in Parameters.model_fields.items()
        },
        "required": list(NAMES),
        "additionalProperties": False,
    }


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise UnusableAnswer("a key stands there twice")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise UnusableAnswer(f"{name} is no number here")


def _complaint(fault: Any) -> str:
    place = ".".join(str(part)[:40] for part in fault["loc"]) or "the answer"
    return f"{place}: {fault['msg']}"
