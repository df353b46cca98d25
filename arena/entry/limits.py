"""Limits that an organiser chooses: a YAML file with fields of `arena.jail.limits.Limits`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, create_model

from arena.jail.limits import Limits
from arena.schemas import FrozenSchema, load_as

_LARGEST_SIZE: Final = 2**53
_LONGEST: Final = 1e7
"""Seconds of a limit, at most: 115 days. Longer ones could not be waited for."""

_Size = Annotated[int, Field(strict=True, gt=0, le=_LARGEST_SIZE)]
_Seconds = Annotated[float, Field(strict=True, gt=0, le=_LONGEST, allow_inf_nan=False)]
_Factor = Annotated[float, Field(strict=True, ge=1, le=1000, allow_inf_nan=False)]


def load_limits(path: Path) -> Limits:
    """Read limits from a YAML file; what it does not name has the default.

    Raises:
        InvalidInput: with every fault: an unknown field, a value that is no positive number, a factor below 1.
    """
    return Limits(**load_as(_Document, path).model_dump())


def _field(field: dataclasses.Field[Any]) -> tuple[Any, Any]:
    kind: Any = _Size if isinstance(field.default, int) else _Seconds
    return (_Factor if field.name == "wall_time_factor" else kind), field.default


_fields: dict[str, Any] = {field.name: _field(field) for field in dataclasses.fields(Limits)}
_Document: type[FrozenSchema] = create_model("Limits", __base__=FrozenSchema, **_fields)
