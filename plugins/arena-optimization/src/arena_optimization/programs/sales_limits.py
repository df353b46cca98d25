"""The big-M of forced sales: what can be wanted, and what can be in stock, at most."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from arena_optimization.arrays import FloatArray
from arena_optimization.programs.forced_sales import MOST
from arena_optimization.programs.path_form import PathForm


def tightened(form: PathForm, wanted: FloatArray, stock: FloatArray) -> PathForm:
    """A program's form with the least numbers that do in place of `MOST`.

    Args:
        form: The program of one path.
        wanted: Units that a market link can want at most in a period, (market links, periods).
        stock: Units that can be in stock at most before sales, (stock points, periods).
    """
    columns = form.columns
    most = np.full(len(columns), MOST)
    for kind, units in (("unfilled", wanted), ("sold", wanted), ("kept", stock)):
        here = columns.where(kind)
        most[here] = np.minimum(units[columns.item[here], columns.period[here]] * (1.0 + 1e-6) + 1e-4, MOST)
    matrix, right = form.matrix.copy(), form.row_constant.copy()
    for row in np.flatnonzero(np.isin(form.rows.kind, ["missed", "sold_out", "unserved"])):
        entries = np.arange(matrix.indptr[row], matrix.indptr[row + 1])
        at = matrix.indices[entries]
        binary = columns.kind[at] == "short"
        scale, units = matrix.data[entries[~binary]][0], most[at[~binary]][0]
        if form.rows.kind[row] == "missed":
            matrix.data[entries[binary]] = -abs(scale) * units
        else:
            matrix.data[entries[binary]] = scale * units
            right[row] = scale * units
    return replace(form, matrix=matrix, row_constant=right)
