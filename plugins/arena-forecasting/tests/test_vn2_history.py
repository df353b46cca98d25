"""The forecasts on VN2's own history, on weeks that are not scored: 70 and 82, a season of which is known once."""

import os
from pathlib import Path

import pytest
from vn2_windows import Benchmark, play, read, world

from arena_forecasting.config import DemandGlobalConfig
from arena_forecasting.controllers.demand_global import DemandGlobal
from arena_forecasting.panel.settings import BoostingSettings, PanelSettings

FOLDER = Path(os.environ.get("ARENA_REFERENCE", "../shared/reference")) / "vn2"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"the data are not at {FOLDER}; set ARENA_REFERENCE")

YEAR = PanelSettings(season_period=52)


def test_the_classical_forecast_is_cheaper_than_the_official_benchmark() -> None:
    scenario = world(read(FOLDER), 69)
    rival = play(scenario, Benchmark())
    assert rival.cost == pytest.approx(5795.8, abs=0.05)
    assert play(scenario, DemandGlobal(DemandGlobalConfig(panel=YEAR))).cost < 0.9 * rival.cost


@pytest.mark.slow
def test_the_boosted_one_is_cheaper_too() -> None:
    pytest.importorskip("lightgbm", reason="the extra `global` is not installed")
    scenario = world(read(FOLDER), 81)
    rival = play(scenario, Benchmark())
    assert (
        play(scenario, DemandGlobal(DemandGlobalConfig(boosting=BoostingSettings(), panel=YEAR))).cost
        < 0.87 * rival.cost
    )
