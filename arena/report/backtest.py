"""The page of a backtest: stock by node over time, and money by policy, on the windows of recorded demand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from arena.errors import ABSENT, Fault, InvalidInput
from arena.report.html import DRAWING, SHARED, render_page
from arena.results.files import Kind, read_head, write_text
from arena.results.folder import BACKTEST_NAME, STORE_NAME
from arena.results.record import key_of
from arena.results.store import Store
from arena.results.tables import Tables
from arena.simulate.compiled import MONEY_PARTS

if TYPE_CHECKING:
    from arena.results.reading import Results
    from arena.results.record import EpisodeRecord
    from arena.world.scenario import Scenario

MOST_NODES: Final = 60
"""Most nodes whose stock is drawn each for itself; the others are drawn together."""
ALL: Final = "all nodes"
OTHERS: Final = "other nodes"

_SCRIPT: Final = "scripts/backtest.js"
_PAGE: Final = re.compile(r"<!doctype html>.*<title>[^<]*: backtest</title>", re.DOTALL)
_PARTS: Final = {
    **{part: part.replace("_", " ") for part in MONEY_PARTS},
    "terminal_value": "value of stock after the windows",
    "profit": "profit",
}
_DIGITS: Final = 3

PAGE: Final = Kind("page of a backtest", lambda path: _PAGE.match(read_head(path)) is not None)
"""`backtest.html`, by its title."""


def write_backtest(results: Results, scenario: Scenario) -> Path:
    """Write the page of a backtest, `backtest.html` in the folder. An earlier one is replaced, and no other file.

    Args:
        results: folder of results of the scenario.
        scenario: the world that was played, with its names and dates.

    Raises:
        InvalidInput: the folder has no episode of the scenario, or a file that is no such page is in the way.
        ArenaError: the file cannot be written.
        StoreError: the store is damaged.
    """
    place = results.folder / BACKTEST_NAME
    write_text(place, render_backtest(results, scenario), PAGE)
    return place


def render_backtest(results: Results, scenario: Scenario) -> str:
    """Return the page of a backtest as HTML.

    Args:
        results: as for `write_backtest`.
        scenario: as for `write_backtest`.

    Raises:
        InvalidInput: the folder has no episode of the scenario.
        StoreError: the store is damaged.
    """
    data = backtest_data(results, scenario)
    return render_page(
        "backtest.html.jinja",
        scripts=[DRAWING, SHARED, _SCRIPT],
        data=data,
        name=scenario.name,
        backtest=data,
        parts=list(_PARTS.items()),
    )


def backtest_data(results: Results, scenario: Scenario) -> dict[str, Any]:
    """Return stock and money of a backtest as plain values, for the page.

    Money is that of the ledger, discounted and without a warm-up, over all windows; stock is at the end of a period.

    Args:
        results: folder of results of the scenario.
        scenario: the world that was played.

    Returns:
        ``labels``: names of the periods from the first window's first to the last window's last; ``windows``: place of
        the first period of each window among them; ``nodes``: names; ``policies``: per submission its name, track,
        forfeits, ``money`` by part with ``profit``, ``stock`` by node as a list per window, ``earned`` likewise over
        all nodes.

    Raises:
        InvalidInput: the folder has no episode of the scenario.
        StoreError: the store is damaged.
    """
    records = [one for one in results.records if one.scenario_digest == scenario.digest]
    if not records:
        rule = f"no episode of {scenario.name} as it is now was played here"
        raise InvalidInput([Fault(str(results.folder), "", ABSENT, rule, "play it by arena backtest")])
    names = [scenario.network.label(node) for node in scenario.network.managed]
    by_policy: dict[str, list[EpisodeRecord]] = {}
    for record in records:
        by_policy.setdefault(record.submission, []).append(record)
    with Store(results.folder / STORE_NAME, read_only=True) as store:
        tables = Tables(store.scenarios())
        played = {name: _replayed(tables, store, ours, len(names)) for name, ours in by_policy.items()}
    ranked = [row.submission for row in (*results.table.rows, *results.table.reference)]
    order = [name for name in ranked if name in played]
    shown = _shown_nodes([played[name]["on_hand"] for name in order])
    hidden = [place for place in range(len(names)) if place not in shown]
    windows, labels = _periods(scenario, sorted({record.seed_index for record in records}))
    return {
        "labels": labels,
        "windows": windows,
        "nodes": [ALL, *(names[place] for place in shown), *([OTHERS] if hidden else [])],
        "policies": [_policy(name, by_policy[name], played[name], shown, hidden) for name in order],
    }


def _replayed(
    tables: Tables, store: Store, records: Sequence[EpisodeRecord], nodes: int
) -> dict[str, NDArray[np.float64]]:
    """Return columns of the table of nodes, each of shape (windows, periods, nodes)."""
    ordered = sorted(records, key=lambda one: one.seed_index)
    block = tables.nodes([(record, store.arrays(key_of(record))) for record in ordered])
    found = {}
    for name in ("on_hand", *_PARTS):
        found[name] = np.asarray(block[name], dtype=np.float64).reshape(len(ordered), -1, nodes)
    return found


def _shown_nodes(stocks: Sequence[NDArray[np.float64]]) -> list[int]:
    """Return the nodes that are drawn each for itself: those with most stock, in their own order."""
    mean = np.mean([stock.mean(axis=(0, 1)) for stock in stocks], axis=0)
    return sorted(np.argsort(-mean, kind="stable")[:MOST_NODES].tolist())


def _periods(scenario: Scenario, indices: Sequence[int]) -> tuple[list[int], list[str]]:
    """Return the first period of every window that was played, and the names of all periods from the first on."""
    from arena.world.customers import groups_of, stride_of, window_start

    stride = stride_of(scenario)
    windows = [(index - indices[0]) * stride for index in indices]
    first, length = window_start(scenario) + indices[0] * stride, windows[-1] + scenario.horizon
    data = next((demand.data for demand, _ in groups_of(scenario) if demand.data is not None), None)
    labels = [str(first + period) for period in range(length)] if data is None else list(data.labels(first, length))
    return windows, labels


def _policy(
    name: str,
    records: Sequence[EpisodeRecord],
    played: Mapping[str, NDArray[np.float64]],
    shown: Sequence[int],
    hidden: Sequence[int],
) -> dict[str, Any]:
    stock = played["on_hand"]
    series = [stock.sum(axis=2), *(stock[:, :, place] for place in shown)]
    if hidden:
        series.append(stock[:, :, list(hidden)].sum(axis=2))
    money = {part: round(float(played[part].sum()), _DIGITS) for part in _PARTS}
    return {
        "name": name,
        "track": records[0].track,
        "forfeits": sum(record.outcome != "ok" for record in records),
        "money": money,
        "stock": [_rounded(one) for one in series],
        "earned": _rounded(played["profit"].sum(axis=2)),
        "mean_stock": [round(float(one.mean()), 1) for one in series],
    }


def _rounded(table: NDArray[np.float64]) -> list[list[float]]:
    rows: list[list[float]] = (np.round(table, _DIGITS) + 0.0).tolist()
    return rows
