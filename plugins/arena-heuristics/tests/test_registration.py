import subprocess
import sys

import pytest
from pydantic_faults import refused

import arena_heuristics
from arena_heuristics import arena_controllers
from arena_heuristics.config import (
    ClarkScarfConfig,
    EchelonBaseStockConfig,
    ExponentialSmoothingConfig,
    LocalBaseStockConfig,
    NewsvendorConfig,
    ReorderPointConfig,
)


def test_four_published_rules_play_on_two_tracks_and_ours_on_those_that_they_need() -> None:
    specs = {spec.name: spec for spec in arena_controllers()}
    assert list(specs) == ["newsvendor", "ss", "exp-smoothing", "echelon", "clark-scarf", "local-base-stock"]
    assert specs.pop("clark-scarf").tracks == ("informed",)
    assert specs.pop("local-base-stock").tracks == ("decentralised", "blind")
    assert all(spec.tracks == ("blind", "informed") for spec in specs.values())
    assert all(spec.summary for spec in specs.values())


@pytest.mark.parametrize("spec", arena_controllers(), ids=lambda spec: spec.name)
def test_every_declaration_makes_a_fresh_controller_from_its_defaults(spec) -> None:
    controller, other = (spec.factory(spec.config()) for _ in range(2))
    assert controller is not other
    assert callable(controller.begin)
    assert callable(controller.order)


def test_the_defaults_are_the_published_settings() -> None:
    smoothing = ExponentialSmoothingConfig()
    assert (smoothing.level_weight, smoothing.trend_weight, smoothing.error_weight) == (0.3, 0.1, 0.1)
    assert ReorderPointConfig().service_level == 0.95
    assert ReorderPointConfig().fixed_cost_factor == 10
    assert EchelonBaseStockConfig().least_holding_cost == 0.01
    newsvendor = NewsvendorConfig()
    assert (newsvendor.window, newsvendor.fewest_periods, newsvendor.lead_time_weight) == (5, 3, 0.1)
    assert (newsvendor.least_shortage_cost, newsvendor.fallback_mean) == (0.5, 20)
    assert newsvendor.critical_ratio is None
    assert newsvendor.formulas == "published"
    assert newsvendor.standard_deviation is None
    assert newsvendor.prior_mean is None


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"windw": 5}, "extra_forbidden"),
        ({"critical_ratio": 1.0}, "less_than"),
        ({"window": 0}, "greater_than_equal"),
        ({"prior_mean": float("nan")}, "finite_number"),
        ({"alternative_paths": "half"}, "literal_error"),
    ],
)
def test_settings_outside_their_range_are_refused(settings, fault) -> None:
    (field,) = settings
    with refused((field, fault)):
        NewsvendorConfig(**settings)


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"window": 5}, "extra_forbidden"),
        ({"level_weight": 0.0}, "greater_than"),
        ({"error_weight": 1.5}, "less_than_equal"),
        ({"critical_ratio": 1.0}, "less_than"),
        ({"least_shortage_cost": float("inf")}, "finite_number"),
        ({"information": "full"}, "literal_error"),
    ],
)
def test_settings_of_the_local_rule_outside_their_range_are_refused(settings, fault) -> None:
    (field,) = settings
    with refused((field, fault)):
        LocalBaseStockConfig(**settings)


def test_settings_inside_their_range_are_kept() -> None:
    assert NewsvendorConfig(critical_ratio=0.9, window=7, prior_mean=3).prior_mean == 3.0
    assert LocalBaseStockConfig(level_weight=1, information="local").level_weight == 1.0


@pytest.mark.parametrize("field", ["standard_deviation", "half_width"])
def test_a_spread_of_another_distribution_is_refused(field) -> None:
    distribution = {"standard_deviation": "normal", "half_width": "uniform"}[field]
    with pytest.raises(ValueError, match=f"{field} is of {distribution} demand: remove it or set distribution"):
        ClarkScarfConfig(**{field: 2.0})
    assert ClarkScarfConfig(distribution=distribution, **{field: 2.0}).distribution == distribution


def test_settings_are_frozen() -> None:
    config = NewsvendorConfig()
    with refused(("window", "frozen_instance")):
        config.window = 9


def test_listing_the_rules_does_not_load_them() -> None:
    program = (
        "import sys, arena_heuristics; arena_heuristics.arena_controllers(); "
        "print([name for name in sys.modules if name.startswith('arena_heuristics.')])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "['arena_heuristics.config']"
    assert arena_heuristics.__all__ == ["arena_controllers"]
