"""The decentralised track from the outside: the shipped baseline, its full view, and the price between them."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from arena.cli import app
from arena.plugins import discover

pytestmark = pytest.mark.skipif(
    "local-base-stock" not in discover().controllers, reason="the plugin arena-heuristics is not installed"
)


@pytest.fixture
def evaluate(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that evaluates shipped submissions in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*names: str, options: tuple[str, ...]) -> str:
        paths = [str(repository / "submissions" / f"{name}.yaml") for name in names]
        arguments = ["evaluate", *paths, "--workers", "0", "--isolation", "trusted", *options]
        done = CliRunner().invoke(app, arguments, prog_name="arena")
        assert done.exit_code == 0, done.output
        return done.stdout

    return call


def test_the_price_of_decentralisation_is_shown_everywhere(evaluate: Any, tmp_path: Path) -> None:
    said = evaluate("local-base-stock", "local-base-stock-full-view", options=("--suite", "multi-agent"))
    (line,) = (line for line in said.splitlines() if line.startswith("price of decentralisation: "))
    assert line.endswith("local-base-stock against local-base-stock-full-view, the same rule with the full view")
    standings = json.loads((tmp_path / "results" / "standings.json").read_text(encoding="utf-8"))
    (price,) = standings["prices"]
    assert (price["submission"], price["full_view"]) == ("local-base-stock", "local-base-stock-full-view")
    assert [one["scenario"] for one in price["by_scenario"]] == standings["scenarios"]
    # The public seeds: a pin on the measured numbers of the README, and on the track's information.
    assert price["profit"] == pytest.approx(1388.3, abs=0.1)
    assert price["full_view_profit"] == pytest.approx(1549.4, abs=0.1)
    assert price["price_interval"]["low"] < price["price"] < price["price_interval"]["high"]
    assert price["price_interval"]["low"] > 100
    assert f"{price['price']:,.1f} per episode" in line
    page = (tmp_path / "results" / "report.html").read_text(encoding="utf-8")
    assert "<h2>Price of decentralisation</h2>" in page
    assert f"{price['price']:,.1f}<small>" in page
    # What is written can be verified, and shown again, from the folder alone.
    for command in ("verify", "report"):
        done = CliRunner().invoke(app, [command, str(tmp_path / "results")], prog_name="arena")
        assert done.exit_code == 0, done.output
    assert (tmp_path / "results" / "report.html").read_text(encoding="utf-8") == page


def test_without_its_full_view_a_submission_plays_and_has_no_price(evaluate: Any, tmp_path: Path) -> None:
    said = evaluate("local-base-stock", options=("--scenario", "serial-trend-seasonal-backlog-decentralised"))
    assert "price of decentralisation: not known, since not both have played every episode: local-base-stock" in said
    assert (
        json.loads((tmp_path / "results" / "standings.json").read_text(encoding="utf-8"))["prices"][0]["price"] is None
    )


SCENARIO = ("--scenario", "serial-trend-seasonal-backlog-decentralised")


def prices(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "standings.json").read_text(encoding="utf-8"))["prices"]
    return found


def test_a_price_stays_when_another_submission_is_entered(evaluate: Any, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    evaluate("local-base-stock", "local-base-stock-full-view", options=SCENARIO)
    (before,) = prices(folder)
    assert before["price"] is not None
    evaluate("ss", options=SCENARIO)
    assert prices(folder) == [before]
    # What the store keeps holds without tables: an evaluation may have been interrupted before it wrote any.
    (folder / "standings.json").unlink()
    evaluate("ss", options=SCENARIO)
    assert prices(folder) == [before]
    # A store of before pairings were kept is helped by the standings.
    with closing(sqlite3.connect(folder / "results.sqlite", isolation_level=None)) as connection:
        assert connection.execute("DELETE FROM about WHERE name = 'pairings'").rowcount == 1
    evaluate("ss", options=SCENARIO)
    assert prices(folder) == [before]
    done = CliRunner().invoke(app, ["verify", str(folder)], prog_name="arena")
    assert done.exit_code == 0, done.output


def test_a_manifest_that_no_longer_names_a_full_view_ends_the_comparison(
    evaluate: Any, repository: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "results"
    evaluate("local-base-stock", "local-base-stock-full-view", options=SCENARIO)
    lines = (repository / "submissions" / "local-base-stock.yaml").read_text(encoding="utf-8").splitlines()
    (tmp_path / "local.yaml").write_text("\n".join(line for line in lines if not line.startswith("full_view")))
    options = ("--workers", "0", "--isolation", "trusted", *SCENARIO)
    done = CliRunner().invoke(app, ["evaluate", "local.yaml", *options], prog_name="arena")
    assert done.exit_code == 0, done.output
    assert prices(folder) == []


def test_on_a_core_scenario_a_decentralised_submission_plays_with_its_own_view(evaluate: Any, tmp_path: Path) -> None:
    names = ("local-base-stock", "newsvendor")
    evaluate(*names, options=("--scenario", "serial-trend-seasonal-goodwill-backlog"))
    with (tmp_path / "results" / "episodes.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {(row["submission"], row["track"], row["outcome"]) for row in rows} == {
        ("local-base-stock", "decentralised", "ok"),
        ("newsvendor", "blind", "ok"),
    }
    ranked = json.loads((tmp_path / "results" / "standings.json").read_text(encoding="utf-8"))["rows"]
    assert {row["submission"] for row in ranked if row["rank"] is not None} == set(names)
