"""Seconds, megabytes and memory of an export of a full run, in every format.

Run ``python benchmarks/exports.py``; ``--submissions 45 --seeds 10`` is the full run (the default), smaller numbers are
quicker. The store is made up: the scenarios of the suite `core`, the demand that the simulator draws, and
submissions of three kinds: order-up-to levels that are whole, levels that are not, and random numbers as a learned
policy orders them, which hardly compress. Indicators are not measured, as no export reads
them. Workbooks are left out where a table has more rows than a sheet.

Aims for the full run: under 30 s and 60 MB as Parquet or as compressed CSV.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from arena import PublicSeeds, Simulator, load_suite
from arena.contract.kpi import measure
from arena.contract.version import contract_digest
from arena.errors import InvalidInput
from arena.jail.limits import Limits
from arena.results.export import FORMATS, export
from arena.results.record import EpisodeRecord, PlayedEpisode
from arena.results.store import Store
from arena.results.timing import DecisionTimes

MOST_SECONDS = 30.0
MOST_MEGABYTES = 60.0
AIMED = ("parquet", "csv.gz")


def make_store(path: Path, submissions: int, seeds: int) -> int:
    """Write a store of made-up episodes, and return their number."""
    suite = load_suite("core")
    plan = PublicSeeds(count=seeds)
    generator = np.random.default_rng(1)
    times = DecisionTimes.measured([0.01], [0.001] * 29, Limits())
    number = 0
    with Store(path) as store:
        store.put_scenarios(suite.scenarios, suite.drawings)
        for scenario in suite.scenarios:
            simulator = Simulator(scenario)
            for seed in range(seeds):
                for one in range(submissions):
                    simulator.start(plan.episode(scenario.digest, seed).entropy)
                    levels = choose_levels(simulator, one, generator)
                    while not simulator.finished:
                        simulator.step(choose_orders(simulator, one, levels, generator))
                    ledger = simulator.ledger()
                    record = make_record(scenario, one, seed, measure(ledger, scenario).model_dump(), times)
                    store.put(PlayedEpisode(record, ledger.requested, ledger.demand), suite=suite.name)
                    number += 1
    return number


def choose_levels(simulator: Simulator, submission: int, generator: np.random.Generator) -> np.ndarray:
    """Order-up-to levels by supply link: whole for every third submission."""
    levels = generator.uniform(20.0, 40.0) * (1 + np.array(simulator.compiled.network.lead_times, dtype=float))
    return np.round(levels) if submission % 3 == 0 else levels


def choose_orders(
    simulator: Simulator, submission: int, levels: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Orders of one period: two submissions of three fill up to a level, one orders as a learned policy does."""
    if submission % 3 == 2:
        return generator.gamma(4.0, 5.0, simulator.compiled.links)
    columns, network = simulator.columns, simulator.compiled.network
    stock = np.array([columns.on_hand[point] for point in network.receiving_points])
    return np.maximum(levels - np.array(columns.in_transit) - stock, 0.0)


def make_record(scenario, submission: int, seed: int, indicators: dict[str, float], times: DecisionTimes):
    """A record of a made-up episode."""
    return EpisodeRecord(
        **indicators,
        submission=f"submission-{submission:02}",
        controller="newsvendor",
        track="blind",
        scenario=scenario.name,
        published_id=scenario.published_id,
        seed_index=seed,
        seed=str(seed),
        outcome="ok",
        isolation="sandbox",
        planning_time=0.1,
        decision_time=0.1,
        decision_times=times,
        decisions=scenario.horizon,
        clipped_orders=0,
        fallbacks=0,
        profit_bound=None,
        failure_period=None,
        failure_message="",
        stderr_tail="",
        contract_digest=contract_digest(),
        submission_digest=f"{submission:064x}",
        scenario_digest=scenario.digest,
        commitment=None,
        arena_version="0.1.0",
        python_version="3.11.0",
        numpy_version="2.0.0",
        finished_at="2026-01-01T00:00:00+00:00",
    )


def main() -> None:
    """Measure and print the table; exit status 1 if an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--submissions", type=int, default=45, help="submissions (45)")
    parser.add_argument("--seeds", type=int, default=10, help="seeds per scenario (10)")
    parser.add_argument("--store", type=Path, help="where the store is, or is made, to be used again")
    parser.add_argument("--formats", nargs="+", default=list(FORMATS), help="formats to measure (all)")
    given = parser.parse_args()
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        store = given.store or Path(folder) / "results.sqlite"
        if not store.exists():
            episodes = make_store(store, given.submissions, given.seeds)
            print(f"made a store of {episodes:,} episodes, {store.stat().st_size / 1e6:.0f} MB", flush=True)
        print(f"{'format':10}{'seconds':>10}{'CPU s':>10}{'MB':>10}{'peak MB of memory':>20}")
        for file_format in given.formats:
            started, before = time.perf_counter(), time.process_time()
            try:
                exported = export(store, Path(folder) / f"export.{file_format}", file_format)
            except InvalidInput as refusal:
                print(f"{file_format:10}{refusal}")
                continue
            seconds, cpu = time.perf_counter() - started, time.process_time() - before
            megabytes = sum(path.stat().st_size for path in exported.files) / 1e6
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
            print(f"{file_format:10}{seconds:>10.1f}{cpu:>10.1f}{megabytes:>10.1f}{peak:>20.0f}", flush=True)
            for path in exported.files:
                print(f"    {path.name:30}{path.stat().st_size / 1e6:>10.1f} MB")
                with contextlib.suppress(OSError):
                    path.unlink()
            if file_format in AIMED:
                missed |= seconds > MOST_SECONDS or megabytes > MOST_MEGABYTES
    sys.exit("an aim was missed" if missed else 0)


if __name__ == "__main__":
    main()
