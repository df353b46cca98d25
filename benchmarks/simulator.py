"""Steps per second of the simulator against the published package, side by side in one run on one thread.

Run it with the published package installed::

    pip install gym-invmgmt==0.2.1
    python benchmarks/simulator.py
    python benchmarks/simulator.py --repeats 21 --batch 4096

Everything plays whole episodes (reset included) of the shipped scenarios with trend and season in backlog mode, with
the same random orders. Rounds are interleaved: in each, every candidate plays once, and its ratio is taken against the
published package's time of the same round, so that a machine that slows down slows both. The table shows the median
steps per second and the median, lowest and highest ratio. One step of a batch of 1024 counts as 1024 steps.

Aims: a single environment at least 3 times the published one, the vector environment at batch 1024 at least 500 times.
"""

# ruff: noqa: E402 - the libraries behind numpy read the number of threads when they are loaded, so it is set first

from __future__ import annotations

import os

# One thread for all sides.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from arena.envs import InventoryEnv, InventoryVectorEnv
from arena.simulate.simulator import Simulator
from arena.world.suite import load_scenario

PERIODS = 30
BASELINE = "published environment"

#: Our network and the published package's name of the same.
NETWORKS = {"divergent": "network", "serial": "serial"}

#: Plays some episodes and returns the number of steps.
Candidate = Callable[[], int]


def published_environment(theirs: str):
    try:
        from gym_invmgmt import CoreEnv
    except ImportError:
        sys.exit("the published package is not installed, and nothing can be compared: pip install gym-invmgmt==0.2.1")
    demand = {"type": "trend+seasonal", "base_mu": 20, "use_goodwill": False}
    return CoreEnv(scenario=theirs, demand_config=demand, num_periods=PERIODS)


def single_episodes(environment, orders: np.ndarray, episodes: int) -> Candidate:
    def run() -> int:
        for seed in range(episodes):
            environment.reset(seed=seed)
            for row in orders:
                environment.step(row)
        return episodes * PERIODS

    return run


def bare_episodes(simulator: Simulator, orders: np.ndarray, episodes: int) -> Candidate:
    def run() -> int:
        for seed in range(episodes):
            simulator.start(seed)
            for row in orders:
                simulator.step(row)
        return episodes * PERIODS

    return run


def batch_episodes(environments: InventoryVectorEnv, orders: np.ndarray, episodes: int) -> Candidate:
    batches = [np.tile(row, (environments.num_envs, 1)) for row in orders]

    def run() -> int:
        environments.reset(seed=0)
        for _ in range(episodes):  # each begins by itself where the last one ended
            for batch in batches:
                environments.step(batch)
        return episodes * PERIODS * environments.num_envs

    return run


def candidates(network: str, episodes: int, batch: int) -> dict[str, Candidate]:
    scenario = load_scenario(f"{network}-trend-seasonal-backlog")
    orders = np.random.default_rng(0).uniform(0, 40, (PERIODS, len(scenario.network.supply_links)))
    return {
        BASELINE: single_episodes(published_environment(NETWORKS[network]), orders, episodes),
        "arena environment": single_episodes(InventoryEnv(scenario), orders, episodes),
        "arena simulator": bare_episodes(Simulator(scenario), orders, episodes),
        f"arena vector environment ({batch})": batch_episodes(InventoryVectorEnv(scenario, batch), orders, episodes),
    }


def seconds_per_step(run: Candidate) -> float:
    start = time.perf_counter()
    steps = run()
    return (time.perf_counter() - start) / steps


def measure(competing: dict[str, Candidate], repeats: int) -> dict[str, list[float]]:
    """Seconds per step of every candidate in every round, after one round to warm up."""
    for run in competing.values():
        run()
    rounds = [{name: seconds_per_step(run) for name, run in competing.items()} for _ in range(repeats)]
    return {name: [each[name] for each in rounds] for name in competing}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=11, help="interleaved rounds (default 11)")
    parser.add_argument("--episodes", type=int, default=20, help="episodes of a candidate in a round (default 20)")
    parser.add_argument("--batch", type=int, default=1024, help="episodes of the vector environment (default 1024)")
    chosen = parser.parse_args()
    print(f"{'network':<10} {'candidate':<34} {'steps/s':>12} {'ratio':>9} {'lowest':>9} {'highest':>9}")
    for network in NETWORKS:
        seconds = measure(candidates(network, chosen.episodes, chosen.batch), chosen.repeats)
        for name, found in seconds.items():
            ratios = [theirs / ours for theirs, ours in zip(seconds[BASELINE], found, strict=True)]
            speed = 1 / statistics.median(found)
            median, low, high = statistics.median(ratios), min(ratios), max(ratios)
            print(f"{network:<10} {name:<34} {speed:>12,.0f} {median:>8.1f}x {low:>8.1f}x {high:>8.1f}x")


if __name__ == "__main__":
    main()
