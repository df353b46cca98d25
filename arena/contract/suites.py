"""What a suite of a package is, and how a plugin declares one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from arena.world.suite import Suite

Options = TypeVar("Options", bound=BaseModel)


@dataclass(frozen=True)
class SuiteSpec(Generic[Options]):
    """Declaration of a suite that is built when it is asked for, as from a folder of data that its user downloaded.

    Attributes:
        name: slug by which ``--suite`` refers to it; unique over all installed plugins and the arena's own suites.
        summary: one sentence for ``arena list suites``.
        options: frozen pydantic model with ``extra="forbid"``; ``--option KEY=VALUE`` fills it. A folder of data is a
            field ``data: Path``, which ``--data FOLDER`` fills. Every field has a description, which ``arena list
            suites`` shows; one without a default has to be given.
        build: makes the suite from validated options. It has the name of the declaration, and equal options and data
            give an equal suite. Raises `arena.InvalidInput` for data that it does not read. Heavy imports belong
            inside it.
    """

    name: str
    summary: str
    options: type[Options]
    build: Callable[[Options], Suite]
