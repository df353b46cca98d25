"""Options of the suites: the folder of data, and the part of it that is played."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_REDRAWN: Final = re.compile(r"redrawn:(\d{1,18})")
BACKTEST_WEEKS: Final = tuple(range(93, 150, 4))
"""First weeks of VN2's fifteen backtest windows, counted from 0 in its table of sales."""


class BoardOptions(BaseModel):
    """Options that all suites share."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    data: Path = Field(description="folder with the files of the board, as its source publishes them")
    complete: bool = Field(default=True, description="check the counts that the source states; false for a part of it")


class InventoryBenchOptions(BoardOptions):
    """Options of the suite `inventorybench`."""

    slice: Literal[
        "all",
        "real",
        "synthetic",
        "real-lead-time-0",
        "real-lead-time-4",
        "real-lead-time-stochastic",
        "synthetic-lead-time-0",
        "synthetic-lead-time-4",
        "synthetic-lead-time-stochastic",
    ] = Field(default="all", description="family or cell that is played")
    lead_times: str = Field(
        default="given",
        description="given: those of the board; redrawn:SEED: those of every stochastic instance drawn anew from the "
        "stated law (1, 2, 3, lost with probability 1/4 each)",
    )

    @field_validator("lead_times")
    @classmethod
    def _is_a_way(cls, written: str) -> str:
        if written != "given" and _REDRAWN.fullmatch(written) is None:
            raise ValueError("must be given, or redrawn:SEED with a whole number, such as redrawn:1")
        return written

    @property
    def redrawn_seed(self) -> int | None:
        """Seed of redrawn lead times; None: those of the board are played."""
        found = _REDRAWN.fullmatch(self.lead_times)
        return None if found is None else int(found[1])


class Vn2Options(BoardOptions):
    """Options of the suite `vn2`."""

    weeks: str = Field(
        default="",
        description="competition: its eight weeks, which needs actuals.csv; backtest: the 15 windows; or first weeks "
        "of windows, counted from 0 and separated by commas (93,97); absent: competition if actuals.csv is there, else "
        "backtest",
    )

    @field_validator("weeks", mode="before")
    @classmethod
    def _as_text(cls, written: object) -> object:
        """Take a number, or a list of numbers, for the text that stands for it."""
        if isinstance(written, int) and not isinstance(written, bool):
            return str(written)
        if isinstance(written, list | tuple):
            return ",".join(map(str, written))
        return written

    @field_validator("weeks")
    @classmethod
    def _are_weeks(cls, written: str) -> str:
        if written not in ("", "competition", "backtest") and not re.fullmatch(r"\d{1,4}(,\d{1,4})*", written):
            raise ValueError("must be competition, backtest, or first weeks such as 93,97")
        return written

    @property
    def first_weeks(self) -> tuple[int, ...] | None:
        """First weeks of the windows, each once; None: the competition, or not stated."""
        if self.weeks in ("", "competition"):
            return None
        if self.weeks == "backtest":
            return BACKTEST_WEEKS
        return tuple(dict.fromkeys(int(week) for week in self.weeks.split(",")))


class PanelOptions(BoardOptions):
    """Options of the suites that are made of many recorded series.

    The sources state no costs; those of VN2 are the default, under which a unit short costs five times a unit left.
    """

    items: int = Field(default=100, ge=1, le=20_000, description="series played, those of most units before the window")
    windows: int = Field(default=3, ge=1, le=100, description="windows played, the last ones of the data")
    horizon: int = Field(default=8, ge=1, le=1_000, description="periods of a window")
    stride: int | None = Field(default=None, ge=1, description="periods between windows; absent: the horizon")
    history: int | None = Field(default=None, ge=1, description="periods told before a window; absent: all of them")
    lead_time: int = Field(default=2, ge=0, le=100, description="periods between an order and its arrival")
    holding_cost: float = Field(default=0.2, ge=0, le=1e6, description="money per unit left at the end of a period")
    shortage_cost: float = Field(default=1.0, ge=0, le=1e6, description="money per unit of lost sales")

    @model_validator(mode="after")
    def _cost_something(self) -> Self:
        if self.holding_cost == 0 and self.shortage_cost == 0:
            raise ValueError("holding_cost and shortage_cost must not both be 0")
        return self


class DailyOptions(PanelOptions):
    """Options of suites whose periods are days."""

    horizon: int = Field(default=28, ge=1, le=1_000, description="periods of a window")
    lead_time: int = Field(default=7, ge=0, le=100, description="periods between an order and its arrival")


class FavoritaOptions(DailyOptions):
    """Options of the suite `favorita`."""

    stores: str = Field(default="", description="numbers of the stores that are read, such as 1,44; absent: all")

    @field_validator("stores", mode="before")
    @classmethod
    def _as_text(cls, written: object) -> object:
        return str(written) if isinstance(written, int) and not isinstance(written, bool) else written

    @field_validator("stores")
    @classmethod
    def _are_numbers(cls, written: str) -> str:
        if written and not re.fullmatch(r"\d{1,6}(,\d{1,6})*", written):
            raise ValueError("must be numbers of stores, such as 1,44")
        return written

    @property
    def store_numbers(self) -> frozenset[int] | None:
        """Numbers of the stores that are read; None: all."""
        return frozenset(map(int, self.stores.split(","))) if self.stores else None
