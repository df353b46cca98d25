"""The shipped submission in an evaluation, from the command line and behind locks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]

SUITE = """\
name: one-point
scenarios:
- name: poisson
  horizon: 6
  history: 8
  fulfilment: lost_sales
  demand: {base_mean: 12}
  network:
    name: one-point
    nodes: [{id: 0}, {id: 1, initial_stock: 10, holding_cost: 0.2}, {id: 2}]
    supply_links: [{supplier: 0, buyer: 1, lead_time: 1, price: 1, pipeline_holding_cost: 0}]
    market_links: [{retailer: 1, market: 2, price: 4, shortage_penalty: 0}]
"""


def test_the_submission_is_evaluated_in_isolation(tmp_path: Path) -> None:
    pytest.importorskip("arena_optimization", reason="the oracle that scores the suite is its")
    suite = tmp_path / "suite.yaml"
    suite.write_text(SUITE, encoding="utf-8")
    shipped = [str(REPOSITORY / "submissions" / name) for name in ("demand-scenarios.yaml", "oracle.yaml")]
    command = [sys.executable, "-m", "arena", "evaluate", *shipped, "--suite", str(suite), "--seeds", "public:2"]
    command += ["--isolation", "strict", "--output", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    standings = json.loads((tmp_path / "out" / "standings.json").read_text())
    rows = {row["submission"]: row for row in standings["rows"]}
    assert rows["demand-scenarios"]["score"] > 0.5
    assert rows["demand-scenarios"]["forfeits"] == 0
