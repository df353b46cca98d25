"""Learners against proximal policy optimisation, paired by seed: same policy, worlds, steps and first weights.

Run it with the training packages installed::

    pip install './plugins/arena-heuristics' './plugins/arena-rl[train]'
    python benchmarks/learners.py pdppo --fixed-cost 10       # post-decision PPO where orders have a fixed cost
    python benchmarks/learners.py bpo                         # bounded policy optimisation on the published network

Every learner takes the recipe ``ppo-mlp-informed`` with its own loss in the place of PPO's. What is compared is the
validation at the end, the mean profit of 2 048 episodes over half of what customers would pay, the same for all; the
ratio is over seeds paired, with a 95 % interval by Student's t.

With ``--output FOLDER`` a run that was stopped goes on where it was, in the middle of a training.
"""

# ruff: noqa: E402 - the libraries behind numpy read the number of threads when they are loaded, so it is set first

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import csv
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
import yaml

from arena import load_network
from arena_rl.training.recipes import Recipe, load_recipe
from arena_rl.training.train import Training, make_learner

LEARNERS: dict[str, dict[str, Any]] = {
    "ppo": {"kind": "ppo"},
    "pdppo": {"kind": "pdppo"},
    "pdppo-surprise": {"kind": "pdppo", "advantage": "surprise"},
    "bpo": {"kind": "bpo"},
}
# Two-sided 95 % quantiles of Student's t by degrees of freedom.
T = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262, 14: 2.145, 19: 2.093}


def validation_of(learner: str, seed: int, network: Path, steps: int, folder: Path) -> float:
    """Train, or what of it the folder does not have yet, and tell the validation at the end."""
    recipe = load_recipe("ppo-mlp-informed")
    settings = type(recipe.learner).model_fields
    base = {name: getattr(recipe.learner, name) for name in settings if name != "kind"}
    data = recipe.model_dump() | {"learner": base | LEARNERS[learner], "seed": seed, "steps": steps, "points": 10}
    own = Recipe.model_validate(data)
    weights = Training(own, make_learner, str(network), folder / f"{learner}-{seed}-{steps}").run(lambda _: None)
    with (weights.parent / "curve.csv").open(newline="", encoding="utf-8") as file:
        return float(list(csv.DictReader(file))[-1]["validation"])


def interval(values: list[float]) -> tuple[float, float, float]:
    """Mean, and its 95 % interval."""
    mean = statistics.mean(values)
    half = T[len(values) - 1] * statistics.stdev(values) / len(values) ** 0.5
    return mean, mean - half, mean + half


def main() -> None:
    """Train all pairs and print them as they come."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("learners", nargs="+", choices=[name for name in LEARNERS if name != "ppo"])
    parser.add_argument("--network", default="serial")
    parser.add_argument("--fixed-cost", type=float, default=0.0, help="of an order on every supply link, money")
    parser.add_argument("--seeds", type=int, default=5, choices=[degrees + 1 for degrees in T])
    parser.add_argument("--steps", type=int, default=500_000)
    parser.add_argument("--output", type=Path, help="folder that keeps the trainings; absent: none are kept")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    data = load_network(arguments.network).model_dump(mode="json", by_alias=True)
    for link in data["supply_links"]:
        link["fixed_ordering_cost"] = arguments.fixed_cost
    gains: dict[str, list[float]] = {name: [] for name in arguments.learners}
    with tempfile.TemporaryDirectory() as name:
        # Fixed costs are part of the folder's name, so that no training of another network is taken for this one.
        folder = (arguments.output or Path(name)) / f"{Path(arguments.network).stem}-{arguments.fixed_cost:g}"
        folder.mkdir(parents=True, exist_ok=True)
        network = folder / "network.yaml"
        network.write_text(yaml.safe_dump(data), encoding="utf-8")
        for seed in range(1, arguments.seeds + 1):
            reference = validation_of("ppo", seed, network, arguments.steps, folder)
            print(f"seed {seed}: ppo {reference:.4f}", end="", flush=True)
            for learner, found in gains.items():
                value = validation_of(learner, seed, network, arguments.steps, folder)
                found.append(value / reference)
                print(f", {learner} {value:.4f}", end="", flush=True)
            print()
    for learner, ratios in gains.items():
        mean, low, high = interval(ratios)
        print(f"{learner} / ppo on {arguments.network}, fixed cost {arguments.fixed_cost:g}, {len(ratios)} seeds: "
              f"{mean:.4f} ({low:.4f} to {high:.4f})")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
