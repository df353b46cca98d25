"""The main job as a user runs it, the whole of it: killed on the way, taken up again, and compared with a quiet run."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TIMINGS = {"planning_time", "decision_time", "slowest_decision_time", "finished_at", "isolation"}


def command(repository: Path, output: Path, *options: str) -> list[str]:
    script = "import sys; from arena.cli import main; sys.exit(main())"
    return [
        sys.executable,
        "-c",
        script,
        "evaluate",
        str(repository / "submissions"),
        "--output",
        str(output),
        *options,
    ]


def rows(output: Path) -> list[dict[str, str]]:
    with (output / "episodes.csv").open(newline="", encoding="utf-8") as file:
        found = [{name: cell for name, cell in row.items() if name not in TIMINGS} for row in csv.DictReader(file)]
    return sorted(found, key=lambda row: (row["submission"], row["scenario"], int(row["seed_index"])))


def test_killed_at_three_moments_the_core_job_ends_with_the_rows_of_a_quiet_run(repository: Path, tmp_path: Path):
    for seconds in (3.0, 7.0, 5.0):
        killed = subprocess.Popen(command(repository, tmp_path / "killed"), cwd=tmp_path, stdout=subprocess.DEVNULL)
        time.sleep(seconds)
        os.kill(killed.pid, signal.SIGKILL)
        assert killed.wait() == -signal.SIGKILL
    ended = subprocess.run(command(repository, tmp_path / "killed"), cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.rstrip().endswith("report.html")
    quiet = subprocess.run(
        command(repository, tmp_path / "quiet", "--isolation", "trusted"), cwd=tmp_path, capture_output=True, text=True
    )
    assert quiet.returncode == 0, quiet.stderr
    resumed = rows(tmp_path / "killed")
    assert not list((tmp_path / "killed").glob(".submissions-*"))
    assert len(resumed) == 11 * 22 * 10
    assert {row["outcome"] for row in resumed} == {"ok"}
    assert resumed == rows(tmp_path / "quiet")
