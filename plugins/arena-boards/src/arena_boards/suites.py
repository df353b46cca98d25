"""The suites of the package, each made from its scenarios."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arena_boards.options import DailyOptions, FavoritaOptions, InventoryBenchOptions, PanelOptions, Vn2Options

if TYPE_CHECKING:
    from arena import Scenario, Suite


def inventorybench(options: InventoryBenchOptions) -> Suite:
    """Build InventoryBench.

    Raises:
        InvalidInput: the data break a rule of the board.
    """
    from arena import Suite
    from arena_boards.inventorybench import build_inventorybench
    from arena_boards.native_scores import inventorybench_score

    scenarios, cells = build_inventorybench(options)
    is_redrawn = options.redrawn_seed is not None
    described = "InventoryBench: one article per scenario, lost sales, lead times 0, 4, or 1 to 3 and lost"
    if is_redrawn:
        described += f"; lead times drawn anew with seed {options.redrawn_seed}"
    native = inventorybench_score(cells, as_published=not is_redrawn, whole=options.slice == "all")
    return Suite(name="inventorybench", description=described, scenarios=scenarios, native=native)


def vn2(options: Vn2Options) -> Suite:
    """Build VN2.

    Raises:
        InvalidInput: the data do not fit each other, or the weeks are not in them.
    """
    from arena import Suite
    from arena_boards.native_scores import vn2_score
    from arena_boards.vn2 import build_vn2

    scenarios, cells = build_vn2(options)
    described = "VN2 Inventory Planning Challenge: eight weeks, one stock point per store and product"
    return Suite(name="vn2", description=described, scenarios=scenarios, native=vn2_score(cells))


def favorita(options: FavoritaOptions) -> Suite:
    """Build windows of Favorita's days.

    Raises:
        InvalidInput: the data are cut, doubled or others.
    """
    from arena_boards.favorita import build_favorita

    return _panel("favorita", "Corporación Favorita's grocery sales by store and item, days", build_favorita(options))


def m5(options: DailyOptions) -> Suite:
    """Build windows of M5's days.

    Raises:
        InvalidInput: the data are cut, doubled or others.
    """
    from arena_boards.m5 import build_m5

    return _panel("m5", "M5: Walmart's unit sales by store and item, days", build_m5(options))


def rossmann(options: DailyOptions) -> Suite:
    """Build windows of Rossmann's days.

    Raises:
        InvalidInput: the data are cut, doubled or others.
    """
    from arena_boards.rossmann import build_rossmann

    return _panel("rossmann", "Rossmann's turnover by store, euros a day", build_rossmann(options))


def bayesm(options: PanelOptions) -> Suite:
    """Build windows of bayesm's weeks.

    Raises:
        InvalidInput: the data are cut, doubled or others.
    """
    from arena_boards.bayesm import build_bayesm

    return _panel("bayesm", "Dominick's orange juice by store and brand, quarts a week", build_bayesm(options))


def _panel(name: str, described: str, built: tuple[tuple[Scenario, ...], dict[str, str]]) -> Suite:
    from arena import Suite
    from arena_boards.native_scores import panel_score

    scenarios, cells = built
    return Suite(name=name, description=described, scenarios=scenarios, native=panel_score(cells))
