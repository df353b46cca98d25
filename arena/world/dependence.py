"""Demand that depends on other demand: correlation between market links, and on the period before.

A Gaussian copula (Nelsen 2006, An Introduction to Copulas, section 2.3): the uniforms of a period become normal
deviates, these are made to depend on each other and on those of the period before, and become uniforms again. Every
single demand keeps its distribution. All of it is arithmetic on uniforms that are drawn as ever, a number per market
link and period, so that it is the same whatever is played.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from arena.errors import FaultList, FieldFault
from arena.schemas import Finite, FrozenSchema
from arena.world.quantiles import LARGEST_UNIFORM, SMALLEST_UNIFORM

LARGEST_MATRIX = 1_000
"""Most market links of a written correlation matrix."""
_TOLERANCE = 1e-9

Coefficient = Annotated[Finite, Field(ge=-1, le=1)]


class Correlation(FrozenSchema):
    """How the normal deviates behind the demands of one period are correlated between market links.

    With an autoregression it is the correlation of the new deviates of a period; where all market links have the same
    coefficient, that of the whole deviates too.
    """

    common: Annotated[Finite, Field(ge=0, le=1)] | None = Field(
        default=None, description="a common factor: the correlation of any two market links"
    )
    matrix: tuple[tuple[Coefficient, ...], ...] | None = Field(
        default=None,
        min_length=1,
        max_length=LARGEST_MATRIX,
        description="a row and a column per market link, in their order: symmetric, 1 on the diagonal, positive "
        "semidefinite",
    )

    @model_validator(mode="after")
    def _is_a_correlation(self) -> Correlation:
        if (self.common is None) == (self.matrix is None):
            rule = "is either a common factor or a matrix"
            raise FaultList([FieldFault("common", self.common, rule, "write common: 0.5, or matrix: [[1, .5], …]")])
        faults = [] if self.matrix is None else _matrix_faults(self.matrix)
        if faults:
            raise FaultList(faults)
        return self

    def full(self, markets: int) -> NDArray[np.float64]:
        """The correlation matrix, shape (market links, market links), read-only."""
        if self.matrix is None:
            assert self.common is not None
            matrix = np.full((markets, markets), self.common)
            np.fill_diagonal(matrix, 1.0)
        else:
            matrix = np.array(self.matrix)
        matrix.flags.writeable = False
        return matrix

    def factor(self, markets: int) -> NDArray[np.float64]:
        """A lower triangular root of the correlation matrix, shape (market links, market links)."""
        root = _root(self.full(markets))
        assert root is not None  # a common factor from 0 to 1 and a checked matrix have one
        return root


def _matrix_faults(matrix: tuple[tuple[float, ...], ...]) -> list[FieldFault]:
    count = len(matrix)
    for i, row in enumerate(matrix):
        if len(row) != count:
            rule = f"a correlation matrix is square, {count} by {count} here"
            return [FieldFault(f"matrix[{i}]", f"{len(row)} numbers", rule, "give one number per market link")]
        if row[i] != 1:
            rule = "a demand has correlation 1 with itself"
            return [FieldFault(f"matrix[{i}][{i}]", row[i], rule, "write 1 on the diagonal")]
        for j in range(i):
            if row[j] != matrix[j][i]:
                rule = f"a correlation matrix is symmetric, and matrix[{j}][{i}] is {matrix[j][i]:g}"
                return [FieldFault(f"matrix[{i}][{j}]", row[j], rule, "write the same number in both places")]
    if _root(np.array(matrix)) is None:
        rule = "a correlation matrix is positive semidefinite: no demands can be correlated like this"
        smallest = float(np.linalg.eigvalsh(np.array(matrix))[0])
        fix = "bring the correlations nearer to 0"
        return [FieldFault("matrix", f"smallest eigenvalue {smallest:.3g}", rule, fix)]
    return []


def _root(matrix: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Cholesky's factor of a matrix that may be singular; None if it is not positive semidefinite.

    Element by element instead of by a library, which would round differently from machine to machine.
    """
    rest = np.array(matrix, dtype=np.float64)
    root = np.zeros_like(rest)
    for k in range(len(rest)):
        pivot = rest[k, k]
        if pivot <= _TOLERANCE:
            if pivot < -_TOLERANCE or (np.abs(rest[k + 1 :, k]) > math.sqrt(_TOLERANCE)).any():
                return None
            continue
        column = rest[k:, k] / math.sqrt(pivot)
        root[k:, k] = column
        rest[k:, k:] -= np.multiply.outer(column, column)
    return root


class Dependence:
    """How the uniforms of a scenario's market links depend on each other and on the period before.

    Args:
        markets: number of market links.
        correlation: between market links; None: none.
        coefficients: of autoregression, per market link.
    """

    def __init__(self, markets: int, correlation: Correlation | None, coefficients: Sequence[float]) -> None:
        self._rows: list[list[tuple[int, float]]] | None = None
        self._common: list[tuple[float, float]] | None = None
        if correlation is not None and correlation.matrix is None:
            assert correlation.common is not None
            self._common = _common_rows(correlation.common, markets)
        elif correlation is not None:
            factor = correlation.factor(markets).tolist()
            self._rows = [[(j, weight) for j, weight in enumerate(row) if weight] for row in factor]
        self._coefficients = [(phi, math.sqrt(1.0 - phi * phi)) for phi in coefficients]

    def begin(self) -> list[Any]:
        """The deviates before the first period: none are there yet."""
        return []

    def step(self, uniforms: Sequence[Any], before: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """The dependent uniforms of one period.

        Args:
            uniforms: as drawn, one per market link: numbers, or arrays over a batch.
            before: deviates of the period before, from the last call; of :meth:`begin` in the first period.

        Returns:
            Uniforms below 1, and the deviates of this period. A batch has the numbers of its episodes, bit for bit.
        """
        from scipy.special import ndtr, ndtri

        fresh = [ndtri(_inside(each)) for each in uniforms]
        deviates = self._correlated(fresh)
        if before:
            deviates = [
                new if not phi else phi * old + rest * new
                for new, old, (phi, rest) in zip(deviates, before, self._coefficients, strict=True)
            ]
        if self._rows is None and self._common is None:  # what depends on nothing stays as it was drawn
            dependent = [
                _below_one(ndtr(deviate)) if phi else each
                for each, deviate, (phi, _) in zip(uniforms, deviates, self._coefficients, strict=True)
            ]
        else:
            dependent = [_below_one(ndtr(deviate)) for deviate in deviates]
        return dependent, deviates

    def table(self, uniforms: NDArray[np.float64]) -> NDArray[np.float64]:
        """The dependent uniforms of successive periods from the first one on.

        Args:
            uniforms: as drawn, shape (periods, market links).
        """
        before: list[Any] = self.begin()
        rows = []
        for row in uniforms.tolist():
            dependent, before = self.step(row, before)
            rows.append(dependent)
        return np.array(rows, dtype=np.float64).reshape(uniforms.shape)

    def _correlated(self, fresh: list[Any]) -> list[Any]:
        if self._common is not None:
            found, shared = [], None
            for (own, passed_on), deviate in zip(self._common, fresh, strict=True):
                found.append(own * deviate if shared is None else shared + own * deviate)
                part = passed_on * deviate
                shared = part if shared is None else shared + part
            return found
        if self._rows is None:
            return fresh
        return [_weighed(row, fresh) for row in self._rows]


def _inside(uniform: Any) -> Any:
    """The uniform, or what stands for it where the normal quantile is infinite."""
    if isinstance(uniform, float):
        return min(max(uniform, SMALLEST_UNIFORM), LARGEST_UNIFORM)
    return np.clip(uniform, SMALLEST_UNIFORM, LARGEST_UNIFORM)


def _below_one(uniform: Any) -> Any:
    return min(uniform, LARGEST_UNIFORM) if isinstance(uniform, float) else np.minimum(uniform, LARGEST_UNIFORM)


def _weighed(row: list[tuple[int, float]], fresh: list[Any]) -> Any:
    total: Any = None
    for position, weight in row:
        part = weight * fresh[position]
        total = part if total is None else total + part
    return total


def _common_rows(common: float, markets: int) -> list[tuple[float, float]]:
    """Cholesky's factor of a common correlation: per column its diagonal entry, and the one that fills all below it."""
    rows, explained = [], 0.0
    for _ in range(markets):
        own = math.sqrt(max(0.0, 1.0 - explained))
        passed_on = (common - explained) / own if own > math.sqrt(_TOLERANCE) else 0.0
        rows.append((own, passed_on))
        explained += passed_on * passed_on
    return rows
