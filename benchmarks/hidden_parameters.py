"""Draws a suite whose parameters no controller can have been fitted to.

The rows of the core suite's blocks A and B (network, effects, goodwill, fulfilment) keep their structure; base mean,
slope, amplitude, phase, and time and size of the shock are drawn for each. A controller that scores as well here as on
the core knows how to plan, not the core's constants::

    python benchmarks/hidden_parameters.py --seed 1 > hidden.yaml
    arena evaluate submissions/ --suite hidden.yaml

Ranges: base mean 10 to 35, slope -0.02 to 0.1, amplitude 0 to 0.8, any phase, shock in period 3 to 27 by a factor of
0.3 to 3, all uniform.
"""

from __future__ import annotations

import argparse
import math
import sys
from typing import Any

import numpy as np
import yaml

from arena import Scenario, load_suite


def drawn(scenario: Scenario, generator: np.random.Generator) -> dict[str, Any]:
    """A row of the core with other numbers, as a scenario file holds it."""
    demand: dict[str, Any] = {"base_mean": round(float(generator.uniform(10, 35)), 3)}
    if scenario.demand.trend is not None:
        demand["trend"] = {"slope": round(float(generator.uniform(-0.02, 0.1)), 4)}
    if scenario.demand.seasonal is not None:
        demand["seasonal"] = {
            "amplitude": round(float(generator.uniform(0, 0.8)), 3),
            "phase": round(float(generator.uniform(0, 2 * math.pi)), 3),
        }
    if scenario.demand.shock is not None:
        magnitude = round(float(generator.uniform(0.3, 3)), 3)
        demand["shock"] = {"time": int(generator.integers(3, 28)), "magnitude": magnitude}
    row: dict[str, Any] = {
        "name": f"hidden-{scenario.name}",
        "network": scenario.network.name,
        "demand": demand,
        "fulfilment": scenario.fulfilment,
    }
    return row if scenario.goodwill is None else {**row, "goodwill": {}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, required=True, help="of the draw; use one that nobody has used before")
    generator = np.random.default_rng(parser.parse_args().seed)
    rows = [drawn(scenario, generator) for scenario in load_suite("core").scenarios if scenario.demand.series is None]
    suite = {
        "name": "hidden-parameters",
        "description": "Rows of the core suite with drawn parameters.",
        "scored_by": "oracle-published",
        "scenarios": rows,
    }
    yaml.safe_dump(suite, sys.stdout, sort_keys=False)


if __name__ == "__main__":
    main()
