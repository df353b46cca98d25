"""The native score of a suite: what its makers score by, as data, so that anybody recomputes it from the episodes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal

from pydantic import Field

from arena.errors import FieldFault, suggest
from arena.schemas import Finite, FrozenSchema
from arena.world.scenario import Scenario

COUNTED: Final = ("profit", "cost")
"""Indicators of the profit that counts: at most 0 after a forfeit, so that failing never pays."""


class PublishedResult(FrozenSchema):
    """A result that somebody published on the suite, to be shown beside those of the submissions.

    Cells that the suite does not have are not shown, so that a part of a suite may state all of them.
    """

    name: str = Field(min_length=1, max_length=100, description="of whom or what")
    source: str = Field(default="", max_length=300, description="where it was published")
    score: Finite | None = Field(default=None, description="the native score; absent: not published")
    cells: dict[str, Finite] = Field(default_factory=dict, description="native score by cell")
    reference: bool = Field(
        default=False, description="whether it knows more than contestants do, so that nobody need beat it"
    )


class NativeScore(FrozenSchema):
    """A score of the suite's own beside the arena's.

    An episode's value is an indicator, maybe divided by the full revenue and raised to the least value; that of a
    scenario is the mean over its episodes; the native score is the mean or the sum over scenarios.
    """

    name: str = Field(default="native score", min_length=1, max_length=60, description="of the score, with its unit")
    indicator: str = Field(
        default="profit",
        pattern=r"^[a-z][a-z0-9_]{0,59}$",
        description="an indicator of the contract by name, or cost: the negative of profit",
    )
    per: Literal["none", "full_revenue"] = Field(
        default="none",
        description="divisor: full_revenue is what customers would pay if every unit demanded were sold; where that is "
        "0, the value is 0",
    )
    least: Finite | None = Field(default=None, description="values below it are raised to it; absent: none are")
    total: Literal["mean", "sum"] = Field(default="mean", description="over scenarios")
    better: Literal["higher", "lower"] = Field(default="higher", description="which scores are better")
    cells: dict[str, str] = Field(
        default_factory=dict, description="cell of each scenario by name; the score is shown by cell, too"
    )
    published: tuple[PublishedResult, ...] = Field(default=(), description="results of others, best first")

    @property
    def is_counted(self) -> bool:
        """Whether it follows the profit that counts, so that submissions may be ranked by it."""
        return self.indicator in COUNTED

    @property
    def sign(self) -> float:
        """1 if higher is better, −1 if lower is."""
        return 1.0 if self.better == "higher" else -1.0

    @property
    def cell_names(self) -> tuple[str, ...]:
        """Cells, in the order of their first scenarios."""
        return tuple(dict.fromkeys(self.cells.values()))

    def describe(self) -> str:
        """Return the score as words."""
        value = self.indicator.replace("_", " ")
        value += " / full revenue" if self.per == "full_revenue" else ""
        value += "" if self.least is None else f", at least {self.least:g}"
        over = "the mean" if self.total == "mean" else "the sum"
        return f"{value}, {over} over scenarios; {self.better} is better"


def find_native_misfits(native: NativeScore, scenarios: Sequence[Scenario]) -> Iterator[FieldFault]:
    """Yield a fault for everything that a native score says of scenarios and cells and that is not so.

    Args:
        native: the suite's native score.
        scenarios: the suite's scenarios.
    """
    names = [scenario.name for scenario in scenarios]
    known = set(names)
    for name in native.cells:
        if name not in known:
            yield FieldFault(
                f"native.cells.{name}", name, "no scenario of the suite has this name", suggest(name, names)
            )
    if native.cells:
        for name in names:
            if name not in native.cells:
                rule = "a suite with cells has one for every scenario, and none is stated for this one"
                yield FieldFault("native.cells", name, rule, "add it, or leave all cells out")
