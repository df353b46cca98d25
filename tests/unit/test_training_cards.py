"""Training cards: from a plugin or a submission's folder to the store, the standings and the page, as text alone."""

from __future__ import annotations

import json
import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fake_plugins import controller_source, write_plugin

from arena import InvalidInput, LearningPoint, PublicSeeds, TrainingCard, load_submissions, verify
from arena.contract.training_card import MOST_CARDS, MOST_POINTS, check_cards
from arena.play.evaluate import Evaluation, evaluate
from arena.report.backtest import render_backtest
from arena.report.page import render_again, write_report
from arena.report.training import draw_curve
from arena.results.store import Store
from arena.world.suite import load_suite

HOSTILE = "<b>bold</b></script>"
CARD = f"""
name: "{HOSTILE}"
summary: learnt to order
worlds: two towns
steps: 4000
seed: 7
score: 0.5
curve: [{{steps: 1000, score: 0.25}}, {{steps: 2000, score: 0.75}}, {{steps: 4000, score: 0.5}}]
"""
OWN = """
import numpy as np

class Mine:
    def begin(self, briefing):
        self.links = len(briefing.order_bound)

    def order(self, observation):
        return np.full(self.links, 20.0)
"""
DECLARES = "factory=Constant, "
GIVES = (
    "factory=Constant, cards=lambda config, track: [TrainingCard(name=f'net {track} {config.quantity:g}', seed=3)], "
)


def own(place: Path, card: str | None) -> Path:
    """A submission with a folder of its own, and a file of cards in it."""
    folder = place / "own"
    folder.mkdir()
    (folder / "submission.yaml").write_text("name: own\ncontroller: mine.py:Mine\ntrack: blind\n", encoding="utf-8")
    (folder / "mine.py").write_text(OWN, encoding="utf-8")
    if card is not None:
        (folder / "training.yaml").write_text(card, encoding="utf-8")
    return folder


def evaluated(place: Path, *submissions: Path) -> Evaluation:
    suite = load_suite("smoke")
    suite = suite.model_copy(update={"scenarios": suite.scenarios[:1]})
    entered = load_submissions(submissions).require()
    found = evaluate(entered, suite, PublicSeeds(2), output=place / "results", isolation="trusted", workers=0)
    write_report(found.standings, found.records, place / "results" / "report.html")
    return found


def faults_of(content: object) -> str:
    with pytest.raises(InvalidInput) as told:
        check_cards([content], "training.yaml")
    return str(told.value)


def found_in(folder: Path) -> list[tuple[str, str]]:
    result = verify(folder, render=render_again, render_backtest=render_backtest)
    return [(one.submission, one.column) for one in result.differences]


def test_a_card_of_a_folder_is_on_the_page_as_text_and_is_verified(tmp_path: Path) -> None:
    (tmp_path / "plain.yaml").write_text("name: plain\ncontroller: newsvendor\ntrack: blind\n", encoding="utf-8")
    found = evaluated(tmp_path, own(tmp_path, CARD), tmp_path / "plain.yaml")
    (trained,) = found.standings.training
    assert (trained.submission, trained.cards[0].seed) == ("own", 7)
    page = (tmp_path / "results" / "report.html").read_text(encoding="utf-8")
    (section,) = re.findall(r'<section id="training">(.*?)</section>', page, re.DOTALL)
    assert "<b>" not in section
    assert "&lt;b&gt;bold&lt;/b&gt;" in section
    assert "<dd>0.5000, best 0.7500 at 2,000</dd>" in section
    assert section.count("<article>") == 1
    assert found_in(tmp_path / "results") == []


@pytest.mark.parametrize("where", ["standings", "store", "both"])
def test_an_edited_card_is_found(tmp_path: Path, where: str) -> None:
    found = evaluated(tmp_path, own(tmp_path, CARD))
    folder = tmp_path / "results"
    if where != "store":
        standings = json.loads(found.standings_file.read_text(encoding="utf-8"))
        standings["training"][0]["cards"][0]["score"] = 0.9
        found.standings_file.write_text(json.dumps(standings), encoding="utf-8")
    if where != "standings":
        with closing(sqlite3.connect(found.store)) as connection, connection:
            change = "UPDATE about SET value = replace(value, '\"score\": 0.5,', '\"score\": 0.9,')"
            connection.execute(f"{change} WHERE name = 'training_cards'")
    assert found_in(folder)


def test_a_controller_that_was_not_trained_has_no_card_and_the_page_no_section(tmp_path: Path) -> None:
    found = evaluated(tmp_path, own(tmp_path, None))
    assert found.standings.training == ()
    page = (tmp_path / "results" / "report.html").read_text(encoding="utf-8")
    assert 'id="training"' not in page
    assert "#training" not in page
    with Store(found.store, read_only=True) as store:
        assert store.cards.get() == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "name"),
        ({"name": "x", "digest": "12"}, "digest"),
        ({"name": "x" * 201}, "name"),
        ({"name": "x", "worlds": "x" * 2_001}, "worlds"),
        ({"name": "x", "score": float("nan")}, "score"),
        ({"name": "x", "curve": [{"steps": 1}] * (MOST_POINTS + 1)}, "curve"),
        ({"name": "x", "markup": "<b>"}, "markup"),
        ("x", "cards"),
    ],
)
def test_a_card_that_breaks_a_rule_is_refused(content: Any, message: str) -> None:
    assert message in faults_of(content)


def test_cards_are_bounded_in_number() -> None:
    assert len(check_cards([TrainingCard(name="x")] * MOST_CARDS, "")) == MOST_CARDS
    with pytest.raises(InvalidInput, match="cards"):
        check_cards([TrainingCard(name="x")] * (MOST_CARDS + 1), "")
    with pytest.raises(InvalidInput, match="cards"):
        check_cards(7, "")


def test_a_faulty_file_of_cards_refuses_the_submission(tmp_path: Path) -> None:
    (refused,) = load_submissions([own(tmp_path, "name: x\nscore: much\n")]).refused
    assert any("training.yaml" in str(fault) and "score" in str(fault) for fault in refused.faults)


def test_several_cards_stand_in_a_list(tmp_path: Path) -> None:
    (one,) = load_submissions([own(tmp_path, "cards: [{name: first}, {name: second}]")]).require()
    assert [card.name for card in one.cards] == ["first", "second"]


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stranger's plugin whose controller has a card, and a manifest that names it."""
    source = controller_source("trained-one").replace(DECLARES, GIVES)
    source = source.replace("from arena import ControllerSpec", "from arena import ControllerSpec, TrainingCard")
    monkeypatch.syspath_prepend(write_plugin(tmp_path, "fake-trained", "fake_trained", source))
    monkeypatch.delitem(sys.modules, "fake_trained", raising=False)
    manifest = tmp_path / "mine.yaml"
    manifest.write_text("name: mine\ncontroller: trained-one\ntrack: blind\nconfig: {quantity: 3}\n", encoding="utf-8")
    return manifest


def test_a_strangers_plugin_gives_its_card_without_being_imported_here(stranger: Path) -> None:
    (described,) = load_submissions([stranger]).require()
    assert described.cards == (TrainingCard(name="net blind 3", seed=3),)
    assert "fake_trained" not in sys.modules
    (trusted,) = load_submissions([stranger], trust="fake-trained").require()
    assert trusted.cards == described.cards


@pytest.mark.parametrize("cards", ["1 / 0", "[7]", "None", "[TrainingCard(name='x')] * 99"])
def test_a_plugin_that_cannot_give_its_cards_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cards: str
) -> None:
    source = controller_source("broken-one").replace(DECLARES, f"factory=Constant, cards=lambda c, t: {cards}, ")
    source = source.replace("from arena import ControllerSpec", "from arena import ControllerSpec, TrainingCard")
    monkeypatch.syspath_prepend(write_plugin(tmp_path, "fake-broken", "fake_broken", source))
    monkeypatch.delitem(sys.modules, "fake_broken", raising=False)
    manifest = tmp_path / "mine.yaml"
    manifest.write_text("name: mine\ncontroller: broken-one\ntrack: blind\n", encoding="utf-8")
    for trust in ((), "fake-broken"):
        (refused,) = load_submissions([manifest], trust=trust).refused
        assert "card" in str(refused.faults[0]) or "ZeroDivisionError" in str(refused.faults[0])


@pytest.mark.parametrize("scores", [[], [1.0]])
def test_a_curve_needs_two_points(scores: list[float]) -> None:
    assert not draw_curve([LearningPoint(steps=place, score=one) for place, one in enumerate(scores)])


def test_a_curve_of_equal_scores_is_a_level_line() -> None:
    drawn = str(draw_curve([LearningPoint(steps=place, score=2.0) for place in (0, 10)]))
    assert 'points="4.0,17.0 116.0,17.0"' in drawn
