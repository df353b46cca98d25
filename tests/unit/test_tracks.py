"""Tracks: each shows its schema's values, and nothing of the future or of the scenario's identity."""

import dataclasses
import math

import numpy as np
import pytest

from arena import Demand, Goodwill, Simulator, TrackView, load_scenario
from arena.contract.messages import (
    Briefing,
    InformedBriefing,
    InformedObservation,
    LocalObservation,
    Observation,
    OracleBriefing,
)
from arena.simulate.simulator import realised_demand


def _state_after(scenario, periods, seed=42):
    simulator = Simulator(scenario)
    simulator.start(seed)
    for _ in range(periods):
        simulator.step(np.full(simulator.compiled.links, 15.0))
    return simulator.state


def _plain(value):
    if isinstance(value, np.ndarray):
        return value.tobytes()
    return value.model_dump_json() if hasattr(value, "model_dump_json") else value


def _message(view, state, **briefing):
    parts = [view.brief(seed=7, **briefing), view.observe(state)]
    return [{f.name: _plain(getattr(part, f.name)) for f in dataclasses.fields(part)} for part in parts]


@pytest.mark.parametrize(("name", "length"), [("divergent-stationary-backlog", 71), ("serial-stationary-backlog", 15)])
def test_the_flat_vector_has_the_published_length_and_layout(name, length):
    scenario = load_scenario(name)
    state = _state_after(scenario, 3)
    vector = TrackView(scenario, "blind").observe(state).vector
    assert vector.shape == (length,)
    expected = np.concatenate(
        [state.demand, state.unfilled, state.on_hand, state.pipeline, [3.0, state.sentiment]],
    )
    assert np.array_equal(vector, expected)


def test_the_vector_ends_with_components_and_debts_where_the_scenario_has_them():
    scenario = load_scenario("assembly-trend-seasonal-backlog").model_copy(update={"upstream_shortage": "owed"})
    state = _state_after(scenario, 2)
    observation = TrackView(scenario, "blind").observe(state)
    assert observation.vector[-7:].tolist() == [*state.component_stock.tolist(), *state.owed.tolist()]


def test_blind_is_a_part_of_informed_and_informed_of_oracle():
    names = [
        {field.name for field in dataclasses.fields(kind)} for kind in (Briefing, InformedBriefing, OracleBriefing)
    ]
    assert names[0] < names[1] < names[2]
    blind, informed = ({f.name for f in dataclasses.fields(kind)} for kind in (Observation, InformedObservation))
    assert informed - blind == {"forecast", "forecast_deviation"}


@pytest.mark.parametrize("track", ["blind", "informed", "oracle"])
def test_arrays_are_read_only(track):
    scenario = load_scenario("serial-trend-seasonal-backlog")
    view = TrackView(scenario, track)
    for part in (view.brief(seed=1), view.observe(_state_after(scenario, 2))):
        for field in dataclasses.fields(part):
            value = getattr(part, field.name)
            if isinstance(value, np.ndarray):
                assert not value.flags.writeable, field.name


def test_the_forecast_is_the_mean_path_at_the_observed_sentiment():
    scenario = load_scenario("serial-trend-seasonal-shock-goodwill-backlog")
    state = _state_after(scenario, 20)
    assert state.sentiment != 1.0
    forecast = TrackView(scenario, "informed").observe(state).forecast
    periods = np.arange(20, 30 + 8)
    path = 20 * (1 + 0.05 * periods) * (1 + 0.5 * np.sin(2 * np.pi / 30 * periods)) * 2.0 * state.sentiment
    assert forecast.shape == (1, 18)
    assert forecast[0] == pytest.approx(np.maximum(path, 0.1), rel=1e-12)


@pytest.mark.parametrize(
    ("demand", "deviation"),
    [
        ({}, 2 * math.sqrt(20)),
        ({"distribution": "normal"}, 2 * math.sqrt(20)),
        ({"distribution": "normal", "standard_deviation": 3.0}, 6.0),
        ({"distribution": "uniform"}, 2 * 20 / math.sqrt(3)),
        ({"distribution": "uniform", "half_width": 6.0}, 12 / math.sqrt(3)),
    ],
)
def test_distribution_and_deviation_are_told_where_the_forecast_is(demand, deviation):
    scenario = load_scenario("divergent-stationary-backlog")
    scenario = scenario.model_copy(update={"demand": Demand(base_mean=20.0, noise_scale=2.0, **demand)})
    state = _state_after(scenario, 3)
    for track in ("informed", "oracle"):
        view = TrackView(scenario, track)
        assert view.brief(seed=1).distributions == (scenario.demand.distribution,)
        told = view.observe(state)
        assert told.forecast_deviation.shape == told.forecast.shape
        np.testing.assert_allclose(told.forecast_deviation, deviation, rtol=1e-12)


def test_the_deviation_follows_mean_and_sentiment():
    scenario = load_scenario("serial-trend-seasonal-shock-goodwill-backlog")
    told = TrackView(scenario, "informed").observe(_state_after(scenario, 20))
    assert told.sentiment != 1.0
    np.testing.assert_allclose(told.forecast_deviation, np.sqrt(told.forecast), rtol=1e-12)


@pytest.mark.parametrize("track", ["blind", "decentralised"])
def test_what_the_blind_see_does_not_move_with_the_distribution(track):
    scenario = load_scenario("serial-trend-seasonal-backlog")
    node = 1 if track == "decentralised" else None
    demand = scenario.demand.model_copy(update={"distribution": "normal", "standard_deviation": 9.0})
    other = scenario.model_copy(update={"demand": demand})
    state = _state_after(scenario, 4)
    assert _message(TrackView(scenario, track, node), state) == _message(TrackView(other, track, node), state)
    # Sibling: the informed track tells both.
    shown = [_message(TrackView(world, "informed"), state) for world in (scenario, other)]
    changed = [{name for name in one if one[name] != two[name]} for one, two in zip(*shown, strict=True)]
    assert changed == [{"distributions"}, {"forecast_deviation"}]


@pytest.mark.parametrize("track", ["blind", "decentralised"])
def test_what_the_blind_see_does_not_move_with_the_true_mean(track):
    scenario = load_scenario("serial-trend-seasonal-backlog")
    node = 2 if track == "decentralised" else None
    other = scenario.model_copy(
        update={"demand": scenario.demand.model_copy(update={"base_mean": 35.0}), "goodwill": Goodwill(growth=1.5)}
    )
    state = _state_after(scenario, 4)
    assert _message(TrackView(scenario, track, node), state) == _message(TrackView(other, track, node), state)


@pytest.mark.parametrize("track", ["blind", "informed"])
def test_nothing_names_the_scenario(track):
    scenario = load_scenario("divergent-m5-backlog")
    renamed = scenario.model_copy(
        update={
            "name": "other",
            "published_id": None,
            "note": "x",
            "network": scenario.network.model_copy(update={"name": "y", "description": "z"}),
        }
    )
    state = _state_after(scenario, 1)
    assert _message(TrackView(scenario, track), state) == _message(TrackView(renamed, track), state)


def test_only_the_oracle_is_told_the_realised_demand():
    scenario = load_scenario("serial-stationary-backlog")
    trace = realised_demand(scenario, 42)
    briefing = TrackView(scenario, "oracle").brief(seed=1, realised_demand=trace)
    assert np.array_equal(briefing.realised_demand, trace)
    with pytest.raises(ValueError, match="informed track must not know"):
        TrackView(scenario, "informed").brief(seed=1, realised_demand=trace)


@pytest.mark.parametrize(("track", "node"), [("blind", None), ("informed", None), ("decentralised", 1)])
def test_only_the_oracle_can_replay_the_episode(track, node):
    scenario = load_scenario("serial-trend-seasonal-goodwill-backlog")
    told = TrackView(scenario, "oracle").brief(seed=1, entropy=2**100 + 7)
    assert told.simulator().period == 0
    with pytest.raises(ValueError, match=f"the {track} track must not know the episode's entropy"):
        TrackView(scenario, track, node).brief(seed=1, entropy=42)
    others = TrackView(scenario, track, node).brief(seed=1)
    assert not {"scenario", "stream"} & {field.name for field in dataclasses.fields(others)}


def test_what_the_oracle_replays_from_names_neither_scenario_nor_seed():
    scenario = load_scenario("divergent-trend-seasonal-shock-goodwill-backlog")
    told = TrackView(scenario, "oracle").brief(seed=1, entropy=2**63 + 42)
    assert told.scenario.digest == scenario.digest
    assert (told.scenario.name, told.scenario.published_id, told.scenario.note) == ("anonymous", None, "")
    assert (told.scenario.network.name, told.scenario.network.description) == ("", "")
    assert told.network == scenario.network.anonymous(), "the common part of the briefing knows no means"
    assert len(told.stream) == 4
    assert all(type(word) is int and 0 <= word < 2**64 for word in told.stream)
    assert 2**63 + 42 not in told.stream


def test_an_oracle_without_the_stream_says_that_it_cannot_replay():
    view = TrackView(load_scenario("serial-stationary-backlog"), "oracle")
    briefing = view.brief(seed=1)
    assert (briefing.scenario, briefing.stream) == (None, None)
    for ask in (briefing.simulator, briefing.uniforms):
        with pytest.raises(ValueError, match=r"briefed without the episode's stream.*as entropy"):
            ask()
    assert not view.brief(seed=1, entropy=42).simulator().finished


def test_uniforms_exist_only_where_demand_is_made_of_them():
    sampled = TrackView(load_scenario("serial-trend-seasonal-goodwill-backlog-inverse-cdf"), "oracle")
    assert sampled.brief(seed=1, entropy=42).uniforms().shape == (30, 1)
    direct = TrackView(load_scenario("serial-trend-seasonal-goodwill-backlog"), "oracle")
    with pytest.raises(ValueError, match=r"directly sampled demand has no uniforms.*simulator\(\)"):
        direct.brief(seed=1, entropy=42).uniforms()


def test_the_oracles_trace_is_what_the_episode_draws():
    scenario = load_scenario("divergent-trend-seasonal-shock-lost-sales")
    simulator = Simulator(scenario)
    simulator.start(789)
    while not simulator.finished:
        simulator.step(np.full(11, 9.0))
    assert np.array_equal(realised_demand(scenario, 789), simulator.ledger().demand)


def test_there_is_no_trace_under_goodwill():
    assert realised_demand(load_scenario("serial-trend-seasonal-goodwill-backlog"), 42) is None


def test_a_node_sees_its_own_part_only():
    scenario = load_scenario("divergent-stationary-backlog")
    state = _state_after(scenario, 5)
    view = TrackView(scenario, "decentralised", 3)
    briefing, observation = view.brief(seed=1), view.observe(state)
    assert briefing.node == 3
    assert [(link.supplier, link.buyer) for link in briefing.network.supply_links] == [(3, 1), (4, 3), (6, 3)]
    assert [node.holding_cost for node in briefing.network.nodes if node.id != 3] == [None, None, None]
    assert briefing.order_bound.shape == (2,)
    assert observation.on_hand.tolist() == [state.on_hand[2]]
    assert observation.in_transit.tolist() == [state.in_transit[3], state.in_transit[6]]
    assert observation.incoming_orders.tolist() == [15.0]
    assert observation.last_demand.size == 0
    offsets = scenario.network.pipeline_offsets
    own = [*range(offsets[3], offsets[4]), *range(offsets[6], offsets[7])]
    assert observation.pipeline.tolist() == state.pipeline[own].tolist()


def test_a_node_is_not_told_what_follows_from_others():
    scenario = load_scenario("divergent-trend-seasonal-goodwill-backlog")
    state = _state_after(scenario, 5)
    assert state.sentiment != 1.0
    bounds, moods = {}, {}
    for node in scenario.network.managed:
        view = TrackView(scenario, "decentralised", node)
        bounds[node] = set(view.brief(seed=1).order_bound.tolist())
        moods[node] = view.observe(state).sentiment
    # The network's bound is its largest stock plus 30 times its largest capacity; sentiment is what customers show.
    assert scenario.order_bound == 3100.0
    assert bounds == {node: {1e6} for node in scenario.network.managed}
    assert moods == {node: state.sentiment if node == 1 else 1.0 for node in scenario.network.managed}


def test_a_node_is_told_what_it_owes_and_what_it_is_owed():
    scenario = load_scenario("divergent-stationary-backlog").model_copy(update={"upstream_shortage": "owed"})
    simulator = Simulator(scenario)
    simulator.start(1)
    # Distributor 3 has 80 units for 200, factories 4 and 6 have made less than was asked of them.
    simulator.step(np.full(11, 200.0))
    owed = simulator.state.owed
    assert owed[1] == 120.0
    assert owed[3] > 0.0
    shown = TrackView(scenario, "decentralised", 3).observe(simulator.state)
    assert shown.owed_to_buyers.tolist() == [owed[1]]
    assert shown.owed.tolist() == [owed[3], owed[6]]


def test_a_view_needs_a_managed_node_on_the_decentralised_track_only():
    scenario = load_scenario("serial-stationary-backlog")
    TrackView(scenario, "decentralised", 1)
    with pytest.raises(ValueError, match="managed nodes are"):
        TrackView(scenario, "decentralised", 0)
    with pytest.raises(ValueError, match="only there"):
        TrackView(scenario, "decentralised")
    with pytest.raises(ValueError, match="only there"):
        TrackView(scenario, "blind", 1)


def _field_table(kind):
    """The rows of the table of fields in a class's docstring, by field."""
    rows = [line.strip() for line in kind.__doc__.splitlines() if line.strip().startswith("| `")]
    return {row.split("`")[1]: row for row in rows}


@pytest.mark.parametrize(
    "kind", [Briefing, InformedBriefing, OracleBriefing, Observation, InformedObservation, LocalObservation]
)
def test_help_and_the_tutorial_have_a_row_for_every_field(kind, repository):
    inherited = {each.name for base in kind.__mro__[1:-1] for each in dataclasses.fields(base)}
    own = [each.name for each in dataclasses.fields(kind) if each.name not in inherited]
    table = _field_table(kind)
    assert list(table) == own
    tutorial = (repository / "docs" / "tutorial.md").read_text(encoding="utf-8").splitlines()
    for row in table.values():
        assert all(cell.strip() for cell in row.strip("|").split("|")), row
        assert row in tutorial, row
