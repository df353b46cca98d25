"""A small company that orders every day: a depot, two shops and their sales; for tests of the advice."""

from __future__ import annotations

import datetime
from pathlib import Path

NETWORK = """
name: corner
nodes:
  - {name: mill}
  - {name: depot, initial_stock: 60, holding_cost: 0.01}
  - {name: east, initial_stock: 20, holding_cost: 0.02}
  - {name: west, initial_stock: 20, holding_cost: 0.02}
  - {name: east customers}
  - {name: west customers}
supply_links:
  - {supplier: mill, buyer: depot, lead_time: 3, price: 1, pipeline_holding_cost: 0, lot_size: 12}
  - {supplier: depot, buyer: east, lead_time: 2, price: 2, pipeline_holding_cost: 0, lot_size: 4}
  - {supplier: depot, buyer: west, lead_time: 1, price: 2, pipeline_holding_cost: 0, minimum_order: 5}
market_links:
  - {name: east, retailer: east, market: east customers, price: 4, shortage_penalty: 0.5}
  - {name: west, retailer: west, market: west customers, price: 4, shortage_penalty: 0.5, fulfilment: lost_sales}
"""
SCENARIO = """
name: corner
network: network.yaml
fulfilment: backlog
horizon: 7
window: {start: 28, stride: 7, count: 2}
history: 28
demand:
  data: {file: sales.csv, layout: wide, date: day, frequency: day}
"""
#: Sales of 42 days from a Monday on: 4.5 a day in the east, 11 on Saturdays, and 1.5 in the west. Today is a Monday.
FIRST = datetime.date(2024, 1, 1)
DAYS = 42
TODAY = "2024-02-12"

STOCK = """node,on_hand,backlog,supplier,on_order,arrival
depot,48,,mill,24,2024-02-14
east,9,2,depot,8,2024-02-13
west,14,0,,,
"""


def write_company(folder: Path, stock: str = STOCK) -> Path:
    """Write the company's files into a folder, and return the scenario's."""
    rows = ["day,east,west"]
    for day in range(DAYS):
        date = FIRST + datetime.timedelta(days=day)
        rows.append(f"{date},{11 if date.weekday() == 5 else 4 + day % 2},{1 + day % 2}")
    (folder / "network.yaml").write_text(NETWORK, encoding="utf-8")
    (folder / "scenario.yaml").write_text(SCENARIO, encoding="utf-8")
    (folder / "sales.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "state.csv").write_text(stock, encoding="utf-8")
    return folder / "scenario.yaml"
