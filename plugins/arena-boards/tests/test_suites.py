"""The suites as a host builds them, and what they state of their scores."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from board_folders import an_instance, m5_rows, vn2_sales, write_instances, write_layout, write_table, write_vn2

from arena import InvalidInput, PublicSeeds, Suite, SuiteSpec, UnknownName, evaluate, load_submissions
from arena_boards import arena_controllers, arena_suites
from arena_boards.__main__ import main
from arena_boards.results_csv import write_results

ARENA = Path(sys.executable).with_name("arena")
NAMES = ("real_trajectory/lead_time_stochastic/100", "synthetic_trajectory/lead_time_4/p01/v1/r1_low")


def build(name: str, **options: object) -> Suite:
    spec: SuiteSpec = {spec.name: spec for spec in arena_suites()}[name]
    return spec.build(spec.options(**options))


def test_what_the_package_declares() -> None:
    assert [spec.name for spec in arena_suites()] == ["inventorybench", "vn2", "favorita", "m5", "rossmann", "bayesm"]
    assert [spec.name for spec in arena_controllers()] == ["vn2-benchmark", "inventorybench-baseline"]
    for spec in arena_suites():
        assert spec.options.model_fields["data"].is_required()
        assert all(field.description for field in spec.options.model_fields.values())


def test_the_native_score_of_inventorybench(tmp_path: Path) -> None:
    suite = build("inventorybench", data=write_instances(tmp_path, *map(an_instance, NAMES)), complete=False)
    native = suite.native
    assert native is not None
    assert (native.indicator, native.per, native.least, native.total, native.better) == (
        *("profit", "full_revenue", 0.0),
        *("mean", "higher"),
    )
    assert list(native.cells.values()) == ["real-lead-time-stochastic", "synthetic-lead-time-4"]
    hybrid = native.published[1]
    assert hybrid.score == 0.538
    assert [hybrid.cells[cell] for cell in native.cell_names] == [0.353, 0.558]


def test_results_are_shown_where_they_are_comparable(tmp_path: Path) -> None:
    folder = write_instances(tmp_path, *map(an_instance, NAMES))
    part = build("inventorybench", data=folder, complete=False, slice="real").native
    redrawn = build("inventorybench", data=folder, complete=False, lead_times="redrawn:1").native
    assert part is not None
    assert redrawn is not None
    assert [result.score for result in part.published] == [None, None]
    assert redrawn.published == ()


def test_published_costs_are_of_the_competition_alone(tmp_path: Path) -> None:
    rows = [f"{store},{product},{week},3" for store, product in ((1, 10), (1, 20), (2, 10)) for week in range(1, 9)]
    actuals = "\n".join(["Store,Product,week,actual_demand", *rows])
    folder = write_vn2(tmp_path, actuals=actuals)
    competition, backtest = (build("vn2", data=folder, complete=False, weeks=weeks).native for weeks in ("", "52,56"))
    assert competition is not None
    assert backtest is not None
    assert [result.score for result in competition.published] == [4487.0, 4677.0, 5248.0]
    assert backtest.published == ()
    assert {competition.better, backtest.better} == {"lower"}
    assert len(vn2_sales()) == 3


def test_a_suite_of_recorded_sales_scores_by_cost(tmp_path: Path) -> None:
    write_table(tmp_path / "sales_train_evaluation.csv", *m5_rows())
    native = build("m5", data=tmp_path, complete=False, windows=1, horizon=7, items=2).native
    assert native is not None
    assert (native.indicator, native.better, native.cell_names) == ("cost", "lower", ("m5",))


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An evaluation of both layouts' instances by the board's baseline."""
    place = tmp_path_factory.mktemp("board")
    suite = build("inventorybench", data=write_instances(place, *map(an_instance, NAMES)), complete=False)
    manifest = Path(str(request.config.rootpath)) / "submissions" / "inventorybench-baseline.yaml"
    submissions = load_submissions([manifest]).require()
    evaluate(submissions, suite, PublicSeeds(1), output=place / "results", isolation="trusted", workers=0)
    return place / "results"


def test_orders_are_written_as_the_board_reads_them(results: Path, tmp_path: Path) -> None:
    assert write_results(results, "inventorybench-baseline", tmp_path) == 2
    for name in NAMES:
        with (tmp_path / "results" / name / "results.csv").open(encoding="utf-8", newline="") as text:
            header, *rows = csv.reader(text)
        assert header == ["period", "order_quantity"]
        instance = an_instance(name)
        assert [int(row[0]) for row in rows] == list(range(1, len(instance["demand"]) + 1))
        # Played by the board's rules, the orders earn the score that arena gives.
        arrivals: dict[int, int] = {}
        on_hand = reward = 0
        for period, (row, demand, lead) in enumerate(
            zip(rows, instance["demand"], instance["lead_times"], strict=True)
        ):
            if lead is not None:
                arrivals[period + lead] = arrivals.get(period + lead, 0) + int(row[1])
            on_hand += arrivals.pop(period, 0)
            sold = min(demand, on_hand)
            on_hand -= sold
            reward += 4 * sold - on_hand
        table = json.loads((results / "standings.json").read_text(encoding="utf-8"))
        cell = {NAMES[0]: "real-lead-time-stochastic", NAMES[1]: "synthetic-lead-time-4"}[name]
        (row_,) = table["rows"]
        by_cell = row_["native_cells"][cell]
        value = by_cell["value"] if isinstance(by_cell, dict) else by_cell
        assert value == pytest.approx(max(0, reward / (4 * sum(instance["demand"]))), abs=1e-9)


def test_results_that_are_not_there_are_named(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(UnknownName, match='did you mean "inventorybench-baseline"'):
        write_results(results, "inventorybench-base", tmp_path)
    assert main(["results", str(results), "inventorybench-baseline", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("2 files in")
    assert main(["results", str(results), "inventorybench-baseline", str(tmp_path)]) == 2
    assert "is there already" in capsys.readouterr().err


def test_results_of_another_suite_are_refused(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    suite = build("vn2", data=write_vn2(tmp_path / "data"), complete=False, weeks="52")
    manifest = Path(str(request.config.rootpath)) / "submissions" / "vn2-benchmark.yaml"
    evaluate(
        load_submissions([manifest]).require(),
        suite,
        PublicSeeds(1),
        output=tmp_path / "r",
        isolation="trusted",
        workers=0,
    )
    with pytest.raises(InvalidInput, match="is not an instance of InventoryBench"):
        write_results(tmp_path / "r", "vn2-benchmark", tmp_path)


def test_the_command_line_builds_a_suite_from_a_folder(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    for name in NAMES:
        write_layout(tmp_path, an_instance(name))
    manifest = Path(str(request.config.rootpath)) / "submissions" / "inventorybench-baseline.yaml"
    command = [str(ARENA), "evaluate", str(manifest), "--suite", "inventorybench", "--data", str(tmp_path)]
    options = ["--option", "complete=false", "--isolation", "trusted", "--output", str(tmp_path / "r")]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "normalised reward" in done.stdout
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "write complete: false" in refused.stderr
