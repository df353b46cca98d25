"""Scoring cost against the size of the work: it should grow linearly in periods, links and episodes.

Run ``python benchmarks/scaling.py``. Each row doubles one dimension and times what a scored episode costs the arena
itself (observations, order checks, dynamics, ledger, KPIs) with a controller that costs nothing. ``per unit`` is the
time divided by the dimension's size, relative to the row in the middle of the table: about 1 throughout the upper
half means linear growth; the first rows carry the fixed cost of an episode. All rows are timed in turn, several times
over, and the fastest pass of each counts, so that a busy machine disturbs none of them alone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

# Before numpy is imported: linear algebra on several threads would time the threads' start.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

import numpy as np  # noqa: E402

from arena import Demand, MarketLink, Network, Node, Scenario, Simulator, SupplyLink, TrackView, measure  # noqa: E402
from arena.contract.orders import check_orders  # noqa: E402
from arena.simulate.compiled import compile_scenario  # noqa: E402

_PASSES = 7


def chain(links: int, horizon: int) -> Scenario:
    """A serial network with that many supply links."""
    middle = [Node(id=i, initial_stock=100.0, holding_cost=0.01) for i in range(1, links)]
    factory = Node(id=links, initial_stock=100.0, holding_cost=0.01, capacity=100.0, operating_cost=0.01)
    nodes = (Node(id=0), *middle, factory, Node(id=links + 1))
    supply = tuple(
        SupplyLink(supplier=i + 1, buyer=i, lead_time=2, price=1.0, pipeline_holding_cost=0.0)
        for i in range(1, links + 1)
    )
    market = MarketLink(retailer=1, market=0, price=2.0, shortage_penalty=0.1, mean_demand=20.0)
    network = Network(nodes=nodes, supply_links=supply, market_links=(market,))
    return Scenario(name=f"chain-{links}", network=network, demand=Demand(), horizon=horizon)


def scorer(scenario: Scenario, episodes: int) -> Callable[[], None]:
    """A function that scores that many episodes."""
    compiled = compile_scenario(scenario)
    view = TrackView(scenario, "blind")
    orders = np.full(compiled.links, 20.0)

    def score() -> None:
        for seed in range(episodes):
            simulator = Simulator(scenario, compiled)
            simulator.start(seed)
            while not simulator.finished:
                view.observe(simulator.state)
                simulator.step(check_orders(orders, scenario.order_bound, compiled.links).orders)
            measure(simulator.ledger(), scenario)

    return score


def main() -> None:
    """Measure and print the three tables."""
    sizes = (1, 2, 4, 8, 16, 32)
    tables = {
        "periods (3 links, 10 episodes)": [(15 * size, scorer(chain(3, 15 * size), 10)) for size in sizes],
        "links (30 periods, 10 episodes)": [(3 * size, scorer(chain(3 * size, 30), 10)) for size in sizes],
        "episodes (3 links, 30 periods)": [(5 * size, scorer(chain(3, 30), 5 * size)) for size in sizes],
    }
    best: dict[tuple[str, int], float] = {}
    for _ in range(_PASSES):
        for name, rows in tables.items():
            for size, score in rows:
                start = time.perf_counter()
                score()
                elapsed = time.perf_counter() - start
                best[name, size] = min(elapsed, best.get((name, size), elapsed))
    for name, rows in tables.items():
        middle = rows[len(rows) // 2][0]
        reference = best[name, middle] / middle
        print(f"\n{name}\n{'size':>8} {'ms':>10} {'per unit':>10}")
        for size, _ in rows:
            print(f"{size:>8} {best[name, size] * 1e3:>10.2f} {best[name, size] / size / reference:>10.2f}")


if __name__ == "__main__":
    main()
