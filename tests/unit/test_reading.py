"""Reading a folder of results: objects and data frames say what the tables of the folder say."""

import csv
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from arena import (
    ArenaError,
    InvalidInput,
    PublicSeeds,
    StoreError,
    evaluate,
    load_submissions,
    load_suite,
    read_results,
)
from arena.results.reading import read_standings

SUITE = "smoke"
SEEDS = 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    entrants = [repository / "submissions" / name for name in ("echelon.yaml", "newsvendor.yaml")]
    output = tmp_path_factory.mktemp("results") / "r"
    submissions = load_submissions(entrants).require()
    evaluate(submissions, load_suite(SUITE), PublicSeeds(count=SEEDS), output=output, isolation="trusted", workers=0)
    return output


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "episodes.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_objects_and_frames_say_what_the_table_says(folder: Path) -> None:
    results = read_results(str(folder))
    rows = table(folder)
    assert len(results.records) == len(rows) == 2 * 4 * SEEDS
    assert [row.submission for row in results.table.rows] == results.standings()["submission"].tolist()
    frame = results.episodes()
    assert list(frame.columns) == list(rows[0])
    assert frame["profit"].tolist() == pytest.approx([float(row["profit"]) for row in rows], rel=1e-12)
    assert frame["fill_rate"].dtype == np.float64
    assert frame["seed_index"].dtype == np.int64


def test_standings_and_scenarios_have_their_rows_with_the_ends_of_intervals(folder: Path) -> None:
    results = read_results(folder)
    first = results.table.rows[0]
    assert first.profit_interval is not None
    ranking = results.standings()
    assert ranking["profit_low"][0] == first.profit_interval.low
    assert ranking["profit_high"][0] == first.profit_interval.high
    assert "profit_interval" not in ranking
    by_scenario = results.scenarios()
    assert len(by_scenario) == 2 * 4
    assert by_scenario.groupby("submission")["mean_profit"].mean()[first.submission] == pytest.approx(first.mean_profit)


def test_periods_and_an_episode_have_the_same_orders_and_demand(folder: Path) -> None:
    results = read_results(folder)
    record = results.records[0]
    episode = results.episode(record)
    periods = results.periods()
    own = periods[
        (periods["submission"] == record.submission)
        & (periods["scenario"] == record.scenario)
        & (periods["seed_index"] == record.seed_index)
    ]
    for quantity, series in (("requested_order", episode.requested), ("realised_demand", episode.demand)):
        rows = own[own["quantity"] == quantity]
        assert rows.pivot(index="period", columns="link", values="units").to_numpy().tolist() == series.tolist()


def test_nodes_add_up_to_the_profit_of_their_episode(folder: Path) -> None:
    results = read_results(folder)
    profits = results.nodes().groupby(["submission", "scenario", "seed_index"])["profit"].sum()
    assert len(profits) == len(results.records)
    for record in results.records:
        assert profits[record.submission, record.scenario, record.seed_index] == pytest.approx(record.profit, rel=1e-9)


def test_only_what_the_standings_are_about_is_read(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "r")
    lines = (copy / "episodes.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (copy / "episodes.csv").write_text("".join(lines[:-1]), encoding="utf-8")
    assert len(read_results(copy).records) == len(read_results(folder).records) - 1


def test_without_pandas_objects_are_there_and_frames_say_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    results = read_results(folder)
    assert results.episode(results.records[0]).requested.shape[0] == 30
    for frame in (results.episodes, results.periods, results.nodes, results.standings, results.scenarios):
        with pytest.raises(ArenaError, match=r'data frames need pandas, .*pip install "inventory-arena\[pandas\]"'):
            frame()


@pytest.mark.parametrize(
    ("missing", "error"),
    [("standings.json", InvalidInput), ("episodes.csv", InvalidInput), ("results.sqlite", StoreError)],
)
def test_a_folder_without_one_of_its_files_is_refused_by_name(
    folder: Path, tmp_path: Path, missing: str, error: type[ArenaError]
) -> None:
    copy = shutil.copytree(folder, tmp_path / "r")
    assert read_results(copy).records
    (copy / missing).unlink()
    with pytest.raises(error, match=missing.replace(".", r"\.")):
        read_results(copy)


def test_standings_of_before_ranks_were_sets_are_told_with_the_command_that_mends_them() -> None:
    stored = Path(__file__).resolve().parents[1] / "data" / "store-5" / "public"
    with pytest.raises(InvalidInput, match=r"is of an older arena, .*write the tables anew by: arena results upgrade"):
        read_standings(stored)
    about = read_standings(stored, to_rewrite=True)
    assert (about.suite, about.seeds, about.unit, about.rows) == ("kept", 2, "seed", ())
