"""An oracle replays the episode, so does whoever has its record, and inverse-CDF demand is a function of uniforms."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, strategies as st
from strategies import Episode, demands, episodes, order_sequences, play, scenarios, seeds

from arena import Scenario, Simulator, TrackView, load_scenario
from arena.play.seats.translate import describe_briefing, rebuild_briefing
from arena.simulate.simulator import realised_demand
from arena.simulate.streams import episode_generator

#: Episodes in which customers answer to what is played, by uniforms that do not.
certified = episodes(scenarios(drawn_demands=demands(samplings=("inverse_cdf",)), goodwill=True))


def oracle(episode: Episode):
    """The oracle's briefing of an episode, as it is told and as it arrives in another process."""
    told = TrackView(episode.scenario, "oracle").brief(
        seed=1, realised_demand=realised_demand(episode.scenario, episode.seed), entropy=episode.seed
    )
    kind, fields = describe_briefing(told)
    return told, rebuild_briefing(kind, msgspec.msgpack.decode(msgspec.msgpack.encode(fields)))


@given(episodes(), st.data())
def test_the_oracle_replays_the_episode_exactly(episode, data):
    other = data.draw(order_sequences(episode.scenario))
    for briefing in oracle(episode):
        # An earlier replay, with other orders and broken off, leaves no trace in the next.
        earlier = briefing.simulator()
        earlier.step(other[0])
        for orders in (other, episode.orders):
            simulator = briefing.simulator()
            assert simulator is not earlier
            for row in orders:
                simulator.step(row)
            found = simulator.ledger()
            expected = play(Episode(episode.scenario, episode.seed, orders))
            for name, values in vars(expected).items():
                np.testing.assert_array_equal(getattr(found, name), values, err_msg=name)


@given(episodes(), st.integers(0, 2**64))
def test_an_episode_is_replayed_from_its_orders_and_demand(episode, seed):
    expected = play(episode)
    # Content as the store of results keeps it.
    scenario = Scenario.model_validate_json(episode.scenario.model_dump_json(by_alias=True))
    assert scenario == episode.scenario
    assert scenario.digest == episode.scenario.digest
    simulator = Simulator(scenario)
    simulator.start(seed)
    simulator.step(episode.orders[0])
    simulator.replay(expected.demand)
    for row in episode.orders:
        simulator.step(row)
    for name, values in vars(expected).items():
        np.testing.assert_array_equal(getattr(simulator.ledger(), name), values, err_msg=name)
    # A new episode draws again.
    simulator.start(episode.seed)
    for row in episode.orders:
        simulator.step(row)
    np.testing.assert_array_equal(simulator.ledger().demand, expected.demand)


@pytest.mark.parametrize("damage", [lambda demand: demand[1:], lambda demand: -demand, lambda demand: demand * np.nan])
def test_only_a_whole_record_of_demand_is_replayed(damage):
    scenario = load_scenario("serial-stationary-backlog")
    demand = np.full((30, 1), 20.0)
    with pytest.raises(ValueError, match=r"recorded demand has shape \(30, 1\) and is 0 or more"):
        Simulator(scenario).replay(damage(demand))
    simulator = Simulator(scenario)
    simulator.replay(demand)
    assert not simulator.finished


@given(episodes())
def test_what_the_oracle_replays_from_crosses_unchanged(episode):
    told, received = oracle(episode)
    assert received.stream == told.stream
    assert all(type(word) is int for word in received.stream)
    assert received.scenario == told.scenario
    assert received.scenario.digest == episode.scenario.digest
    assert (received.realised_demand is None) == (episode.scenario.goodwill is not None)


@given(certified, st.data())
def test_controllers_of_an_episode_meet_the_same_uniforms_under_goodwill(episode, data):
    scenario = episode.scenario
    uniforms = oracle(episode)[1].uniforms()
    shape = (scenario.horizon, len(scenario.network.market_links))
    np.testing.assert_array_equal(uniforms, episode_generator(episode.seed).random(shape))
    for orders in (episode.orders, data.draw(order_sequences(scenario))):
        ledger = play(Episode(scenario, episode.seed, orders))
        for period in range(scenario.horizon):
            mean = scenario.mean_demand(period, period + 1, ledger.sentiment[period])[:, 0]
            expected = scenario.demand.quantile(uniforms[period], mean)
            np.testing.assert_array_equal(ledger.demand[period], expected)


@given(scenarios(goodwill=True), seeds)
def test_a_briefing_without_the_stream_cannot_be_replayed_in_another_process_either(scenario, seed):
    kind, fields = describe_briefing(TrackView(scenario, "oracle").brief(seed=1))
    received = rebuild_briefing(kind, fields)
    assert (received.scenario, received.stream) == (None, None)
    with pytest.raises(ValueError, match="briefed without the episode's stream"):
        received.simulator()
    assert not TrackView(scenario, "oracle").brief(seed=1, entropy=seed).simulator().finished
