"""Joint futures of many series with histories: the mean of each, and draws around it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arena_forecasting.panel.dispersion import shrunk_dispersions
from arena_forecasting.panel.levels import averaged_levels
from arena_forecasting.panel.observed import BoolArray, FloatArray, Panel, panel_of
from arena_forecasting.panel.season import Season, shared_season
from arena_forecasting.panel.settings import PanelSettings

_LATEST = 52  # periods whose one-step errors tell the dispersion
_LEAST_MEAN = 1e-3  # units per period, of whatever was not seen to sell at all
_LARGEST_MEAN = 1e12


class PanelForecast:
    """Forecast of all items of a panel, by a season that they share and a level of each.

    The season and the dispersions are learnt once; levels follow what is seen later.

    Args:
        panel: The history, at least one period.
        settings: How levels and draws are made.

    Attributes:
        season: Season of all items.
        dispersions: Variance of a period's demand = mean + dispersion × mean², (items,).

    Raises:
        ValueError: If the history has no period.
    """

    def __init__(self, panel: Panel, settings: PanelSettings) -> None:
        if panel.periods == 0:
            raise ValueError("a forecast needs a history of at least one period, got none")
        self.settings = settings
        self.season: Season = shared_season(panel, settings.season_period)
        expected = self.levels(panel)[:-1] * self.season.over(1, panel.periods - 1)[:, None]
        latest = slice(-min(_LATEST, panel.periods - 1) or None, None)
        flags = panel.known[1:].astype(np.float64)
        self.dispersions = shrunk_dispersions(panel.demand[1:][latest], expected[latest], flags[latest])

    def levels(self, panel: Panel) -> FloatArray:
        """Level of each item after each period, units without season, (periods, items)."""
        return averaged_levels(panel, self.season.over(0, panel.periods), self.settings)

    def means(self, panel: Panel, periods: int) -> FloatArray:
        """Mean demand of the periods after those of a panel, units, (periods, items).

        Args:
            panel: The history and what was seen since.
            periods: How many periods ahead.
        """
        factors = self.season.over(panel.periods, periods)
        return np.asarray(factors[:, None] * self.levels(panel)[-1], dtype=np.float64)

    def draw(self, means: FloatArray, paths: int, generator: np.random.Generator) -> FloatArray:
        """Joint draws of demand around given means, whole units, (paths, periods, items).

        A period's demand is Poisson with a mean that is multiplied by three random factors of mean 1: one of all items
        of a path (log-normal), one of the item in all periods of a path, one of the item in the period (both gamma, so
        that demand without the first is nearly negative binomial).

        Args:
            means: Units, (periods, items).
            paths: How many futures.
            generator: Source of random numbers.
        """
        settings, (periods, items) = self.settings, means.shape
        dispersions = self.dispersions * settings.dispersion_weight
        common = np.exp(settings.common_deviation * generator.standard_normal((paths, 1, 1)))
        rate = np.clip(means, _LEAST_MEAN, _LARGEST_MEAN) * common
        if settings.lasting_share > 0:
            rate = rate * _factors(dispersions * settings.lasting_share, (paths, 1, items), generator)
        rate = rate * _factors(dispersions * (1 - settings.lasting_share), (paths, periods, items), generator)
        return generator.poisson(np.minimum(rate, _LARGEST_MEAN)).astype(np.float64)


def _factors(
    variances: NDArray[np.float64], shape: tuple[int, int, int], generator: np.random.Generator
) -> NDArray[np.float64]:
    """Gamma factors of mean 1 and given variances by item."""
    return np.asarray(generator.standard_gamma(1.0 / variances, shape) * variances, dtype=np.float64)


def joint_futures(
    history: FloatArray,
    known: BoolArray,
    *,
    periods: int,
    paths: int,
    seed: int,
    settings: PanelSettings | None = None,
) -> FloatArray:
    """Joint draws of the demand that follows a history of several items.

    Args:
        history: Units, (periods before, items), oldest first, at least one period.
        known: Whether demand is known, (periods before, items); False where an item was out of stock.
        periods: How many periods ahead.
        paths: How many futures.
        seed: Of the draws; equal arguments give equal draws.
        settings: How levels and draws are made; None: the defaults.

    Returns:
        Whole units, (paths, periods, items).

    Raises:
        ValueError: If the history is empty or unreadable (`panel_of`).

    >>> sales, flags = np.full((20, 2), [4.0, 9.0]), np.ones((20, 2), dtype=bool)
    >>> joint_futures(sales, flags, periods=3, paths=100, seed=1).shape
    (100, 3, 2)
    """
    panel = panel_of(history, known)
    forecast = PanelForecast(panel, settings or PanelSettings())
    return forecast.draw(forecast.means(panel, periods), paths, np.random.default_rng(seed))
