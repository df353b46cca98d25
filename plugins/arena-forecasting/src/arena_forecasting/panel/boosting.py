"""A boosted model over all items that corrects the classical forecast, by LightGBM."""

from __future__ import annotations

from typing import Any

import numpy as np

from arena_forecasting.panel.features import FeatureTable
from arena_forecasting.panel.futures import PanelForecast
from arena_forecasting.panel.observed import FloatArray, Panel
from arena_forecasting.panel.settings import BoostingSettings

_FIRST = 20  # periods, before which levels say too little to learn from
_MOST_ROWS = 400_000


class BoostedCorrection:
    """Factors on the classical forecast, learnt by gradient boosting of the Poisson likelihood over all items.

    The classical forecast is the model's offset, so that trees learn only what it leaves: a model that finds nothing
    changes nothing, and items of any size share what is learnt. A row weighs less the more is expected, since the
    variance of counts grows faster than their mean.

    Args:
        forecast: The classical forecast.
        panel: The history.
        ahead: Periods ahead for which factors are wanted.
        settings: Size of the model.
    """

    def __init__(self, forecast: PanelForecast, panel: Panel, ahead: int, settings: BoostingSettings) -> None:
        self._settings, self._ahead = settings, min(ahead, settings.longest_ahead)
        self._models = self._trained(forecast, panel)

    @staticmethod
    def fits(panel: Panel, settings: BoostingSettings) -> bool:
        """Whether a history is long enough to learn from."""
        return panel.periods >= settings.shortest_history

    def _trained(self, forecast: PanelForecast, panel: Panel) -> list[Any]:
        import lightgbm

        settings = self._settings
        origins = np.arange(_FIRST, panel.periods - self._ahead)
        every = -(-len(origins) * self._ahead * panel.items // _MOST_ROWS)
        rows = FeatureTable(forecast, panel, self._ahead).rows(origins[::-1][:: max(1, every)][::-1])
        items = np.tile(np.arange(panel.items), len(rows.targets) // panel.items)
        known = panel.known[rows.targets, items]
        demand = panel.demand[rows.targets, items][known]
        weight = 1.0 / (1.0 + settings.size_weight * np.exp(rows.offset[known]))
        parameters = {
            "objective": "poisson",
            "learning_rate": settings.learning_rate,
            "num_leaves": settings.leaves,
            "min_data_in_leaf": settings.rows_per_leaf,
            "lambda_l2": settings.ridge,
            "feature_fraction": 0.7,
            "bagging_fraction": 0.7,
            "bagging_freq": 1,
            "max_bin": 63,
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "verbose": -1,
        }
        models = []
        for seed in range(settings.models):
            table = lightgbm.Dataset(
                rows.features[known],
                demand,
                weight=weight,
                init_score=rows.offset[known],
                params={"max_bin": 63, "verbose": -1},
            )
            models.append(lightgbm.train({**parameters, "seed": seed + 1}, table, settings.rounds))
        return models

    def factors(self, forecast: PanelForecast, panel: Panel, periods: int) -> FloatArray:
        """Factors on the classical forecast of the periods after those of a panel, (periods, items).

        Periods further ahead than the model was trained for have the factors of the last one.
        """
        rows = FeatureTable(forecast, panel, self._ahead).rows(np.array([panel.periods - 1]))
        scores = np.mean([model.predict(rows.features, raw_score=True) for model in self._models], axis=0)
        limit = self._settings.largest_change
        logs = np.clip(scores, -limit, limit).reshape(self._ahead, panel.items) * self._settings.share
        return np.asarray(np.exp(logs[np.minimum(np.arange(periods), self._ahead - 1)]), dtype=np.float64)
