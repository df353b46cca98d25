"""What reaches a controller: what its track tells, and not one byte of anything else.

Messages are compared as they go over the wire. Worlds of equal past are made by `arena.testing.check_information`,
which is part of the conformance kit; that it finds leaks is held in tests/plugins/test_information_kit.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from later_strategies import later_scenarios
from numpy.typing import NDArray
from pydantic import BaseModel
from strategies import EXTENSIONS, changed, decimals, demands, goodwills, networks, scenarios, seeds

from arena import (
    Briefing,
    ControllerSpec,
    Network,
    Node,
    Observation,
    Scenario,
    Simulator,
    State,
    SupplyLink,
    TrackView,
)
from arena.contract.seeds import EpisodeSeed
from arena.entry.submission import Manifest, Submission
from arena.jail.limits import Limits
from arena.play.match import play
from arena.play.seats import make_host
from arena.plugins import discover
from arena.testing import check_information
from arena.testing.recorder import RecordingHost, describe_briefing, describe_observation
from arena.world.demand import Demand

#: Packages with a test of this kind of their own, with the configuration or the time that their controllers need.
TESTED_ELSEWHERE = {"arena-boards", "arena-imitation", "arena-llm", "arena-optimization", "arena-rl"}
CONTROLLERS = sorted(name for name, one in discover().controllers.items() if one.distribution not in TESTED_ELSEWHERE)


# --- every registered controller ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CONTROLLERS)
@settings(max_examples=25)
@given(scenario=scenarios(longest=12))
def test_worlds_that_look_alike_get_equal_messages_and_equal_orders(name: str, scenario: Scenario) -> None:
    result = check_information(name, scenarios=[scenario])
    assert result.tracks == discover().controller(name).spec.tracks
    assert result.checks == ("information",)


# --- the schemas --------------------------------------------------------------------------------------------------


def played_states(scenario: Scenario, seed: int) -> Iterable[State]:
    simulator = Simulator(scenario)
    simulator.start(seed)
    while not simulator.finished:
        yield simulator.state
        simulator.step(np.full(len(scenario.network.supply_links), 15.0))


@settings(max_examples=40)
@given(scenarios(longest=6), seeds)
def test_informed_tells_all_that_blind_tells_and_the_forecast(scenario: Scenario, seed: int) -> None:
    blind, informed = TrackView(scenario, "blind"), TrackView(scenario, "informed")
    told = [describe_briefing(view.brief(seed=3)).fields for view in (blind, informed)]
    how_demand_moves = {"noise_scale", "noise_scales", "distributions", "autoregressions", "correlation"}
    assert set(told[1]) - set(told[0]) == {"goodwill", *how_demand_moves}
    assert {**told[0], "track": "informed"} == {name: told[1][name] for name in told[0]}
    for state in played_states(scenario, seed):
        shown = [describe_observation(view.observe(state)).fields for view in (blind, informed)]
        assert set(shown[1]) - set(shown[0]) == {"forecast", "forecast_deviation"}
        assert shown[0] == {name: shown[1][name] for name in shown[0]}


@settings(max_examples=40)
@given(scenarios(longest=6), seeds)
def test_no_message_holds_a_name_a_note_or_the_seed(scenario: Scenario, seed: int) -> None:
    network = changed(scenario.network, name="network-of-note", description="described at length")
    told = {"name": "scenario-of-note", "published_id": "A_Core|of-note", "note": "noted down"}
    named = changed(scenario, network=network, **told)
    words = [b"of-note", b"at length", b"noted down"]
    for track in ("blind", "informed"):
        view = TrackView(named, track)
        frames = [describe_briefing(view.brief(seed=3)).frame]
        frames += [describe_observation(view.observe(state)).frame for state in played_states(named, seed)]
        assert not [word for frame in frames for word in words if word in frame]
    # The oracle gets the scenario, but without its names; and the stream, but not its seed.
    briefing = TrackView(named, "oracle").brief(seed=3, entropy=2**63 + 12_345_678_901)
    frame = describe_briefing(briefing).frame
    assert not [word for word in words if word in frame]
    assert (2**63 + 12_345_678_901).to_bytes(8, "big") not in frame


# --- one node's view ----------------------------------------------------------------------------------------------


@st.composite
def elsewhere(draw: st.DrawFn, network: Network, node: int) -> Network:
    """The same network in all that a node can see, and another one in all that it cannot.

    Other nodes get other stocks, costs, capacities and yields, links between them other lead times and prices, other
    market links other terms. There is one more raw material, which delivers to one of the other nodes, and the links
    stand in another order; those of the node keep theirs among themselves.
    """
    others = [other for other in network.managed if other != node]
    nodes = [one if one.id not in others else draw(_other_nodes(one.id)) for one in network.nodes]
    supply = [
        link if node in (link.supplier, link.buyer) else draw(_other_links(link.supplier, link.buyer))
        for link in network.supply_links
    ]
    markets = [
        link
        if link.retailer == node
        else changed(link, price=draw(decimals(1, 9)), shortage_penalty=draw(decimals(0, 2)), mean_demand=33.0)
        for link in network.market_links
    ]
    unused = draw(st.sampled_from([i for i in range(60) if i not in {one.id for one in network.nodes}]))
    nodes.insert(draw(st.integers(0, len(nodes))), Node(id=unused))
    supply.append(draw(_other_links(unused, draw(st.sampled_from(others)))))
    return Network(
        name="elsewhere",
        nodes=tuple(draw(st.permutations(nodes))),
        supply_links=tuple(_shuffled(draw, supply, lambda link: node in (link.supplier, link.buyer))),
        market_links=tuple(_shuffled(draw, markets, lambda link: link.retailer == node)),
    )


@st.composite
def _other_nodes(draw: st.DrawFn, node_id: int) -> Node:
    fields: dict[str, Any] = {
        "id": node_id,
        "initial_stock": draw(decimals(0, 9_000)),
        "holding_cost": draw(decimals(0, 2)),
    }
    if draw(st.booleans()):
        fields |= {
            "capacity": draw(decimals(0, 9_000)),
            "operating_cost": draw(decimals(0, 2)),
            "yield": draw(decimals(0.5, 1)),
        }
    return Node.model_validate(fields)


def _other_links(supplier: int, buyer: int) -> st.SearchStrategy[SupplyLink]:
    return st.builds(
        SupplyLink,
        supplier=st.just(supplier),
        buyer=st.just(buyer),
        lead_time=st.integers(0, 20),
        price=decimals(0, 9),
        pipeline_holding_cost=decimals(0, 1),
        fixed_ordering_cost=decimals(0, 9),
        minimum_order=decimals(0, 9),
        lot_size=decimals(0, 9),
    )


def _shuffled(draw: st.DrawFn, links: list[Any], is_own: Callable[[Any], bool]) -> list[Any]:
    """The links in another order, but the node's own in theirs."""
    own = iter([link for link in links if is_own(link)])
    return [next(own) if is_own(link) else link for link in draw(st.permutations(links))]


def state_with(network: Network, node: int, own: dict[Any, Any], generator: np.random.Generator) -> State:
    """A state in which a node's part is given, and all else is drawn anew."""
    links, offsets = len(network.supply_links), network.pipeline_offsets

    def drawn(size: int) -> NDArray[np.float64]:
        return generator.uniform(0, 1_000, size)

    arrays = {
        "demand": drawn(len(network.market_links)),
        "unfilled": drawn(len(network.market_links)),
        "sold": drawn(len(network.market_links)),
        "in_stock": generator.integers(0, 2, len(network.market_links)).astype(float),
        "on_hand": drawn(len(network.managed)),
        "component_stock": drawn(len(network.components)),
        "pipeline": drawn(offsets[-1]),
        "in_transit": drawn(links),
        "unseen": drawn(network.delay_offsets[-1]),
        "received": drawn(links),
        "arrived": drawn(network.arrival_offsets[-1]),
        "owed": drawn(links),
        "requested": drawn(links),
        "seen": drawn(links),
    }

    def given(name: str, position: int, *key: Any) -> None:
        arrays[name][position] = own.setdefault((name, *key), arrays[name][position])

    given("on_hand", network.managed_index(node))
    for position, (factory, line) in enumerate(network.components):
        if factory == node:
            given("component_stock", position, line)
    for position in (*network.inbound(node), *network.outbound(node)):
        link = network.supply_links[position]
        given("owed", position, link.supplier, link.buyer)
    for position in network.inbound(node):
        link = network.supply_links[position]
        given("in_transit", position, link.supplier)
        given("received", position, link.supplier)
        for name, starts in (
            ("pipeline", offsets),
            ("unseen", network.delay_offsets),
            ("arrived", network.arrival_offsets),
        ):
            for slot in range(starts[position], starts[position + 1]):
                given(name, slot, link.supplier, slot - starts[position])
    for position in network.outbound(node):
        given("seen", position, network.supply_links[position].buyer)
    for position in network.markets_of(node):
        for name in ("demand", "unfilled", "sold", "in_stock"):
            given(name, position, network.market_links[position].market)
    sentiment = float(generator.uniform(0.2, 2.0))
    if network.markets_of(node):
        sentiment = own.setdefault("sentiment", sentiment)
    return State(period=own.setdefault("period", 4), sentiment=sentiment, **arrays)


def told(scenario: Scenario, node: int, state: State) -> tuple[bytes, bytes]:
    view = TrackView(scenario, "decentralised", node)
    return describe_briefing(view.brief(seed=5)).frame, describe_observation(view.observe(state)).frame


@settings(max_examples=120)
@given(st.data())
def test_what_a_node_cannot_see_changes_no_byte_that_it_is_told(data: st.DataObject) -> None:
    here = data.draw(st.one_of(scenarios(networks(extensions=EXTENSIONS)), later_scenarios()))
    node = data.draw(st.sampled_from(here.network.managed))
    there = changed(
        here,
        name="there",
        network=data.draw(elsewhere(here.network, node)),
        demand=data.draw(demands(has_own_means=False)) if here.demand.base_mean is None else Demand(base_mean=3.0),
        goodwill=data.draw(st.none() | goodwills),
        note="Another place.",
    )
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    own: dict[Any, Any] = {}
    first, second = (state_with(world.network, node, own, generator) for world in (here, there))
    assert told(here, node, first) == told(there, node, second)
    # Siblings: what it can see does change what it is told.
    own["on_hand",] += 1.0
    more = state_with(here.network, node, own, generator)
    assert told(here, node, more)[1] != told(here, node, first)[1]
    dearer = [
        changed(one, holding_cost=(one.holding_cost or 0.0) + 1.0) if one.id == node else one
        for one in here.network.nodes
    ]
    assert (
        told(changed(here, network=changed(here.network, nodes=tuple(dearer))), node, first)[0]
        != told(here, node, first)[0]
    )


class Nothing(BaseModel, frozen=True, extra="forbid"):
    """No settings."""


class Constant:
    """Orders the same in every period, and looks at nothing."""

    def begin(self, briefing: Briefing) -> None:
        self.orders = 3.0 + np.arange(len(briefing.order_bound))

    def order(self, observation: Observation) -> NDArray[np.float64]:
        return self.orders


def plentiful(network: Network, stock: float) -> Network:
    """The network with so much of everything that nobody ever waits."""
    nodes = [
        changed(
            one, initial_stock=stock, yield_=1.0, bill_of_materials=(), capacity=None if one.capacity is None else stock
        )
        if one.id in network.managed
        else one
        for one in network.nodes
    ]
    return changed(network, nodes=tuple(nodes))


def messages_by_node(scenario: Scenario, seed: int) -> dict[int, list[bytes]]:
    """All that a match sends, by node."""
    spec = ControllerSpec(
        "constant", Nothing, ("decentralised",), lambda config: Constant(), "The same in every period."
    )
    manifest = Manifest(name="constant", controller="constant", track="decentralised")
    submission = Submission(
        "constant", manifest, Path("constant"), "", None, "constant", "decentralised", {}, spec=spec
    )
    host = RecordingHost(make_host("trusted", Limits()))
    episode = play(submission, scenario, EpisodeSeed(0, seed, 77, False), host, Limits())
    assert episode.record.outcome == "ok"
    return {
        node: [message.frame for message in seat]
        for node, seat in zip(scenario.network.managed, host.messages, strict=True)
    }


@settings(max_examples=60)
@given(st.data(), seeds)
def test_a_match_tells_a_node_the_same_whatever_happens_elsewhere(data: st.DataObject, seed: int) -> None:
    """With plenty of stock a node's own history depends on nobody else; and then neither does what it is told."""
    network = plentiful(data.draw(networks(largest=6)), 1e6)
    node = data.draw(st.sampled_from(network.managed))
    # One uniform per market link and period: another market's mean does not change this node's customers.
    here = Scenario(name="here", network=network, demand=Demand(sampling="inverse_cdf"), horizon=8)
    nodes = [
        changed(one, initial_stock=2e6, holding_cost=9.0, capacity=None if one.capacity is None else 3e6)
        if one.id in network.managed and one.id != node
        else one
        for one in network.nodes
    ]
    supply = [
        link if node in (link.supplier, link.buyer) else data.draw(_other_links(link.supplier, link.buyer))
        for link in network.supply_links
    ]
    markets = [
        link if link.retailer == node else changed(link, price=9.0, mean_demand=(link.mean_demand or 0.0) + 50.0)
        for link in network.market_links
    ]
    elsewhere = Network(nodes=tuple(nodes), supply_links=tuple(supply), market_links=tuple(markets))
    there = changed(here, name="there", network=elsewhere)
    assert messages_by_node(here, seed)[node] == messages_by_node(there, seed)[node]
    # Sibling: the node's own customers do show.
    if network.markets_of(node):
        own = [
            changed(link, mean_demand=(link.mean_demand or 0.0) + 50.0) if link.retailer == node else link
            for link in network.market_links
        ]
        busier = changed(here, network=changed(network, market_links=tuple(own)))
        assert messages_by_node(here, seed)[node] != messages_by_node(busier, seed)[node]
