"""What is made once for all episodes of a scenario, and values that are made in every period."""

import dataclasses
import gc
import weakref

import numpy as np
import pytest

from arena import Simulator, TrackView, load_scenario
from arena.contract.messages import Track
from arena.simulate.compiled import compile_scenario
from arena.simulate.prepared import prepare
from arena.simulate.simulator import State, realised_history

SERIAL = "serial-stationary-backlog"


def test_simulators_of_a_scenario_share_what_was_compiled_and_no_episode() -> None:
    scenario = load_scenario(SERIAL)
    one, other = Simulator(scenario), Simulator(scenario)
    assert one.compiled is other.compiled
    one.start(1)
    other.start(1)
    one.step([5.0, 5.0, 5.0])
    assert (one.period, other.period) == (1, 0)
    np.testing.assert_array_equal(other.state.on_hand, Simulator(scenario, compile_scenario(scenario)).state.on_hand)


def test_an_equal_scenario_is_compiled_by_itself() -> None:
    scenario = load_scenario(SERIAL)
    assert prepare(scenario) is prepare(scenario)
    assert prepare(scenario.model_copy(update={"discount": 0.9})).compiled.discount == 0.9
    assert prepare(scenario).compiled.discount == 1.0


def test_nothing_is_kept_of_a_scenario_that_is_gone() -> None:
    scenario = load_scenario(SERIAL).model_copy(update={"name": "gone"})
    compiled = weakref.ref(prepare(scenario).compiled)
    del scenario
    gc.collect()
    assert compiled() is None


@pytest.mark.parametrize("track", ["blind", "informed", "oracle"])
def test_states_and_observations_have_all_fields_and_stay_frozen(track: Track) -> None:
    scenario = load_scenario(SERIAL)
    simulator, view = Simulator(scenario), TrackView(scenario, track)
    simulator.start(3)
    for _ in range(3):
        for value in (simulator.state, view.observe(simulator.state)):
            assert set(vars(value)) == {field.name for field in dataclasses.fields(value)}
            assert "unseen=" in repr(value) or not isinstance(value, State)
            arrays = [each for each in vars(value).values() if isinstance(each, np.ndarray)]
            assert all(array.dtype == np.float64 and not array.flags.writeable for array in arrays)
            with pytest.raises(dataclasses.FrozenInstanceError, match="period"):
                value.period = 5  # type: ignore[misc]
            # Made by its own __init__ it is the same.
            again = type(value)(**vars(value))
            assert all(getattr(again, name) is each for name, each in vars(value).items())
        simulator.step([20.0, 20.0, 20.0])


def test_a_scenario_without_a_history_tells_an_empty_one() -> None:
    history = realised_history(load_scenario(SERIAL), 5)
    assert (history.shape, history.dtype, history.flags.writeable) == ((0, 1), np.float64, False)
