"""Runs that are played until decided: where they stop, what their tables say, and that they go on after a break."""

from pathlib import Path
from typing import Any

import pytest
from commands import invoke

from arena.audit.verify import verify
from arena.contract.seeds import PublicSeeds, Secret, hidden_seeds, reveal_secret
from arena.contract.version import contract_digest
from arena.entry.loading import load_submissions
from arena.errors import InvalidInput
from arena.play.evaluate import Evaluation, evaluate
from arena.play.until_decided import evaluate_until_decided
from arena.report.neighbours import count_decided, verdict_lines
from arena.report.page import render_report
from arena.results.head_to_head import compare
from arena.results.reading import read_results
from arena.results.rows import StoppingRule
from arena.results.sequential import FEWEST_SEEDS
from arena.world.suite import Suite, shipped_scenarios

CODE = """
import numpy as np

class Constant:
    def __init__(self, amount=20.0):
        self.amount = amount

    def begin(self, briefing):
        self.links = len(briefing.network.supply_links)

    def order(self, observation):
        return np.full(self.links, self.amount)
"""
SUITE = Suite(name="one", description="", scenarios=(shipped_scenarios()["serial-stationary-backlog"],))
SECRET = Secret(master="1" * 64, salt="2" * 64)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "mine.py").write_text(CODE)
    return tmp_path


def entries(place: Path, **amounts: float) -> Any:
    """Submissions that order the same amount in every period."""
    paths = []
    for name, amount in amounts.items():
        text = f"name: {name}\ncontroller: mine.py:Constant\ncode: code\ntrack: blind\nconfig: {{amount: {amount}}}\n"
        paths.append(place / f"{name}.yaml")
        paths[-1].write_text(text)
    return load_submissions(paths).require()


def seeds(count: int) -> Any:
    return hidden_seeds(SECRET, count, contract_digest())


def run(
    place: Path, submissions: Any, first: int, rule: StoppingRule, output: str = "results", **more: Any
) -> Evaluation:
    return evaluate_until_decided(
        submissions, SUITE, seeds(first), rule, output=place / output, isolation="trusted", workers=0, **more
    )


def test_a_clear_difference_stops_at_the_first_look(place: Path) -> None:
    told: list[tuple[int, int]] = []
    evaluation = run(
        place,
        entries(place, good=20.0, poor=5.0),
        10,
        StoppingRule(budget=200),
        batch_ended=lambda one, following: told.append((one.standings.seeds, following)),
    )
    standings = evaluation.standings
    assert told == [(10, FEWEST_SEEDS), (FEWEST_SEEDS, FEWEST_SEEDS)]
    (verdict,) = standings.neighbours
    assert (verdict.upper, verdict.lower, verdict.verdict) == ("good", "poor", "better")
    assert [str(row.rank) for row in standings.rows] == ["1", "2"]
    assert count_decided(standings.neighbours) == "1 of 1 pairs of neighbours are decided"


def test_the_same_on_every_seed_is_equivalent(place: Path) -> None:
    standings = run(place, entries(place, one=20.0, other=20.0), 30, StoppingRule(budget=60)).standings
    (verdict,) = standings.neighbours
    assert (verdict.verdict, standings.seeds) == ("equivalent", 30)
    assert [line.verdict for line in verdict_lines(standings)] == ["equal on every seed"]


def test_a_margin_makes_near_ones_equivalent(place: Path) -> None:
    near = entries(place, one=20.0, other=20.01)
    standings = run(place, near, 30, StoppingRule(margin=1e6, budget=60)).standings
    (verdict,) = standings.neighbours
    assert verdict.within_margin
    assert standings.seeds == 30


def test_the_budget_ends_what_cannot_be_decided(place: Path) -> None:
    # Means of the profits of these two are nearly equal, and single seeds differ by hundreds.
    standings = run(place, entries(place, more=20.3, less=19.7), 30, StoppingRule(margin=1e-6, budget=45)).standings
    (verdict,) = standings.neighbours
    assert (verdict.verdict, standings.seeds) == ("not decided", 45)
    assert verdict.seeds_needed is None or verdict.seeds_needed > 45
    assert {str(row.rank) for row in standings.rows} == {"1–2"}


def test_a_stopped_run_goes_on_and_ends_the_same(place: Path) -> None:
    submissions = entries(place, more=20.3, less=19.7)
    rule = StoppingRule(margin=1e-6, budget=70)

    def stop(evaluation: Evaluation, following: int) -> None:
        if following > 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(place, submissions, 30, rule, "halves", batch_ended=stop)
    second = run(place, submissions, 30, rule, "halves")
    whole = run(place, submissions, 30, rule, "whole")
    assert second.standings.neighbours == whole.standings.neighbours
    assert [row.profit_interval for row in second.standings.rows] == [
        row.profit_interval for row in whole.standings.rows
    ]
    # A larger budget goes on from what is there, though the first batch is a small one.
    further = run(place, submissions, 10, StoppingRule(margin=1e-6, budget=80), "halves")
    assert (further.standings.seeds, further.resumed) == (80, 2 * 70)


def test_later_tables_of_these_seeds_hold_at_any_stop_too(place: Path) -> None:
    submissions = entries(place, more=20.3, less=19.7)
    rule = StoppingRule(margin=1e-6, budget=30)
    first = run(place, submissions, 30, rule)
    (place / "results" / "standings.json").unlink()
    later = evaluate(submissions, SUITE, seeds(30), output=place / "results", isolation="trusted", workers=0)
    assert later.standings.stopping == rule
    assert later.standings.neighbours == first.standings.neighbours
    fixed = evaluate(submissions, SUITE, seeds(30), output=place / "fixed", isolation="trusted", workers=0)
    assert fixed.standings.stopping is None
    wide, narrow = (one.standings.rows[0].profit_interval for one in (later, fixed))
    assert wide is not None
    assert narrow is not None
    assert wide.high - wide.low > narrow.high - narrow.low


def test_nobody_of_a_folder_is_left_behind(place: Path) -> None:
    rule = StoppingRule(margin=1e-6, budget=40)
    run(place, entries(place, more=20.3, less=19.7), 30, rule)
    (newcomer,) = entries(place, third=20.1)
    with pytest.raises(InvalidInput, match="other submissions, which would be left behind: less, more"):
        run(place, (newcomer,), 30, rule)
    standings = run(place, entries(place, more=20.3, less=19.7, third=20.1), 30, rule).standings
    assert [row.complete for row in standings.rows] == [True] * 3


def test_the_store_tells_how_far_a_folder_is(place: Path) -> None:
    submissions = entries(place, more=20.3, less=19.7)
    run(place, submissions, 30, StoppingRule(margin=1e-6, budget=45))
    (place / "results" / "standings.json").unlink()
    with pytest.raises(InvalidInput, match="has 45 seeds per scenario already"):
        run(place, submissions, 30, StoppingRule(margin=1e-6, budget=40))
    assert run(place, submissions, 30, StoppingRule(margin=1e-6, budget=45)).standings.seeds == 45


def test_verification_page_and_comparison_know_the_rule(place: Path) -> None:
    evaluation = run(place, entries(place, good=20.0, poor=5.0), 30, StoppingRule(budget=60))
    assert verify(place / "results", reveal=reveal_secret(SECRET)).differences == ()
    page = render_report(evaluation.standings, evaluation.records)
    assert "<h2>Neighbours</h2>" in page
    assert "confidence sequence" in page
    assert compare(read_results(place / "results"), "good", "poor").verdict == "better"


def test_below_the_smallest_number_a_comparison_is_not_exact(place: Path) -> None:
    run(place, entries(place, good=20.0, poor=5.0), 10, StoppingRule(budget=10))
    found = compare(read_results(place / "results"), "good", "poor")
    assert (found.verdict, found.over_all.profit_interval) == ("not decided", None)
    assert found.seeds_needed == FEWEST_SEEDS


def test_a_comparison_and_the_table_forecast_the_same(place: Path) -> None:
    standings = run(place, entries(place, more=20.3, less=19.7), 30, StoppingRule(margin=1e-6, budget=30)).standings
    first, second = (row.submission for row in standings.rows)
    found = compare(read_results(place / "results"), first, second, margin=1e-6)
    assert found.seeds_needed == standings.neighbours[0].seeds_needed


def test_nothing_is_compared_with_itself(place: Path) -> None:
    run(place, entries(place, good=20.0, poor=5.0), 10, StoppingRule(budget=10))
    with pytest.raises(InvalidInput, match="is compared with itself"):
        compare(read_results(place / "results"), "good", "good")


@pytest.mark.parametrize(
    ("plan", "budget", "message"),
    [(PublicSeeds(), 60, "there are ten public seeds and no more"), (seeds(61), 60, "first batch has 61 seeds")],
)
def test_what_cannot_be_played_until_decided_is_refused(place: Path, plan: Any, budget: int, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        evaluate_until_decided(
            entries(place, one=20.0), SUITE, plan, StoppingRule(budget=budget), output=place / "results"
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--margin", "0.01"], "--margin"),
        (["--budget", "50"], "--budget"),
        (["--until-decided", "--margin", "-1"], "is no positive number"),
        (["--until-decided", "--margin", "nan"], "is no positive number"),
        (["--until-decided"], "there are ten public seeds and no more"),
    ],
)
def test_options_that_do_not_go_together_are_refused(place: Path, options: list[str], message: str) -> None:
    entries(place, one=20.0)
    output = place / "results"
    arguments = ["evaluate", str(place / "one.yaml"), "--output", str(output), "--isolation", "trusted"]
    found = invoke([*arguments, *options])
    assert isinstance(found.exception, InvalidInput) or found.exit_code
    assert message in found.output + str(found.exception)
