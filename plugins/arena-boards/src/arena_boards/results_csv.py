"""InventoryBench's `results.csv`: orders by period, a file per instance, for handing in a score."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Final

from arena import Fault, InvalidInput, read_results, unknown_name
from arena_boards.faults import refuse

_FAMILIES: Final = ("real", "synthetic")
_SLACK: Final = 1e-9
"""Units by which a request may exceed a whole number and still be that number, as in the simulator."""


def folder_of(scenario: str) -> str | None:
    """Return the folder of an instance on the board from the name of its scenario; None for other scenarios.

    >>> folder_of("synthetic-lead-time-4.p01_stationary_iid.v1_normal_100_25.r1_med")
    'synthetic_trajectory/lead_time_4/p01_stationary_iid/v1_normal_100_25/r1_med'
    """
    cell, *rest = scenario.split(".")
    family, _, lead_time = cell.partition("-lead-time-")
    if family not in _FAMILIES or lead_time not in ("0", "4", "stochastic") or not rest:
        return None
    return "/".join([f"{family}_trajectory", f"lead_time_{lead_time}", *rest])


def write_results(folder: Path, submission: str, output: Path) -> int:
    """Write the orders of a submission as the board's evaluation reads them: `OUTPUT/results/…/results.csv`.

    Args:
        folder: the `--output` of an evaluation of the suite `inventorybench` with the lead times of the board.
        submission: name of the submission.
        output: folder to write to; it must not hold results yet.

    Returns:
        Number of files written.

    Raises:
        InvalidInput: the submission has no complete episodes of the board, or there are results already.
        UnknownName: there is no such submission in the results.
        StoreError: the store is missing or damaged.
    """
    results = read_results(folder)
    known = sorted({record.submission for record in results.records})
    if submission not in known:
        raise unknown_name("submission", submission, known, source=str(folder))
    place = output / "results"
    if place.exists():
        refuse(place, "", str(place), "is there already", "name another folder")
    chosen = [record for record in results.records if record.submission == submission]
    written = [(record, folder_of(record.scenario)) for record in chosen]
    foreign = [record.scenario for record, target in written if target is None]
    if foreign:
        rule = "is not an instance of InventoryBench"
        raise InvalidInput([Fault(str(folder), "scenario", foreign[0], rule, "evaluate with --suite inventorybench")])
    failed = [record for record in chosen if record.outcome != "ok"]
    if failed:
        rule = f"{len(failed)} episodes of {submission} did not end; the first ended as {failed[0].outcome}"
        refuse(folder, "scenario", failed[0].scenario, rule, "see the page of results, and evaluate again")
    for record, target in written:
        assert target is not None
        file = place / target / "results.csv"
        if file.exists():
            refuse(file, "scenario", record.scenario, "was played on several seeds", "evaluate with --seeds 1")
        file.parent.mkdir(parents=True, exist_ok=True)
        orders = results.episode(record).requested[:, 0].tolist()
        with file.open("w", encoding="utf-8", newline="") as text:
            rows = csv.writer(text)
            rows.writerow(["period", "order_quantity"])
            rows.writerows(
                [period, math.ceil(max(0.0, units) - _SLACK)] for period, units in enumerate(orders, start=1)
            )
    return len(written)
