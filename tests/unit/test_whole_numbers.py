"""Seeds and their indexes: whole numbers of any library are taken and mean the same; nothing else is."""

import gymnasium
import numpy as np
import pytest

from arena import Simulator, load_scenario
from arena.contract.seeds import PublicSeeds, hidden_seeds, new_secret
from arena.envs import InventoryVectorEnv
from arena.simulate.simulator import realised_demand
from arena.simulate.streams import stream_words
from arena.training_worlds import ScenarioMix, WeightedFamily, broad_effects
from arena.world.contest_draws import public_key

SCENARIO = load_scenario("serial-stationary-backlog")
SECRET = new_secret()
MIX = ScenarioMix(families=[WeightedFamily(family=broad_effects())])


def of_simulator(seed):
    simulator = Simulator(SCENARIO)
    simulator.start(seed)
    return [simulator.step([20.0, 20.0, 20.0]) for _ in range(5)]


def of_environment(seed):
    environment = gymnasium.make("arena.envs:Arena/serial-stationary-backlog-v0")
    environment.reset(seed=seed)
    return [environment.step(np.full(3, 20.0))[1] for _ in range(5)]


def of_vector(seed, **options):
    environment = InventoryVectorEnv(SCENARIO, num_envs=2, **options)
    environment.reset(seed=seed)
    return np.array([environment.step(np.full((2, 3), 20.0))[1] for _ in range(5)]).tolist()


USES = {
    "demand": lambda seed: realised_demand(SCENARIO, seed).tolist(),
    "stream": stream_words,
    "simulator": of_simulator,
    "environment": of_environment,
    "vector": of_vector,
    "independent": lambda seed: of_vector(seed, streams="independent"),
    "one for each": lambda seed: of_vector([seed, seed], streams="independent"),
    "drawn": lambda seed: of_vector(seed, randomisation=MIX),
    "draws": public_key,
    "public index": lambda index: PublicSeeds().episode("x", index),
    "hidden index": lambda index: hidden_seeds(SECRET, 10, "d").episode("x", index),
    "hidden count": lambda count: hidden_seeds(SECRET, count, "d"),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("number", [np.int64(3), np.int32(3), np.uint8(3), np.array(3)], ids=lambda one: str(one.dtype))
def test_a_whole_number_of_numpy_is_the_same_number(use, number):
    assert USES[use](number) == USES[use](3)


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("number", [True, np.True_, 3.0, np.float64(3), "3"], ids=repr)
def test_what_is_not_a_whole_number_is_refused(use, number):
    with pytest.raises(TypeError, match=r"(seed|index|seeds) must be a whole number, got"):
        USES[use](number)


@pytest.mark.parametrize("use", [use for use in USES if "index" not in use and use not in ("draws", "hidden count")])
@pytest.mark.parametrize("number", [-1, np.int64(-1)])
def test_a_negative_seed_is_refused(use, number):
    with pytest.raises(ValueError, match="seed must be 0 or more, got -1"):
        USES[use](number)


def test_what_seeds_give_is_python_s_own():
    for plan in (PublicSeeds(), hidden_seeds(SECRET, np.int64(10), "d")):
        assert type(plan.episode("x", np.int64(3)).index) is int
        assert type(plan.count) is int
    assert type(public_key(np.int64(3)).public_seed) is int


def test_an_array_seeds_each_sub_environment():
    seeds = np.array([4, 9])
    assert of_vector(seeds, streams="independent") == of_vector([4, 9], streams="independent")
    assert of_vector(range(4, 6), streams="independent") == of_vector(4, streams="independent")


def test_a_parallel_environment_takes_a_whole_number_of_numpy():
    pytest.importorskip("pettingzoo", reason="the parallel environment needs PettingZoo")
    from arena.envs.parallel import ParallelInventoryEnv

    environment = ParallelInventoryEnv(SCENARIO)
    orders = {agent: np.full(environment.action_space(agent).shape, 20.0) for agent in environment.possible_agents}

    def rewards(seed):
        environment.reset(seed=seed)
        return [environment.step(orders)[1] for _ in range(5)]

    assert rewards(np.int64(3)) == rewards(3)
    with pytest.raises(TypeError, match=r"seed must be a whole number, got 3\.0"):
        rewards(3.0)
