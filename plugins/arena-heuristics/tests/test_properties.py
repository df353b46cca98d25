"""What every rule keeps on any network: finite orders, no forgetting, no peeking, less when there is more."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from arena import Network, Scenario, Simulator, TrackView, load_network
from arena_heuristics import arena_controllers
from arena_heuristics.config import RuleConfig

PUBLISHED = {spec.name: spec for spec in arena_controllers() if spec.tracks == ("blind", "informed")}
#: The published rules, and those that have the textbook's formulas by these. What clark-scarf and local-base-stock keep
#: is in tests of their own.
SPECS = {(name, "published"): spec for name, spec in PUBLISHED.items()}
SPECS |= {(name, "textbook"): spec for name, spec in PUBLISHED.items() if "formulas" in spec.config.model_fields}
SHIPPED = ("divergent", "serial", "diamond", "assembly", "assembly-pooled", "tree", "w")

rules = st.sampled_from(sorted(SPECS))
tracks = st.sampled_from(["blind", "informed"])


@st.composite
def networks(draw: st.DrawFn, *, market_links: int | None = None, ratios: bool = False) -> Network:
    """Networks of one or two raw materials, up to three echelons of up to three nodes, and one to three markets.

    Args:
        draw: Hypothesis' drawing function.
        market_links: Exact number of market links, if given; one retailer then.
        ratios: Whether to draw lot sizes and minimum orders too.
    """
    money = st.floats(min_value=0.0, max_value=3.0)
    stock = st.floats(min_value=0.0, max_value=300.0)
    widths = [draw(st.integers(1, 3)) for _ in range(draw(st.integers(1, 3)))]
    if market_links is not None:
        widths[0] = 1
    ids = iter(range(100))
    echelons = [[next(ids) for _ in range(width)] for width in widths]
    raw = [next(ids) for _ in range(draw(st.integers(1, 2)))]
    markets = [next(ids) for _ in range(market_links or draw(st.integers(1, 3)))]
    pairs: set[tuple[int, int]] = set()
    for buyers, suppliers in zip(echelons, [*echelons[1:], raw], strict=True):
        for buyer in buyers:
            pairs.add((draw(st.sampled_from(suppliers)), buyer))
        for supplier in suppliers:
            pairs.add((supplier, draw(st.sampled_from(buyers))))
    sales = {(echelons[0][i % len(echelons[0])], market) for i, market in enumerate(markets)}
    sales |= {(retailer, markets[0]) for retailer in echelons[0]}
    nodes: list[dict] = [{"id": i} for i in (*raw, *markets)]
    for depth, echelon in enumerate(echelons):
        for node in echelon:
            described = {"id": node, "initial_stock": draw(stock), "holding_cost": draw(money)}
            if depth > 0 or draw(st.booleans()):
                described |= {"capacity": draw(stock), "operating_cost": draw(money)}
            nodes.append(described)
    supply = [
        {
            "supplier": supplier,
            "buyer": buyer,
            "lead_time": draw(st.integers(0, 6)),
            "price": draw(money),
            "pipeline_holding_cost": 0.01,
            "fixed_ordering_cost": draw(st.sampled_from([0.0, 0.0, 5.0])),
            "lot_size": draw(st.sampled_from([0.0, 0.0, 7.0])) if ratios else 0.0,
            "minimum_order": draw(st.sampled_from([0.0, 0.0, 4.0])) if ratios else 0.0,
        }
        for supplier, buyer in sorted(pairs)
    ]
    selling = [
        {"retailer": retailer, "market": market, "price": 2.0, "shortage_penalty": draw(money), "mean_demand": 20.0}
        for retailer, market in sorted(sales)
    ]
    # One connected whole is required: parts that the draw left apart are joined at the retailers by a common market.
    return Network.model_validate({"nodes": nodes, "supply_links": supply, "market_links": selling})


any_network = st.one_of(st.sampled_from(SHIPPED).map(load_network), networks(ratios=True))


@st.composite
def worlds(draw: st.DrawFn, network: st.SearchStrategy[Network] = any_network) -> Scenario:
    return Scenario(
        name="drawn",
        network=draw(network),
        demand={"noise_scale": draw(st.sampled_from([0.0, 1.0, 2.0])), "trend": {}, "seasonal": {}},
        goodwill=draw(st.sampled_from([None, {}])),
        fulfilment=draw(st.sampled_from(["backlog", "lost_sales"])),
        upstream_shortage=draw(st.sampled_from(["lost", "owed"])),
        horizon=12,
    )


def start(scenario: Scenario, rule: tuple[str, str], track: str, **config):
    if rule[1] == "textbook":
        config["formulas"] = "textbook"
    controller = SPECS[rule].factory(SPECS[rule].config(**config))
    controller.begin(TrackView(scenario, track).brief(seed=0))
    return controller


def episode(scenario: Scenario, rule: tuple[str, str], track: str, seed: int, **config):
    """Play an episode; yield every observation with the orders that answered it."""
    controller, view, simulator = (
        start(scenario, rule, track, **config),
        TrackView(scenario, track),
        Simulator(scenario),
    )
    simulator.start(seed)
    while not simulator.finished:
        observation = view.observe(simulator.state)
        orders = controller.order(observation)
        yield observation, orders
        simulator.step(np.clip(orders, 0.0, scenario.order_bound))


@given(worlds(), rules, tracks, st.integers(0, 99))
def test_orders_are_finite_and_not_negative_one_per_supply_link(scenario, rule, track, seed) -> None:
    for _, orders in episode(scenario, rule, track, seed):
        assert orders.shape == (len(scenario.network.supply_links),)
        assert orders.dtype == np.float64
        assert np.isfinite(orders).all()
        assert (orders >= 0).all()


@given(worlds(), rules, tracks, st.integers(0, 99))
def test_an_episode_played_twice_gives_the_same_orders(scenario, rule, track, seed) -> None:
    first, second = ([orders.tolist() for _, orders in episode(scenario, rule, track, seed)] for _ in range(2))
    assert first == second


@given(worlds(), rules, tracks, st.data())
def test_more_stock_anywhere_never_orders_more(scenario, rule, track, data) -> None:
    period = data.draw(st.integers(0, 11))
    seen = list(episode(scenario, rule, track, 7))
    observation, orders = seen[period]
    same_past = start(scenario, rule, track)
    for earlier, _ in seen[:period]:
        same_past.order(earlier)
    components = scenario.network.components
    extra = data.draw(st.floats(min_value=0.0, max_value=500.0))
    node = data.draw(st.integers(0, len(scenario.network.managed) - 1))
    stock = observation.component_stock.copy()
    for position, (factory, _) in enumerate(components):
        if scenario.network.managed_index(factory) == node:
            stock[position] += extra
    on_hand = observation.on_hand.copy()
    on_hand[node] += extra
    richer = same_past.order(replace(observation, on_hand=on_hand, component_stock=stock))
    assert (richer <= orders + 1e-9).all()


@given(worlds(), rules, st.integers(0, 99))
def test_a_blind_rule_ignores_what_it_must_not_see(scenario, rule, seed) -> None:
    # The same past on the blind and on the informed track, to a controller that was briefed blind.
    informed_view = TrackView(scenario, "informed")
    simulator = Simulator(scenario)
    simulator.start(seed)
    blind, curious = start(scenario, rule, "blind"), start(scenario, rule, "blind")
    blind_view = TrackView(scenario, "blind")
    while not simulator.finished:
        orders = blind.order(blind_view.observe(simulator.state))
        told = informed_view.observe(simulator.state)
        assert curious.order(replace(told, forecast=told.forecast * 9 + 5)).tolist() == orders.tolist()
        simulator.step(orders)


@given(worlds(), rules, st.integers(0, 99), st.floats(min_value=1.0, max_value=500.0))
def test_the_blind_start_does_not_move_with_the_true_mean(scenario, rule, seed, mean) -> None:
    fields = {name: getattr(scenario, name) for name in Scenario.model_fields}
    other = Scenario(**fields | {"demand": scenario.demand.model_copy(update={"base_mean": mean})})
    first, moved = (next(episode(world, rule, "blind", seed))[1] for world in (scenario, other))
    assert first.tolist() == moved.tolist()


def plain_newsvendor_targets(scenario: Scenario, history: list[float], forecast: np.ndarray | None) -> dict[int, float]:
    """The rule for one market in its plainest form: every node sees the market's demand, nothing is weighted."""
    from arena import newsvendor_quantile, shortage_cost

    network, config = scenario.network, RuleConfig()
    targets = {}
    for node in network.managed:
        lead_time = max(network.supply_links[link].lead_time for link in network.inbound(node))
        if forecast is not None:
            path = forecast[0, : lead_time + 1].tolist()
            mean = sum(path)
            noise = scenario.demand.noise_scale
            deviation = math.sqrt(sum(value * noise**2 if value > 0 else 1.0 for value in path))
        else:
            recent = history[-config.window :]
            if not recent:
                (retailer,) = network.retailers
                one = (network.node(retailer).initial_stock or 0.0) / (max(network.lead_times) + 1) or 20.0
                one_deviation = max(1.0, math.sqrt(one))
            else:
                one = sum(recent) / len(recent)
                one_deviation = max(1.0, np.std(recent, ddof=1) if len(recent) >= 3 else math.sqrt(one))
            mean, deviation = one * (lead_time + 1), one_deviation * math.sqrt(lead_time + 1)
        shortage = shortage_cost(network, node, 0.5)
        quantile = newsvendor_quantile(shortage, network.node(node).holding_cost or 0.0)
        targets[node] = max(0.0, mean + quantile * deviation) if mean > 0 else 0.0
    return targets


@given(worlds(networks(market_links=1)), tracks, st.integers(0, 99))
def test_with_one_market_the_newsvendor_is_the_plain_published_rule(scenario, track, seed) -> None:
    network = scenario.network
    history: list[float] = []
    for observation, orders in episode(scenario, ("newsvendor", "published"), track, seed):
        if observation.period > 0:
            history.append(float(observation.last_demand[0]))
        targets = plain_newsvendor_targets(scenario, history, getattr(observation, "forecast", None))
        for node, target in targets.items():
            inbound = list(network.inbound(node))
            position = observation.on_hand[network.managed_index(node)] + observation.in_transit[inbound].sum()
            if scenario.upstream_shortage == "owed":
                position += observation.owed[inbound].sum() - observation.owed[list(network.outbound(node))].sum()
            if scenario.fulfilment == "backlog":
                position -= observation.last_unfilled[list(network.markets_of(node))].sum()
            assert orders[inbound].sum() == pytest.approx(max(0.0, target - position), rel=1e-9, abs=1e-7)


@given(worlds(networks(market_links=1)), rules, tracks)
def test_with_one_market_auto_is_the_published_convention(scenario, rule, track) -> None:
    runs = [
        [orders.tolist() for _, orders in episode(scenario, rule, track, 3, **config)]
        for config in ({}, {"alternative_paths": "whole"})
    ]
    assert runs[0] == runs[1]


def test_with_several_markets_auto_is_the_shared_convention() -> None:
    scenario = Scenario(name="w", network=load_network("w"))
    auto, shared, whole = (
        [
            orders.tolist()
            for _, orders in episode(scenario, ("newsvendor", "published"), "blind", 3, alternative_paths=convention)
        ]
        for convention in ("auto", "shared", "whole")
    )
    assert auto == shared
    assert auto != whole


@pytest.mark.parametrize("network", SHIPPED)
@pytest.mark.parametrize("track", ["blind", "informed"])
@pytest.mark.parametrize("rule", sorted(SPECS), ids="-".join)
def test_every_rule_earns_more_than_ordering_nothing(network, track, rule) -> None:
    scenario = Scenario(name="shipped", network=load_network(network))
    simulator = Simulator(scenario)
    simulator.start(42)
    idle = 0.0
    while not simulator.finished:
        idle += simulator.step(np.zeros(len(scenario.network.supply_links)))
    played = Simulator(scenario)
    played.start(42)
    view, controller, profit = TrackView(scenario, track), start(scenario, rule, track), 0.0
    while not played.finished:
        profit += played.step(controller.order(view.observe(played.state)))
    assert profit > idle + 100
