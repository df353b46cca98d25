"""Hypothesis strategies of the arena: networks, scenarios, orders and seeds, and how a drawn episode is played.

Every strategy gives valid values: what it draws passes the schemas. Numbers have at most two decimals, so that failing
examples read well, and are small enough that a tolerance of 1e-9 is far above rounding.

Tests import from here::

    from strategies import changed, episodes, networks, play, scenarios
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
from hypothesis import strategies as st
from pydantic import BaseModel

from arena.simulate.ledger import Ledger
from arena.simulate.simulator import Simulator
from arena.world.demand import Demand, Goodwill, Seasonal, Series, Shock, Trend
from arena.world.dependence import Correlation
from arena.world.network import Network
from arena.world.nodes_and_links import Component, MarketLink, Node, SupplyLink
from arena.world.scenario import Scenario

M = TypeVar("M", bound=BaseModel)

Shape = Literal["serial", "divergent", "convergent", "tree", "general"]
Extension = Literal["bill_of_materials", "minimum_order", "lot_size", "storage_capacity", "fixed_ordering_cost"]

#: Shapes of the managed part of a network.
SHAPES: tuple[Shape, ...] = ("serial", "divergent", "convergent", "tree", "general")

#: Fields of the schema that the published package does not know, fixed ordering costs excepted.
EXTENSIONS: tuple[Extension, ...] = (
    "bill_of_materials",
    "minimum_order",
    "lot_size",
    "storage_capacity",
    "fixed_ordering_cost",
)

LONGEST_LEAD_TIME = 12


def decimals(lowest: float, highest: float) -> st.SearchStrategy[float]:
    """Numbers from ``lowest`` to ``highest`` with at most two decimals; they shrink towards ``lowest``."""
    low = round(lowest * 100)
    return st.integers(0, round(highest * 100) - low).map(lambda hundredths: (low + hundredths) / 100)


#: Seeds of episodes, of any size that a hidden seed may have.
seeds = st.one_of(st.integers(0, 10_000), st.integers(0, 2**128 - 1))

#: Yields of factories: mostly lossless, else a loss that divides badly.
yields = st.one_of(st.just(1.0), decimals(0.3, 1.0))


@st.composite
def directed_acyclic_graphs(
    draw: st.DrawFn, smallest: int = 2, largest: int = 8, shapes: Sequence[Shape] = SHAPES
) -> tuple[int, tuple[tuple[int, int], ...]]:
    """Connected graphs without cycles: the managed part of a network.

    A spanning tree comes first: node k hangs on an earlier node, upstream or downstream of it. The shape says where:
    a chain (serial), only downstream of earlier ones (divergent), only upstream of them (convergent), or anywhere
    (tree). A general graph is a tree with more arcs along a topological order of it.

    Args:
        draw: of Hypothesis.
        smallest: fewest nodes.
        largest: most nodes.
        shapes: shapes to choose from.

    Returns:
        Number of nodes, and arcs (upstream, downstream) of node positions from 0.
    """
    count = draw(st.integers(smallest, largest))
    shape = draw(st.sampled_from(list(shapes)))
    arcs: list[tuple[int, int]] = []
    order = [0]  # topological, upstream first
    for node in range(1, count):
        anchor = node - 1 if shape == "serial" else draw(st.integers(0, node - 1))
        is_upstream = shape in ("serial", "convergent") or (shape != "divergent" and draw(st.booleans()))
        arcs.append((node, anchor) if is_upstream else (anchor, node))
        order.insert(order.index(anchor) + (0 if is_upstream else 1), node)
    if shape == "general":
        missing = [
            (order[i], order[j]) for i in range(count) for j in range(i + 1, count) if (order[i], order[j]) not in arcs
        ]
        if missing:
            arcs += draw(st.lists(st.sampled_from(missing), unique=True, max_size=2 * count))
    return count, tuple(arcs)


@st.composite
def networks(
    draw: st.DrawFn,
    smallest: int = 2,
    largest: int = 8,
    shapes: Sequence[Shape] = SHAPES,
    extensions: Sequence[Extension] = (),
    *,
    grouped: bool = False,
    mean_demand: bool = True,
) -> Network:
    """Supply networks of 2 to 8 managed nodes, with raw materials, retailers and markets around them.

    Node ids, the order of the nodes and the order of the links are shuffled. Retailers may ship on as well, sell to
    several markets, or share one; factories may stand anywhere.

    Args:
        draw: of Hypothesis.
        smallest: fewest managed nodes.
        largest: most managed nodes.
        shapes: shapes of the managed part.
        extensions: extensions of the schema that may occur; none by default.
        grouped: whether the links of a supplier stand together, suppliers in the order of the nodes. The published
            package knows no other order.
        mean_demand: whether every market link has a mean of its own.
    """
    count, arcs = draw(directed_acyclic_graphs(smallest, largest, shapes))
    supply = list(arcs)
    names: list[Any] = list(range(count))  # positions of managed nodes; then labels of raw materials and markets
    raws = [("raw", i) for i in range(draw(st.integers(1, 2)))]
    used_raws: list[Any] = []
    for node in range(count):
        is_source = all(node != downstream for _, downstream in arcs)
        if is_source or draw(st.integers(0, 4)) == 4:
            chosen = draw(st.sampled_from(raws))
            supply.append((chosen, node))
            used_raws.append(chosen)
    sales: list[tuple[int, Any]] = []
    for node in range(count):
        is_sink = all(node != upstream for upstream, _ in arcs)
        for _ in range(draw(st.sampled_from([1, 1, 1, 2])) if is_sink else draw(st.sampled_from([0, 0, 0, 1]))):
            old = sorted({market for seller, market in sales if seller != node} - {m for s, m in sales if s == node})
            new = ("market", len({market for _, market in sales}))
            sales.append((node, draw(st.sampled_from([new, new, new, *old]))))
    names += sorted(set(used_raws)) + sorted({market for _, market in sales})

    ids = dict(zip(names, draw(st.permutations(range(len(names)))), strict=True))
    ranked = draw(st.permutations(names))
    supply = list(draw(st.permutations(supply)))
    sales = list(draw(st.permutations(sales)))
    if grouped:
        supply.sort(key=lambda link: ranked.index(link[0]))
        sales.sort(key=lambda link: ranked.index(link[0]))
    nodes = []
    for name in ranked:
        if not isinstance(name, int):
            nodes.append(Node(id=ids[name]))
            continue
        suppliers = [ids[supplier] for supplier, buyer in supply if buyer == name]
        sells = any(seller == name for seller, _ in sales)
        nodes.append(draw(_managed_nodes(ids[name], suppliers, sells, extensions)))
    return Network(
        name="drawn",
        nodes=tuple(nodes),
        supply_links=tuple(draw(_supply_links(ids[supplier], ids[buyer], extensions)) for supplier, buyer in supply),
        market_links=tuple(
            MarketLink(
                retailer=ids[seller],
                market=ids[market],
                price=draw(decimals(0.5, 5)),
                shortage_penalty=draw(decimals(0, 0.5)),
                mean_demand=draw(decimals(0.1, 40)) if mean_demand else None,
            )
            for seller, market in sales
        ),
    )


@st.composite
def _managed_nodes(
    draw: st.DrawFn, node_id: int, suppliers: list[int], sells: bool, extensions: Sequence[Extension]
) -> Node:
    stock = draw(decimals(0, 200))
    fields: dict[str, Any] = {"id": node_id, "initial_stock": stock, "holding_cost": draw(decimals(0, 0.1))}
    parts = 1
    if draw(st.booleans()):
        fields |= {
            "capacity": draw(decimals(0, 100)),
            "operating_cost": draw(decimals(0, 0.1)),
            "yield_": draw(yields),
        }
        if "bill_of_materials" in extensions and not sells and draw(st.booleans()):
            bill = draw(_bills_of_materials(suppliers))
            parts = len(bill)
            fields["bill_of_materials"] = bill
    if "storage_capacity" in extensions and draw(st.booleans()):
        fields["storage_capacity"] = stock * parts + draw(decimals(0, 100))
    return Node(**fields)


@st.composite
def _bills_of_materials(draw: st.DrawFn, suppliers: list[int]) -> tuple[Component, ...]:
    groups: dict[int, list[int]] = {}
    for supplier in suppliers:
        groups.setdefault(draw(st.integers(0, 2)), []).append(supplier)
    return tuple(Component(suppliers=tuple(group), units=draw(decimals(0.5, 3))) for group in groups.values())


@st.composite
def _supply_links(draw: st.DrawFn, supplier: int, buyer: int, extensions: Sequence[Extension]) -> SupplyLink:
    optional = {
        "minimum_order": decimals(1, 40),
        "lot_size": decimals(0.1, 25),
        "fixed_ordering_cost": decimals(0, 20),
    }
    return SupplyLink(
        supplier=supplier,
        buyer=buyer,
        lead_time=draw(st.integers(0, LONGEST_LEAD_TIME)),
        price=draw(decimals(0, 3)),
        pipeline_holding_cost=draw(decimals(0, 0.05)),
        **{name: draw(values) for name, values in optional.items() if name in extensions and draw(st.booleans())},
    )


#: Sentiment dynamics, from gentle to violent.
goodwills = st.builds(
    Goodwill, growth=decimals(1, 1.2), decay=decimals(0.5, 1), cap=decimals(1, 3), floor=decimals(0.1, 1)
)

#: External series of mean demand, zeros included, at their own level or scaled to another.
series = st.builds(
    Series,
    values=st.lists(st.integers(0, 60).map(float), min_size=1, max_size=15).map(lambda values: (*values, 7.0)),
    scale_to_mean=st.none() | decimals(1, 30),
)

trends = st.builds(Trend, slope=decimals(-0.2, 0.2))
seasons = st.builds(Seasonal, amplitude=decimals(0, 1.5), frequency=decimals(0, 3))
shocks = st.builds(Shock, time=st.integers(0, 12), magnitude=decimals(0.01, 3))


@st.composite
def demands(
    draw: st.DrawFn,
    distributions: Sequence[str] = ("poisson", "normal", "uniform"),
    *,
    has_own_means: bool = True,
    samplings: Sequence[str] = ("direct", "inverse_cdf"),
) -> Demand:
    """Customers' demand: any base, any subset of effects, any distribution, noise scale and sampling.

    Args:
        draw: of Hypothesis.
        distributions: distributions to choose from.
        has_own_means: whether the base may be left to the market links.
        samplings: ways of drawing to choose from.
    """
    base: dict[str, Any] = draw(
        st.one_of(
            *([st.just({})] if has_own_means else []),
            st.fixed_dictionaries({"base_mean": decimals(0.1, 40)}),
            st.fixed_dictionaries({"series": series}),
        )
    )
    distribution = draw(st.sampled_from(list(distributions)))
    spread: dict[str, Any] = {}
    if distribution == "normal":
        spread["standard_deviation"] = draw(st.none() | decimals(0, 10))
    elif distribution == "uniform":
        spread["half_width"] = draw(st.none() | decimals(0, 10))
    return Demand(
        **base,
        trend=draw(st.none() | trends),
        seasonal=draw(st.none() | seasons),
        shock=draw(st.none() | shocks),
        distribution=distribution,
        noise_scale=draw(st.one_of(st.just(1.0), st.just(0.0), decimals(0, 2))),
        sampling=draw(st.sampled_from(list(samplings))),
        **spread,
    )


@st.composite
def scenarios(
    draw: st.DrawFn,
    drawn_networks: st.SearchStrategy[Network] | None = None,
    drawn_demands: st.SearchStrategy[Demand] | None = None,
    *,
    longest: int = 20,
    upstream_shortage: Sequence[str] = ("lost", "owed"),
    goodwill: bool | None = None,
) -> Scenario:
    """Scenarios in every mode: demand, goodwill, backlog or lost sales, discount, upstream shortage lost or owed.

    Args:
        draw: of Hypothesis.
        drawn_networks: networks; with all extensions of the schema by default.
        drawn_demands: demands; of every kind by default.
        longest: longest horizon, periods.
        upstream_shortage: modes to choose from.
        goodwill: with (True), without (False), or either (None).
    """
    with_goodwill = draw(st.booleans()) if goodwill is None else goodwill
    return Scenario(
        name="drawn",
        network=draw(networks(extensions=EXTENSIONS) if drawn_networks is None else drawn_networks),
        demand=draw(demands() if drawn_demands is None else drawn_demands),
        goodwill=draw(goodwills) if with_goodwill else None,
        fulfilment=draw(st.sampled_from(["backlog", "lost_sales"])),
        horizon=draw(st.integers(1, longest)),
        discount=draw(st.sampled_from([1.0, 1.0, 0.97, 0.5])),
        upstream_shortage=draw(st.sampled_from(list(upstream_shortage))),
    )


@st.composite
def further_demands(draw: st.DrawFn) -> Demand:
    """Demands that are not published: other distributions, autoregression, levels below 0.1; all by inverse CDF."""
    kind = draw(st.sampled_from(["poisson", "normal", "negative_binomial", "gamma", "empirical"]))
    fields: dict[str, Any] = {}
    if kind == "negative_binomial":
        fields["dispersion"] = draw(decimals(0.05, 3))
    elif kind == "gamma":
        fields["shape"] = draw(decimals(0.1, 5))
    elif kind == "empirical":
        fields["values"] = (*draw(st.lists(decimals(0, 30), min_size=1, max_size=5)), 4.0)
        fields["weights"] = draw(st.none() | st.just(tuple(range(1, len(fields["values"]) + 1))))
    base = draw(
        st.one_of(st.fixed_dictionaries({"base_mean": decimals(0, 40)}), st.fixed_dictionaries({"series": series}))
    )
    return Demand(
        **base,
        **fields,
        distribution=kind,
        seasonal=draw(st.none() | seasons),
        noise_scale=draw(st.sampled_from([1.0, 1.0, 0.0, 0.5, 2.0])),
        autoregression=draw(st.sampled_from([0.0, 0.6, -0.4])),
        sampling="inverse_cdf",
    )


@st.composite
def further_scenarios(draw: st.DrawFn, *, longest: int = 12, goodwill: bool | None = None) -> Scenario:
    """Scenarios whose market links have demands of their own, correlated or not, with a history, or unseen losses."""
    scenario = draw(scenarios(networks(), further_demands(), longest=longest, goodwill=goodwill))
    links = tuple(changed(link, demand=draw(st.none() | further_demands())) for link in scenario.network.market_links)
    has_series = any(
        one is not None and one.series is not None for one in (scenario.demand, *(x.demand for x in links))
    )
    sales = scenario.fulfilment == "lost_sales" and scenario.goodwill is None and draw(st.booleans())
    return changed(
        scenario,
        network=changed(scenario.network, market_links=links),
        correlation=draw(st.none() | st.builds(Correlation, common=decimals(0, 1))),
        history=0 if has_series else draw(st.integers(0, 4)),
        visible_demand="sales" if sales else "demand",
    )


@st.composite
def order_sequences(draw: st.DrawFn, scenario: Scenario) -> np.ndarray:
    """Requested orders of an episode, shape (horizon, supply links).

    Styles: nothing, the same every period, noise around demand (with negative requests and exact zeros), and more than
    anyone could ship. The noise is drawn by numpy from one drawn number: a draw of Hypothesis per order would be slow
    and shrink no better.
    """
    shape = (scenario.horizon, len(scenario.network.supply_links))
    style = draw(st.sampled_from(["nothing", "constant", "noise", "flood"]))
    if style == "nothing":
        return np.zeros(shape)
    if style == "constant":
        level = draw(st.lists(decimals(0, 60), min_size=shape[1], max_size=shape[1]))
        return np.tile(np.array(level), (shape[0], 1))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if style == "noise":
        noise = generator.uniform(-10, 60, shape)
        return np.where(generator.random(shape) < 0.1, 0.0, noise)
    return generator.uniform(100, 2_000, shape)


@dataclass(frozen=True)
class Episode:
    """What it takes to play an episode."""

    scenario: Scenario
    seed: int
    orders: np.ndarray
    """Requested orders, (horizon, supply links)."""


@st.composite
def episodes(draw: st.DrawFn, drawn_scenarios: st.SearchStrategy[Scenario] | None = None) -> Episode:
    """Episodes of drawn scenarios, of every kind by default."""
    scenario = draw(scenarios() if drawn_scenarios is None else drawn_scenarios)
    return Episode(scenario, draw(seeds), draw(order_sequences(scenario)))


def changed(model: M, **changes: Any) -> M:
    """A model with some fields changed, made and validated anew; a plain copy would keep what the old one cached."""
    fields = {name: getattr(model, name) for name in type(model).model_fields}
    return type(model)(**fields | changes)


def play(episode: Episode, simulator: Simulator | None = None) -> Ledger:
    """The ledger of a drawn episode.

    Args:
        episode: what to play.
        simulator: of the episode's scenario; a new one by default.
    """
    simulator = Simulator(episode.scenario) if simulator is None else simulator
    simulator.start(episode.seed)
    for orders in episode.orders:
        simulator.step(orders)
    return simulator.ledger()
