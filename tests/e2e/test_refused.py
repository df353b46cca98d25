"""Malformed submissions: refused with their faults while the others play; and forfeits that say why."""

import json
from pathlib import Path
from typing import Any

import pytest
from commands import invoke

from arena.errors import InvalidInput

GOOD = "name: good\ncontroller: mine.py:Plain\ntrack: blind\n"
PLAIN = """
import numpy as np

class Plain:
    def begin(self, briefing):
        self.links = len(briefing.network.supply_links)

    def order(self, observation):
        return np.full(self.links, 20.0)
"""
FAILING = PLAIN.replace("return np.full", 'raise ValueError("no idea")\n        return np.full')


def enter(folder: Path, manifest: str, code: str = PLAIN) -> None:
    folder.mkdir(parents=True)
    (folder / "submission.yaml").write_text(manifest)
    (folder / "mine.py").write_text(code)


@pytest.fixture
def entered(tmp_path: Path) -> Path:
    enter(tmp_path / "subs" / "good", GOOD)
    enter(tmp_path / "subs" / "bad", "name: bad\ntrack: nowhere\n")
    return tmp_path


def evaluate(place: Path, *more: str, paths: tuple[str, ...] = ("subs",)) -> Any:
    chosen = [str(place / path) for path in paths]
    options = ["--scenario", "serial-m5-backlog", "--seeds", "public", "--isolation", "trusted", "--workers", "0"]
    return invoke(["evaluate", *chosen, *options, "--output", str(place / "results"), *more])


def test_a_malformed_submission_is_refused_and_the_others_play(entered: Path) -> None:
    found = evaluate(entered)
    assert found.exit_code == 1
    assert "controller: is required" in found.output
    standings = json.loads((entered / "results" / "standings.json").read_text())
    assert [row["submission"] for row in standings["rows"]] == ["good"]
    (refused,) = standings["refused"]
    assert refused["path"].endswith("bad")
    assert len(refused["faults"]) == 2
    page = (entered / "results" / "report.html").read_text()
    assert "<h2>Refused</h2>" in page
    assert "controller: is required" in page
    assert invoke(["verify", str(entered / "results")]).exit_code == 0


def test_what_the_isolation_level_does_not_grant_is_refused_too(entered: Path) -> None:
    (entered / "subs" / "bad" / "submission.yaml").write_text(
        GOOD.replace("good", "bad") + "capabilities: [subprocess]\n"
    )
    found = evaluate(entered, "--isolation", "process")
    assert found.exit_code == 1
    assert "subprocess" in found.output


def test_a_link_among_the_submissions_is_refused(entered: Path) -> None:
    (entered / "subs" / "link.yaml").symlink_to("/etc/hostname")
    found = evaluate(entered)
    assert found.exit_code == 1
    assert "is a symbolic link" in found.output


def test_refuse_faulty_plays_nothing(entered: Path) -> None:
    found = evaluate(entered, "--refuse-faulty")
    assert isinstance(found.exception, InvalidInput) or found.exit_code == 2
    assert not (entered / "results").exists()


@pytest.mark.parametrize("paths", [("subs/bad",), ("subs", "nowhere")])
def test_without_anybody_or_with_a_wrong_path_nothing_is_played(entered: Path, paths: tuple[str, ...]) -> None:
    found = evaluate(entered, paths=paths)
    assert isinstance(found.exception, InvalidInput) or found.exit_code == 2
    assert not (entered / "results").exists()


def test_two_of_one_name_stop_everybody(entered: Path) -> None:
    (entered / "subs" / "bad" / "submission.yaml").write_text(GOOD)
    found = evaluate(entered)
    assert isinstance(found.exception, InvalidInput) or found.exit_code == 2


def test_forfeits_say_why(entered: Path) -> None:
    (entered / "subs" / "bad" / "submission.yaml").write_text(GOOD.replace("good", "bad"))
    (entered / "subs" / "bad" / "mine.py").write_text(FAILING)
    found = evaluate(entered)
    assert found.exit_code == 0
    assert "forfeits of bad: 10 episodes, exception" in found.output
    assert "no idea" in found.output
