"""The public functions take paths as text, refuse what cannot be meant in words, and write what the commands write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from arena import (
    InvalidInput,
    PublicSeeds,
    StoreError,
    contract_digest,
    evaluate,
    hidden_seeds,
    load_document,
    load_submissions,
    load_suite,
    new_secret,
    read_results,
    read_reveal,
    read_secret,
    verify,
    write_report,
)
from arena.cli.results import _write_page
from arena.contract.seeds import PUBLIC_SEEDS

CODE = """
import numpy as np

class Controller:
    def begin(self, briefing):
        self.links = len(briefing.network.supply_links)

    def order(self, observation):
        return np.full(self.links, 15.0)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with two submissions of one folder of code, and a suite with a scenario that has a note."""
    monkeypatch.chdir(tmp_path)
    Path("submissions/code").mkdir(parents=True)
    Path("submissions/code/mine.py").write_text(CODE)
    for name in ("calm", "eager"):
        text = f"name: {name}\ncontroller: mine.py:Controller\ncode: code\ntrack: blind\n"
        Path(f"submissions/{name}.yaml").write_text(text)
    Path("noted.yaml").write_text("name: noted\nscenarios: [serial-m5-backlog]\n")
    return tmp_path


def play(submissions: Any, seeds: Any = None, output: Any = "results") -> Any:
    seeds = seeds or PublicSeeds(1)
    return evaluate(submissions, load_suite("noted.yaml"), seeds, output=output, isolation="trusted", workers=0)


def test_paths_may_be_text(place: Path) -> None:
    loaded = load_submissions("submissions")
    assert [one.name for one in loaded.require()] == ["calm", "eager"]
    assert load_submissions(place / "submissions" / "calm.yaml").require()[0].name == "calm"
    assert "--set calm.days=1" in str(load_submissions("submissions", settings="calm.days=1").faults[0])
    evaluation = play(loaded.require())
    assert (evaluation.played, evaluation.store) == (2, Path("results/results.sqlite"))
    assert verify("results").checked == 2
    results = read_results("results")
    assert write_report(results.table, results.records, "page.html") == Path("page.html")
    assert load_document("noted.yaml")["name"] == "noted"
    for read in (read_secret, read_reveal):
        with pytest.raises(InvalidInput, match=r"nowhere\.json"):
            read("nowhere.json")
    with pytest.raises((InvalidInput, StoreError), match="nowhere"):
        verify("nowhere")


def test_the_page_of_a_script_is_that_of_the_command(place: Path) -> None:
    play(load_submissions("submissions").require())
    results = read_results("results")
    page = write_report(results.table, results.records, "page.html").read_text()
    assert "reads the realised demand" in page, "a note of the scenario"
    assert _write_page(Path("results"), results.table, results.records).read_text() == page
    without = write_report(results.table, results.records, "page.html", notes={}).read_text()
    assert "reads the realised demand" not in without


@pytest.mark.parametrize("count", [0, -1, len(PUBLIC_SEEDS) + 1])
def test_there_are_ten_public_seeds(count: int) -> None:
    with pytest.raises(InvalidInput, match=f"count: the number of public seeds is between 1 and 10, got {count}"):
        PublicSeeds(count)
    assert (PublicSeeds(10).count, PublicSeeds(count=1).label) == (10, "public")
    with pytest.raises(TypeError, match="number of public seeds"):
        PublicSeeds(1.5)  # type: ignore[arg-type]


def test_nobody_and_doubles_are_refused_before_a_folder_is_made(place: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no submission to play; name at least one"):
        play(())
    calm = load_submissions("submissions/calm.yaml").require()[0]
    with pytest.raises(InvalidInput, match=r'name: 2 submissions have this name: .*calm.yaml and .*, got "calm"; give'):
        play((calm, calm))
    assert not Path("results").exists()


def test_hidden_seeds_of_no_rules_are_refused(place: Path) -> None:
    submissions = load_submissions("submissions").require()
    secret = new_secret()
    with pytest.raises(
        InvalidInput, match=r"contract_digest: is no digest of these rules, .*, got \"x\"; use hidden_seeds"
    ):
        play(submissions, hidden_seeds(secret, 1, "x"))
    assert not Path("results").exists()
    assert play(submissions, hidden_seeds(secret, 1, contract_digest())).played == 2
