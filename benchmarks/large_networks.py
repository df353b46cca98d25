"""Seconds that large networks take: loading, compiling, a match of 30 periods, and a step of 256 episodes.

Networks are trees: a raw material, a factory, distributors, and a market for each retailer. Run it with::

    python benchmarks/large_networks.py
    python benchmarks/large_networks.py --nodes 1200

The match is played in this process, by a controller that orders the same on every link. Times are CPU seconds
of this process on one thread. The last column is the time of one period of the match per supply link, which stays the
same where everything is linear in the network's size.

Aims: a network of 1200 nodes plays 30 periods in under .5 s and steps 256 episodes in under 20 ms;
20 000 nodes load and play.
"""

# ruff: noqa: E402 - the libraries behind numpy read the number of threads when they are loaded, so it is set first

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
# The benchmark has the name of the module that it takes its networks from.
sys.path[:] = [each for each in sys.path if Path(each or ".").resolve() != Path(__file__).resolve().parent]
from large_networks import SUBMISSION, ConstantHost, write

from arena import load_scenario
from arena.contract.seeds import PublicSeeds
from arena.envs import InventoryVectorEnv
from arena.jail.limits import Limits
from arena.play.match import play
from arena.simulate.compiled import compile_scenario

PERIODS = 30
BATCH = 256
LARGEST_STEPPED = 5_000
"""Most nodes of a network whose batch is stepped: above, its arrays take gigabytes."""


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    return work(), time.process_time() - start


def step_seconds(scenario: Any, steps: int = 15) -> float:
    """The median step: a busy machine slows single ones."""
    environments = InventoryVectorEnv(scenario, BATCH)
    environments.reset(seed=0)
    orders = np.full((BATCH, len(scenario.network.supply_links)), 10.0)
    environments.step(orders)
    return statistics.median(timed(lambda: environments.step(orders))[1] for _ in range(steps))


def row(nodes: int) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), nodes, PERIODS)
        size = (path.parent / "tree.yaml").stat().st_size
        scenario, loading = timed(lambda: load_scenario(path))
    digest, digesting = timed(lambda: scenario.digest)
    _, compiling = timed(lambda: compile_scenario(scenario))
    seed = PublicSeeds().episode(digest, 0)
    _, playing = timed(lambda: play(SUBMISSION, scenario, seed, ConstantHost(), Limits()))
    stepping = f"{1e3 * step_seconds(scenario):10.1f}" if nodes <= LARGEST_STEPPED else f"{'-':>10}"
    per_link = 1e6 * playing / PERIODS / len(scenario.network.supply_links)
    seconds = " ".join(f"{each:10.3f}" for each in (loading, digesting, compiling, playing))
    return f"{nodes:>7} {size / 1e6:8.2f} {seconds} {stepping} {per_link:9.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, nargs="*", default=[10, 100, 1_200, 5_000, 20_000])
    columns = ("load, s", "digest, s", "compile, s", "match, s")
    told = " ".join(f"{name:>10}" for name in columns)
    print(f"{'nodes':>7} {'file, MB':>8} {told} {'step, ms':>10} {'us/link':>9}")
    for nodes in parser.parse_args().nodes:
        print(row(nodes), flush=True)


if __name__ == "__main__":
    main()
