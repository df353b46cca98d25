"""Rows of sparse matrices that are repeated and moved."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sparse

from arena_optimization.arrays import FloatArray, IntArray
from arena_optimization.programs.path_form import PathForm


class MatrixRows(NamedTuple):
    """Rows of a sparse matrix, one after the other."""

    lengths: IntArray
    """Number of entries of every row."""
    columns: IntArray
    """Column of every entry."""
    values: FloatArray
    """Value of every entry."""


def rows_of(matrix: sparse.csr_array, rows: IntArray, place: IntArray) -> MatrixRows:
    """Some rows of a matrix with its columns moved.

    Args:
        matrix: The matrix.
        rows: Positions of the rows.
        place: Where each column of the matrix is moved to.
    """
    lengths = np.diff(matrix.indptr)[rows]
    first = np.concatenate([[0], np.cumsum(lengths)[:-1]]) if len(rows) else lengths
    entries = np.arange(lengths.sum()) + np.repeat(matrix.indptr[:-1][rows] - first, lengths)
    return MatrixRows(lengths, place[matrix.indices[entries]], matrix.data[entries])


class PathPlaces(NamedTuple):
    """Where the rows or columns of a form lie in a program of many paths."""

    first: IntArray
    """Places on the first path."""
    step: IntArray
    """How much further they lie on the next path; 0 for what is common."""

    @classmethod
    def of(cls, count: int, common: IntArray, own: IntArray) -> PathPlaces:
        """The places where the common ones come first, and then the own ones, path by path.

        Args:
            count: Number of rows or columns of the form.
            common: Those that are common to all paths.
            own: The others.
        """
        first, step = np.empty(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
        first[common] = np.arange(len(common))
        first[own] = len(common) + np.arange(len(own))
        step[own] = len(own)
        return cls(first, step)


def drawn_entries(
    form: PathForm, kernel: FloatArray, *, rows: PathPlaces, columns: PathPlaces, shape: tuple[int, int]
) -> sparse.csr_array:
    """Entries of the shipments in the rows of what arrives on links whose lead times are drawn.

    Args:
        form: The program of one path.
        kernel: Share of the units shipped in a period that arrives in another, (paths, drawn links, periods of
            shipment, periods of arrival).
        rows: Where the rows of the form lie.
        columns: Where its columns lie.
        shape: Of the matrix of all paths.
    """
    horizon = form.horizon
    arriving = form.rows.where("arriving").reshape(-1, horizon)
    flows = form.flows.reshape(-1, horizon)[form.rows.item[arriving[:, 0]]]
    path, link, shipped, arrival = np.nonzero(kernel[:, :, :horizon, :horizon])
    row, column = arriving[link, arrival], flows[link, shipped]
    places = (rows.first[row] + path * rows.step[row], columns.first[column] + path * columns.step[column])
    return sparse.csr_array((-kernel[path, link, shipped, arrival], places), shape=shape)
