"""Two submissions compared seed by seed."""

from pathlib import Path

import numpy as np
import pytest
from records import play

from arena.errors import InvalidInput
from arena.results.head_to_head import compare
from arena.results.reading import Results
from arena.results.record import EpisodeRecord
from arena.results.standings import compute_standings

SCENARIOS = ("north", "south")


def results(*records: list[EpisodeRecord], seeds: int = 10, folder: str = "out") -> Results:
    flat = [one for each in records for one in each]
    table = compute_standings(flat, suite="test", scenarios=SCENARIOS, seeds=seeds)
    return Results(Path(folder), table, tuple(flat))


def luck(key: int, size: int = 10) -> np.ndarray:
    return np.random.default_rng(key).normal(0, 10, size)


ORACLE = play("best", {"north": 100 + luck(1), "south": 200 + luck(2)}, "oracle")
FIRST = play("first", {"north": 90 + luck(1), "south": 180 + luck(2)})


def second(gain: float, scale: float = 1.0) -> list[EpisodeRecord]:
    own = {"north": luck(3), "south": luck(4)}
    centred = {name: scale * (values - values.mean()) for name, values in own.items()}
    return play("second", {"north": 90 + gain + luck(1) + centred["north"], "south": 180 + luck(2) + centred["south"]})


def test_differences_are_paired_by_seed_and_by_scenario() -> None:
    found = compare(results(FIRST, second(10, 0.1), ORACLE), "first", "second")
    assert found.over_all.profit == pytest.approx(-5, rel=1e-9)
    assert found.over_all.score == pytest.approx(-10 / (100 + luck(1).mean()) / 2, rel=1e-6)
    north, south = found.by_scenario
    assert (north.scenario, north.profit) == ("north", pytest.approx(-10, rel=1e-9))
    assert south.profit == pytest.approx(0, abs=1e-9)
    assert south.profit_interval is not None
    assert south.profit_interval.low < 0 < south.profit_interval.high
    assert (found.verdict, found.measure) == ("worse", "score")
    assert found.describe() == f"first is worse than second by {-found.over_all.score:.4f} of score"


def test_on_hidden_seeds_the_unit_is_an_episode() -> None:
    """The same luck in both scenarios is one draw on public seeds and two on hidden ones."""
    own = luck(3)
    other = play("second", {"north": 90 + luck(1) + own, "south": 180 + luck(2) + own})
    widths = []
    for commitment in (None, "c" * 64):
        records = [*FIRST, *other]
        table = compute_standings(records, suite="test", scenarios=SCENARIOS, seeds=10, commitment=commitment)
        interval = compare(Results(Path("out"), table, tuple(records)), "first", "second").over_all.profit_interval
        assert interval is not None
        widths.append(interval.high - interval.low)
    assert widths[0] > 1.3 * widths[1]


def test_the_other_way_round_is_the_opposite() -> None:
    table = results(FIRST, second(3), ORACLE)
    one, two = compare(table, "first", "second"), compare(table, "second", "first")
    assert one.over_all.profit == pytest.approx(-two.over_all.profit, rel=1e-12)
    assert one.over_all.profit_interval is not None
    assert two.over_all.profit_interval is not None
    assert one.over_all.profit_interval.low == pytest.approx(-two.over_all.profit_interval.high, rel=1e-9)


def test_without_scores_the_verdict_is_about_profit() -> None:
    found = compare(results(FIRST, second(40, 0.1)), "second", "first")
    assert (found.measure, found.over_all.score, found.verdict) == ("profit", None, "better")
    assert "of profit" in found.describe()


@pytest.mark.parametrize(
    ("gain", "scale", "margin", "verdict"),
    [
        (0.1, 0.01, 0.05, "equivalent"),
        (1.0, 0.01, 0.05, "equivalent"),
        (20.0, 0.01, 0.05, "better"),
        (1.0, 3.0, 0.05, "not decided"),
        (1.0, 3.0, None, "not decided"),
    ],
)
def test_verdicts(gain: float, scale: float, margin: float | None, verdict: str) -> None:
    found = compare(results(FIRST, second(gain, scale), ORACLE), "second", "first", margin=margin)
    assert found.verdict == verdict
    assert (found.seeds_needed is not None) == (verdict == "not decided")
    if found.seeds_needed is not None:
        assert found.seeds_needed > 10
        assert f"about {found.seeds_needed:,} seeds per scenario would decide" in found.describe()


def test_a_difference_that_is_the_same_on_every_seed_is_exact() -> None:
    found = compare(results(FIRST, second(4, 0.0)), "second", "first")
    assert (found.verdict, found.over_all.profit_interval) == ("exact", None)
    assert "the same on every seed" in found.describe()


def test_the_second_may_be_in_another_folder_under_the_same_name() -> None:
    here = results(FIRST, ORACLE, folder="new")
    there = results([one.model_copy(update={"submission": "first"}) for one in second(-30, 0.1)], folder="old")
    found = compare(here, "first", "first", other=there)
    assert (found.first, found.second, found.verdict) == ("first", "first (old)", "better")


def test_what_cannot_be_compared_is_refused() -> None:
    table = results(FIRST, second(1), ORACLE)
    with pytest.raises(InvalidInput, match='did you mean "first"'):
        compare(table, "frist", "second")
    with pytest.raises(InvalidInput, match="is no positive number"):
        compare(table, "first", "second", margin=-1.0)
    with pytest.raises(InvalidInput, match="has not played every scenario and seed"):
        compare(results(FIRST, second(1)[:-1], ORACLE), "first", "second")
    changed = [one.model_copy(update={"scenario_digest": "0" * 64}) for one in second(1)]
    with pytest.raises(InvalidInput, match="has other scenarios than out"):
        compare(table, "first", "second", other=results(changed, folder="there"))
    few = [one for one in second(1) if one.seed_index < 5]
    with pytest.raises(InvalidInput, match="has 5 seeds per scenario, and out has 10"):
        compare(table, "first", "second", other=results(few, seeds=5, folder="there"))
