"""What controllers try against the arena, and at which levels of isolation nothing comes of it: one table for all."""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files
from typing import Annotated, Literal

from pydantic import Field

from arena.errors import Outcome
from arena.jail.isolation import ISOLATION_ORDER, Isolation
from arena.schemas import FrozenSchema, load_as

__all__ = ["APART", "Attack", "Case", "Need", "known_attacks"]

APART: tuple[Isolation, ...] = ISOLATION_ORDER[1:]
"""Levels that isolate at all: where a controller has a process of its own."""

Verdict = Literal["BLOCK", "FORFEIT", "REFUSE", "CLIP", "ACCEPT", "SCORE FALLS"]
"""What comes of an attack: no effect; this episode is lost; refused before the run; brought within bounds and counted;
accepted, for it is none; less score than without it."""


Need = Literal["memory_of_others", "name_server", "read_times", "priority", "page_cache"]
"""What not every machine has or grants: that processes of a user may read each other's memory, a name server that
answers, a file system that notes every reading, the right to a higher priority, libraries on a
file system from which pages go out of memory on advice."""


class Case(FrozenSchema):
    """One way to try an attack."""

    controller: Annotated[str, Field(pattern=r"^[a-z_/]+\.py:[A-Za-z]+$")]
    """The controller that tries, ``file.py:Class`` in the folder of the corpus."""
    outcomes: tuple[Outcome, ...] = ("ok",)
    """How its episode may end."""
    open_at: tuple[Isolation, ...] = ()
    """Levels at which it works."""
    needs: Need | None = None
    """Without which it works nowhere."""


class Attack(FrozenSchema):
    """One row of the table."""

    number: Annotated[int, Field(ge=1)]
    """Position in the table, from 1."""
    attack: str
    """What is tried, in words."""
    verdict: Verdict
    """What comes of it where it is not open."""
    cases: tuple[Case, ...] = ()
    """Controllers that try it."""
    tests: tuple[str, ...] = ()
    """Other tests that hold the verdict, by their node ids."""
    open_at: tuple[Isolation, ...] = ()
    """Levels at which it works in a way that no case tries."""

    def holds_at(self, level: str) -> bool:
        """Whether the verdict holds for every case at an isolation level; in process, nothing is promised."""
        return level in APART and level not in {*self.open_at, *(one for case in self.cases for one in case.open_at)}


class _Table(FrozenSchema):
    attacks: tuple[Attack, ...]


@cache
def known_attacks() -> tuple[Attack, ...]:
    """Return the table, in order of number."""
    with as_file(files("arena.report") / "attacks.yaml") as path:
        return load_as(_Table, path).attacks
