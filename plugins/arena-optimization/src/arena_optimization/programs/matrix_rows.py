"""Rows of sparse matrices that are repeated and moved."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sparse

from arena_optimization.arrays import FloatArray, IntArray


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
