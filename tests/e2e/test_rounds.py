"""A round on the command line: committed to, shown, played, and held against the folder that came of it."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from commands import invoke as run

CODE = """
import numpy as np

class Controller:
    def __init__(self, quantity=20.0):
        self.quantity = quantity

    def begin(self, briefing):
        self.links = len(briefing.order_bound)

    def order(self, observation):
        return np.full(self.links, self.quantity)
"""
SUITE = "name: small\nscenarios: [{name: own, network: tree, horizon: 5}]\n"
TERMS = ("--submissions", "entrants", "--suite", "small.yaml", "--seeds", "hidden:2", "--secret", "contest.secret")
PLAYED = ("evaluate", "entrants", "--round", "round.json", "--secret", "contest.secret", "--workers", 0)


def invoke(*arguments: object) -> Any:
    return run([*map(str, arguments)])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, quantity in (("eager", 35.0), ("steady", 20.0)):
        folder = tmp_path / "entrants" / name
        folder.mkdir(parents=True)
        (folder / "controller.py").write_text(CODE)
        manifest = (
            f"name: {name}\ncontroller: controller.py:Controller\ntrack: blind\nconfig: {{quantity: {quantity}}}\n"
        )
        (folder / "submission.yaml").write_text(manifest)
    (tmp_path / "small.yaml").write_text(SUITE)
    (tmp_path / "limits.yaml").write_text("decision: 0.75\n")
    monkeypatch.chdir(tmp_path)
    assert invoke("seeds", "new", "contest.secret").exit_code == 0
    made = invoke("round", "new", "round.json", *TERMS, "--isolation", "trusted", "--limits", "limits.yaml")
    assert made.exit_code == 0, made.stderr
    assert made.stdout.strip() == hashlib.sha256((tmp_path / "round.json").read_bytes()).hexdigest()
    assert "results at level trusted are not official; official is sandbox" in made.stderr
    return tmp_path


def test_a_round_is_shown(place: Path) -> None:
    secret = json.loads((place / "contest.secret").read_text())
    text = (place / "round.json").read_text()
    assert secret["master"] not in text
    assert secret["salt"] not in text
    shown = invoke("round", "show", "round.json").stdout
    for words in (
        hashlib.sha256(text.encode()).hexdigest(),
        "suite: small, 1 scenarios",
        "seeds: 2 per scenario",
        "isolation: trusted",
        "decision 0.75",
        "eager",
    ):
        assert words in shown
    told = json.loads(invoke("round", "show", "round.json", "--json").stdout)
    assert [one["name"] for one in told["participants"]] == ["eager", "steady"]
    again = invoke("round", "new", "round.json", *TERMS)
    assert (again.exit_code, "a round is never overwritten" in again.stderr) == (2, True)


def test_a_round_is_played_and_verified(place: Path) -> None:
    digest = invoke("round", "show", "round.json").stdout.splitlines()[0].removeprefix("round: ")
    done = invoke(*PLAYED, "--output", "final")
    assert done.exit_code == 0, done.stderr
    assert f"played in the round {digest}" in done.stdout
    [results] = re.findall(r"^results digest: ([0-9a-f]{64})$", done.stdout, re.MULTILINE)
    standings = json.loads(Path("final/standings.json").read_text())
    assert (standings["round_digest"], standings["digests"]["results"]) == (digest, results)
    page = Path("final/report.html").read_text()
    assert (digest in page, results in page) == (True, True)
    assert invoke("seeds", "reveal", "contest.secret", "--output", "reveal.json").exit_code == 0
    held = ("verify", "final", "--reveal", "reveal.json", "--round", "round.json", "--digest", results)
    found = invoke(*held, "--play", 100, "--submissions", "entrants")
    assert found.exit_code == 0, found.stdout
    assert f"checked: the round {digest}: participants, suite, level, limits, language models, " in found.stdout
    assert "checked: 4 of 4 rows: orders, played again from the submissions (all that could be)" in found.stdout
    assert found.stdout.splitlines()[-1] == "all agrees"
    Path("round.json").write_text(Path("round.json").read_text().replace('"seeds": 2', '"seeds": 3'))
    other = invoke(*held)
    assert (other.exit_code, "seeds is 2, recomputed 3" in other.stdout or "round_digest" in other.stdout) == (1, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--isolation", "process"), 'isolation: the round commits to trusted, got "process"'),
        (("--seeds", "hidden:3"), "seeds: the round commits to 2, got 3"),
        (("--until-decided", "--budget", 50), "stopping: the round commits to a fixed number of seeds"),
        (("--scenario", "serial-stationary-backlog"), "suite.name: the round commits to small"),
        (("--suite", "smoke"), "suite.name: the round commits to small"),
        (("--limits", "other.yaml"), "limits.decision: the round commits to 0.75, got 0.5"),
        (("--accept-fallbacks",), "accept_fallbacks: the round commits to False, got True"),
    ],
)
def test_options_that_conflict_with_the_round_are_refused(
    place: Path, options: tuple[object, ...], message: str
) -> None:
    (place / "other.yaml").write_text("decision: 0.5\n")
    done = invoke(*PLAYED, *options, "--output", "final")
    assert (done.exit_code, message in done.stderr) == (2, True), done.stderr
    assert not Path("final").exists()


def test_options_that_say_the_same_are_welcome(place: Path) -> None:
    same = ("--isolation", "trusted", "--seeds", "hidden:2", "--suite", "small.yaml", "--limits", "limits.yaml")
    assert invoke(*PLAYED, *same, "--output", "final").exit_code == 0


def test_a_missing_participant_is_refused_by_name(place: Path) -> None:
    done = invoke("evaluate", "entrants/steady", *PLAYED[2:], "--output", "final")
    assert (done.exit_code, "eager: is missing; enter the content" in done.stderr) == (2, True), done.stderr


def test_practice_on_hidden_seeds_says_that_it_is_practice(place: Path) -> None:
    options = ("--suite", "small.yaml", "--seeds", "hidden:2", "--secret", "contest.secret", "--isolation", "trusted")
    done = invoke("evaluate", "entrants", *options, "--workers", 0, "--output", "practice")
    assert (
        "not official: practice on hidden seeds, outside of any round; commit to one first (arena round new)"
        in done.stdout
    )
    assert "This is practice on hidden seeds" in Path("practice/report.html").read_text()


def test_a_round_until_decided_needs_no_further_option(place: Path) -> None:
    made = invoke("round", "new", "open.json", *TERMS, "--isolation", "trusted", "--until-decided", "--budget", 40)
    assert made.exit_code == 0, made.stderr
    shown = invoke("round", "show", "open.json").stdout
    assert "2 per scenario at first, then until decided with the default margin and a budget of 40" in shown
    done = invoke("evaluate", "entrants", "--round", "open.json", *PLAYED[4:], "--output", "final")
    assert done.exit_code == 0, done.stderr
    assert "after 2 seeds per scenario" in done.stderr
    assert json.loads(Path("final/standings.json").read_text())["stopping"] == {"margin": None, "budget": 40}
    assert invoke("verify", "final", "--round", "open.json").exit_code == 0


ORACLES = "name: small\nscored_by: {oracle}\nscenarios: [{{name: own, network: tree, horizon: 5}}]\n"


@pytest.mark.parametrize(("oracle", "warned"), [("eager", False), ("far-sighted", True)])
def test_a_suite_whose_oracle_has_not_played_is_told(place: Path, oracle: str, warned: bool) -> None:
    """Scores are then measured against another oracle than the suite names, if there is one."""
    manifest = place / "entrants" / "eager" / "submission.yaml"
    manifest.write_text(manifest.read_text().replace("track: blind", "track: oracle"))
    Path("scored.yaml").write_text(ORACLES.format(oracle=oracle))
    options = ("--suite", "scored.yaml", "--isolation", "trusted", "--workers", 0, "--output", "scored")
    done = invoke("evaluate", "entrants", *options)
    told = f"the suite names {oracle} as its oracle, which has not played every seed; scores are measured without it"
    assert done.exit_code == 0, done.stderr
    assert (told in done.stderr) == warned


def test_models_and_packages_of_a_round_are_shown(place: Path) -> None:
    shown = invoke("round", "show", "round.json").stdout
    assert "language models: none" in shown
    assert "trusted packages: none" in shown
    content = json.loads((place / "round.json").read_text())
    del content["language_models"], content["trusted"]
    Path("old.json").write_text(json.dumps(content))
    shown = invoke("round", "show", "old.json").stdout
    assert "language models: not stated: the round was made by an arena that did not commit to them" in shown
    assert "trusted packages: not stated" in shown
