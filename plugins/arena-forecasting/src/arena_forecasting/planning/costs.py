"""Money and limits of stock points, in arrays: what an order costs and a sale earns."""

from __future__ import annotations

from dataclasses import dataclass

from arena_forecasting.arrays import FloatArray


@dataclass(frozen=True)
class StockCosts:
    """Money and limits of several stock points that have equally many supply links.

    Attributes:
        price: money per unit sold, (items,).
        holding: money per unit on hand at the end of a period, (items,).
        penalty: money per unit unfilled at the end of a period, (items,).
        waiting_share: share of unfilled units that wait, (items,).
        storage: most units kept, (items,); infinite without a limit.
        terminal: money per unit left after the last period, (items,).
        unit_cost: money per unit ordered, its cost of transit included, (items, links).
        fixed: money per order, (items, links).
        minimum: least units of an order, (items, links).
        lot: units of a lot, (items, links); 0: any quantity.
        most: largest order, units, (items, links).
        discount: factor on money per period.
    """

    price: FloatArray
    holding: FloatArray
    penalty: FloatArray
    waiting_share: FloatArray
    storage: FloatArray
    terminal: FloatArray
    unit_cost: FloatArray
    fixed: FloatArray
    minimum: FloatArray
    lot: FloatArray
    most: FloatArray
    discount: float
