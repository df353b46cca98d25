"""Native scores of episodes, and whether a suite's native score is of an indicator that exists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from arena.contract.kpi import Kpis
from arena.errors import FieldFault, suggest
from arena.world.native_score import NativeScore, find_native_misfits
from arena.world.scoring import find_misfits
from arena.world.suite import Suite

COST: Final = "cost"
"""The negative of profit."""


def native_value(kpis: Kpis, native: NativeScore) -> float:
    """Return the value of one episode by a native score.

    Args:
        kpis: the episode's indicators; after a forfeit with the profit that counts.
        native: the suite's native score.
    """
    value = -kpis.profit if native.indicator == COST else float(getattr(kpis, native.indicator))
    if native.per == "full_revenue":
        value = value / kpis.full_revenue if kpis.full_revenue > 0 else 0.0
    return value if native.least is None else max(native.least, value)


def find_suite_misfits(suite: Suite) -> Iterator[FieldFault]:
    """Yield a fault for everything that a suite's score rule and native score say and that is not so.

    Args:
        suite: any.
    """
    yield from find_misfits(suite.score_rule, suite.scenarios, suite.native)
    if suite.native is None:
        return
    indicator = suite.native.indicator
    if indicator != COST and indicator not in Kpis.model_fields:
        known = [COST, *Kpis.model_fields]
        yield FieldFault("native.indicator", indicator, "is no indicator", suggest(indicator, known))
    yield from find_native_misfits(suite.native, suite.scenarios)
