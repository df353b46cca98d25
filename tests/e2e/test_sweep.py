"""A sweep on the command line: variants play like any other submission, and the same command goes on."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from arena.cli import app

CODE = """
import numpy as np

class Controller:
    def __init__(self, factor=1.0):
        self.factor = factor

    def begin(self, briefing):
        self.links = len(briefing.network.supply_links)

    def order(self, observation):
        return np.full(self.links, self.factor * 15.0)
"""


@pytest.fixture
def submissions(tmp_path: Path) -> Path:
    """Two manifests of one folder of code."""
    place = tmp_path / "submissions"
    (place / "steady").mkdir(parents=True)
    (place / "steady" / "mine.py").write_text(CODE)
    for name, factor in (("calm", 1.0), ("eager", 1.5)):
        manifest = f"name: {name}\ncontroller: mine.py:Controller\ncode: steady\ntrack: blind\n"
        (place / f"{name}.yaml").write_text(manifest + f"config: {{factor: {factor}}}\n")
    return place


def arena(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)], prog_name="arena")


def evaluate(submissions: Path, *options: object) -> dict[str, object]:
    output = submissions.parent / "results"
    command = ("evaluate", submissions, "--scenario", "serial-stationary-backlog", "--output", output, *options)
    done = arena(*command, "--workers", 1, "--isolation", "process", "--strict", "--json")
    assert done.exit_code == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_variants_play_and_the_same_command_plays_nothing_again(submissions: Path) -> None:
    first = evaluate(submissions, "--set", "calm.factor=0.5,2")
    assert (first["played"], first["resumed"]) == (4 * 10, 0)
    again = evaluate(submissions, "--set", "calm.factor=0.5,2")
    assert (again["played"], again["resumed"]) == (0, 4 * 10)
    more = evaluate(submissions, "--set", "calm.factor=0.5,2,3")
    assert (more["played"], more["resumed"]) == (10, 4 * 10)
    output = submissions.parent / "results"
    with (output / "episodes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = ["calm", "calm-factor-0-5", "calm-factor-2", "calm-factor-3", "eager"]
    assert sorted({row["submission"] for row in rows}) == names
    assert len({row["submission_digest"] for row in rows}) == 5
    profits = {name: [row["profit"] for row in rows if row["submission"] == name] for name in names}
    assert len({tuple(profit) for profit in profits.values()}) == 5, "every variant plays its own config"
    assert arena("verify", output).exit_code == 0
    refused = arena("verify", output, "--set", "calm.factor=2")
    assert refused.exit_code == 2
    assert "only submissions that are played again can be varied" in refused.stderr


def test_a_variant_is_told_with_what_was_set(submissions: Path) -> None:
    done = arena("check", submissions, "--set", "eager.factor=2", "--isolation", "trusted", "--json")
    assert done.exit_code == 0, done.stderr
    assert [one["controller"] for one in json.loads(done.stdout)] == ["calm", "eager", "eager-factor-2"]
    assert f"arena: entered eager-factor-2: {submissions / 'eager.yaml'} with factor=2" in done.stderr


def test_a_setting_that_fits_nothing_ends_the_command(submissions: Path) -> None:
    done = arena("evaluate", submissions, "--set", "clam.factor=2")
    assert done.exit_code == 2
    assert 'no submission of this name is entered, got "clam"; did you mean "calm"?' in done.stderr
    assert arena("check", submissions / "calm.yaml", "--isolation", "trusted").exit_code == 0


def test_the_variant_that_the_how_to_keeps_is_not_played_again(repository: Path, tmp_path: Path) -> None:
    text = (repository / "docs" / "how-to" / "sweep.md").read_text(encoding="utf-8")
    (kept,) = (block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "my-rule-memory-5" in block)
    place = tmp_path / "submissions"
    assert arena("new", "submission", "my-rule", "--in", place).exit_code == 0
    first = evaluate(place, "--set", "my-rule.memory=3,5,8")
    assert (first["played"], first["resumed"]) == (4 * 10, 0)
    (place / "my-rule-memory-5.yaml").write_text(kept)
    again = evaluate(place)
    assert (again["played"], again["resumed"]) == (0, 2 * 10)
    refused = arena("evaluate", place, "--set", "my-rule.memry=3", "--output", tmp_path / "results")
    (told,) = re.findall(r"`(--set my-rule\.memry=3: [^`]*)`", text)
    assert refused.exit_code == 2
    assert " ".join(told.split()) in " ".join(refused.stderr.split())
