"""`arena compare`, as it is used."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[1] / "data" / "store-5"


def arena(*command: str | Path) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "arena", *map(str, command)]
    return subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(DATA / "public", tmp_path / "public")
    assert arena("results", "upgrade", tmp_path / "public").returncode == 0
    return tmp_path / "public"


def test_two_submissions_are_compared_in_figures_and_in_words(folder: Path) -> None:
    told = arena("compare", folder, "steady", "late")
    assert told.returncode == 0, told.stderr
    assert [line.split("  ")[0] for line in told.stdout.splitlines()[2:5]] == ["drawn", "own", "over all"]
    assert told.stdout.splitlines()[-1] == "steady is better than late by 184.0 of profit"
    as_json = json.loads(arena("compare", folder, "late", "steady", "--json").stdout)
    assert as_json["in_words"].startswith("late is worse than steady by 184.0")
    assert {one["scenario"] for one in as_json["by_scenario"]} >= {"drawn"}
    again = arena("compare", folder, "steady", "steady", "--with", folder)
    assert "the first is equal, the same on every seed" in again.stdout


def test_a_wrong_name_is_told_with_the_right_one(folder: Path) -> None:
    told = arena("compare", folder, "stedy", "late")
    assert (told.returncode, told.stdout) == (2, "")
    assert 'did you mean "steady"?' in told.stderr
