"""A retailer with one supplier and one market, and episodes in which a rule is blind to a part of its world."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from arena import Scenario, Simulator, TrackView, realised_history
from arena_heuristics import arena_controllers
from arena_heuristics.stock_keeper import StockKeeper

SPECS = {spec.name: spec for spec in arena_controllers()}


def one_stage(
    link: dict[str, Any] | None = None,
    market: dict[str, Any] | None = None,
    node: dict[str, Any] | None = None,
    **settings: Any,
) -> Scenario:
    """Raw 2 → retailer 1 → market 0; a shortage costs nine times as much as a unit held."""
    network = {
        "nodes": [{"id": 0}, {"id": 1, "initial_stock": 60, "holding_cost": 0.1, **(node or {})}, {"id": 2}],
        "supply_links": [
            {"supplier": 2, "buyer": 1, "lead_time": 2, "price": 0.5, "pipeline_holding_cost": 0.0, **(link or {})}
        ],
        "market_links": [
            {"retailer": 1, "market": 0, "price": 1.0, "shortage_penalty": 0.9, "mean_demand": 20, **(market or {})}
        ],
    }
    written = {"horizon": 120, "demand": {"sampling": "inverse_cdf"}, **settings}
    return Scenario.model_validate({"name": "one-stage", "network": network, **written})


def profit(scenario, name, track, seed=0, *, blind_to=None, **config) -> float:
    """Profit of an episode.

    Args:
        scenario: what is played.
        name: of the rule.
        track: what is seen.
        seed: of the episode.
        blind_to: fields of the briefing that the rule is told otherwise, as one that ignores a part takes them.
        config: settings of the rule.
    """
    spec, view, simulator = SPECS[name], TrackView(scenario, track), Simulator(scenario)
    controller = spec.factory(spec.config(**config))
    briefing = view.brief(seed=1, history=realised_history(scenario, seed))
    for field, value in (blind_to or {}).items():
        object.__setattr__(briefing, field, value)
    controller.begin(briefing)
    simulator.start(seed)
    total = 0.0
    while not simulator.finished:
        orders = controller.order(view.observe(simulator.state))
        total += simulator.step(np.clip(orders, 0.0, scenario.order_bound))
    return total


def mean_profit(scenario: Scenario, name: str, track: str, **settings: Any) -> float:
    """Mean profit of four episodes, see `profit`."""
    return float(np.mean([profit(scenario, name, track, seed=seed, **settings) for seed in range(4)]))


def keeper(scenario: Scenario, track: str = "informed") -> StockKeeper:
    """Count the stock of a scenario, as a rule of the track does."""
    history = np.zeros((scenario.history, len(scenario.network.market_links)))
    briefing = TrackView(scenario, track).brief(seed=1, history=history)
    return StockKeeper(briefing, lead_time_weight=0.1, alternative_paths="auto")


def orders_of(
    scenario: Scenario, name: str, track: str, nodes: Sequence[int | None], seed: int, **config: Any
) -> Iterator[np.ndarray]:
    """Orders of an episode, period by period: of one controller, or of one per node."""
    simulator, history = Simulator(scenario), realised_history(scenario, seed)
    views = [TrackView(scenario, track, node) for node in nodes]
    controllers = [SPECS[name].factory(SPECS[name].config(**config)) for _ in views]
    for view, controller in zip(views, controllers, strict=True):
        controller.begin(view.brief(seed=1, history=history))
    simulator.start(seed)
    while not simulator.finished:
        orders = np.zeros(len(scenario.network.supply_links))
        for view, controller in zip(views, controllers, strict=True):
            orders[list(view.links)] = controller.order(view.observe(simulator.state))
        yield orders
        simulator.step(np.clip(orders, 0.0, scenario.order_bound))
